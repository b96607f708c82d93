//! Metrics for Prometheus. Their labels are outcomes and routes, never a key or a project.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use ctx_key_verifier::{Options, Stats, VerifyError};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::database::{Database, PoolStatus};
use crate::key_source::KeyVerifier;

type Labels<T, const N: usize> = [(&'static str, T); N];

/// The counters, with the registry that writes them out.
pub struct Metrics {
    registry: Registry,
    verifications: Family<Labels<&'static str, 1>, Counter>,
    /// The counter of the outcome `granted` in `verifications`, kept here because it is by far the most frequent.
    granted: Counter,
    responses: Family<Labels<String, 3>, Counter>,
    seconds: Histogram,
}

/// Reads the counters of the verifier and the sizes of the connection pool at each scrape.
struct Readings {
    database: Database,
    verifier: KeyVerifier,
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readings").finish_non_exhaustive()
    }
}

impl Collector for Readings {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encode_readings(encoder, self.verifier.stats(), self.verifier.options(), self.database.pool_status())
    }
}

fn encode_readings(
    mut encoder: DescriptorEncoder<'_>,
    stats: Stats,
    options: &Options,
    pool: PoolStatus,
) -> fmt::Result {
    for (name, help, count) in [
        ("cache_hits", "Verifications that used the cache", stats.cache_hits),
        ("cache_misses", "Verifications whose key was not in the cache", stats.cache_misses),
        (
            "cache_bypasses",
            "Verifications without the cache, while changes could not be read",
            stats.cache_bypasses,
        ),
        ("cache_clears", "Number of times that the whole cache was dropped", stats.cache_clears),
        ("look_ups", "Statements that looked up records", stats.look_ups),
        ("failed_polls", "Reads of the change log that failed or came too late", stats.failed_polls),
        ("grace_grants", "Grants from the cache during an outage", stats.grace_grants),
        ("lost_uses", "Uses that were not recorded, because too many keys waited", stats.lost_uses),
    ] {
        let encoder = encoder.encode_descriptor(name, &format!("{help}."), None, MetricType::Counter)?;
        ConstCounter::new(count).encode(encoder)?;
    }
    for (name, help, size) in [
        ("cache_records", "Records in the cache", stats.cached_records),
        ("cache_max_records", "Maximum number of records in the cache", options.max_records),
        ("cache_unknown_ids", "Ids in the cache that have no record", stats.cached_unknown),
        ("look_ups_running", "Look-ups that wait for a response of the database", stats.running_look_ups),
        ("look_ups_max", "Maximum number of look-ups that run at once", options.max_look_ups),
        ("look_up_queue_ids", "Ids that wait until a look-up is sent", stats.waiting_ids),
        ("pending_uses", "Keys whose use waits to be written", stats.pending_uses),
        ("pool_connections", "Open connections of the dashboard and the API", pool.open),
        ("pool_connections_in_use", "Connections that a request holds", pool.in_use),
        ("pool_max_connections", "Maximum number of connections of the dashboard and the API", pool.max),
        ("pool_waiting", "Requests that wait for a connection", pool.waiting),
    ] {
        let encoder = encoder.encode_descriptor(name, &format!("{help}."), None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(size).unwrap_or(i64::MAX)).encode(encoder)?;
    }
    let help = "Seconds since the server sent the last read of the change log that kept the cache current.";
    let encoder = encoder.encode_descriptor("change_log_age_seconds", help, None, MetricType::Gauge)?;
    ConstGauge::new(stats.change_log_age.as_secs_f64()).encode(encoder)
}

/// A text format of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    OpenMetrics,
    /// The older format, which every tool reads.
    Text,
}

impl Format {
    /// Chooses a format by the values of `Accept` in a request.
    pub fn accepted<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut types = values.into_iter().flat_map(|value| value.split(','));
        let is_open_metrics = |accepted: &str| {
            let mut parts = accepted.split(';').map(str::trim);
            let is_kind = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(OPEN_METRICS));
            is_kind && !parts.any(is_zero_weight)
        };
        if types.any(is_open_metrics) { Self::OpenMetrics } else { Self::Text }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

const OPEN_METRICS: &str = "application/openmetrics-text";

/// Returns whether a parameter says that its media type is not accepted (RFC 9110 §12.4.2).
fn is_zero_weight(parameter: &str) -> bool {
    let weight = parameter.strip_prefix(['q', 'Q']).and_then(|rest| rest.strip_prefix('='));
    weight.is_some_and(|weight| weight.parse() == Ok(0.0))
}

/// Translates OpenMetrics to the older text format. There, the description of a counter has the name of its samples,
/// and no line marks the end.
fn to_text(open_metrics: &str) -> String {
    let counter = |line: &'_ str| line.strip_prefix("# TYPE ")?.strip_suffix(" counter").map(str::to_owned);
    let counters: HashSet<String> = open_metrics.lines().filter_map(counter).collect();
    let translate = |line: &str| match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
        ["#", kind, name, rest] if counters.contains(name) => format!("# {kind} {name}_total {rest}\n"),
        _ => format!("{line}\n"),
    };
    open_metrics.lines().filter(|line| *line != "# EOF").map(translate).collect()
}

