//! If the operator resets a password, all sign-ins of the account end, even those that are being issued.

use std::thread;

use serde_json::json;

use crate::common::browser::Browser;
use crate::common::{Data, EMAIL, EVE, PASSWORD, Server, status, wait};
use crate::trouble::number;
use crate::{NEW, opens, sign_in, trouble};

#[test]
fn a_reset_password_ends_all_sessions_and_tokens() {
    let data = Data::new();
    let server = Server::with_account(&data);
    Browser::new(&server).set_up(&data.invite(), EVE).leads_to("/keys");
    let mut browsers = [EMAIL, EVE].map(|email| {
        let mut browser = Browser::new(&server);
        browser.sign_in(email, PASSWORD).leads_to("/keys");
        browser
    });
    let tokens = [EMAIL, EVE].map(|email| server.log_in_as(email, PASSWORD).1);
    let key = browsers[0].create("kept");
    let reset = |email| ["account", "reset-password", "--email", email];
    let done = data.succeed(&reset(" ADA@example.com"), &format!("{NEW}\r\nnot read\n"));
    assert_eq!(
        done,
        "reset the password of ada@example.com, and ended its sessions, access tokens and refresh tokens; its API keys \
         and the tokens of its programs stay valid\n"
    );
    assert_eq!(browsers.each_mut().map(|browser| browser.get("/keys").status), [303, 200]);
    assert_eq!(tokens.each_ref().map(|tokens| opens(&server, tokens)), [[401, 401], [200, 200]]);
    assert_eq!(status(&server, &key), 200);
    assert_eq!([PASSWORD, NEW].map(|password| sign_in(&server, EMAIL, password)), [401, 303]);
    let by = "SELECT count(*) FROM audit_log WHERE action = 'reset password' AND actor = 'the operator' AND \
              detail = 'all sessions and tokens ended' AND company = \
              (SELECT c.id FROM companies c JOIN accounts a ON a.id = c.account WHERE a.email = 'ada@example.com')";
    assert_eq!(number(&data, by), Some(1));
    assert_eq!(number(&data, "SELECT count(*) FROM audit_log WHERE action = 'reset password'"), Some(1));

    let error = data.fail(&reset("nobody@example.com"), NEW);
    assert_eq!(
        error,
        "error: there is no account with the email address nobody@example.com: check it, or make one with `account \
         add`\n"
    );
}

/// Other transactions issue credentials while the password is reset.
#[test]
fn a_reset_password_ends_credentials_that_are_being_issued() {
    const NAME: &str = "a_reset_password_ends_credentials_that_are_being_issued";
    let Some(fixture) = trouble::Fixture::on_postgres(NAME) else { return };
    let url = fixture.data.database_url.as_ref().unwrap();
    let insert = "INSERT INTO credentials (digest, kind, account, expires_at) \
                  SELECT sha256($1::text::bytea), $1, id, 4000000000 FROM accounts";
    let arguments = ["account", "reset-password", "--email", EMAIL];
    for taken in ["SELECT 1", "DELETE FROM credentials WHERE kind = 'refresh'"] {
        fixture.server.log_in_as(EMAIL, PASSWORD);
        let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
        let mut transaction = client.transaction().unwrap();
        transaction.batch_execute(taken).unwrap();
        for kind in ["session", "access", "refresh"] {
            transaction.execute(insert, &[&kind]).unwrap();
        }
        thread::scope(|scope| {
            let reset = scope.spawn(|| fixture.data.succeed(&arguments, PASSWORD));
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            wait(|| number(&fixture.data, waiting) == Some(1));
            transaction.commit().unwrap();
            reset.join().unwrap();
        });
        let left = "SELECT count(*) FROM credentials WHERE kind IN ('session', 'access', 'refresh')";
        assert_eq!(number(&fixture.data, left), Some(0), "{taken}");
    }
}

/// The password changes between the check of a sign-in and the start of its session.
#[test]
fn a_sign_in_that_a_new_password_overtakes_is_refused() {
    let fixture = trouble::Fixture::new();
    let (data, server) = (&fixture.data, &fixture.server);
    let change = "UPDATE accounts SET password = 'another'";
    let page = || Browser::new(server).sign_in(EMAIL, PASSWORD).status;
    let api = || {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        server.send("POST", "/api/v1/auth/login", None, Some(&body)).0
    };
    let right = {
        let row = "SELECT password FROM accounts";
        if data.is_postgres() {
            trouble::postgres(data).query_one(row, &[]).unwrap().get::<_, String>(0)
        } else {
            trouble::sqlite(data).query_row(row, [], |row| row.get(0)).unwrap()
        }
    };
    for sign_in in [&page as &(dyn Fn() -> u16 + Sync), &api] {
        trouble::execute(data, &format!("UPDATE accounts SET password = '{right}'"));
        trouble::execute(data, "DELETE FROM credentials WHERE kind IN ('session', 'access', 'refresh')");
        let status = thread::scope(|scope| {
            if data.is_postgres() {
                let mut client = trouble::postgres(data);
                // the same lock as a change of the password: a new credential waits for it
                let lock = format!("BEGIN; {change}; SELECT id FROM accounts FOR UPDATE");
                client.batch_execute(&lock).unwrap();
                let answer = scope.spawn(sign_in);
                let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
                wait(|| number(data, waiting) == Some(1));
                client.batch_execute("COMMIT").unwrap();
                answer.join().unwrap()
            } else {
                let client = trouble::sqlite(data);
                client.execute_batch(&format!("BEGIN IMMEDIATE; {change}")).unwrap();
                let answer = scope.spawn(sign_in);
                // the password is hashed, and the session waits for the lock
                wait(|| trouble::count(server, "ctx_key_pool_connections_in_use") == 1);
                client.execute_batch("COMMIT").unwrap();
                answer.join().unwrap()
            }
        });
        assert_eq!(status, 401);
        let issued = "SELECT count(*) FROM credentials WHERE kind IN ('session', 'access', 'refresh')";
        assert_eq!(number(data, issued), Some(0));
    }
}
