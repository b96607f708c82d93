//! The life of a key through the management API, second by second.

mod common;
mod trouble;

use common::timed::{Account, Fixture, HOUR};
use common::{EMAIL, wait};
use ctx_key_server::store::api_key::{COUNT, MAX_KEYS};
use serde_json::{Value, json};
use trouble::{execute, id, number, plan};

const OTHER: &str = "eve@example.com";

/// The start of the clock, and later times.
const START: &str = "2027-01-15T08:00:00Z";
const AN_HOUR_LATER: &str = "2027-01-15T09:00:00Z";
const A_DAY_LATER: &str = "2027-01-16T08:00:00Z";

/// An account with a project.
struct Keys {
    server: Fixture,
    account: Account,
    project: String,
}

impl Keys {
    fn new() -> Self {
        let server = Fixture::new();
        let account = server.account(EMAIL);
        let project = first_project(&server, &account);
        Self { server, account, project }
    }

    fn path(&self) -> String {
        format!("/companies/{}/api-keys", self.account.company)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.server.send(method, &format!("{}{path}", self.path()), &self.account.token, body)
    }

    /// Sends a text that need not be JSON.
    fn send_text(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let path = format!("/api/v1{}{path}", self.path());
        let (status, _, answer) = self.server.exchange(method, &path, &self.account.token, body);
        (status, answer)
    }

