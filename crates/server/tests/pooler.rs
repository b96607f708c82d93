//! PgBouncer in transaction mode runs each transaction on any of its connections. No client gets the answer of another, and
//! each query takes one round trip.

mod common;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use common::Data;
use ctx_key_server::database::{Connection, Database, Location, Value};

/// Number of pools, which have eight connections each.
const POOLS: i64 = 5;
const CLIENTS: i64 = 8 * POOLS;
const QUERIES: i64 = 100;

/// Number of messages in a query that make the server answer. A query also begins and commits a transaction, for its limits.
const WAITS_OF_QUERY: u64 = 3;

/// Counts of the messages that clients send through a proxy.
struct Counts {
    /// Statements that are parsed.
    parses: AtomicU64,
    /// Messages that make the server answer: Sync, Flush and simple queries.
    waits: AtomicU64,
    /// Number of these messages in a round trip. The proxy sends them together, so a client that waits after the first hangs.
    waits_in_trip: AtomicU64,
}

fn count_before(target: String) -> (u16, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let counts = Arc::new(Counts {
        parses: AtomicU64::new(0),
        waits: AtomicU64::new(0),
        waits_in_trip: AtomicU64::new(WAITS_OF_QUERY),
    });
    let theirs = counts.clone();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(&target).unwrap();
            let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || (io::copy(&mut from, &mut to), to.shutdown(Shutdown::Both)));
            let counts = theirs.clone();
            thread::spawn(move || forward(client, server, &counts));
        }
    });
    (port, counts)
}

/// Forwards messages. A message has a type, a length that includes itself, and a body. The first messages have no type.
fn forward(mut client: TcpStream, mut server: TcpStream, counts: &Counts) -> Option<()> {
    let (mut is_started, mut trip, mut waits) = (false, Vec::new(), 0);
    loop {
        let mut kind = [0; 1];
        if is_started {
            client.read_exact(&mut kind).ok()?;
            trip.extend(kind);
        }
        let mut length = [0; 4];
        client.read_exact(&mut length).ok()?;
        let mut rest = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - 4];
        client.read_exact(&mut rest).ok()?;
        // a startup message starts with the protocol's version 3, and a request for TLS or a cancellation with 1234
        let was_started = is_started;
        is_started |= rest.starts_with(&[0, 3]);
        trip.extend(length);
        trip.extend(rest);
        match kind[0] {
            b'P' => _ = counts.parses.fetch_add(1, Ordering::Relaxed),
            b'S' | b'H' | b'Q' => {
                counts.waits.fetch_add(1, Ordering::Relaxed);
                waits += 1;
            }
            _ => {}
        }
        if !was_started || waits == counts.waits_in_trip.load(Ordering::Relaxed) {
            server.write_all(&trip).ok()?;
            trip.clear();
            waits = 0;
        }
    }
}

/// Sends a query and returns whether its answer is right. The parameters and columns of the queries differ in number and type,
/// so that a wrong answer is noticed.
async fn ask(connection: &mut Connection, client: i64, query: i64) -> bool {
    let (number, text) = (client * QUERIES + query, format!("{client} asks {query}"));
    match query % 4 {
        0 => {
            let row = connection.query_one("SELECT $1 + 0 AS a", &[number.into()]).await.unwrap();
            row.get("a") == Ok(number)
        }
        1 => {
            let sql = "SELECT $1 || '' AS b, $2 + 0 AS c";
            let row = connection.query_one(sql, &[(&text).into(), number.into()]).await.unwrap();
            row.get("b") == Ok(text) && row.get("c") == Ok(number)
        }
        2 => {
            let sql = "SELECT $1 + 0 AS d FROM generate_series(1, $2) WHERE $3 = '' OR $3 IS NULL";
            let values = [number.into(), (query % 5 + 1).into(), Value::Null];
            let rows = connection.query(sql, &values).await.unwrap();
            let numbers = rows.iter().map(|row| row.get::<i64>("d").unwrap());
            numbers.eq((0..=query % 5).map(|_| number))
        }
        _ => {
            let sql = "SELECT $1 AS e, $2 || $1 AS f, $3 * 2 AS g";
            let values = [vec![1; 9].into(), vec![2; 3].into(), 0.5.into()];
            let row = connection.query_one(sql, &values).await.unwrap();
            let bytes = [vec![2; 3], vec![1; 9]].concat();
            row.get("e") == Ok(vec![1_u8; 9]) && row.get("f") == Ok(bytes) && row.get("g") == Ok(1.0)
        }
    }
}

#[test]
fn through_a_pooler_each_answer_is_right_and_takes_one_round_trip() {
    const NAME: &str = "through_a_pooler_each_answer_is_right_and_takes_one_round_trip";
    if std::env::var_os("CTX_KEY_TEST_PGBOUNCER").is_none() {
        // the tests run a second time on PostgreSQL without a pooler, so this is not an error
        let _ = writeln!(io::stderr(), "SKIPPED {NAME}: CTX_KEY_TEST_PGBOUNCER is not set");
        return;
    }
    let data = Data::new();
    tokio::runtime::Runtime::new().unwrap().block_on(ask_all(&data.server_url().unwrap()));
}

async fn ask_all(url: &str) {
    let (start, rest) = url.split_once('@').unwrap();
    let (address, name) = rest.split_once('/').unwrap();
    let (port, counts) = count_before(address.to_owned());
    let url = format!("{start}@127.0.0.1:{port}/{name}");

    let pools: Vec<_> =
        (0..POOLS).map(|_| Database::open(Location::Postgres(url.clone())).unwrap()).collect();
    let mut connections = Vec::new();
    for client in 0..CLIENTS {
        connections.push(pools[usize::try_from(client % POOLS).unwrap()].acquire().await.unwrap());
    }
    let clients: Vec<_> = (0..)
        .zip(connections)
        .map(|(client, mut connection)| {
            tokio::spawn(async move {
                let mut right = 0;
                for query in 0..QUERIES {
                    right += u64::from(ask(&mut connection, client, query).await);
                }
                right
            })
        })
        .collect();
    let mut right = 0;
    for client in clients {
        right += client.await.unwrap();
    }
    let total = u64::try_from(CLIENTS * QUERIES).unwrap();
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let waits = WAITS_OF_QUERY * total;
    assert_eq!((right, read(&counts.parses), read(&counts.waits)), (total, total, waits));

    // a transaction: one round trip to begin, one for each statement, one to commit
    counts.waits_in_trip.store(1, Ordering::Relaxed);
    let mut transaction = pools[0].begin().await.unwrap();
    transaction.execute("SELECT 1", &[]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!((read(&counts.parses), read(&counts.waits)), (total + 1, waits + 3));
}
