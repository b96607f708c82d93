//! The limits for attempts to sign in, with a clock that the tests set.

mod common;

use common::browser::{Answer, Browser};
use common::{Data, EMAIL, PASSWORD, agent, timed};
use serde_json::json;

const WRONG: &str = "not the password at all";

/// A server with an account, behind a proxy that sends the addresses of clients.
struct Fixture(timed::Fixture);

/// The status of an answer, and its `Retry-After`.
type Outcome = (u16, Option<String>);

fn refused(seconds: u32) -> Outcome {
    (429, Some(seconds.to_string()))
}

fn outcome(answer: &Answer) -> Outcome {
    (answer.status, answer.header("retry-after").map(str::to_owned))
}

impl Fixture {
    fn new() -> (Self, Browser) {
        let fixture = Self(timed::Fixture::on(Data::new(), &["--behind-proxy"]));
        let browser = fixture.0.set_up();
        (fixture, browser)
    }

    fn log_in(&self, address: &str, email: &str, password: &str) -> Outcome {
        let request = agent().post(format!("{}/api/v1/auth/login", self.0.url));
        let body = json!({ "email": email, "password": password });
        let response = request.header("x-forwarded-for", address).send_json(body).unwrap();
        let retry_after = response.headers().get("retry-after");
        (response.status().as_u16(), retry_after.map(|seconds| seconds.to_str().unwrap().to_owned()))
    }

    /// Signs in from an address, with a copy of a browser.
    fn sign_in(&self, browser: &Browser, address: &str, email: &str, password: &str) -> Outcome {
        outcome(&self.send(&mut browser.clone(), address, email, password))
    }

    fn send(&self, browser: &mut Browser, address: &str, email: &str, password: &str) -> Answer {
        browser.headers = vec![("x-forwarded-for", address.to_owned())];
        browser.sign_in(email, password)
    }

    fn stranger(&self) -> Browser {
        Browser::at(&self.0.url)
    }

    /// Uses up the quota of an address with attempts for accounts that do not exist.
    fn use_up(&self, address: &str) {
        for number in 0..20 {
            assert_eq!(self.log_in(address, &format!("{number}@{address}"), WRONG), (401, None), "{number}");
        }
        assert_eq!(self.log_in(address, "20@example.com", WRONG), refused(4));
    }
}

#[test]
fn a_refused_address_affects_no_other_address_and_no_account() {
    let (fixture, _) = Fixture::new();
    fixture.use_up("192.0.2.1");
    for _ in 0..30 {
        assert_eq!(fixture.log_in("192.0.2.1", EMAIL, WRONG), refused(4));
        assert_eq!(fixture.sign_in(&fixture.stranger(), "192.0.2.1", EMAIL, WRONG), refused(4));
    }
    for _ in 0..5 {
        assert_eq!(fixture.log_in("192.0.2.2", EMAIL, WRONG), (401, None));
    }
    assert_eq!(fixture.log_in("192.0.2.2", EMAIL, WRONG), refused(13));
    // the right password is refused too, but not longer than `Retry-After` says
    assert_eq!(fixture.log_in("192.0.2.1", EMAIL, PASSWORD), refused(4));
    fixture.0.set(4);
    assert_eq!(fixture.log_in("192.0.2.1", EMAIL, PASSWORD), (200, None));
    assert_eq!(fixture.log_in("192.0.2.1", EMAIL, PASSWORD), refused(3));
}

#[test]
fn wrong_passwords_do_not_lock_the_owner_out() {
    let (fixture, _) = Fixture::new();
    let wrong = [
        fixture.log_in("192.0.2.1", EMAIL, WRONG),
        fixture.sign_in(&fixture.stranger(), "192.0.2.2", " ADA@example.com", WRONG),
        fixture.log_in("192.0.2.3", EMAIL, WRONG),
        fixture.sign_in(&fixture.stranger(), "192.0.2.4", EMAIL, WRONG),
        fixture.log_in("192.0.2.5", EMAIL, WRONG),
    ];
    assert_eq!(wrong, [const { (401, None) }; 5]);
    for _ in 0..10 {
        assert_eq!(fixture.log_in("192.0.2.6", EMAIL, WRONG), refused(13));
        assert_eq!(fixture.sign_in(&fixture.stranger(), "192.0.2.7", EMAIL, WRONG), refused(13));
    }
    for address in ["192.0.2.6", "192.0.2.8"] {
        assert_eq!(fixture.log_in(address, EMAIL, PASSWORD), (200, None));
        assert_eq!(fixture.sign_in(&fixture.stranger(), address, EMAIL, PASSWORD), (303, None));
    }
    // a right password neither uses a wrong attempt nor gives one back
    assert_eq!(fixture.log_in("192.0.2.6", EMAIL, WRONG), refused(13));
    fixture.0.set(12);
    assert_eq!(fixture.log_in("192.0.2.6", EMAIL, WRONG), (401, None));
    assert_eq!(fixture.log_in("192.0.2.6", EMAIL, WRONG), refused(13));
}

