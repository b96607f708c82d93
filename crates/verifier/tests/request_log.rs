//! The log says why a request was refused, and contains nothing secret. This test is alone in its process, because other
//! tests of the process would write to the same log.

#[path = "common/kept_log.rs"]
mod kept_log;
mod requests;

use std::convert::Infallible;

use ctx_key::Scope;
use ctx_key_verifier::tower::VerifyLayer;
use http::{Request, Response};
use kept_log::Log;
use requests::{World, request, request_with};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test]
async fn a_refusal_is_logged_with_its_reason_and_the_id_of_the_key() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().without_time().with_ansi(false).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let world = World::new();
    let respond = async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new()));
    let service = VerifyLayer::new(world.verifier, Scope::MEMORIES_READ).layer(service_fn(respond));
    service.clone().oneshot(request_with(&world.reader)).await.unwrap();
    let mut expected = String::new();
    for row in &world.rows {
        service.clone().oneshot(request(&row.values)).await.unwrap();
        let id = row.values.first().and_then(|value| value.get("Bearer ctx_".len()..)?.get(..12));
        let line = match row.name {
            "no header" | "an empty header" | "another scheme" => {
                " INFO refused reason=\"missing_credentials\""
            }
            "two headers" | "two tokens" | "no token" => " INFO refused reason=\"malformed_header\"",
            "a key that is cut off" => " INFO refused reason=\"key_length\"",
            "an unknown key" => " INFO refused reason=\"unknown_key\" key=ID",
            "a revoked key" => " INFO refused reason=\"revoked\" key=ID",
            "a key without the scope" => " INFO refused reason=\"missing_scope\" key=ID",
            "a busy database" => " WARN not verified error=the database is busy: try again key=ID",
            "a database that is gone" => {
                " WARN not verified error=the database is unavailable: the host is gone key=ID"
            }
            "a corrupt row" => {
                "ERROR not verified error=the row of key ID is not a record: repair or delete it key=ID"
            }
            "a missing table" => {
                "ERROR not verified error=unexpected answer of the database: no such table key=ID"
            }
            name => panic!("{name}"),
        };
        let (level, text) = line.split_at(5);
        let text = text.replace("ID", id.unwrap_or_default());
        expected += &format!("{level} ctx_key_verifier::request:{text}\n");
    }
    assert_eq!(log.text(), expected);
}