    fn create_with(&self, more: Value) -> (u16, Value) {
        let mut body = json!({ "project_id": self.project, "name": "a key", "scopes": ["memories:read"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.send("POST", "", &body)
    }

    /// A new key, and the path of its record.
    fn create(&self) -> (String, String) {
        let (status, made) = self.create_with(json!({}));
        assert_eq!(status, 201, "{made}");
        let key = made["api_key"].as_str().unwrap().to_owned();
        (key.clone(), format!("/{}", id(&key)))
    }

    fn record(&self, path: &str) -> Value {
        let (status, record) = self.send("GET", path, &json!({}));
        assert_eq!(status, 200, "{record}");
        record
    }

    /// The answer of the data plane.
    fn use_key(&self, key: &str, path: &str) -> (u16, Value) {
        let (status, _, answer) = self.server.exchange("GET", path, key, "");
        (status, answer)
    }

    /// Stores keys past the server, with these values for `expires_at`, `retires_at` and `revoked_at`.
    fn store(&self, keys: i64, prefix: &str, ends: &str) {
        let digest =
            if self.server.data.is_postgres() { "decode(repeat('00', 32), 'hex')" } else { "zeroblob(32)" };
        let id = if self.server.data.is_postgres() { "lpad(n::text, 8, '0')" } else { "printf('%08d', n)" };
        execute(
            &self.server.data,
            &format!(
                "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {keys}) \
                 INSERT INTO api_keys (id, digest, project, scopes, name, created_at, updated_at, expires_at, \
                 retires_at, revoked_at) SELECT '{prefix}' || {id}, {digest}, '{}', 1, 'stored', 1700000000, \
                 1700000000, {ends} FROM numbers",
                self.project
            ),
        );
    }

    fn log(&self) -> Vec<[String; 4]> {
        self.server.sign_in().audit_log()
    }
}

fn first_project(server: &Fixture, account: &Account) -> String {
    let path = format!("/companies/{}/projects", account.company);
    let (_, projects) = server.send("GET", &path, &account.token, &json!({}));
    projects[0]["id"].as_str().unwrap().to_owned()
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_default()
}

#[test]
fn a_record_has_all_that_is_known_of_a_key() {
    let keys = Keys::new();
    let (status, mut made) = keys.create_with(json!({ "expires_at": "2027-01-16T10:00:00.25+02:00" }));
    assert_eq!(status, 201, "{made}");
    let key = made.as_object_mut().unwrap().remove("api_key").unwrap();
    let id = id(key.as_str().unwrap());
    let expected = json!({
        "id": id,
        "company_id": keys.account.company,
        "project_id": keys.project,
        "name": "a key",
        "scopes": ["memories:read"],
        "is_active": true,
        "state": "active",
        "expires_at": A_DAY_LATER,
        "retires_at": null,
        "revoked_at": null,
        "last_used_at": null,
        "created_at": START,
        "updated_at": START,
    });
    assert_eq!(made, expected);
    assert_eq!(keys.record(&format!("/{id}")), expected);
    assert_eq!(keys.send("GET", "", &json!({})), (200, json!([expected])));
    assert_eq!(keys.create_with(json!({ "expires_at": null })).1["expires_at"], Value::Null);
}

#[test]
fn states_follow_the_clock() {
    let keys = Keys::new();
    let [active, later, retired, expired, revoked] = [(); 5].map(|()| keys.create().1);
    let set = |path: &str, column: &str, time: u64| {
        let sql =
            format!("UPDATE api_keys SET {column} = {} WHERE id = '{}'", 1_800_000_000 + time, &path[1..]);
        execute(&keys.server.data, &sql);
    };
    set(&later, "not_before", HOUR);
    set(&retired, "retires_at", HOUR);
    set(&expired, "expires_at", HOUR);
    let paths = [&active, &later, &retired, &expired, &revoked];
    let expect = |states: [&str; 5]| states.map(|state| (state.to_owned(), state == "active"));
    keys.server.set(HOUR - 1);
    assert_eq!(states(&keys, paths), expect(["active", "not_yet_valid", "active", "active", "active"]));
    assert_eq!(keys.send("DELETE", &revoked, &json!({})), (204, Value::Null));
    keys.server.set(HOUR);
    // the token lasts as long
    let keys = Keys { account: renewed(&keys.server, keys.account), ..keys };
    assert_eq!(states(&keys, paths), expect(["active", "active", "retired", "expired", "revoked"]));
    let ends = [&retired, &expired, &revoked].map(|path| {
        let record = keys.record(path);
        ["retires_at", "expires_at", "revoked_at"].map(|end| record[end].as_str().map(str::to_owned))
    });
    let end = Some(AN_HOUR_LATER.to_owned());
    let before = Some("2027-01-15T08:59:59Z".to_owned());
    assert_eq!(ends, [[end.clone(), None, None], [None, end, None], [None, None, before]]);
}

/// The states of keys, and whether they are active.
fn states(keys: &Keys, paths: [&String; 5]) -> [(String, bool); 5] {
    paths.map(|path| {
        let record = keys.record(path);
        (record["state"].as_str().unwrap().to_owned(), record["is_active"].as_bool().unwrap())
    })
}

fn renewed(server: &Fixture, account: Account) -> Account {
    let (status, tokens) = server.refreshed(&account.refresh);
    assert_eq!(status, 200, "{tokens}");
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    Account { token: text("access_token"), refresh: text("refresh_token"), ..account }
}

#[test]
fn a_key_that_is_not_valid_yet_opens_nothing() {
    let keys = Keys::new();
    let (key, path) = keys.create();
    let set = |time: &str| {
        execute(
            &keys.server.data,
            &format!("UPDATE api_keys SET not_before = {time} WHERE id = '{}'", &path[1..]),
        );
    };
    // the verifier has the clock of the system
    set("4000000000");
    wait(|| keys.use_key(&key, "/v1/key").0 == 401);
    let record = keys.record(&path);
    assert_eq!((&record["state"], &record["is_active"]), (&json!("not_yet_valid"), &json!(false)));
    // it has not ended
    assert_eq!(keys.send("DELETE", &format!("{path}?purge=true"), &json!({})).0, 409);
    assert_eq!(keys.send("PATCH", &path, &json!({ "name": "later" })).0, 200);
    set("1");
    wait(|| keys.use_key(&key, "/v1/key").0 == 200);
    assert_eq!(keys.record(&path)["state"], "active");
}

#[test]
fn a_request_that_makes_a_key_has_these_fields_and_no_other() {
    let keys = Keys::new();
    let fields = [
        ("project_id", json!(keys.project)),
        ("name", json!("a key")),
        ("scopes", json!(["memories:read"])),
        ("expires_at", json!(A_DAY_LATER)),
    ];
    let text = |fields: &[(&str, Value)]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        format!("{{{}}}", fields.join(", "))
    };
    assert_eq!(keys.send_text("POST", "", &text(&fields)).0, 201);
    let unknown = [
        "ttl",
        "expires_in",
        "expiresAt",
        "expires",
        "expiry",
        "not_before",
        "projectId",
        "company_id",
        "Name",
        "project_id ",
        "id",
        "api_key",
        "is_active",
        "state",
        "metadata",
        "retires_at",
        "overlap_seconds",
        "",
    ];
    for name in unknown {
        for value in [json!(null), json!(1), json!("x")] {
            let mut more = fields.to_vec();
            more.push((name, value));
            let (status, answer) = keys.send_text("POST", "", &text(&more));
            assert_eq!(status, 400, "{name}: {answer}");
            assert!(message(&answer).contains(&format!("`{name}`")), "{name}: {answer}");
        }
    }
    for (name, value) in &fields {
        let mut twice = fields.to_vec();
        twice.push((name, value.clone()));
        let (status, answer) = keys.send_text("POST", "", &text(&twice));
        assert!(status == 400 && message(&answer).contains(&format!("`{name}`")), "{name}: {answer}");
    }
    // the same name, written in another way
    let escaped = text(&fields).replace("\"name\":", "\"n\\u0061me\": \"another\", \"name\":");
    assert_eq!(keys.send_text("POST", "", &escaped).0, 400);
    for (missing, _) in &fields[..3] {
        let others: Vec<_> = fields.iter().filter(|(name, _)| name != missing).cloned().collect();
        let (status, answer) = keys.send_text("POST", "", &text(&others));
        assert!(status == 400 && message(&answer).contains(&format!("`{missing}`")), "{missing}: {answer}");
    }
    let long = "x".repeat(100_000);
    let (status, answer) = keys.send_text("POST", "", &format!("{{\"{long}\": 1}}"));
    assert!(status == 400 && message(&answer).len() < 1000, "{status}");
    let (key, path) = keys.create();
    let (_, answer) = keys.send_text("POST", "", &format!("{{\"{key}\": 1}}"));
    assert!(!answer.to_string().contains(&key[8..]), "{answer}");
    for parameter in ["expires_at=2030-01-01T00:00:00Z", "ttl=1", "ttl", "=", "name=a", "%74tl=60"] {
        for (method, end, body) in [
            ("POST", String::new(), text(&fields)),
            ("POST", format!("{path}/rotate"), json!({ "overlap_seconds": 0 }).to_string()),
            ("PATCH", path.clone(), json!({ "name": "other" }).to_string()),
        ] {
            let (status, answer) = keys.send_text(method, &format!("{end}?{parameter}"), &body);
            let name = parameter.split('=').next().unwrap().replace("%74", "t");
            assert!(
                status == 400 && message(&answer).contains(&format!("`{name}`")),
                "{parameter}: {answer}"
            );
        }
    }
    let path = format!("/api/v1/companies/{}/tokens?expires_at=null", keys.account.company);
    let (status, _, answer) = keys.server.exchange("POST", &path, &keys.account.token, r#"{"name": "ci"}"#);
    assert_eq!(status, 400, "{answer}");
    assert_eq!(keys.send_text("POST", "?", &text(&fields)).0, 201);
    assert_eq!(number(&keys.server.data, "SELECT count(*) FROM api_keys"), Some(3));
}

#[test]
fn an_expiry_is_a_time_in_the_future_with_a_zone() {
    let keys = Keys::new();
    let (_, path) = keys.create();
    let tokens = format!("/companies/{}/tokens", keys.account.company);
    let ask = |expires_at: &Value| {
        let rotation = json!({ "overlap_seconds": 60, "expires_at": expires_at });
        let token = json!({ "name": "ci", "expires_at": expires_at });
        [
            keys.create_with(json!({ "expires_at": expires_at })),
            keys.send("POST", &format!("{path}/rotate"), &rotation),
            keys.server.send("POST", &tokens, &keys.account.token, &token),
        ]
    };
    for (sent, shown) in [
        ("2027-01-15T08:00:01Z", "2027-01-15T08:00:01Z"),
        ("2027-01-15t08:00:01.9z", "2027-01-15T08:00:01Z"),
        ("2027-01-15 10:00:01+02:00", "2027-01-15T08:00:01Z"),
        ("2027-01-15T08:00:01-00:00", "2027-01-15T08:00:01Z"),
        ("2028-12-31T23:59:60Z", "2028-12-31T23:59:59Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("9999-12-31T23:59:59.999+00:00", "9999-12-31T23:59:59Z"),
    ] {
        for (status, answer) in ask(&json!(sent)) {
            assert_eq!((status, &answer["expires_at"]), (201, &json!(shown)), "{sent}: {answer}");
        }
    }
    for refused in [
        json!(START),
        json!("2027-01-15T08:00:00.999Z"),
        json!("2027-01-15T09:00:00+01:00"),
        json!("2027-01-15T07:59:59Z"),
        json!("1970-01-01T00:00:00Z"),
        json!("0001-01-01T00:00:00Z"),
        json!("9999-12-31T23:59:59-00:01"),
        json!("10000-01-01T00:00:00Z"),
        json!("2030-01-01T00:00:00"),
        json!("2030-01-01"),
        json!("2030-01-01T00:00:00+0100"),
        json!("2030-02-30T00:00:00Z"),
        json!("never"),
        json!(""),
    ] {
        for (status, answer) in ask(&refused) {
            assert_eq!(status, 400, "{refused}: {answer}");
            assert!(message(&answer).contains("`expires_at`"), "{refused}: {answer}");
        }
    }
    for refused in [json!(1_900_000_000), json!(true), json!([]), json!({})] {
        for (status, answer) in ask(&refused) {
            assert_eq!(status, 400, "{refused}: {answer}");
        }
    }
}

#[test]
fn a_change_is_made_at_once_and_logged_with_what_changed() {
    let keys = Keys::new();
    let (key, path) = keys.create();
    for turn in 0..5 {
        assert_eq!(keys.use_key(&key, "/v1/memories").0, 200);
        assert_eq!(keys.send("PATCH", &path, &json!({ "scopes": ["chats:read"] })).0, 200);
        assert_eq!(keys.use_key(&key, "/v1/memories").0, 403, "{turn}");
        assert_eq!(keys.send("PATCH", &path, &json!({ "scopes": ["memories:read"] })).0, 200);
    }
    keys.server.set(10);
    // the uses are recorded when there is time
    let without_use = |(status, mut record): (u16, Value)| {
        record.as_object_mut().unwrap().remove("last_used_at");
        (status, record)
    };
    let shown = || without_use(keys.send("GET", &path, &json!({}))).1;
    let before = shown();
    for nothing in
        [json!({}), json!({ "name": "a key" }), json!({ "name": " a key ", "scopes": ["memories:read"] })]
    {
        let answer = without_use(keys.send("PATCH", &path, &nothing));
        assert_eq!(answer, (200, before.clone()), "{nothing}");
    }
    let logged = keys.log().len();
    let change = json!({ "name": "renamed", "scopes": ["users:read", "memories:read"] });
    let changed = without_use(keys.send("PATCH", &path, &change));
    let mut expected = before;
    let more = json!({
        "name": "renamed", "scopes": ["memories:read", "users:read"], "updated_at": "2027-01-15T08:00:10Z",
    });
    expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    assert_eq!(changed, (200, expected.clone()));
    assert_eq!(shown(), expected);
    let log = keys.log();
    let line = |who: &str, what: &str, detail: &str| {
        [who.to_owned(), what.to_owned(), path[1..].to_owned(), detail.to_owned()]
    };
    let detail = "name from a key to renamed; scopes from memories:read to memories:read users:read";
    assert_eq!(log[logged..], [line(EMAIL, "changed", detail)]);
    for refused in [
        json!({ "name": null }),
        json!({ "scopes": null }),
        json!({ "name": "" }),
        json!({ "name": "a\nb" }),
        json!({ "scopes": [] }),
        json!({ "scopes": ["read"] }),
        json!({ "scopes": "memories:read" }),
        json!({ "expires_at": null }),
        json!({ "project_id": "p" }),
        json!({ "name": "other", "is_active": false }),
    ] {
        let (status, answer) = keys.send("PATCH", &path, &refused);
        assert_eq!(status, 400, "{refused}: {answer}");
    }
    assert_eq!(keys.send_text("PATCH", &path, r#"{"name": "a", "name": "b"}"#).0, 400);
    assert_eq!(keys.send_text("PATCH", &path, r#"["a"]"#).0, 400);
    assert_eq!(shown(), expected);
    // a key that has ended stays as it was
    assert_eq!(keys.send("DELETE", &path, &json!({})).0, 204);
    assert_eq!(keys.send("PATCH", &path, &json!({})).0, 200);
    let (status, answer) = keys.send("PATCH", &path, &json!({ "name": "other" }));
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("conflict")), "{answer}");
    assert_eq!(keys.log().len(), logged + 2);
}

#[test]
fn a_rotation_keeps_what_it_is_not_asked_to_change() {
    let keys = Keys::new();
    let (_, made) =
        keys.create_with(json!({ "expires_at": A_DAY_LATER, "scopes": ["chats:write", "users:read"] }));
    let old = made["api_key"].as_str().unwrap();
    let path = format!("/{}", id(old));
    keys.server.set(5);
    let rotate = |body: &Value| keys.send("POST", &format!("{path}/rotate"), body);
    // the verifier of this server has read the old record, and has the new one at once
    assert_eq!(keys.use_key(old, "/v1/key").1["expires_at"], A_DAY_LATER);
    // the successor was not used
    execute(&keys.server.data, "UPDATE api_keys SET last_used_at = 1700000000");
    let (status, mut new) = rotate(&json!({ "overlap_seconds": 3595 }));
    assert_eq!(keys.use_key(old, "/v1/key").1["expires_at"], AN_HOUR_LATER);
    let key = new.as_object_mut().unwrap().remove("api_key").unwrap();
    let now = "2027-01-15T08:00:05Z";
    let expected = json!({
        "id": id(key.as_str().unwrap()),
        "company_id": keys.account.company,
        "project_id": keys.project,
        "name": "a key",
        "scopes": ["chats:write", "users:read"],
        "is_active": true,
        "state": "active",
        "expires_at": A_DAY_LATER,
        "retires_at": null,
        "revoked_at": null,
        "last_used_at": null,
        "created_at": now,
        "updated_at": now,
    });
    assert_eq!((status, &new), (201, &expected));
    assert_eq!(keys.use_key(key.as_str().unwrap(), "/v1/key").0, 200);
    let record = keys.record(&path);
    let fields = ["state", "expires_at", "retires_at", "updated_at"].map(|field| record[field].clone());
    assert_eq!(fields, ["active", A_DAY_LATER, AN_HOUR_LATER, now].map(|text| json!(text)));
    // a second one can't make the overlap longer; null takes the expiry away
    let (status, again) = rotate(&json!({ "overlap_seconds": 31_536_000, "expires_at": null }));
    assert_eq!((status, &again["expires_at"]), (201, &Value::Null), "{again}");
    assert_eq!(keys.record(&path)["retires_at"], AN_HOUR_LATER);
    let (status, again) = rotate(&json!({ "overlap_seconds": 0, "expires_at": "2030-01-01T00:00:00Z" }));
    assert_eq!((status, &again["expires_at"]), (201, &json!("2030-01-01T00:00:00Z")), "{again}");
    assert_eq!(keys.record(&path)["state"], "retired");
    let (status, answer) = rotate(&json!({ "overlap_seconds": 0 }));
    assert_eq!(status, 409, "{answer}");
    let rotated = |log: &[[String; 4]]| log.iter().filter(|[_, what, ..]| what == "rotated").count();
    let log = keys.log();
    assert_eq!((rotated(&log), log.len()), (3, 5), "{log:?}");
    let first = log.iter().find(|[_, what, ..]| what == "rotated").unwrap();
    let detail = format!("by {}, overlap 3595 s", expected["id"].as_str().unwrap());
    assert_eq!(*first, [EMAIL.to_owned(), "rotated".to_owned(), path[1..].to_owned(), detail]);
}

#[test]
fn a_rotation_has_these_fields_and_no_other() {
    let keys = Keys::new();
    let (_, path) = keys.create();
    let path = format!("{path}/rotate");
    for (body, mentioned) in [
        (r#"{}"#, "`overlap_seconds`"),
        (r#"{"expires_at": null}"#, "`overlap_seconds`"),
        (r#"{"overlap_seconds": null}"#, ""),
        (r#"{"overlap_seconds": -1}"#, ""),
        (r#"{"overlap_seconds": 1.5}"#, ""),
        (r#"{"overlap_seconds": "60"}"#, ""),
        (r#"{"overlap_seconds": true}"#, ""),
        (r#"{"overlap_seconds": 18446744073709551616}"#, ""),
        (r#"{"overlap_seconds": 31536001}"#, "`overlap_seconds`"),
        (r#"{"overlap_seconds": 18446744073709551615}"#, "`overlap_seconds`"),
        (r#"{"overlap_seconds": 60, "overlap_seconds": 60}"#, "`overlap_seconds`"),
        (r#"{"overlap_seconds": 60, "expires_at": null, "expires_at": null}"#, "`expires_at`"),
        (r#"{"overlap_seconds": 60, "name": "a"}"#, "`name`"),
        (r#"{"overlap_seconds": 60, "overlapSeconds": 60}"#, "`overlapSeconds`"),
        (r#"{"overlap_seconds": 60, "expiresAt": null}"#, "`expiresAt`"),
        (r#"{"overlap_seconds": 60, "ttl": 1}"#, "`ttl`"),
        ("[60]", ""),
        ("60", ""),
        ("", ""),
    ] {
        let (status, answer) = keys.send_text("POST", &path, body);
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(message(&answer).contains(mentioned), "{body}: {answer}");
    }
    assert_eq!(keys.send("GET", "", &json!({})).1.as_array().unwrap().len(), 1);
    assert_eq!(keys.send_text("POST", &path, r#"{"overlap_seconds": 31536000}"#).0, 201);
}

#[test]
fn a_key_that_has_ended_otherwise_is_revoked_too() {
    let keys = Keys::new();
    let (_, expired) = keys.create_with(json!({ "expires_at": "2027-01-15T08:00:10Z" }));
    let expired = format!("/{}", expired["id"].as_str().unwrap());
    let (_, retired) = keys.create();
    let rotation = json!({ "overlap_seconds": 10 });
    assert_eq!(keys.send("POST", &format!("{retired}/rotate"), &rotation).0, 201);
    keys.server.set(10);
    let states = || [&expired, &retired].map(|path| keys.record(path)["state"].clone());
    assert_eq!(states(), ["expired", "retired"]);
    let logged = keys.log().len();
    for path in [&expired, &retired] {
        assert_eq!(keys.send("DELETE", path, &json!({})).0, 204);
        let record = keys.record(path);
        let times = ["revoked_at", "updated_at"].map(|field| record[field].clone());
        assert_eq!(times, ["2027-01-15T08:00:10Z"; 2], "{record}");
    }
    assert_eq!(states(), ["revoked", "revoked"]);
    let line = |path: &str| [EMAIL, "revoked", &path[1..], "a key"].map(str::to_owned);
    assert_eq!(keys.log()[logged..], [line(&expired), line(&retired)]);
}

#[test]
fn a_key_is_revoked_once_and_purged_after_its_end() {
    let keys = Keys::new();
    let (key, path) = keys.create();
    let (_, kept) = keys.create();
    let send = |method: &str, path: &str| keys.send(method, path, &json!({})).0;
    let (status, answer) = keys.send("DELETE", &format!("{path}?purge=true"), &json!({}));
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("conflict")), "{answer}");
    for parameter in [
        "purge=false",
        "purge=1",
        "purge=",
        "purge",
        "purge=TRUE",
        "Purge=true",
        "purge=true&purge=true",
        "force=true",
        "purge=true&force=true",
    ] {
        assert_eq!(send("DELETE", &format!("{path}?{parameter}")), 400, "{parameter}");
    }
    assert_eq!(keys.record(&path)["state"], "active");
    assert_eq!(keys.use_key(&key, "/v1/key").0, 200);
    assert_eq!(send("DELETE", &path), 204);
    assert_eq!(keys.use_key(&key, "/v1/key").0, 401);
    let revoked = keys.record(&path);
    keys.server.set(60);
    assert_eq!(send("DELETE", &path), 204);
    assert_eq!(keys.record(&path), revoked, "a second time changes nothing");
    assert_eq!(send("DELETE", &format!("{path}?purge=true")), 204);
    for (method, path) in [
        ("DELETE", format!("{path}?purge=true")),
        ("DELETE", path.clone()),
        ("GET", path.clone()),
        ("POST", format!("{path}/rotate")),
        ("PATCH", path.clone()),
    ] {
        let body = if method == "POST" { json!({ "overlap_seconds": 0 }) } else { json!({}) };
        assert_eq!(keys.send(method, &path, &body).0, 404, "{method} {path}");
    }
    assert_eq!(keys.send("GET", "", &json!({})).1, json!([keys.record(&kept)]));
    // the log has each change once
    let log = keys.log();
    let of_key: Vec<_> = log.iter().filter(|[_, _, key, _]| *key == path[1..]).collect();
    let line = |what: &str, detail: &str| [EMAIL, what, &path[1..], detail].map(str::to_owned);
    let expected =
        [line("created", "a key; memories:read"), line("revoked", "a key"), line("deleted", "a key")];
    assert_eq!(of_key, expected.iter().collect::<Vec<_>>());
    // whoever has a key can end it
    let (found, path_of_found) = keys.create();
    let revoke = || keys.server.exchange("POST", "/v1/key/revoke", &found, "").0;
    assert_eq!((revoke(), revoke()), (200, 401));
    assert_eq!(send("DELETE", &path_of_found), 204);
    let log = keys.log();
    let of_found: Vec<_> = log.iter().filter(|[_, _, key, _]| *key == path_of_found[1..]).collect();
    let line =
        |who: &str, what: &str, detail: &str| [who, what, &path_of_found[1..], detail].map(str::to_owned);
    let expected =
        [line(EMAIL, "created", "a key; memories:read"), line("the key itself", "revoked", "a key")];
    assert_eq!(of_found, expected.iter().collect::<Vec<_>>());
    // also one that the clock ended
    let (_, made) = keys.create_with(json!({ "expires_at": "2027-01-15T08:02:00Z" }));
    let path = format!("/{}?purge=true", made["id"].as_str().unwrap());
    keys.server.set(119);
    assert_eq!(send("DELETE", &path), 409);
    keys.server.set(120);
    assert_eq!(send("DELETE", &path), 204);
}

#[test]
fn what_belongs_to_another_account_is_not_there() {
    let keys = Keys::new();
    let (key, path) = keys.create();
    let eve = keys.server.account(OTHER);
    let own = first_project(&keys.server, &eve);
    let body = |project: &str| json!({ "project_id": project, "name": "a key", "scopes": ["memories:read"] });
    let (_, token) = keys.server.send(
        "POST",
        &format!("/companies/{}/tokens", keys.account.company),
        &keys.account.token,
        &json!({ "name": "ci" }),
    );
    let token = format!("/tokens/{}", token["id"].as_str().unwrap());
    let logged = keys.log();
    for company in [&keys.account.company, &eve.company] {
        let of_company = |path: &str| format!("/companies/{company}{path}");
        let key = format!("/api-keys{path}");
        let requests = [
            ("GET", key.clone(), json!({})),
            ("PATCH", key.clone(), json!({ "name": "hers" })),
            ("POST", format!("{key}/rotate"), json!({ "overlap_seconds": 0 })),
            ("DELETE", key.clone(), json!({})),
            ("DELETE", format!("{key}?purge=true"), json!({})),
            ("POST", "/api-keys".to_owned(), body(&keys.project)),
            ("DELETE", token.clone(), json!({})),
        ];
        for (method, path, body) in requests {
            let (status, answer) = keys.server.send(method, &of_company(&path), &eve.token, &body);
            assert_eq!(status, 404, "{method} {path}: {answer}");
        }
    }
    // a company is found by its whole id and its slug, as they are written
    let (_, own_companies) = keys.server.send("GET", "/companies", &keys.account.token, &json!({}));
    let [id, slug] = ["id", "slug"].map(|field| own_companies[0][field].as_str().unwrap());
    for (company, status) in [
        (id, 200),
        (slug, 200),
        (&id[..id.len() - 1], 404),
        (&slug[..slug.len() - 1], 404),
        (&id.to_uppercase(), 404),
        (&slug.to_uppercase(), 404),
        ("org", 404),
    ] {
        let path = format!("/companies/{company}/projects");
        assert_eq!(keys.server.send("GET", &path, &keys.account.token, &json!({})).0, status, "{path}");
    }
    for path in ["/api-keys", "/projects", "/tokens", "/api-keys?limit=1"] {
        let path = format!("/companies/{}{path}", keys.account.company);
        assert_eq!(keys.server.send("GET", &path, &eve.token, &json!({})).0, 404, "{path}");
        let named = json!({ "name": "hers" });
        let body = if path.contains("api-keys") { body(&own) } else { named };
        assert_eq!(
            keys.server.send("POST", path.split('?').next().unwrap(), &eve.token, &body).0,
            404,
            "{path}"
        );
    }
    assert_eq!(keys.use_key(&key, "/v1/key").0, 200);
    assert_eq!(keys.log(), logged);
    let (_, companies) = keys.server.send("GET", "/companies", &eve.token, &json!({}));
    let expected =
        json!([{ "id": eve.company, "name": "eve@example.com", "slug": "eve-example-com", "role": "owner" }]);
    assert_eq!(companies, expected);
}

#[test]
fn a_project_has_the_fields_of_the_platform() {
    let keys = Keys::new();
    let path = format!("/companies/{}/projects", keys.account.company);
    keys.server.set(7);
    for (name, slug) in [("Büro – Web 2", Some("b-ro-web-2")), ("東京", None)] {
        let body = json!({ "name": name, "slug": "other", "metadata": { "a": 1 }, "unknown": true });
        let (status, made) = keys.server.send("POST", &path, &keys.account.token, &body);
        let id = made["id"].as_str().unwrap_or_default();
        let expected = json!({
            "id": id,
            "company_id": keys.account.company,
            "name": name,
            "slug": slug.unwrap_or(id),
            "is_active": true,
            "metadata": {},
            "created_at": "2027-01-15T08:00:07Z",
            "updated_at": "2027-01-15T08:00:07Z",
        });
        assert_eq!((status, &made), (201, &expected));
        let (_, list) = keys.server.send("GET", &path, &keys.account.token, &json!({}));
        assert!(list.as_array().unwrap().contains(&expected), "{list}");
    }
}

/// The target of `rel="next"`.
fn next(link: &str) -> String {
    let (target, relation) = link.split_once('>').unwrap();
    assert_eq!(relation, "; rel=\"next\"");
    target.strip_prefix('<').unwrap().to_owned()
}

#[test]
fn pages_have_every_key_once_while_others_come_and_go() {
    let keys = Keys::new();
    // another company has keys of the same seconds
    let eve = keys.server.account(OTHER);
    let project = first_project(&keys.server, &eve);
    let paths: Vec<String> = (0..10)
        .map(|number| {
            // two in each second
            keys.server.set(number / 2);
            let body = json!({ "project_id": project, "name": "hers", "scopes": ["memories:read"] });
            let of_eve = format!("/companies/{}/api-keys", eve.company);
            assert_eq!(keys.server.send("POST", &of_eve, &eve.token, &body).0, 201);
            keys.create().1
        })
        .collect();
    let all: Vec<Value> = keys.send("GET", "", &json!({})).1.as_array().unwrap().clone();
    // the newest first, and those of a second by their ids
    let mut expected = paths.clone();
    expected.reverse();
    expected.chunks_mut(2).for_each(|second| second.sort());
    let listed: Vec<_> = all.iter().map(|record| format!("/{}", record["id"].as_str().unwrap())).collect();
    assert_eq!(listed, expected);
    let page = |path: &str| {
        let (status, headers, body) = keys.server.exchange("GET", path, &keys.account.token, "");
        assert_eq!(status, 200, "{path}: {body}");
        let link = headers.get("link").map(|link| next(link.to_str().unwrap()));
        (body.as_array().unwrap().clone(), link)
    };
    let whole = format!("/api/v1{}", keys.path());
    assert_eq!(page(&whole), (all.clone(), None), "without parameters, there are no pages");
    for limit in [1, 3, 10, 100] {
        let (mut found, mut sizes, mut path) = (Vec::new(), Vec::new(), format!("{whole}?limit={limit}"));
        loop {
            let (records, link) = page(&path);
            sizes.push(records.len());
            found.extend(records);
            assert!(found.len() <= all.len(), "{limit}: {sizes:?}");
            let Some(link) = link else { break };
            assert!(link.starts_with(&format!("{whole}?limit={limit}&cursor=")), "{link}");
            path = link;
        }
        assert_eq!(found, all, "{limit}");
        assert!(sizes.iter().rev().skip(1).all(|&size| size == limit), "{limit}: {sizes:?}");
        assert!(*sizes.last().unwrap() > 0, "{limit}: {sizes:?}");
    }
    // the last key of the page is deleted, an earlier one too, and one is made
    let (first, link) = page(&format!("{whole}?limit=4"));
    let link = link.unwrap();
    keys.create();
    for record in [&first[3], &first[0]] {
        let path = format!("/{}", record["id"].as_str().unwrap());
        assert_eq!(keys.send("DELETE", &path, &json!({})).0, 204);
        assert_eq!(keys.send("DELETE", &format!("{path}?purge=true"), &json!({})).0, 204);
    }
    let (second, _) = page(&link);
    assert_eq!(second, all[4..8]);
    let cursor = link.split_once("cursor=").unwrap().1;
    assert_eq!(page(&format!("{whole}?cursor={cursor}")).0, all[4..], "20 by default");
    assert_eq!(paths.len(), 10);

    let refuse = |query: &str| {
        let (status, answer) = keys.send("GET", &format!("?{query}"), &json!({}));
        assert_eq!(status, 400, "{query}: {answer}");
    };
    for query in
        ["limit=0", "limit=101", "limit=-1", "limit=a", "limit=", "limit=1.5", "limit=1&limit=2", "cursor="]
    {
        refuse(query);
    }
    let last = cursor.chars().last().unwrap();
    let changed = format!("{}{}", &cursor[..cursor.len() - 1], if last == '0' { '1' } else { '0' });
    for cursor in [&changed, &cursor[1..], &format!("{cursor}0"), &cursor.to_uppercase(), "mem-1", "-", "--"]
    {
        refuse(&format!("cursor={cursor}"));
    }
    // of another company's list
    let path = format!("/companies/{}/api-keys?cursor={cursor}", eve.company);
    assert_eq!(keys.server.send("GET", &path, &eve.token, &json!({})).0, 400);
}

#[test]
fn the_limit_counts_keys_that_have_not_ended() {
    let keys = Keys::new();
    keys.store(MAX_KEYS, "revo", "NULL, NULL, 1700000001");
    keys.store(MAX_KEYS, "expi", "1800000000, NULL, NULL");
    keys.store(MAX_KEYS, "reti", "1900000000, 1800000000, NULL");
    keys.store(MAX_KEYS - 2, "live", "NULL, 1800000001, NULL");
    keys.store(1, "soon", "1800000060, 1800000061, NULL");
    let (_, path) = keys.create();
    assert_eq!(keys.send("DELETE", &path, &json!({})).0, 204);
    // a form makes the last key, and is not taken for one that asks for one more
    let mut browser = keys.server.sign_in();
    let fields = browser.creation("the last one");
    let page = browser.create_with(&fields);
    let path = format!("/{}", ctx_key::ApiKey::parse(page.new_key()).unwrap().id());
    let again = browser.create_with(&fields);
    assert!(again.text.contains("This form was already sent"), "{}", again.text);
    let too_many =
        format!("too many keys: a company has at most {MAX_KEYS} that have not ended; revoke some first");
    let (status, answer) = keys.create_with(json!({}));
    assert_eq!((status, message(&answer)), (409, too_many.as_str()));
    // the dashboard says the same
    let mut fields = browser.creation("one more");
    fields.retain(|(name, _)| *name != "project" && *name != "project_name");
    fields.push(("project", keys.project.clone()));
    let page = browser.create_with(&fields);
    assert_eq!(page.status, 409);
    assert!(page.text.contains(&format!("{}.", too_many.replacen('t', "T", 1))), "{}", page.text);
    // a leaked key is replaced nevertheless
    let (status, answer) = keys.send("POST", &format!("{path}/rotate"), &json!({ "overlap_seconds": 60 }));
    assert_eq!(status, 201, "{answer}");
    assert_eq!(keys.create_with(json!({})).0, 409);
    // what another company has does not count
    let eve = keys.server.account(OTHER);
    let body =
        json!({ "project_id": first_project(&keys.server, &eve), "name": "a", "scopes": ["chats:read"] });
    let path = format!("/companies/{}/api-keys", eve.company);
    assert_eq!(keys.server.send("POST", &path, &eve.token, &body).0, 201);
    // the clock ends keys
    keys.server.set(1);
    assert_eq!(keys.create_with(json!({})).0, 201);
}

#[test]
fn the_limit_is_counted_by_an_index() {
    let keys = Keys::new();
    keys.store(3_000, "revo", "NULL, NULL, 1700000001");
    keys.store(3_000, "expi", "1800000000, NULL, NULL");
    execute(&keys.server.data, "ANALYZE");
    let company = format!("'{}'", keys.account.company);
    let plan = plan(&keys.server.data, COUNT, &[&company, "1800000000"]);
    assert!(plan.contains("api_keys_by_end"), "{plan}");
    assert!(!plan.contains("Filter: (COALESCE"), "{plan}");
}

#[test]
fn a_refused_request_uses_no_key() {
    let keys = Keys::new();
    let (key, path) = keys.create();
    let mut wrong = key.clone().into_bytes();
    wrong[20] = if wrong[20] == b'a' { b'b' } else { b'a' };
    let refused = String::from_utf8(wrong).unwrap();
    assert_eq!(keys.use_key(&refused, "/v1/key").0, 401);
    assert_eq!(keys.use_key(&key, "/v1/chats").0, 403);
    let (revoked, of_revoked) = keys.create();
    assert_eq!(keys.send("DELETE", &of_revoked, &json!({})).0, 204);
    assert_eq!(keys.use_key(&revoked, "/v1/key").0, 401);
    // a use that another process recorded later
    let (late, of_late) = keys.create();
    execute(
        &keys.server.data,
        &format!("UPDATE api_keys SET last_used_at = 4000000000 WHERE id = '{}'", &of_late[1..]),
    );
    assert_eq!(keys.use_key(&late, "/v1/key").0, 200);
    let (used, of_used) = keys.create();
    assert_eq!(keys.use_key(&used, "/v1/key").0, 200);
    // uses are written together, so the others would be written by then
    wait(|| !keys.record(&of_used)["last_used_at"].is_null());
    let times = [&path, &of_revoked, &of_late].map(|path| keys.record(path)["last_used_at"].clone());
    assert_eq!(times, [Value::Null, Value::Null, json!("2096-10-02T07:06:40Z")]);
}