#[test]
fn an_unknown_account_has_the_same_limit_as_a_known_one() {
    let (fixture, _) = Fixture::new();
    for (number, email) in [EMAIL, "eve@example.com", "", "no address"].into_iter().enumerate() {
        let address = format!("192.0.2.{number}");
        for _ in 0..5 {
            assert_eq!(fixture.log_in(&address, email, WRONG), (401, None), "{email}");
        }
        assert_eq!(fixture.log_in(&address, email, WRONG), refused(13), "{email}");
        assert_eq!(fixture.sign_in(&fixture.stranger(), &address, email, WRONG), refused(13), "{email}");
    }
}

#[test]
fn an_ipv6_network_of_64_bits_has_20_attempts_and_one_of_48_a_hundred() {
    let (fixture, _) = Fixture::new();
    let guess = |network: u32, host: u32| {
        let address = format!("2001:db8:1:{network:x}::{host:x}");
        fixture.log_in(&address, &format!("{network}.{host}@example.com"), WRONG)
    };
    for network in 0..5 {
        for host in 0..20 {
            assert_eq!(guess(network, host), (401, None), "{network} {host}");
        }
        let left = if network == 4 { 1 } else { 4 };
        assert!([refused(4), refused(left)].contains(&guess(network, 20)), "{network}");
    }
    assert_eq!(guess(5, 0), refused(1));
    assert_eq!(fixture.log_in("2001:db8:2::1", EMAIL, PASSWORD), (200, None));
    for number in 0..20 {
        let mapped = ["::ffff:192.0.2.1", "192.0.2.1", "[::ffff:192.0.2.1]:443", "192.0.2.1:80"][number % 4];
        assert_eq!(fixture.log_in(mapped, &format!("{number}@example.org"), WRONG), (401, None));
    }
    assert_eq!(fixture.log_in("192.0.2.1:1234", EMAIL, PASSWORD), refused(4));
}

#[test]
fn an_unreadable_address_counts_as_that_of_the_proxy() {
    let (fixture, _) = Fixture::new();
    let unreadable = ["unknown", "", "192.0.2.1, _hidden", "192.0.2.2:http"];
    for number in 0..20 {
        let address = unreadable[number % 4];
        assert_eq!(
            fixture.log_in(address, &format!("{number}@example.com"), WRONG),
            (401, None),
            "{address}"
        );
    }
    for address in unreadable.into_iter().chain(["127.0.0.1"]) {
        assert_eq!(fixture.log_in(address, EMAIL, PASSWORD), refused(4), "{address}");
    }
    assert_eq!(fixture.log_in("unknown, 192.0.2.1", EMAIL, PASSWORD), (200, None));
}

