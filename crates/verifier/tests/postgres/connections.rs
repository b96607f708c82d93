//! Encryption, and errors of connections.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ctx_key_verifier::postgres::{Config, ConfigError, Options, PostgresSource};
use ctx_key_verifier::{Source, SourceError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::database::{Database, insert, own_cluster};

/// Returns the error of a connection to this URL, or `None` if it succeeds.
async fn failure(url: &str) -> Option<String> {
    let source = PostgresSource::new(&Config::new(url).expect("a URL"), &Options::default());
    match source.changes_since(None).await {
        Ok(_) => None,
        Err(SourceError::Unavailable(cause)) => Some(cause.to_string()),
        // connected, but without tables
        Err(SourceError::Unexpected(cause)) if cause.to_string().ends_with("(42P01)") => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// Creates an authority, and writes its certificate to `folder/{name}.pem`.
fn authority(folder: &TempDir, name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new(vec![]).expect("parameters");
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let issuer = CertifiedIssuer::self_signed(parameters, key).expect("a certificate");
    fs::write(folder.path().join(format!("{name}.pem")), issuer.pem()).expect("a file");
    issuer
}

#[tokio::test]
async fn each_sslmode_verifies_what_it_promises() {
    let Some(plain) = own_cluster("each_sslmode_verifies_what_it_promises", "").await else { return };
    let folder = TempDir::new().expect("a folder");
    let (right, _wrong) = (authority(&folder, "right"), authority(&folder, "wrong"));
    let key = KeyPair::generate().expect("a key");
    let parameters = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = parameters.signed_by(&key, &right).expect("a certificate");
    plain.write("server.crt", &certificate.pem()).await;
    plain.write("server.key", &key.serialize_pem()).await;
    let file = |name: &str| format!("sslrootcert={}", folder.path().join(name).display());
    let (right, wrong) = (file("right.pem"), file("wrong.pem"));
    let url = |host: &str, parameters: &str| {
        format!("postgres://postgres@{host}:{}/postgres?{parameters}", plain.port())
    };
    let (name, number) = ("localhost", "127.0.0.1");
    let refused = Some("TLS failed: the server does not speak it".to_owned());
    for (parameters, expected) in [
        ("", &None),
        ("sslmode=disable", &None),
        ("sslmode=prefer", &None),
        ("sslmode=require", &refused),
        (&format!("sslmode=verify-ca&{right}"), &refused),
        (&format!("sslmode=verify-full&{right}"), &refused),
    ] {
        assert_eq!(failure(&url(number, parameters)).await, *expected, "without TLS: {parameters}");
    }
    plain.write("postgresql.conf", "ssl = on\n").await;
    plain.control("restart").await;
    let unknown = Some("TLS failed: invalid peer certificate: UnknownIssuer".to_owned());
    let names = Some(
        "TLS failed: invalid peer certificate: certificate not valid for name \"127.0.0.1\"; certificate is only valid \
         for DnsName(\"localhost\")"
            .to_owned(),
    );
    for (host, parameters, expected) in [
        (number, "", &None),
        (number, "sslmode=disable", &None),
        (number, "sslmode=require", &None),
        (number, &format!("sslmode=require&{right}"), &None),
        (number, &format!("sslmode=require&{wrong}"), &unknown),
        (number, &format!("sslmode=verify-ca&{right}"), &None),
        (number, &format!("{wrong}&connect_timeout=9&sslmode=verify-ca"), &unknown),
        (name, &format!("sslmode=verify-full&{right}"), &None),
        (name, &format!("sslmode=verify-full&{wrong}"), &unknown),
        (number, &format!("sslmode=verify-full&{right}"), &names),
    ] {
        assert_eq!(failure(&url(host, parameters)).await, *expected, "with TLS: {host} {parameters}");
    }
    // the server says which connections are encrypted
    for (parameters, expected) in [("", true), ("sslmode=disable", false), ("sslmode=require", true)] {
        let pool = Config::new(&url(number, parameters)).expect("a URL").pool(1);
        let client = pool.get().await.expect("a connection");
        let statement = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let row = client.query_one(statement, &[]).await.expect("a row");
        assert_eq!(row.get::<_, bool>(0), expected, "{parameters}");
    }
    plain.stop().await;
}

#[tokio::test]
async fn errors_of_connections_say_what_failed() {
    let Some(cluster) = own_cluster("errors_of_connections_say_what_failed", "").await else { return };
    let access = "host all nobody 127.0.0.1/32 reject\nhost all secretive 127.0.0.1/32 scram-sha-256\n\
         host all all 127.0.0.1/32 trust\n";
    let client = crate::cluster::connect(&format!("{}/postgres", cluster.server())).await;
    let role = "SET password_encryption = 'scram-sha-256'; CREATE ROLE secretive LOGIN PASSWORD 'right'";
    client.batch_execute(role).await.expect("a role");
    drop(client);
    cluster.write("pg_hba.conf", access).await;
    cluster.control("restart").await;
    let url = |rest: &str| format!("postgres://{rest}").replace("PORT", &cluster.port().to_string());
    for (rest, expected) in [
        ("secretive:right@127.0.0.1:PORT/postgres", None),
        ("secretive:wrong@127.0.0.1:PORT/postgres", Some("the password is wrong (28P01)")),
        ("secretive@127.0.0.1:PORT/postgres", Some("the server asks for a password: add one to the URL")),
        (
            "nobody@127.0.0.1:PORT/postgres",
            Some(
                "the user does not exist, or may not log in from here or without TLS: see pg_hba.conf (28000)",
            ),
        ),
        ("postgres@127.0.0.1:PORT/missing", Some("the database does not exist (3D000)")),
        (
            "postgres@127.0.0.1:1/postgres",
            Some("the host can't be reached: Connection refused (os error 111)"),
        ),
    ] {
        assert_eq!(failure(&url(rest)).await.as_deref(), expected, "{rest}");
    }
    let unknown = failure(&url("postgres@no-such-host.invalid:PORT/postgres")).await.expect("an error");
    assert!(unknown.starts_with("the host can't be reached: failed to lookup address"), "{unknown}");
    // a connection that breaks while a statement runs
    let database = Database::empty(&cluster.server()).await;
    let source = PostgresSource::new(&Config::new(&database.url()).expect("a URL"), &Options::default());
    assert!(matches!(source.changes_since(None).await, Err(SourceError::Unexpected(_))));
    cluster.stop().await;
    let Err(SourceError::Unavailable(cause)) = source.changes_since(None).await else { panic!() };
    assert_eq!(cause.to_string(), "the host can't be reached: Connection refused (os error 111)");
}

/// The message, the detail and the hint of an error can quote a row.
#[tokio::test]
async fn errors_of_statements_name_places_and_no_values() {
    let test = "errors_of_statements_name_places_and_no_values";
    let Some(database) = Database::new(test).await else { return };
    let client = database.client().await;
    client.batch_execute(&insert(1, 1)).await.expect("a key");
    for (statement, place) in [
        (&*insert(1, 1), "23505, api_keys_pkey"),
        ("UPDATE api_keys SET project = NULL", "23502, project"),
        ("UPDATE api_keys SET digest = '\\xabcd'", "23514, api_keys_digest_check"),
        ("UPDATE api_keys SET digest = NULL", "23502, digest"),
        ("UPDATE api_keys SET scopes = NULL", "23502, scopes"),
        ("UPDATE api_keys SET id = 'key'", "23514, api_keys_id_check"),
        ("SELECT 'hunter2'::integer", "22P02"),
        (
            "DO $$ BEGIN RAISE 'hunter2' USING DETAIL = 'hunter2', HINT = 'hunter2', TABLE = 'a table'; END $$",
            "P0001, a table",
        ),
    ] {
        let error = SourceError::from(client.batch_execute(statement).await.expect_err(statement));
        let expected = format!("the statement failed: see the log of the server ({place})");
        assert_eq!(error.to_string(), format!("unexpected answer of the database: {expected}"));
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

/// If callers give up during an attempt to connect, later callers join it, and start no other.
#[tokio::test]
async fn an_attempt_to_connect_outlives_its_caller() {
    let Some(database) = Database::new("an_attempt_to_connect_outlives_its_caller").await else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = listener.local_addr().expect("an address");
    let (open, gate) = watch::channel(false);
    let accepted = Arc::new(AtomicU32::new(0));
    let count = accepted.clone();
    let server = database.url().split_once('@').expect("a URL").1.replace(&format!("/{}", database.name), "");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let (server, mut gate) = (server.clone(), gate.clone());
            tokio::spawn(async move {
                gate.wait_for(|is_open| *is_open).await.expect("a gate");
                let mut server = TcpStream::connect(server).await.expect("the server");
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    let url = format!("postgres://postgres@{proxy}/{}", database.name);
    let source = PostgresSource::new(&Config::new(&url).expect("a URL"), &Options::default());
    for _ in 0..3 {
        let read = timeout(Duration::from_millis(100), source.changes_since(None)).await;
        assert!(read.is_err(), "{read:?}");
    }
    open.send(true).expect("a gate");
    source.changes_since(None).await.expect("the log");
    assert_eq!(accepted.load(Ordering::Relaxed), 1);
}

#[test]
fn invalid_configurations_are_refused() {
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let (empty, broken) = (path("empty", ""), path("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n"));
    let missing = folder.path().join("missing");
    let full =
        |path: &std::path::Path| format!("postgres://h/d?sslmode=verify-full&sslrootcert={}", path.display());
    for (url, expected) in [
        ("", ConfigError::Url),
        ("host=localhost", ConfigError::Url),
        ("mysql://h/d", ConfigError::Url),
        ("postgres://u:p%FF@h:port/d", ConfigError::Url),
        ("postgres://h/d?unknown=1", ConfigError::Url),
        ("postgres://h/d?sslmode", ConfigError::SslMode),
        ("postgres://h/d?sslmode=%FF", ConfigError::Url),
        ("postgres://h/d?sslmode=allow", ConfigError::SslMode),
        ("postgres://h/d?sslmode=Require", ConfigError::SslMode),
        ("postgres://h/d?sslmode=verify-ca", ConfigError::NoRootCertificate),
        ("postgres://h/d?sslmode=verify-ca&sslrootcert=system", ConfigError::WeakSystemCertificates),
        ("postgres://h/d?sslmode=require&sslrootcert=system", ConfigError::WeakSystemCertificates),
        ("postgres://h/d?sslrootcert=system", ConfigError::WeakSystemCertificates),
        ("postgres://h/d?sslrootcert=a", ConfigError::UnusedRootCertificate),
        ("postgres://h/d?sslmode=prefer&sslrootcert=a", ConfigError::UnusedRootCertificate),
        ("postgres://h/d?sslmode=disable&sslrootcert=a", ConfigError::UnusedRootCertificate),
        (&full(&missing), ConfigError::RootCertificate(missing.clone())),
        (&full(&empty), ConfigError::RootCertificate(empty.clone())),
        (&full(&broken), ConfigError::RootCertificate(broken.clone())),
    ] {
        assert_eq!(Config::new(url).err(), Some(expected), "{url}");
    }
}

#[test]
fn urls_are_read() {
    for (url, hosts) in [
        ("postgres://u:p@h/d", "Config { hosts: [Tcp(\"h\")], .. }"),
        (
            "postgresql://a,b:5433/d?sslmode=require&target_session_attrs=read-write",
            "Config { hosts: [Tcp(\"a\"), Tcp(\"b\")], .. }",
        ),
        // a password that contains a question mark and an sslmode
        ("postgres://u:p?sslmode=none@h/d?sslmode=disable", "Config { hosts: [Tcp(\"h\")], .. }"),
        (
            "postgres:///d?host=/run/postgresql&sslmode=disable",
            "Config { hosts: [Unix(\"/run/postgresql\")], .. }",
        ),
        ("postgres://h?&sslmode=disable&", "Config { hosts: [Tcp(\"h\")], .. }"),
    ] {
        assert_eq!(format!("{:?}", Config::new(url).expect(url)), hosts);
    }
}

#[test]
fn errors_repeat_nothing_secret() {
    for url in
        ["postgres://user:hunter2@h:port/d", "hunter2", "postgres://u:pass?hunter2=1@h/d?sslmode=hunter2"]
    {
        let error = Config::new(url).expect_err("an error");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let config = Config::new("postgres://user:hunter2@h/d").expect("a URL");
    let source = PostgresSource::new(&config, &Options::default());
    assert!(!format!("{config:?} {source:?}").contains("hunter2"));
}

/// The messages AuthenticationOk and ReadyForQuery.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

/// Reads the log from a server that sends `answer` to the client and then runs `act` on the connection, and returns the
/// error.
async fn error_from_server<F: Future<Output = ()> + Send + 'static>(
    answer: &'static [u8],
    act: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> SourceError {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("a port").port();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.expect("a client");
        assert!(client.read(&mut [0; 8192]).await.expect("a startup") > 0);
        client.write_all(answer).await.expect("it reads");
        act(client).await;
    });
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    let source = PostgresSource::new(&Config::new(&url).expect("a URL"), &Options::default());
    source.changes_since(None).await.expect_err("no answer")
}

/// A pooler may answer a statement with the messages for another one.
#[tokio::test]
async fn an_answer_to_another_statement_is_an_outage() {
    let act = async |mut client: TcpStream| {
        let mut sent = [0; 8192];
        assert!(client.read(&mut sent).await.expect("a statement") > 0);
        client.write_all(b"C\0\0\0\x0dSELECT 0\0Z\0\0\0\x05I").await.expect("it reads");
        while client.read(&mut sent).await.expect("its end") > 0 {}
    };
    let error = error_from_server(WELCOME, act).await;
    assert!(matches!(&error, SourceError::Unavailable(_)), "{error:?}");
    let text = "the database is unavailable: the connection is out of step: unexpected message from server";
    assert_eq!(error.to_string(), text);
}

/// The server would answer the second statement on the first connection, too.
#[tokio::test]
async fn a_connection_is_closed_after_a_statement_that_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let accepted = Arc::new(AtomicU32::new(0));
    let count = accepted.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut sent = [0; 8192];
                let mut answer = WELCOME;
                while client.read(&mut sent).await.is_ok_and(|bytes| bytes > 0) {
                    _ = client.write_all(answer).await;
                    // the answer to another statement
                    answer = b"C\0\0\0\x0dSELECT 0\0Z\0\0\0\x05I";
                }
            });
        }
    });
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    let source = PostgresSource::new(&Config::new(&url).expect("a URL"), &Options::default());
    for connections in [1, 2] {
        let error = source.changes_since(None).await.expect_err("no answer");
        assert!(matches!(&error, SourceError::Unavailable(_)), "{error:?}");
        assert_eq!(accepted.load(Ordering::Relaxed), connections);
    }
}

#[tokio::test]
async fn a_connection_that_ends_is_an_outage() {
    let closes = async |mut client: TcpStream| {
        assert!(client.read(&mut [0; 8192]).await.expect("a statement") > 0);
    };
    // closing a socket that has unread data resets its connection
    let resets = async |client: TcpStream| client.readable().await.expect("a statement");
    for error in [error_from_server(WELCOME, closes).await, error_from_server(WELCOME, resets).await] {
        assert!(matches!(&error, SourceError::Unavailable(_)), "{error:?}");
        assert_eq!(error.to_string(), "the database is unavailable: the connection was closed");
    }
}

#[tokio::test]
async fn an_unsupported_way_to_log_in_is_an_outage() {
    let waits = async |mut client: TcpStream| _ = client.read(&mut [0; 8192]).await;
    // GSSAPI
    let error = error_from_server(b"R\0\0\0\x08\0\0\0\x07", waits).await;
    let text = "the password is wrong, or the server's way of asking for it is not supported";
    assert_eq!(error.to_string(), format!("the database is unavailable: {text}"));
}
