//! The time of a refresh, without other tokens and among 600,000 tokens. It runs on SQLite, or on PostgreSQL with
//! `cargo xtask postgres --`.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/trouble/mod.rs"]
mod trouble;

use std::time::{Duration, Instant};

use common::EMAIL;
use common::timed::Fixture;
use trouble::execute;

fn main() {
    for tokens in [0, 600_000] {
        let server = Fixture::new();
        let mut token = server.account(EMAIL).refresh;
        store(&server, tokens);
        let mut times: Vec<Duration> = (0..100)
            .map(|turn| {
                server.set(turn * 60);
                let start = Instant::now();
                let (status, answer) = server.refreshed(&token);
                let time = start.elapsed();
                assert_eq!(status, 200, "{answer}");
                token = answer["refresh_token"].as_str().unwrap().to_owned();
                time
            })
            .collect();
        times.sort();
        println!("{tokens} tokens: median {:?}, slowest {:?}", times[50], times[99]);
    }
}

/// Stores spent refresh tokens of other families, 50 of each.
fn store(server: &Fixture, tokens: u32) {
    let digest = if server.data.is_postgres() {
        "decode(lpad(to_hex(n), 64, '0'), 'hex')"
    } else {
        "unhex(printf('%064x', n))"
    };
    execute(
        &server.data,
        &format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {tokens}) \
             INSERT INTO credentials (digest, kind, account, expires_at, family, spent_at) SELECT {digest}, 'refresh', \
             id, 1900000000, 'fam_' || (n / 50), 1800000000 FROM numbers CROSS JOIN accounts"
        ),
    );
}
