//! Requests of clients with their expected outcomes.

use crate::{Keys, authorization};

const REALM: &str = r#"Bearer realm="MemoryKit""#;
const INVALID_REQUEST: &str = r#"Bearer realm="MemoryKit", error="invalid_request""#;
const INVALID_TOKEN: &str = r#"Bearer realm="MemoryKit", error="invalid_token""#;
const NEEDS_WRITE: &str = r#"Bearer realm="MemoryKit", error="insufficient_scope", scope="memories:write""#;
const NEEDS_USERS: &str = r#"Bearer realm="MemoryKit", error="insufficient_scope", scope="users:read""#;
const NEVER_GRANTED: &str = r#"Bearer realm="MemoryKit", error="insufficient_scope""#;

/// A word that must not be in any log.
pub const QUERY: &str = "words-of-a-query";

/// Paths that some programs read as another path. Each is refused with a key that may read and write memories.
pub const AMBIGUOUS_PATHS: [&str; 42] = [
    "/v1/users/../memories",
    "/v1/memories/../users/u1",
    "/v1/memories/..",
    "/v1/memories/.",
    "/v1/./memories",
    "/./v1/memories",
    "/../v1/memories",
    "/v1/memories/%2e%2e/users/u1",
    "/v1/memories/%2E%2E/users/u1",
    "/v1/memories/.%2e/users/u1",
    "/v1/memories/%2e",
    "/v1/memories/%252e%252e/users/u1",
    "/v1/memories/..%2fusers%2fu1",
    "/v1/memories/..%2Fusers%2Fu1",
    "/v1/memories/m1%2F..%2F..%2Fusers",
    "/v1/memories/..%5Cusers",
    "/v1/memories/..\\users",
    "/v1/memories/..;/users/u1",
    "/v1/memories/..;",
    "/v1/memories;x=y",
    "/v1/memories/m1%3Bx",
    "/v1/memories/%C0%AE%C0%AE",
    "//v1/memories",
    "/v1//memories",
    "/v1/memories//m1",
    "/v1/memories/",
    "/v1/memories/?limit=1",
    "/V1/memories",
    "/v1/Memories",
    "/v1/%6Demories",
    "/v1/memories/a%2Eb",
    "/v1/%6demories",
    "/v1/memories/m1%00",
    "/v1/memories/m1%0d%0ax-ctx-project:%20other",
    "/v1/memories/m1%0D%0Ax-ctx-project:%20other",
    "/v1/memories/m1%3Fx",
    "/v1/memories/m1%23x",
    "/v1/memories#/../users/u1",
    "/v1/memories/m1%zz",
    "/v1/users/u1?/../../memories",
    "/?/v1/memories",
    "/",
];

/// A request with its expected outcome.
pub struct Case {
    pub name: &'static str,
    pub method: &'static str,
    pub target: String,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
    pub expected: Expected,
}

