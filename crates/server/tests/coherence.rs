//! No server uses a cached record later than the lease after a change of the key, whichever program changed it, and even if
//! connections break.

mod common;
mod trouble;

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Server, wait};
use ctx_key::ApiKey;
use trouble::{
    Conduct, End, Fixture, LEASE, Proxy, assert_changes_within, count, counts, execute, id, insert, memory,
    number, postgres, second, send_and_see_it_read, sqlite, status, wait_for_cache,
};

/// Starts a second server on the database of the first.
fn neighbour(fixture: &Fixture) -> Server {
    let server = match &fixture.data.database_url {
        Some(url) => Server::start(&second(url.clone())),
        None => Server::start(&fixture.data),
    };
    wait_for_cache(&server, &fixture.key());
    server
}

/// Returns the status that a key gets, as soon as it is not 503.
fn verdict(server: &Server, key: &str) -> u16 {
    let mut verdict = 503;
    wait(|| {
        verdict = status(server, key);
        verdict != 503
    });
    verdict
}

/// Revokes a key at one server, in one of two ways by turns. Returns the time until the other server refused it.
fn revoke_and_measure(fixture: &Fixture, other: &Server, turn: usize) -> Duration {
    let key = fixture.key();
    for server in [&fixture.server, other, &fixture.server, other] {
        assert_eq!(verdict(server, &key), 200);
    }
    if turn.is_multiple_of(2) {
        assert_eq!(fixture.revoke(&key), 204);
    } else {
        assert_eq!(fixture.server.send("POST", "/v1/key/revoke", Some(&key), None).0, 200);
    }
    let delay = assert_changes_within(LEASE, [200, 401], || status(other, &key));
    assert_eq!(status(&fixture.server, &key), 401);
    delay
}

/// Prints the median and the maximum of delays.
fn print_delays(name: &str, mut delays: Vec<Duration>) {
    delays.sort();
    let (median, longest) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    let _ = writeln!(io::stderr(), "{name}: median {median:?}, maximum {longest:?}");
}

#[test]
fn a_key_revoked_at_one_server_is_refused_at_the_other() {
    let fixture = Fixture::new();
    let other = neighbour(&fixture);
    let delays = (0..20).map(|turn| revoke_and_measure(&fixture, &other, turn)).collect();
    print_delays("time until the other server refused a key", delays);
}

#[test]
fn cut_connections_of_the_verification_hide_no_revocation() {
    const NAME: &str = "cut_connections_of_the_verification_hide_no_revocation";
    let Some(fixture) = Fixture::on_postgres(NAME) else { return };
    let (proxy, proxied) = Proxy::before(&fixture.data);
    let url = proxied.database_url.expect("PostgreSQL");
    let data = second(fixture.data.database_url.clone().expect("PostgreSQL"));
    let other = Server::start_with(&data, &["--verifier-database-url", &url]);
    wait_for_cache(&other, &fixture.key());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // stops the loop of the thread below even if an assertion fails
        let _end = End(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                proxy.close(true);
                proxy.close(false);
                thread::sleep(Duration::from_millis(70));
            }
        });
        let are_enough = || count(&other, "ctx_key_failed_polls_total") > 1;
        let turns = (0..1000).take_while(|&turn| turn < 10 || !are_enough());
        let delays = turns.map(|turn| revoke_and_measure(&fixture, &other, turn)).collect();
        print_delays("time until the other server refused a key, with cut connections", delays);
        assert!(are_enough(), "no read of the log failed");
    });
    wait_for_cache(&other, &fixture.key());
}

#[test]
fn a_change_by_plain_sql_is_noticed() {
    let fixture = Fixture::new();
    let other = neighbour(&fixture);
    let changes =
        ["UPDATE api_keys SET revoked_at = 1", "DELETE FROM api_keys", "UPDATE api_keys SET scopes = 8"];
    for change in changes {
        let key = fixture.key();
        for server in [&fixture.server, &other] {
            wait_for_cache(server, &key);
        }
        execute(&fixture.data, &format!("{change} WHERE id = '{}'", id(&key)));
        for server in [&fixture.server, &other] {
            assert_changes_within(LEASE, [200, 401], || {
                let (status, shown) = server.send("GET", "/v1/key", Some(&key), None);
                if shown["scopes"][0] == "chats:write" { 401 } else { status }
            });
        }
    }
}

#[test]
fn the_cache_is_not_used_while_the_connection_is_frozen() {
    let Some(fixture) = Fixture::on_postgres("the_cache_is_not_used_while_the_connection_is_frozen") else {
        return;
    };
    let (proxy, data) = Proxy::before(&fixture.data);
    let other = Server::start(&data);
    let (kept, revoked) = (fixture.key(), fixture.key());
    wait_for_cache(&other, &kept);
    wait_for_cache(&other, &revoked);

    proxy.set(Conduct::HoldAnswers);
    assert_eq!(fixture.revoke(&revoked), 204);
    thread::sleep(2 * LEASE);
    for key in [&revoked, &kept, &revoked] {
        let response = other.get("/v1/key", Some(key));
        assert_eq!(response.status(), 503, "the cache may be out of date, so it must not be used");
        assert!(response.headers().contains_key("retry-after"));
    }
    proxy.set(Conduct::Forward);
    wait(|| {
        assert_ne!(status(&other, &revoked), 200);
        status(&other, &kept) == 200
    });
    wait_for_cache(&other, &kept);
    wait(|| status(&other, &revoked) == 401);
}

