//! An error of the database tells the operator what failed and what to do, and tells the client nothing.

mod common;
mod trouble;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use common::{Data, Server};
use ctx_key_server::database::{Database, DatabaseError, Location};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};
use serde_json::Value;
use tempfile::TempDir;
use trouble::{Fixture, execute, id, skip, status, while_locked};

/// Returns the error of an attempt to acquire a connection to this URL.
async fn error_of(url: &str) -> DatabaseError {
    match Database::open(Location::Postgres(url.to_owned())) {
        Ok(database) => database.acquire().await.err().expect("an error"),
        Err(error) => error,
    }
}

fn unavailable(text: &str) -> DatabaseError {
    DatabaseError::Unavailable(text.to_owned())
}

/// Starts a server that refuses each connection with this code and message, over TLS if it has a certificate. Returns its
/// port.
fn refusing(code: &'static str, message: &'static str, tls: Option<Arc<ServerConfig>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let tls = tls.clone();
            thread::spawn(move || refuse(client, code, message, tls));
        }
    });
    port
}

/// Serves the start of PostgreSQL's protocol: a request for TLS, a startup message, and an error.
fn refuse(
    mut client: TcpStream,
    code: &str,
    message: &str,
    tls: Option<Arc<ServerConfig>>,
) -> std::io::Result<()> {
    const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    let fields = format!("SFATAL\0C{code}\0M{message}\0\0");
    let mut error = vec![b'E'];
    error.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
    error.extend(fields.as_bytes());
    let mut start = [0; 8];
    client.read_exact(&mut start)?;
    if start == TLS_REQUEST {
        let Some(tls) = tls else {
            client.write_all(b"N")?;
            client.read_exact(&mut start)?;
            return client.write_all(&error);
        };
        client.write_all(b"S")?;
        let mut client = StreamOwned::new(ServerConnection::new(tls).unwrap(), client);
        client.read_exact(&mut start)?;
        client.write_all(&error)?;
        return client.flush();
    }
    client.write_all(&error)
}

#[tokio::test]
async fn an_error_of_a_connection_names_its_cause() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let password = refusing("28P01", r#"password authentication failed for user "ada""#, None);
    let host = r#"no pg_hba.conf entry for host "127.0.0.1", user "ada", database "keys", no encryption"#;
    let demands_tls = refusing("28000", host, None);
    let role = refusing("28000", r#"role "ada" does not exist"#, None);
    let full = refusing("53300", "sorry, too many clients already", None);
    let starts = refusing("57P03", "the database system is starting up", None);
    let url = |port: u16| format!("postgres://ada:secret@127.0.0.1:{port}/keys");
    let cases = [
        (url(refused), "the host can't be reached: Connection refused (os error 111)"),
        (url(silent_port), "the host did not answer in time"),
        (url(password), "the password is wrong (28P01)"),
        (
            format!("{}?sslmode=disable", url(demands_tls)),
            "the user does not exist, or may not log in from here or without TLS: see pg_hba.conf (28000)",
        ),
        (format!("{}?sslmode=require", url(password)), "TLS failed: the server does not speak it"),
        (
            url(role),
            "the user does not exist, or may not log in from here or without TLS: see pg_hba.conf (28000)",
        ),
        (url(full), "the server has too many connections (53300)"),
        (url(starts), "the server is starting or shutting down (57P03)"),
        (
            format!("{}?sslmode=verify-full&sslrootcert=/nowhere.pem", url(password)),
            "sslrootcert=/nowhere.pem can't be read as certificates in PEM",
        ),
        (
            format!("{}?sslmode=on", url(password)),
            "unknown sslmode: use disable, prefer, require, verify-ca or verify-full",
        ),
    ];
    for (url, expected) in cases {
        assert_eq!(error_of(&url).await, unavailable(expected), "{url}");
    }
    drop(silent);
    let DatabaseError::Unavailable(unknown) =
        error_of("postgres://ada:secret@no-such-host.invalid/keys").await
    else {
        panic!("a host that is unknown");
    };
    assert!(unknown.starts_with("the host can't be reached: failed to lookup address"), "{unknown}");
}

#[test]
fn a_missing_database_is_named_as_the_cause() {
    const NAME: &str = "a_missing_database_is_named_as_the_cause";
    let Ok(server) = std::env::var("CTX_KEY_TEST_POSTGRES") else { return skip(NAME) };
    let expected = unavailable("the database does not exist (3D000)");
    let data = Data::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = runtime.block_on(error_of(&format!("{server}/no_such_database")));
    assert_eq!(found, expected);
    let error = runtime.block_on(async {
        let database = Database::open(Location::Postgres(data.server_url().unwrap())).unwrap();
        let mut connection = database.acquire().await.unwrap();
        connection.query("SELECT 1 FROM api_keys", &[]).await.unwrap_err()
    });
    let expected = "a table or column is missing: apply the schema and the change log (42P01)";
    assert_eq!(error, DatabaseError::Unexpected(expected.to_owned()));
}

/// Creates an authority. Returns the path of its certificate, and a server's settings with a certificate for `localhost`.
fn authority(folder: &Path, name: &str) -> (String, Arc<ServerConfig>) {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let file = folder.join(name);
    fs::write(&file, authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key);
    (file.to_str().unwrap().to_owned(), Arc::new(config.unwrap()))
}

#[tokio::test]
async fn each_sslmode_verifies_what_it_names() {
    let folder = TempDir::new().unwrap();
    let (ours, config) = authority(folder.path(), "ours.pem");
    let (other, _) = authority(folder.path(), "other.pem");
    let port = refusing("28P01", "over TLS", Some(config));
    let error = async |host: &str, parameters: &str| {
        error_of(&format!("postgres://ada@{host}:{port}/keys?{parameters}")).await
    };
    // the server sends this error only after a client has verified its certificate
    let verified = unavailable("the password is wrong (28P01)");
    let unknown = unavailable("TLS failed: invalid peer certificate: UnknownIssuer");
    for (host, parameters) in [
        ("localhost", format!("sslmode=verify-full&sslrootcert={ours}")),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={ours}")),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ours}")),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={ours}")),
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", "sslmode=prefer".to_owned()),
    ] {
        assert_eq!(error(host, &parameters).await, verified, "{host} {parameters}");
    }
    for parameters in [
        format!("sslmode=verify-full&sslrootcert={other}"),
        format!("sslmode=verify-ca&sslrootcert={other}"),
        format!("sslmode=require&sslrootcert={other}"),
    ] {
        assert_eq!(error("localhost", &parameters).await, unknown, "{parameters}");
    }
    let DatabaseError::Unavailable(text) =
        error("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={ours}")).await
    else {
        panic!("an error of TLS");
    };
    let expected = "TLS failed: invalid peer certificate: certificate not valid for name";
    assert!(text.starts_with(expected), "{text}");
}

