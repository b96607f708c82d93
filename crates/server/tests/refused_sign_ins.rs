//! Each refused sign-in has one line in the log, with the address and a reason, in both formats.

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;

use common::browser::Browser;
use common::{Data, EMAIL, PASSWORD, Server, rest, text, wait};
use serde_json::{Value, json};

const WRONG: &str = "not the password at all";

const MESSAGE: &str = "refused a sign-in";

/// A server behind a proxy, with an account, whose log goes to a file.
struct Fixture {
    server: Server,
    log: PathBuf,
    is_json: bool,
    _data: Data,
}

/// The address and the reason of a refusal.
type Refusal = (String, String);

impl Fixture {
    fn new(is_json: bool) -> Self {
        let data = Data::new();
        let log = data.folder.path().join("log");
        let mut command = data.command(&["--behind-proxy"]);
        command.args(is_json.then_some("--log-json")).env("RUST_LOG", "debug");
        command.stderr(File::create(&log).unwrap());
        let server = Server::run(&data, command);
        server.set_up(&data);
        Self { server, log, is_json, _data: data }
    }

    fn log_in(&self, address: &str, headers: &[(&str, &str)], email: &str, password: &str) -> u16 {
        let mut request = self.server.agent.post(format!("{}/api/v1/auth/login", self.server.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = json!({ "email": email, "password": password });
        request.header("x-forwarded-for", address).send_json(body).unwrap().status().as_u16()
    }

    fn browser(&self, address: &str) -> Browser {
        let mut browser = Browser::new(&self.server);
        browser.headers = vec![("x-forwarded-for", address.to_owned())];
        browser
    }

    /// Waits until the log has at least `number` refusals, and returns them.
    #[track_caller]
    fn refusals(&self, number: usize) -> Vec<Refusal> {
        let mut found = Vec::new();
        wait(|| {
            let log = fs::read_to_string(&self.log).unwrap();
            let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
            found =
                whole.lines().filter(|line| line.contains(MESSAGE)).map(|line| self.refusal(line)).collect();
            found.len() >= number
        });
        found
    }

    /// Reads a line, and asserts that all of it is as documented.
    fn refusal(&self, line: &str) -> Refusal {
        let is_id = |id: &str| id.len() == 36 && id.starts_with("req_");
        if self.is_json {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let refusal = (text(&line["fields"]["address"]), text(&line["fields"]["reason"]));
            assert!(is_id(line["span"]["id"].as_str().unwrap()), "{line}");
            for taken in ["timestamp", "span", "spans"] {
                line[taken].take();
            }
            let expected = json!({
                "fields": { "address": refusal.0, "message": MESSAGE, "reason": refusal.1 },
                "level": "WARN", "target": "ctx_key_server::http::attempt",
                "timestamp": null, "span": null, "spans": null
            });
            assert_eq!(line, expected);
            return refusal;
        }
        let (time, text) = line.split_at(27);
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
        let (id, text) = text.strip_prefix("  WARN request{id=\"").unwrap().split_once("\"}: ").unwrap();
        assert!(is_id(id), "{line}");
        let text = text.strip_prefix("ctx_key_server::http::attempt: refused a sign-in address=").unwrap();
        let (address, reason) = text.split_once(" reason=").unwrap();
        (address.to_owned(), reason.to_owned())
    }
}

fn refusal(address: &str, reason: &str) -> Refusal {
    (address.to_owned(), reason.to_owned())
}

#[test]
fn each_refusal_is_one_line_with_its_address_and_reason() {
    for is_json in [false, true] {
        let fixture = Fixture::new(is_json);
        let mut expected = Vec::new();
        let mut expect = |address: &str, reason: &str| expected.push(refusal(address, reason));
        assert_eq!(fixture.log_in("192.0.2.1", &[], EMAIL, PASSWORD), 200);
        assert_eq!(fixture.browser("192.0.2.1").sign_in(EMAIL, PASSWORD).status, 303);
        for (number, address) in
            ["192.0.2.2", "[2001:db8::1]:443", "::ffff:192.0.2.3"].into_iter().enumerate()
        {
            let email = format!("{number}@example.com");
            let canonical = ["192.0.2.2", "2001:db8::1", "192.0.2.3"][number];
            assert_eq!(fixture.log_in(address, &[], &email, WRONG), 401);
            expect(canonical, "wrong e-mail or password");
            assert_eq!(fixture.browser(address).sign_in(&email, WRONG).status, 401);
            expect(canonical, "wrong e-mail or password");
        }
        let foreign = [("origin", "https://evil.example")];
        assert_eq!(fixture.log_in("192.0.2.4", &foreign, EMAIL, PASSWORD), 403);
        expect("192.0.2.4", "forged form or foreign origin");
        let mut browser = fixture.browser("192.0.2.5");
        let fields = [("form_token", "0"), ("email", EMAIL), ("password", PASSWORD)];
        assert_eq!(browser.post("/sign-in", &fields).status, 403);
        expect("192.0.2.5", "forged form or foreign origin");
        browser.get("/sign-in");
        assert_eq!(browser.post("/sign-in", &fields).status, 403);
        expect("192.0.2.5", "forged form or foreign origin");
        browser.headers.push(("origin", "https://evil.example".to_owned()));
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 403);
        expect("192.0.2.5", "forged form or foreign origin");
        // other requests and forms are not sign-ins
        let refresh = fixture.server.agent.post(format!("{}/api/v1/auth/refresh", fixture.server.url));
        let refresh =
            refresh.header("origin", "https://evil.example").send_json(json!({ "refresh_token": "0" }));
        assert_eq!(refresh.unwrap().status(), 403);
        assert_eq!(browser.post("/sign-out", &[]).status, 303);
        assert_eq!(browser.post("/set-up", &[]).status, 403);
        // a body that is no form is not a forged one
        let mut browser = Browser { content_type: "text/plain", ..fixture.browser("192.0.2.6") };
        assert_eq!(browser.post("/sign-in", &fields).status, 415);
        assert_eq!(fixture.refusals(expected.len()), expected);
    }
}

#[test]
fn no_text_of_a_client_is_in_a_line() {
    let imitation = "2026-11-28T00:00:00.000000Z  WARN request{id=\"req_1\"}: ctx_key_server::http::attempt: refused a \
                     sign-in address=198.51.100.9 reason=wrong e-mail or password";
    for is_json in [false, true] {
        let fixture = Fixture::new(is_json);
        let headers = [("user-agent", imitation), ("referer", imitation), ("x-request-id", imitation)];
        let forwarded = "198.51.100.9, 192.0.2.1";
        for email in [imitation, &format!("a\n{imitation}"), &format!("a\r\n{imitation}\r\n")] {
            assert_eq!(fixture.log_in(forwarded, &headers, email, imitation), 401);
            assert_eq!(fixture.browser(forwarded).sign_in(email, imitation).status, 401);
        }
        let path = format!(
            "/{}",
            imitation.replace(' ', "%20").replace('{', "%7B").replace('}', "%7D").replace('"', "%22")
        );
        assert_eq!(fixture.server.get(&path, None).status(), 404);
        assert_eq!(fixture.server.get(&format!("/sign-in?{}", &path[1..]), Some(imitation)).status(), 200);
        let expected = vec![refusal("192.0.2.1", "wrong e-mail or password"); 6];
        // the last three attempts count for the account with an empty e-mail address
        assert_eq!(fixture.refusals(6), expected);
        let log = fs::read_to_string(&fixture.log).unwrap();
        assert!(!log.contains("198.51.100.9"), "{log}");
    }
}

/// Sends 240 sign-ins at once, alternately to the API and to the page. The first 100 come from one address, each for another
/// account, and the rest come from different addresses for one account. Returns the address and the answer of each.
fn burst(server: &Server, round: u8) -> Vec<(String, String)> {
    let host = server.address();
    let mut browser = Browser::new(server);
    let token = browser.get("/sign-in").field("form_token");
    let cookie = format!("ctx-key-sign-in={}", browser.cookies["ctx-key-sign-in"]);
    let send = |number: usize| {
        let (address, email) = if number < 100 {
            ("192.0.2.1".to_owned(), format!("{round}-{number}@example.com"))
        } else {
            (format!("10.0.{round}.{number}"), EMAIL.to_owned())
        };
        let (path, content_type, body) = if number.is_multiple_of(2) {
            let body = json!({ "email": email, "password": WRONG }).to_string();
            ("/api/v1/auth/login", "application/json", body)
        } else {
            let fields = [("form_token", token.as_str()), ("email", &email), ("password", WRONG)];
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            ("/sign-in", "application/x-www-form-urlencoded", body)
        };
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {content_type}\r\ncookie: {cookie}\r\n\
             x-forwarded-for: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        (address, stream)
    };
    let sent: Vec<_> = thread::scope(|scope| {
        let thread =
            |thread: usize| scope.spawn(move || (0..60).map(|n| send(n * 4 + thread)).collect::<Vec<_>>());
        let threads = [0, 1, 2, 3].map(thread);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    sent.into_iter().map(|(address, stream)| (address, rest(stream))).collect()
}

#[test]
fn a_refusal_by_a_limit_or_the_queue_is_logged_with_its_reason() {
    for is_json in [false, true] {
        let fixture = Fixture::new(is_json);
        let (mut expected, mut seen) = (Vec::new(), BTreeSet::new());
        let mut rounds = 0..=u8::MAX;
        // repeat until each reason was seen in the API and in the page, because the machine may be slow
        wait(|| {
            for (address, answer) in burst(&fixture.server, rounds.next().unwrap()) {
                let reason = match &answer[..13] {
                    "HTTP/1.1 401 " => "wrong e-mail or password",
                    "HTTP/1.1 429 " if address == "192.0.2.1" => "too many attempts of the address",
                    "HTTP/1.1 429 " => "too many attempts of the account",
                    "HTTP/1.1 503 " => "too busy",
                    _ => panic!("{answer}"),
                };
                let is_page = answer.contains("<!doctype html>");
                if reason == "too busy" {
                    let shown = if is_page { "<h1>Not available</h1>" } else { "\"code\":\"unavailable\"" };
                    assert!(answer.contains(shown) && answer.contains("\r\nretry-after: 2\r\n"), "{answer}");
                }
                seen.insert((is_page, reason));
                expected.push(refusal(&address, reason));
            }
            seen.len() == 8
        });
        let mut found = fixture.refusals(expected.len());
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }
}