#[test]
fn a_browser_that_signed_in_before_can_sign_in_from_a_refused_address() {
    let (fixture, mut browser) = Fixture::new();
    let token = browser.get("/keys").field("form_token");
    browser.post("/sign-out", &[("form_token", &token)]).leads_to("/sign-in");
    browser.get("/keys").leads_to("/sign-in");
    let address = "192.0.2.1";
    fixture.use_up(address);
    let device = browser.cookies["ctx-key-device"].clone();

    let with = |value: &str| {
        let mut stranger = fixture.stranger();
        stranger.cookies.insert("ctx-key-device".to_owned(), value.to_owned());
        stranger
    };
    let session = {
        let mut other = fixture.stranger();
        fixture.send(&mut other, "192.0.2.2", EMAIL, PASSWORD).leads_to("/keys");
        other.session().to_owned()
    };
    let mut other_account = fixture.stranger();
    other_account.set_up(&fixture.0.set_up_link(), "eve@example.com").leads_to("/keys");
    let strangers = [
        fixture.stranger(),
        with(&"0".repeat(64)),
        with(&session),
        with(""),
        with(&device[1..]),
        with(&other_account.cookies["ctx-key-device"]),
    ];
    for stranger in strangers {
        assert_eq!(fixture.sign_in(&stranger, address, EMAIL, PASSWORD), refused(4));
    }
    assert_eq!(fixture.sign_in(&browser, address, "eve@example.com", PASSWORD), refused(4));
    // the cookie signs nobody in
    for name in ["ctx-key-device", "ctx-key-session", "ctx-key-sign-in"] {
        let mut stranger = fixture.stranger();
        stranger.cookies.insert(name.to_owned(), device.clone());
        stranger.get("/keys").leads_to("/sign-in");
    }

    assert_eq!(fixture.sign_in(&browser, address, EMAIL, WRONG), (401, None));
    for _ in 0..4 {
        let answer = fixture.send(&mut browser, address, EMAIL, PASSWORD);
        answer.leads_to("/keys");
        assert!(
            answer.cookies().iter().all(|cookie| !cookie.starts_with("ctx-key-device")),
            "the cookie of the device is not replaced"
        );
    }
    assert_eq!(browser.cookies["ctx-key-device"], device);
    assert_eq!(fixture.sign_in(&browser, address, EMAIL, PASSWORD), refused(4));
    // the attempts of another address still count separately
    assert_eq!(fixture.sign_in(&browser, "192.0.2.3", EMAIL, PASSWORD), (303, None));
}

#[test]
fn a_device_belongs_to_the_account_that_signed_in_last() {
    let (fixture, mut browser) = Fixture::new();
    let mut other = fixture.stranger();
    other.set_up(&fixture.0.set_up_link(), "eve@example.com").leads_to("/keys");
    let first = browser.clone();
    let answer = fixture.send(&mut browser, "192.0.2.1", "eve@example.com", PASSWORD);
    let cookie = answer.cookies().into_iter().find(|cookie| cookie.starts_with("ctx-key-device=")).unwrap();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/; Max-Age=15552000"), "{cookie}");
    fixture.use_up("192.0.2.2");
    assert_eq!(fixture.sign_in(&browser, "192.0.2.2", "eve@example.com", PASSWORD), (303, None));
    assert_eq!(fixture.sign_in(&browser, "192.0.2.2", EMAIL, PASSWORD), refused(4));
    // the device of the earlier account has ended
    assert_eq!(fixture.sign_in(&first, "192.0.2.2", EMAIL, PASSWORD), refused(4));
}

#[test]
fn requests_of_another_site_are_not_counted() {
    let (fixture, browser) = Fixture::new();
    for _ in 0..30 {
        let request = agent().post(format!("{}/api/v1/auth/login", fixture.0.url));
        let body = json!({ "email": EMAIL, "password": WRONG });
        let request = request.header("origin", "https://evil.example").header("x-forwarded-for", "192.0.2.1");
        assert_eq!(request.send_json(body).unwrap().status(), 403);
        let request = agent().post(format!("{}/api/v1/auth/login", fixture.0.url));
        let request = request.header("x-forwarded-for", "192.0.2.1").content_type("text/plain");
        let body = json!({ "email": EMAIL, "password": WRONG }).to_string();
        assert_eq!(request.send(body).unwrap().status(), 415);
        let mut forged = browser.clone();
        forged.headers = vec![("x-forwarded-for", "192.0.2.1".to_owned())];
        let fields = [("form_token", ""), ("email", EMAIL), ("password", WRONG)];
        assert_eq!(forged.post("/sign-in", &fields).status, 403);
    }
    for _ in 0..5 {
        assert_eq!(fixture.log_in("192.0.2.1", EMAIL, WRONG), (401, None));
    }
    assert_eq!(fixture.log_in("192.0.2.1", EMAIL, WRONG), refused(13));
}

#[test]
fn a_device_has_no_quota_after_180_days() {
    const LIFETIME: u64 = 180 * 24 * 3600;
    let (fixture, browser) = Fixture::new();
    fixture.0.set(LIFETIME - 1);
    fixture.use_up("192.0.2.1");
    assert_eq!(fixture.sign_in(&browser, "192.0.2.1", EMAIL, PASSWORD), (303, None));
    fixture.0.set(LIFETIME);
    assert_eq!(fixture.sign_in(&browser, "192.0.2.1", EMAIL, PASSWORD), refused(3));
}
