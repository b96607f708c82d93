//! The configurations in `integrations/`: each real proxy asks the real server, and a platform after it records the requests.
//!
//! A proxy that is not installed is named on a line that begins with SKIPPED. Where `CI` is set, that is a failure.

#[path = "../common/mod.rs"]
mod common;

mod cases;
mod failures;
mod platform;
mod programs;
mod requests;

use common::{Data, Server};
use ctx_key::ApiKey;

fn authorization(key: &str) -> String {
    format!("Authorization: Bearer {key}")
}

struct Keys {
    project: String,
    reader: String,
    writer: String,
    memories: String,
    revoked: String,
    unknown: String,
}

impl Keys {
    fn new(server: &Server, data: &Data) -> Self {
        server.set_up(data);
        let (token, company) = server.log_in();
        let (project, reader) = server.key(&token, &company, &["memories:read"]);
        let key = |scopes: &[&str]| server.key_in(&token, &company, &project, scopes);
        let writer = key(&["memories:write"]);
        let memories = key(&["memories:read", "memories:write"]);
        let revoked = key(&["memories:read"]);
        let (status, _) = server.send("POST", "/v1/key/revoke", Some(&revoked), None);
        assert_eq!(status, 200);
        let unknown = ApiKey::generate().expose_secret().to_owned();
        Self { project, reader, writer, memories, revoked, unknown }
    }

    fn assert_not_in(&self, text: &str) {
        for key in [&self.reader, &self.writer, &self.memories, &self.revoked, &self.unknown] {
            assert!(!text.contains(&key[16..]), "a key is in: {text}");
        }
    }
}
