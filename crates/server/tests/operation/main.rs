//! The server's interface for its operator: signals, health, metrics, ids of requests and settings.

#[path = "../common/mod.rs"]
mod common;
#[path = "../trouble/mod.rs"]
mod trouble;

mod connections;
mod health;
mod metrics;
mod request_log;
mod settings;
mod shutdown;

use common::Server;

fn change_log_age(server: &Server) -> f64 {
    let (_, text) = text(server, "/metrics");
    let age = text.lines().find_map(|line| line.strip_prefix("ctx_key_change_log_age_seconds "));
    age.unwrap().parse().unwrap()
}

fn text(server: &Server, path: &str) -> (u16, String) {
    let mut response = server.get(path, None);
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}