#[test]
fn no_grant_begins_after_the_answer_to_a_revocation() {
    const CLIENTS: u64 = 8;
    let fixture = Fixture::new();
    for turn in 0..10 {
        let key = fixture.key();
        let last_grant = Mutex::new(Instant::now());
        let (granted, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        let is_over = AtomicBool::new(false);
        let answered = thread::scope(|scope| {
            let _end = End(&is_over);
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let begin = Instant::now();
                        match status(&fixture.server, &key) {
                            200 => {
                                let mut last = last_grant.lock().unwrap();
                                *last = begin.max(*last);
                                granted.fetch_add(1, Ordering::Relaxed);
                            }
                            401 => drop(refused.fetch_add(1, Ordering::Relaxed)),
                            _ => (),
                        }
                    }
                });
            }
            wait(|| granted.load(Ordering::Relaxed) >= CLIENTS);
            if turn % 2 == 0 {
                assert_eq!(fixture.revoke(&key), 204);
            } else {
                assert_eq!(fixture.server.send("POST", "/v1/key/revoke", Some(&key), None).0, 200);
            }
            let answered = Instant::now();
            wait(|| refused.load(Ordering::Relaxed) >= 10 * CLIENTS);
            answered
        });
        assert!(*last_grant.lock().unwrap() <= answered, "a grant began after the answer");
    }
}

/// The client of a revocation may hang up before the key is revoked.
#[test]
fn a_revocation_is_done_even_if_its_client_hangs_up() {
    let fixture = Fixture::new();
    let (data, key) = (&fixture.data, fixture.key());
    wait_for_cache(&fixture.server, &key);
    let hang_up = || {
        let request = format!(
            "POST /v1/key/revoke HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
             content-length: 0\r\n\r\n"
        );
        drop(send_and_see_it_read(&fixture.server, &request));
        // gives the server time to notice that the client hung up
        thread::sleep(Duration::from_millis(300));
    };
    let hang_up_behind_a_lock = || {
        let begin = Instant::now();
        if data.is_postgres() {
            let mut client = postgres(data);
            let mut transaction = client.transaction().unwrap();
            transaction.batch_execute("SELECT id FROM api_keys FOR UPDATE").unwrap();
            hang_up();
        } else {
            let client = sqlite(data);
            client.execute_batch("BEGIN EXCLUSIVE").unwrap();
            hang_up();
        }
        begin.elapsed()
    };
    let sql = format!("SELECT revoked_at FROM api_keys WHERE id = '{}'", id(&key));
    let is_revoked = || number(data, &sql).is_some();
    // repeats the request, because the server may not have begun it; a server that gives up a request when its client
    // hangs up never revokes the key
    wait(|| {
        // an attempt counts only if it was short, because the server waits only two seconds for a lock
        while hang_up_behind_a_lock() > Duration::from_secs(1) {}
        let deadline = Instant::now() + Duration::from_secs(5);
        while !is_revoked() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
        }
        is_revoked()
    });
    wait(|| status(&fixture.server, &key) == 401);
}

#[test]
fn unknown_keys_evict_no_known_key_and_take_little_memory() {
    let fixture = Fixture::new();
    let key = fixture.key();
    // the change log reports the new key, so its record is dropped once more
    thread::sleep(LEASE);
    wait_for_cache(&fixture.server, &key);
    let guess = |guesses: usize| {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..guesses / 4 {
                        assert_eq!(status(&fixture.server, ApiKey::generate().expose_secret()), 401);
                    }
                });
            }
        });
        memory(&fixture.server)
    };
    let (half, full) = (guess(5_000), guess(5_000));
    assert!(full < half + (16 << 20), "from {half} to {full} bytes");
    // an attempt does not count if the cache was not used because a read of the log was late
    wait(|| {
        let (misses, bypasses) = counts(&fixture.server);
        assert_eq!(status(&fixture.server, &key), 200);
        let (misses_after, bypasses_after) = counts(&fixture.server);
        assert_eq!(misses_after, misses, "the known key was evicted");
        bypasses_after == bypasses
    });
}

#[test]
fn a_key_that_was_unknown_works_once_it_exists() {
    let fixture = Fixture::new();
    let key = ApiKey::generate();
    assert_eq!(status(&fixture.server, key.expose_secret()), 401);
    insert(&fixture.data, &fixture.project, &key);
    assert_changes_within(LEASE, [401, 200], || status(&fixture.server, key.expose_secret()));
}

#[test]
fn uses_are_written_soon_and_at_shutdown() {
    let fixture = Fixture::new();
    let (soon, late) = (fixture.key(), fixture.key());
    let sql = |key: &str| format!("SELECT last_used_at FROM api_keys WHERE id = '{}'", id(key));
    assert_eq!(number(&fixture.data, &sql(&soon)), None);
    for _ in 0..100 {
        assert_eq!(status(&fixture.server, &soon), 200);
    }
    wait(|| number(&fixture.data, &sql(&soon)).is_some());
    assert_eq!(status(&fixture.server, &late), 200);
    let Fixture { server, data, .. } = fixture;
    server.stop();
    assert!(number(&data, &sql(&late)).is_some());
}