/// The server ends with an error that names the cause, and does not repeat the URL.
#[test]
fn a_server_that_cannot_start_says_why() {
    let port = refusing("28P01", r#"password authentication failed for user "ada""#, None);
    let output = Command::new(env!("CARGO_BIN_EXE_ctx-key-server"))
        .args(["--listen", "127.0.0.1:0"])
        .env("DATABASE_URL", format!("postgres://ada:secret@127.0.0.1:{port}/keys"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: the database can't be prepared: the password is wrong (28P01)\n"
    );
}

#[test]
fn a_corrupt_row_is_an_internal_error_and_only_the_log_has_its_cause() {
    let Fixture { server, token, company, project, data } = Fixture::new();
    let key = server.key_in(&token, &company, &project, &["memories:read"]);
    server.stop();
    execute(&data, &format!("UPDATE api_keys SET scopes = 1048576 WHERE id = '{}'", id(&key)));
    let log = data.folder.path().join("log");
    let server = Server::start_logged(&data, File::create(&log).unwrap());
    let mut response = server.get("/v1/key", Some(&key));
    let body: Value = response.body_mut().read_json().unwrap();
    assert_eq!(response.status(), 500, "{body}");
    assert!(!response.headers().contains_key("retry-after"));
    let message = "something went wrong here: tell us the request_id";
    let request_id = &body["request_id"];
    let error = serde_json::json!({ "type": "server_error", "code": "internal", "message": message, "request_id": request_id });
    assert_eq!(body["error"], error);

    let log = fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["level"] == "ERROR").expect("a line for the error");
    assert_eq!(line["span"]["id"], body["request_id"]);
    let cause = format!("the row of key {} is not a record: repair or delete it", id(&key));
    assert_eq!(line["fields"]["error"], cause);
    // other keys still work
    assert_eq!(status(&server, "ctx_"), 401);
}

/// Returns the lines of a log that have this level.
fn lines_of(log: &Path, level: &str) -> Vec<Value> {
    let log = fs::read_to_string(log).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["level"] == level).collect()
}

#[test]
fn each_database_error_is_logged_with_its_cause_and_the_request_id() {
    let Fixture { server, token, company, project, data } = Fixture::new();
    let key = server.key_in(&token, &company, &project, &["memories:read", "memories:write"]);
    server.stop();
    let log = data.folder.path().join("log");
    let server = Server::start_logged(&data, File::create(&log).unwrap());
    // the server has started: before that, it would wait for the lock below
    assert_eq!(status(&server, &key), 200);
    let body = serde_json::json!({ "content": "a" });
    let (code, busy) =
        while_locked(&data, "memories", || server.send("POST", "/v1/memories", Some(&key), Some(&body)));
    assert_eq!((code, &busy["error"]["code"]), (503, &"unavailable".into()), "{busy}");
    assert_eq!(busy["error"]["type"], "service_unavailable");
    execute(&data, "ALTER TABLE memories RENAME TO lost");
    let (code, defect) = server.send("GET", "/v1/memories", Some(&key), None);
    assert_eq!((code, &defect["error"]["code"]), (500, &"internal".into()), "{defect}");
    assert_eq!(defect["error"]["type"], "server_error");
    for (level, answer, message) in
        [("WARN", busy, "the database is not available"), ("ERROR", defect, "database error")]
    {
        let lines = lines_of(&log, level);
        let line = lines.iter().find(|line| line["fields"]["message"] == message);
        let line = line.unwrap_or_else(|| panic!("{message}: {lines:?}"));
        assert_eq!(line["span"]["id"], answer["request_id"], "{line}");
        assert!(!line["fields"]["failure"].as_str().unwrap().is_empty(), "{line}");
    }
}