pub enum Expected {
    /// The platform gets the request as it is, with the identity of the reader's or the writer's key.
    Passed(Whose),
    /// The client gets this status and challenge, with the error body of the API. The platform gets nothing.
    Refused(u16, Option<&'static str>),
    /// As [`Refused`](Self::Refused), but a proxy may answer by itself: with this status, and without a challenge.
    RefusedBySome(u16, &'static str),
}

#[derive(Clone, Copy)]
pub enum Whose {
    Reader,
    Writer,
}

use Expected::{Passed, Refused, RefusedBySome};
use Whose::{Reader, Writer};

pub fn cases(keys: &Keys) -> Vec<Case> {
    let case = |name, method, target: &str, headers: &[&str], body: &[u8], expected| Case {
        name,
        method,
        target: target.to_owned(),
        headers: headers.iter().map(|&header| header.to_owned()).collect(),
        body: body.to_vec(),
        expected,
    };
    let [reader, writer, revoked, unknown] =
        [&keys.reader, &keys.writer, &keys.revoked, &keys.unknown].map(|key| authorization(key));
    let [reader, writer, revoked, unknown] = [&*reader, &*writer, &*revoked, &*unknown];
    let cut_off = &reader[..reader.len() - 1];
    let two_words = &format!("{reader} again");
    let list = "/v1/memories";
    let search = &format!("/v1/memories/search?query={QUERY}");
    let referer = &format!("Referer: http://localhost/?{QUERY}");
    let large: Vec<u8> = (0..8 << 20).map(|number: u32| (number % 251) as u8).collect();
    vec![
        case("read", "GET", search, &[reader, referer], b"", Passed(Reader)),
        case(
            "path as it was written",
            "GET",
            "/v1/memories/a%40b%7C%20c?q=/../%2e//",
            &[reader],
            b"",
            Passed(Reader),
        ),
        case("head", "HEAD", list, &[reader], b"", Passed(Reader)),
        case(
            "write",
            "POST",
            list,
            &[writer, "Content-Type: application/json"],
            b"{\"content\":\"a\"}",
            Passed(Writer),
        ),
        case("delete", "DELETE", "/v1/memories/m1", &[writer], b"", Passed(Writer)),
        case("large body", "PUT", "/v1/memories/m1", &[writer], &large, Passed(Writer)),
        case("no key", "GET", list, &[], b"", Refused(401, Some(REALM))),
        case("no key, head", "HEAD", list, &[], b"", Refused(401, Some(REALM))),
        case(
            "another scheme",
            "GET",
            list,
            &["Authorization: Basic dXNlcjpwYXNz"],
            b"",
            Refused(401, Some(REALM)),
        ),
        case("no token", "GET", list, &["Authorization: Bearer"], b"", Refused(400, Some(INVALID_REQUEST))),
        case("two words", "GET", list, &[two_words], b"", Refused(400, Some(INVALID_REQUEST))),
        case("two headers", "GET", list, &[reader, writer], b"", RefusedBySome(400, INVALID_REQUEST)),
        case("cut off", "GET", list, &[cut_off], b"", Refused(401, Some(INVALID_TOKEN))),
        case("unknown key", "GET", list, &[unknown], b"", Refused(401, Some(INVALID_TOKEN))),
        case("revoked key", "GET", list, &[revoked], b"", Refused(401, Some(INVALID_TOKEN))),
        case("missing scope", "POST", list, &[reader], b"{}", Refused(403, Some(NEEDS_WRITE))),
        case("no such resource", "GET", "/v1/other", &[reader], b"", Refused(403, Some(NEVER_GRANTED))),
        case("browser", "GET", list, &[reader, "Origin: http://localhost"], b"", Refused(403, None)),
        case(
            "own names",
            "GET",
            list,
            &[reader, "X-Ctx-Key-Id: spoofed", "X-Ctx-Project: spoofed"],
            b"",
            Passed(Reader),
        ),
        case(
            "own names in other cases, repeated",
            "GET",
            list,
            &["x-ctx-project: spoofed", "X-CTX-PROJECT: spoofed", reader, "x-CTX-key-ID: spoofed"],
            b"",
            Passed(Reader),
        ),
        case(
            "own names with underscores",
            "GET",
            list,
            &[
                reader,
                "X_Ctx_Key_Id: spoofed",
                "x_ctx_project: spoofed",
                "X-Ctx_Project: spoofed",
                "X_Ctx-Project: spoofed",
            ],
            b"",
            Passed(Reader),
        ),
        case(
            "own names, empty",
            "GET",
            list,
            &[reader, "X-Ctx-Key-Id:", "X-Ctx-Project: "],
            b"",
            Passed(Reader),
        ),
        case(
            "own names in Connection",
            "GET",
            list,
            &[reader, "Connection: x-ctx-project, X-Ctx-Key-Id"],
            b"",
            Passed(Reader),
        ),
        case(
            "own names without a key",
            "GET",
            list,
            &["X-Ctx-Key-Id: spoofed", "X-Ctx-Project: spoofed"],
            b"",
            Refused(401, Some(REALM)),
        ),
        case(
            "another request described",
            "GET",
            "/v1/users/u1",
            &[
                reader,
                "X-Original-Method: GET",
                "X-Original-URI: /v1/memories",
                "X-Forwarded-Method: GET",
                "X-Forwarded-Uri: /v1/memories",
                "X-Envoy-Original-Path: /v1/memories",
                "X-HTTP-Method-Override: POST",
            ],
            b"",
            Refused(403, Some(NEEDS_USERS)),
        ),
    ]
}
