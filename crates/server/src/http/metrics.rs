//! What is counted, for Prometheus: outcomes and routes, never a key or a project.

use std::fmt;
use std::time::Duration;

use ctx_key_verifier::VerifyError;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::key_source::KeyVerifier;

type Labels<T, const N: usize> = [(&'static str, T); N];

/// The counters, and what writes them out.
pub struct Metrics {
    registry: Registry,
    verifications: Family<Labels<&'static str, 1>, Counter>,
    /// One of the verifications, at hand because most are it.
    granted: Counter,
    responses: Family<Labels<String, 3>, Counter>,
    seconds: Histogram,
}

/// Reads the verifier's counts when it is asked for them.
#[derive(Debug)]
struct VerifierStats(KeyVerifier);

impl Collector for VerifierStats {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.0.stats();
        for (name, help, count) in [
            ("cache_misses", "Verifications whose key was not in the cache", stats.cache_misses),
            (
                "cache_bypasses",
                "Verifications without the cache, while changes can't be read",
                stats.cache_bypasses,
            ),
            ("look_ups", "Statements that looked up records", stats.look_ups),
            ("failed_polls", "Reads of the change log that failed or came too late", stats.failed_polls),
            ("cache_clears", "How often the whole cache was dropped", stats.cache_clears),
            ("lost_uses", "Uses that were not noted, because too many keys waited", stats.lost_uses),
        ] {
            let encoder = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(count).encode(encoder)?;
        }
        Ok(())
    }
}

impl Metrics {
    pub fn new(verifier: KeyVerifier) -> Self {
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
        registry.register("responses", "Answers, by method, route and status", responses.clone());
        registry.register(
            "request_seconds",
            "From the head of a request to that of its answer",
            seconds.clone(),
        );
        registry.register_collector(Box::new(VerifierStats(verifier)));
        Self { registry, verifications, granted, responses, seconds }
    }

    /// Counts a request with or without a key.
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

    /// The text that Prometheus reads.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes all that is written");
        text
    }
}
