//! The tokens of one sign-in are a family: each refresh adds tokens to it, and it ends as a whole.

mod common;
mod trouble;

use std::thread;

use common::timed::{Account, DAY, Fixture, HOUR};
use common::{EMAIL, text};
use ctx_key_server::store::family::{END, FIND, SPEND};
use serde_json::{Value, json};
use trouble::{digest, execute, number, numbers, plan, postgres, skip, while_locked};

/// An access token and a refresh token.
type Tokens = (String, String);

struct Family {
    server: Fixture,
    company: String,
    first: Tokens,
}

fn tokens(answer: &Value) -> Tokens {
    (text(&answer["access_token"]), text(&answer["refresh_token"]))
}

impl Family {
    fn new() -> Self {
        let server = Fixture::new();
        let Account { token, refresh, company } = server.account(EMAIL);
        Self { server, company, first: (token, refresh) }
    }

    fn log_in(&self) -> Tokens {
        tokens(&self.server.log_in())
    }

    /// Refreshes the tokens, and returns the new ones.
    fn refresh(&self, refresh: &str) -> Tokens {
        let (status, answer) = self.server.refreshed(refresh);
        assert_eq!(status, 200, "{answer}");
        assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3600)));
        tokens(&answer)
    }

    fn status_of_refresh(&self, refresh: &str) -> u16 {
        self.server.refreshed(refresh).0
    }

    /// Returns the status of a request with an access token.
    fn status(&self, access: &str) -> u16 {
        let path = format!("/companies/{}/api-keys", self.company);
        self.server.send("GET", &path, access, &json!({})).0
    }

    fn log_out(&self, access: &str) -> (u16, Value) {
        self.server.send("POST", "/auth/logout", access, &json!({}))
    }

    fn logged_sign_outs(&self) -> Option<i64> {
        number(&self.server.data, "SELECT count(*) FROM audit_log WHERE action = 'signed out'")
    }
}

#[test]
fn a_refresh_returns_new_tokens_and_keeps_earlier_access_tokens_valid() {
    let family = Family::new();
    let second = family.refresh(&family.first.1);
    family.server.set(HOUR - 1);
    let third = family.refresh(&second.1);
    assert_eq!([&family.first.0, &second.0, &third.0].map(|access| family.status(access)), [200; 3]);
    family.server.set(HOUR);
    assert_eq!([&family.first.0, &second.0, &third.0].map(|access| family.status(access)), [401, 401, 200]);
    // an access token can't refresh, and a refresh token grants no access
    assert_eq!((family.status(&third.1), family.status_of_refresh(&third.0)), (401, 401));
    assert_eq!((family.status(&third.0), family.status_of_refresh(&third.1)), (200, 200));
}

#[test]
fn a_refresh_token_that_is_sent_again_ends_its_family() {
    let family = Family::new();
    let other = family.log_in();
    let second = family.refresh(&family.first.1);
    let third = family.refresh(&second.1);
    assert_eq!(family.status_of_refresh(&family.first.1), 401);
    for access in [&family.first.0, &second.0, &third.0] {
        assert_eq!(family.status(access), 401);
    }
    for refresh in [&third.1, &second.1, &family.first.1] {
        assert_eq!(family.status_of_refresh(refresh), 401);
    }
    assert_eq!((family.status(&other.0), family.status_of_refresh(&other.1)), (200, 200), "another sign-in");
}

