//! The fields of a request that creates a key.

use serde_json::{Value, json};

use crate::trouble::number;
use crate::{A_DAY_LATER, Keys, START, message};

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
