//! Is a request refused while a key is replaced? Not one, if the overlap lasts until every client has the new key.
//!
//! ```text
//! cargo run -p ctx-key-integrations --example rotation            an overlap of 120 seconds
//! cargo run -p ctx-key-integrations --example rotation -- 0       and of none
//! ```
//!
//! Clients send requests to a server all the time, over the loopback. The key is rotated in their midst, reaches the
//! clients one by one, the overlap ends, and the old record is deleted. The seconds are simulated: each hundred
//! requests are one.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ctx_key::{ApiKey, Denied, KeyId, KeyRecord, KeyState, Scope, UnixTime, bearer};
use ctx_key_integrations::ErrorBody;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

type Failure = Box<dyn Error + Send + Sync>;

const START: UnixTime = UnixTime::from_secs(1_800_000_000);
const REQUESTS_PER_SECOND: u64 = 100;
const CLIENTS: u64 = 8;
/// Seconds until the rotation; from there until the last client has the new key; and from the end of both that and
/// the overlap until the end.
const BEFORE: u64 = 60;
const DEPLOYMENT: u64 = 60;
const AFTER: u64 = 30;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let overlap: u8 = std::env::args().nth(1).map_or(Ok(120), |argument| argument.parse())?;
    let summary = run(overlap.into()).await?;
    println!(
        "overlap                     {overlap} s, while {CLIENTS} clients change keys within {DEPLOYMENT} s"
    );
    println!("requests                    {}", summary.counts.requests);
    println!("  in the overlap, old key   {}", summary.counts.old_in_overlap);
    println!("  in the overlap, new key   {}", summary.counts.new_in_overlap);
    println!("  refused                   {}", summary.counts.refused);
    println!("old key after the overlap   {}", label(summary.old_after_overlap));
    println!("old key, record deleted     {}", label(summary.old_after_deletion));
    println!("new key                     {}", label(summary.new_at_the_end));
    Ok(())
}

fn label(answer: Result<(), Denied>) -> String {
    answer.map_or_else(
        |denied| format!("{}, {}", denied.status(), denied.reason().as_str()),
        |()| "granted".into(),
    )
}

/// What became of the requests, and of the keys at the end.
#[derive(Debug)]
pub struct Summary {
    pub counts: Counts,
    pub old_after_overlap: Result<(), Denied>,
    pub old_after_deletion: Result<(), Denied>,
    pub new_at_the_end: Result<(), Denied>,
}

#[derive(Debug, Default)]
pub struct Counts {
    pub requests: u64,
    /// Granted in the overlap.
    pub old_in_overlap: u64,
    pub new_in_overlap: u64,
    /// At any time.
    pub refused: u64,
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            old_in_overlap: self.old_in_overlap + other.old_in_overlap,
            new_in_overlap: self.new_in_overlap + other.new_in_overlap,
            refused: self.refused + other.refused,
        }
    }
}

/// Rotates a key under load.
pub async fn run(overlap_secs: u64) -> Result<Summary, Failure> {
    let old = ApiKey::generate();
    let service = Arc::new(Service::new(&old, overlap_secs));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(axum::serve(listener, app(Arc::clone(&service))).into_future());

    let mut clients = JoinSet::new();
    for number in 1..=CLIENTS {
        clients.spawn(client(number, address, Arc::clone(&service), old.clone()));
    }
    let new = timeout(Duration::from_secs(60), rotate_in_time(&service, &old)).await??;
    let ended = timeout(Duration::from_secs(60), clients.join_all()).await?;
    server.abort();

    let counts =
        ended.into_iter().try_fold(Counts::default(), |sum, counts| counts.map(|counts| sum.plus(counts)))?;
    let old_after_overlap = service.ask(&old);
    service.clean_up();
    let (old_after_deletion, new_at_the_end) = (service.ask(&old), service.ask(&new));
    Ok(Summary { counts, old_after_overlap, old_after_deletion, new_at_the_end })
}

/// The owner of the key, in the dashboard.
async fn rotate_in_time(service: &Service, old: &ApiKey) -> Result<ApiKey, Failure> {
    while service.now() < START.saturating_add(BEFORE) {
        sleep(Duration::from_millis(1)).await;
    }
    let new = ApiKey::generate();
    service.rotate(old.id(), &new)?;
    Ok(new)
}