#[test]
fn of_several_refreshes_at_once_one_succeeds_and_the_family_ends() {
    for _ in 0..3 {
        let family = Family::new();
        let answers: Vec<_> = thread::scope(|scope| {
            let sent: Vec<_> =
                (0..8).map(|_| scope.spawn(|| family.server.refreshed(&family.first.1))).collect();
            sent.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 200);
        assert_eq!(won.len(), 1);
        assert!(lost.iter().all(|(status, _)| *status == 401), "{lost:?}");
        let (access, refresh) = tokens(&won[0].1);
        assert_eq!(family.status_of_refresh(&refresh), 401);
        assert_eq!([&family.first.0, &access].map(|access| family.status(access)), [401, 401]);
    }
}

/// Whichever request is first, none of the tokens is valid afterwards.
#[test]
fn a_family_ends_even_while_it_is_refreshed() {
    let family = Family::new();
    for _ in 0..2 {
        let first = family.log_in();
        let second = family.refresh(&first.1);
        let third = thread::scope(|scope| {
            let refreshed = scope.spawn(|| family.server.refreshed(&second.1));
            let again = scope.spawn(|| family.status_of_refresh(&first.1));
            assert_eq!(again.join().unwrap(), 401);
            refreshed.join().unwrap()
        });
        let mut all = vec![first, second];
        all.extend((third.0 == 200).then(|| tokens(&third.1)));
        for (access, refresh) in all {
            assert_eq!((family.status(&access), family.status_of_refresh(&refresh)), (401, 401));
        }
    }
}

#[test]
fn a_log_out_ends_the_tokens_of_its_sign_in() {
    let family = Family::new();
    let other = family.log_in();
    let second = family.refresh(&family.first.1);
    assert_eq!(family.log_out(&family.first.0), (204, Value::Null));
    assert_eq!([&family.first.0, &second.0].map(|access| family.status(access)), [401, 401]);
    assert_eq!([&family.first.1, &second.1].map(|refresh| family.status_of_refresh(refresh)), [401, 401]);
    assert_eq!(family.log_out(&family.first.0).0, 401);
    assert_eq!(family.log_out(&other.1).0, 401, "a refresh token is not an access token");
    assert_eq!((family.status(&other.0), family.status_of_refresh(&other.1)), (200, 200), "another sign-in");
}

#[test]
fn only_one_of_many_sign_outs_at_once_is_logged() {
    let family = Family::new();
    thread::scope(|scope| {
        let sent: Vec<_> = (0..8).map(|_| scope.spawn(|| family.log_out(&family.first.0).0)).collect();
        for status in sent.into_iter().map(|answer| answer.join().unwrap()) {
            assert!([204, 401].contains(&status), "{status}");
        }
    });
    assert_eq!(family.logged_sign_outs(), Some(1));
}

#[test]
fn tokens_of_an_older_version_can_be_refreshed_and_ended() {
    let family = Family::new();
    let forget = || execute(&family.server.data, "UPDATE credentials SET family = NULL");
    let other = family.log_in();
    forget();
    assert_eq!(family.log_out(&other.0).0, 204);
    assert_eq!(family.logged_sign_outs(), Some(1));
    assert_eq!((family.status(&other.0), family.status(&family.first.0)), (401, 200));
    let second = family.refresh(&family.first.1);
    assert_eq!(family.status_of_refresh(&family.first.1), 401);
    assert_eq!((family.status(&second.0), family.status_of_refresh(&second.1)), (401, 401));
}

#[test]
fn a_family_can_be_refreshed_ten_times_a_minute() {
    let family = Family::new();
    let other = family.log_in();
    let mut tokens = family.first.clone();
    for second in 0..10 {
        family.server.set(second);
        tokens = family.refresh(&tokens.1);
    }
    let refused = |wait: &str| {
        let body = json!({ "refresh_token": tokens.1 }).to_string();
        let (status, headers, _) = family.server.exchange("POST", "/api/v1/auth/refresh", "", &body);
        assert_eq!((status, headers.get("retry-after").unwrap().to_str().unwrap()), (429, wait));
    };
    refused("51");
    family.server.set(59);
    refused("1");
    family.refresh(&other.1);
    // the refusals spent no token, and do not count
    family.server.set(60);
    let next = family.refresh(&tokens.1);
    assert_eq!(family.status_of_refresh(&next.1), 429);
    family.server.set(61);
    let next = family.refresh(&next.1);
    assert_eq!(family.status(&next.0), 200);
    // a token that was used before still ends the family when the limit is reached
    assert_eq!(family.status_of_refresh(&next.1), 429);
    assert_eq!(family.status_of_refresh(&tokens.1), 401);
    assert_eq!((family.status(&next.0), family.status_of_refresh(&next.1)), (401, 401));
}

#[test]
fn refreshes_before_the_clock_was_set_back_do_not_count() {
    let family = Family::new();
    let mut tokens = family.first.clone();
    for time in [DAY, HOUR] {
        family.server.set(time);
        for _ in 0..10 {
            tokens = family.refresh(&tokens.1);
        }
        assert_eq!(family.status_of_refresh(&tokens.1), 429);
    }
}

#[test]
fn a_spent_token_is_remembered_for_30_days() {
    let family = Family::new();
    family.server.set(DAY);
    let second = family.refresh(&family.first.1);
    family.server.set(30 * DAY);
    // the first token has expired, so it is no longer a sign of theft
    assert_eq!(family.status_of_refresh(&family.first.1), 401);
    let third = family.refresh(&second.1);
    family.server.set(31 * DAY - 1);
    assert_eq!(family.status_of_refresh(&second.1), 401);
    assert_eq!(family.status_of_refresh(&third.1), 401);
}

/// A refused refresh only reads, so the server answers it while the database is locked for writing.
#[test]
fn a_refused_refresh_waits_for_no_lock() {
    let family = Family::new();
    let second = family.refresh(&family.first.1);
    assert_eq!(family.status_of_refresh(&family.first.1), 401);
    let mut often = family.log_in();
    for _ in 0..10 {
        often = family.refresh(&often.1);
    }
    let living = family.log_in();
    while_locked(&family.server.data, "credentials, accounts", || {
        let unknown = "0".repeat(64);
        for (token, status) in
            [(&unknown, 401), (&family.first.1, 401), (&second.1, 401), (&second.0, 401), (&often.1, 429)]
        {
            assert_eq!(family.status_of_refresh(token), status);
        }
        assert_eq!(family.status_of_refresh(&living.1), 503, "the lock is held");
    });
}

/// In PostgreSQL, changes of one account wait for each other, so that no token is issued while its family ends.
#[test]
fn changes_of_a_family_wait_for_each_other() {
    const NAME: &str = "changes_of_a_family_wait_for_each_other";
    let family = Family::new();
    if !family.server.data.is_postgres() {
        return skip(NAME);
    }
    let mut client = postgres(&family.server.data);
    let mut held = client.transaction().unwrap();
    held.execute("SELECT id FROM accounts FOR NO KEY UPDATE", &[]).unwrap();
    assert_eq!(family.status_of_refresh(&family.first.1), 503);
    assert_eq!(family.log_out(&family.first.0).0, 503);
    held.rollback().unwrap();
    assert_eq!(family.log_out(&family.first.0).0, 204);
}

#[test]
fn every_statement_of_a_family_uses_an_index() {
    let family = Family::new();
    let data = &family.server.data;
    store(&family, 5_000);
    execute(data, "ANALYZE");
    let digest = if data.is_postgres() { "decode(repeat('00', 32), 'hex')" } else { "zeroblob(32)" };
    for sql in [FIND, SPEND, END] {
        let plan = plan(data, sql, &[digest, "1800000000", "'1800000000'"]);
        assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN"), "{sql}\n{plan}");
    }
}

/// Stores spent refresh tokens of other families, 50 for each family.
fn store(family: &Family, tokens: u32) {
    let data = &family.server.data;
    execute(
        data,
        &format!(
            "INSERT INTO credentials (digest, kind, account, expires_at, family, spent_at) SELECT {}, 'refresh', \
             id, 1900000000, 'fam_' || (n / 50), 1800000000 FROM {} CROSS JOIN accounts",
            digest(data),
            numbers(tokens.try_into().unwrap())
        ),
    );
    assert!(number(data, "SELECT count(*) FROM credentials") > Some(tokens.into()));
}
