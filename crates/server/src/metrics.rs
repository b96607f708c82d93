//! What is counted, for Prometheus: outcomes and routes, never a key or a project.

use std::sync::Arc;
use std::time::Duration;

use ctx_key::Denied;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

type Labels<T, const N: usize> = [(&'static str, T); N];

/// The counters, and what writes them out.
pub struct Metrics {
    registry: Registry,
    verifications: Family<Labels<&'static str, 1>, Counter>,
    /// One of the verifications, at hand because most are it.
    granted: Counter,
    responses: Family<Labels<String, 3>, Counter>,
    seconds: Histogram,
    cache_misses: Counter,
    cache_bypasses: Counter,
}

impl Metrics {
    pub fn new() -> Arc<Self> {
        let verifications = Family::<Labels<&'static str, 1>, Counter>::default();
        let granted = verifications.get_or_create_owned(&[("outcome", "granted")]);
        let responses = Family::default();
        let buckets = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];
        let seconds = Histogram::new(buckets);
        let (cache_misses, cache_bypasses) = (Counter::default(), Counter::default());
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
        registry.register(
            "cache_misses",
            "Records read from the database into the cache",
            cache_misses.clone(),
        );
        let help = "Records read past the cache, while changes can't be heard of";
        registry.register("cache_bypasses", help, cache_bypasses.clone());
        Arc::new(Self { registry, verifications, granted, responses, seconds, cache_misses, cache_bypasses })
    }

    /// A key was presented, or none: `Ok` if it was granted.
    pub fn verified(&self, outcome: Result<(), &Denied>) {
        match outcome {
            Ok(()) => drop(self.granted.inc()),
            Err(denied) => self.count_verification(denied.reason().as_str()),
        }
    }

    /// The records can't be read.
    pub fn not_verified(&self) {
        self.count_verification("unavailable");
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

    pub fn cache_missed(&self) {
        self.cache_misses.inc();
    }

    pub fn cache_bypassed(&self) {
        self.cache_bypasses.inc();
    }

    /// The text that Prometheus reads.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes all that is written");
        text
    }
}