// The server.

fn app(service: Arc<Service>) -> Router {
    Router::new().route("/v1/memories", get(memories)).with_state(service)
}

async fn memories(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    service.requests.fetch_add(1, Ordering::SeqCst);
    match service.check(&headers) {
        Ok(()) => "{\"data\":[],\"has_more\":false}".into_response(),
        Err(denied) => ErrorBody::from(denied).into_response(),
    }
}

type Records = HashMap<KeyId, KeyRecord<String>>;

struct Service {
    records: RwLock<Records>,
    requests: AtomicU64,
    overlap_secs: u64,
    rotation: OnceLock<Rotation>,
}

/// The new key and when it came, for the clients.
struct Rotation {
    new: ApiKey,
    at: UnixTime,
}

impl Service {
    fn new(key: &ApiKey, overlap_secs: u64) -> Self {
        let record = KeyRecord::new(key, "demo".to_owned(), Scope::READ);
        let records = RwLock::new(Records::from([(record.id, record)]));
        Self { records, overlap_secs, requests: AtomicU64::new(0), rotation: OnceLock::new() }
    }

    fn now(&self) -> UnixTime {
        START.saturating_add(self.requests.load(Ordering::SeqCst) / REQUESTS_PER_SECOND)
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), Denied> {
        let key = bearer::parse_headers(headers)?;
        let record = self.find(key.id()).ok_or(Denied::unknown_key())?;
        record.verify(&key, self.now())?.require(Scope::MEMORIES_READ)
    }

    fn find(&self, id: KeyId) -> Option<KeyRecord<String>> {
        self.records.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Records> {
        self.records.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one record and adds the other under one lock, as a database does in one transaction.
    fn rotate(&self, old: KeyId, new: &ApiKey) -> Result<(), Failure> {
        let (mut records, at) = (self.write(), self.now());
        let successor =
            records.get_mut(&old).ok_or(Denied::unknown_key())?.rotate(new, at, self.overlap_secs)?;
        records.insert(successor.id, successor);
        self.rotation.get_or_init(|| Rotation { new: new.clone(), at });
        Ok(())
    }

    /// Deletes the records that have ended.
    fn clean_up(&self) {
        let now = self.now();
        self.write().retain(|_, record| record.state(now) == KeyState::Active);
    }

    /// The check without a request that counts.
    fn ask(&self, key: &ApiKey) -> Result<(), Denied> {
        self.check(&HeaderMap::from_iter([(AUTHORIZATION, key.to_header_value())]))
    }
}

// The clients.

/// Sends the old key until its turn has come to change to the new one.
async fn client(number: u64, address: SocketAddr, service: Arc<Service>, old: ApiKey) -> io::Result<Counts> {
    let mut connection = BufReader::new(TcpStream::connect(address).await?);
    let mut counts = Counts::default();
    loop {
        let rotation = service.rotation.get();
        let since = rotation.map(|rotation| service.now().as_secs() - rotation.at.as_secs());
        if since >= Some(DEPLOYMENT.max(service.overlap_secs) + AFTER) {
            return Ok(counts);
        }
        let new = rotation.filter(|_| since >= Some(DEPLOYMENT / CLIENTS * number));
        let is_granted = request(&mut connection, new.map_or(&old, |rotation| &rotation.new)).await?;
        counts.requests += 1;
        counts.refused += u64::from(!is_granted);
        if is_granted && since.is_some_and(|since| since < service.overlap_secs) {
            counts.new_in_overlap += u64::from(new.is_some());
            counts.old_in_overlap += u64::from(new.is_none());
        }
    }
}

/// One request on a connection that is kept, and whether it was granted.
async fn request(connection: &mut BufReader<TcpStream>, key: &ApiKey) -> io::Result<bool> {
    let head = format!(
        "GET /v1/memories HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        key.expose_secret()
    );
    connection.write_all(head.as_bytes()).await?;
    let (mut status, mut line, mut length) = (String::new(), String::new(), 0);
    connection.read_line(&mut status).await?;
    while line != "\r\n" {
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim_end().parse().map_err(io::Error::other)?;
        }
        line.clear();
        if connection.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    connection.read_exact(&mut vec![0; length]).await?;
    Ok(status.starts_with("HTTP/1.1 200 "))
}
