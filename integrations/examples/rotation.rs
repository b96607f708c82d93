//! No request is refused while a key is replaced, if the overlap lasts until every client has the new key.
//!
//! ```text
//! cargo run -p ctx-key-integrations --example rotation            an overlap of 120 seconds
//! cargo run -p ctx-key-integrations --example rotation -- 0       no overlap
//! ```
//!
//! Clients continuously send requests to a server over the loopback. Meanwhile the key is rotated, the clients change to the
//! new key one by one, the overlap ends, and the old record is deleted. Seconds are simulated: a second ends when each client
//! has sent its requests of that second. So the server verifies keys itself, because ctx-key-verifier uses the system's clock.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockWriteGuard};

use axum::Router;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ctx_key::{ApiKey, Denied, KeyId, KeyRecord, KeyState, Scope, UnixTime, bearer};
use ctx_key_integrations::ErrorBody;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

const START: UnixTime = UnixTime::from_secs(1_800_000_000);
const CLIENTS: u64 = 8;
/// Requests of each client per second.
const REQUESTS: u64 = 12;
/// Seconds before the rotation.
const BEFORE: u64 = 60;
/// Seconds from the rotation until the last client has the new key.
const DEPLOYMENT: u64 = 60;
/// Seconds after both the deployment and the overlap have ended.
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

/// The results of the requests, and the state of the keys at the end.
#[derive(Debug)]
pub struct Summary {
    pub counts: Counts,
    pub old_after_overlap: Result<(), Denied>,
    pub old_after_deletion: Result<(), Denied>,
    pub new_at_the_end: Result<(), Denied>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Counts {
    pub requests: u64,
    /// Requests with the old key that were granted during the overlap.
    pub old_in_overlap: u64,
    /// Requests with the new key that were granted during the overlap.
    pub new_in_overlap: u64,
    /// Requests that were refused at any time.
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
    let counts = async {
        let mut sum = Counts::default();
        while let Some(counts) = clients.join_next().await {
            sum = sum.plus(counts??);
        }
        Ok::<_, Failure>(sum)
    };
    let (new, counts) = tokio::try_join!(rotate_in_time(&service, &old), counts)?;
    server.abort();

    let old_after_overlap = service.check_key(&old);
    service.clean_up();
    let (old_after_deletion, new_at_the_end) = (service.check_key(&old), service.check_key(&new));
    Ok(Summary { counts, old_after_overlap, old_after_deletion, new_at_the_end })
}

/// Advances the clock, and rotates the key as its owner does in the dashboard.
async fn rotate_in_time(service: &Service, old: &ApiKey) -> Result<ApiKey, Failure> {
    let new = ApiKey::generate();
    for second in 0..service.duration() {
        service.second.store(second, Ordering::SeqCst);
        service.start_or_end.wait().await;
        if second == BEFORE {
            service.rotate(old.id(), &new)?;
        }
        service.start_or_end.wait().await;
    }
    Ok(new)
}

// The server.

fn app(service: Arc<Service>) -> Router {
    Router::new().route("/v1/memories", get(memories)).with_state(service)
}

async fn memories(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    match service.check(&headers) {
        Ok(()) => "{\"data\":[],\"has_more\":false}".into_response(),
        Err(denied) => ErrorBody::from(denied).into_response(),
    }
}

type Records = HashMap<KeyId, KeyRecord<String>>;

struct Service {
    records: RwLock<Records>,
    overlap_secs: u64,
    /// The clock: seconds since the start.
    second: AtomicU64,
    /// All clients and the clock wait here for each other at the start and the end of each second.
    start_or_end: Barrier,
    /// The new key, for the clients.
    new: OnceLock<ApiKey>,
}

impl Service {
    fn new(key: &ApiKey, overlap_secs: u64) -> Self {
        let record = KeyRecord::new(key, "demo".to_owned(), Scope::READ);
        let records = RwLock::new(Records::from([(record.id, record)]));
        let start_or_end = Barrier::new(CLIENTS as usize + 1);
        Self { records, overlap_secs, second: AtomicU64::new(0), start_or_end, new: OnceLock::new() }
    }

    /// Returns the duration of the simulation in seconds.
    fn duration(&self) -> u64 {
        BEFORE + DEPLOYMENT.max(self.overlap_secs) + AFTER
    }

    fn now(&self) -> UnixTime {
        START.saturating_add(self.second.load(Ordering::SeqCst))
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
        self.new.get_or_init(|| new.clone());
        Ok(())
    }

    /// Deletes records that are not active.
    fn clean_up(&self) {
        let now = self.now();
        self.write().retain(|_, record| record.state(now) == KeyState::Active);
    }

    /// Checks a key without a counted request.
    fn check_key(&self, key: &ApiKey) -> Result<(), Denied> {
        self.check(&HeaderMap::from_iter([(AUTHORIZATION, key.to_header_value())]))
    }
}

// The clients.

/// Sends requests with the old key, and with the new key once this client has received it.
async fn client(number: u64, address: SocketAddr, service: Arc<Service>, old: ApiKey) -> io::Result<Counts> {
    let mut connection = BufReader::new(TcpStream::connect(address).await?);
    let mut counts = Counts::default();
    for second in 0..service.duration() {
        service.start_or_end.wait().await;
        let since = second.checked_sub(BEFORE);
        let new = service.new.get().filter(|_| since >= Some(DEPLOYMENT / CLIENTS * number));
        let is_in_overlap = since.is_some_and(|since| since < service.overlap_secs);
        for _ in 0..REQUESTS {
            let is_granted = request(&mut connection, new.unwrap_or(&old)).await?;
            counts.requests += 1;
            counts.refused += u64::from(!is_granted);
            counts.new_in_overlap += u64::from(is_granted && is_in_overlap && new.is_some());
            counts.old_in_overlap += u64::from(is_granted && is_in_overlap && new.is_none());
        }
        service.start_or_end.wait().await;
    }
    Ok(counts)
}

/// Sends a request on a kept-alive connection, and returns whether it was granted.
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
