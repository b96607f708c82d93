//! The audit log: who did what, and from where.

#[path = "../common/mod.rs"]
mod common;
#[path = "../trouble/mod.rs"]
mod trouble;

mod changes;
mod filters;
mod keys;
mod long_log;
mod sign_ins;

use common::browser::Browser;
use common::timed::Fixture;
use common::{EMAIL, agent};
use ctx_key_server::store::account;
use ctx_key_server::store::audit_log::{self, LogFilter, LogLine};
use ctx_key_server::store::email::Email;
use serde_json::Value;
use ureq::http::Request;

fn browser_at(server: &Fixture, address: &str) -> Browser {
    let mut browser = Browser::at(&server.url);
    browser.headers.push(("x-forwarded-for", address.to_owned()));
    browser
}

/// Sends a request of a program at this address.
fn send(
    server: &Fixture,
    address: &str,
    bearer: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let request = Request::builder().method(method).uri(format!("{}{path}", server.url));
    let request = request
        .header("x-forwarded-for", address)
        .header("user-agent", "sdk/1 x")
        .header("authorization", format!("Bearer {bearer}"));
    let request = request.header("content-type", "application/json").body(body.to_string());
    let mut response = agent().run(request.unwrap()).unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), serde_json::from_str(&text).unwrap_or_default())
}

/// The lines of a company's log, the oldest first.
fn lines(server: &Fixture, email: &str) -> Vec<LogLine> {
    let database = server.database();
    server.runtime.block_on(async {
        let mut connection = database.acquire().await.unwrap();
        let account = account::of_email(&mut connection, &Email::new(email)).await.unwrap().unwrap();
        let all = LogFilter::default();
        let lines = audit_log::page(&mut connection, &account.company.id, &all, 1000, 0).await.unwrap();
        lines.into_iter().rev().map(|(line, _)| line).collect()
    })
}

/// The actions of lines, with their addresses.
fn addresses(lines: &[LogLine]) -> Vec<(&str, &str)> {
    lines.iter().map(|line| (line.action.as_str(), line.address.as_deref().unwrap_or("none"))).collect()
}

/// Inserts this number of lines of Ada's company with SQL. Line n has the time n and the detail `line n`.
fn fill(server: &Fixture, number: usize) {
    // a shorter id could be a part of a real one, and the server would read it as the id of a related key
    trouble::execute(
        &server.data,
        &format!(
            "INSERT INTO audit_log (at, company, actor, action, key, detail, address, search) \
             SELECT n, c.id, a.email, CASE WHEN n % 2 = 0 THEN 'rotated' ELSE 'signed in' END, \
             'K' || (10000000000 + n), 'by successor' || n || ' line ' || n, '192.0.2.1', \
             'ADA@EXAMPLE.COM LINE ' || n FROM {}, accounts a JOIN companies c ON c.account = a.id \
             WHERE a.email = '{EMAIL}'",
            trouble::numbers(number)
        ),
    );
}