impl Metrics {
    pub fn new(database: Database, verifier: KeyVerifier) -> Self {
        let verifications = Family::<Labels<&'static str, 1>, Counter>::default();
        let granted = verifications.get_or_create_owned(&[("outcome", "granted")]);
        let responses = Family::default();
        let buckets = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];
        let seconds = Histogram::new(buckets);
        let mut registry = Registry::with_prefix("ctx_key");
        registry.register(
            "verifications",
            "Requests with or without a key, by outcome",
            verifications.clone(),
        );
        registry.register("responses", "Responses, by method, route and status", responses.clone());
        registry.register(
            "request_duration_seconds",
            "Time from the headers of a request to the headers of its response",
            seconds.clone(),
        );
        registry.register_collector(Box::new(Readings { database, verifier }));
        Self { registry, verifications, granted, responses, seconds }
    }

    /// Counts a verification by its outcome.
    pub fn verified(&self, outcome: Result<(), &VerifyError>) {
        match outcome {
            Ok(()) => drop(self.granted.inc()),
            Err(VerifyError::Denied(denied)) => self.count_verification(denied.reason().as_str()),
            Err(VerifyError::Source(_)) => self.count_verification("unavailable"),
        }
    }

    fn count_verification(&self, outcome: &'static str) {
        self.verifications.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub fn responded(&self, method: &str, route: &str, status: u16, after: Duration) {
        let labels =
            [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
        self.responses.get_or_create(&labels).inc();
        self.seconds.observe(after.as_secs_f64());
    }

    /// Returns the text that Prometheus reads.
    pub fn encode(&self, format: Format) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        match format {
            Format::OpenMetrics => text,
            Format::Text => to_text(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(Stats, Options, PoolStatus);

    impl Collector for Fixed {
        fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
            encode_readings(encoder, self.0, &self.1, self.2)
        }
    }

    #[test]
    fn each_reading_has_its_own_name() {
        let stats = Stats {
            cache_hits: 1,
            cache_misses: 2,
            cache_bypasses: 3,
            look_ups: 4,
            failed_polls: 5,
            cache_clears: 6,
            grace_grants: 7,
            lost_uses: 8,
            change_log_age: Duration::from_millis(1250),
            cached_records: 9,
            cached_unknown: 10,
            waiting_ids: 11,
            running_look_ups: 12,
            pending_uses: 13,
        };
        let options = Options { max_records: 14, max_look_ups: 15, ..Options::default() };
        let pool = PoolStatus { max: 16, open: 17, in_use: 18, waiting: 19 };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Fixed(stats, options, pool)));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let values: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "cache_hits_total 1",
            "cache_misses_total 2",
            "cache_bypasses_total 3",
            "cache_clears_total 6",
            "look_ups_total 4",
            "failed_polls_total 5",
            "grace_grants_total 7",
            "lost_uses_total 8",
            "cache_records 9",
            "cache_max_records 14",
            "cache_unknown_ids 10",
            "look_ups_running 12",
            "look_ups_max 15",
            "look_up_queue_ids 11",
            "pending_uses 13",
            "pool_connections 17",
            "pool_connections_in_use 18",
            "pool_max_connections 16",
            "pool_waiting 19",
            "change_log_age_seconds 1.25",
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn the_older_format_describes_counters_by_the_name_of_their_samples() {
        let open_metrics = "# HELP a A.\n# TYPE a counter\na_total{b=\"a counter\"} 1\n# HELP a_seconds B.\n\
                            # TYPE a_seconds histogram\na_seconds_sum 0.0\n# HELP c C.\n# TYPE c gauge\nc 2\n# EOF\n";
        let text = "# HELP a_total A.\n# TYPE a_total counter\na_total{b=\"a counter\"} 1\n# HELP a_seconds B.\n\
                    # TYPE a_seconds histogram\na_seconds_sum 0.0\n# HELP c C.\n# TYPE c gauge\nc 2\n";
        assert_eq!(to_text(open_metrics), text);
    }

    #[test]
    fn open_metrics_is_sent_only_on_request() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accepted, format) in [
            (&[][..], Format::Text),
            (&["*/*"], Format::Text),
            (&["text/plain;version=0.0.4"], Format::Text),
            (&[prometheus], Format::OpenMetrics),
            (&["text/plain", "application/openmetrics-text"], Format::OpenMetrics),
            (&["text/plain;q=0.5 , application/openmetrics-text ; q=1"], Format::OpenMetrics),
            (&["Application/OpenMetrics-Text; q=0.001"], Format::OpenMetrics),
            (&["application/openmetrics-text;q=0"], Format::Text),
            (&["application/openmetrics-text; version=1.0.0; Q=0.000, */*"], Format::Text),
            (&["application/openmetrics-text-2"], Format::Text),
            (&["text/plain;a=application/openmetrics-text"], Format::Text),
        ] {
            assert_eq!(Format::accepted(accepted.iter().copied()), format, "{accepted:?}");
        }
    }
}
