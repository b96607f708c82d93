//! A proxy that disturbs connections to PostgreSQL.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::second;
use crate::common::Data;

/// The treatment of the bytes that a proxy reads.
#[derive(Clone, Copy, Default)]
pub enum Conduct {
    #[default]
    Forward,
    /// Delays answers by this time.
    Delay(Duration),
    /// Holds answers back, and forwards them when the conduct changes.
    HoldAnswers,
    /// Holds everything back, and forwards it when the conduct changes.
    Freeze,
    SwallowRequests,
    SwallowAnswers,
}

#[derive(Clone, Copy)]
enum Direction {
    Requests,
    Answers,
}

/// Forwards connections to a server. Its threads end with their connections. The thread that accepts ends with the program.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: Mutex<String>,
    conduct: Mutex<Conduct>,
    is_closed: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Starts a proxy in front of the server of a database. Returns the proxy, and the URL of the database through it.
    pub fn start(url: &str) -> (Self, String) {
        let (start, address, name) = parts(url);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            target: Mutex::new(address.to_owned()),
            conduct: Mutex::default(),
            is_closed: AtomicBool::new(false),
            streams: Mutex::default(),
        });
        let theirs = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten().filter(|_| !theirs.is_closed()) {
                let target = theirs.target.lock().expect("no panic").clone();
                // if the server is down, the client's connection is dropped, and so closed
                if let Ok(target) = TcpStream::connect(target) {
                    forward(&theirs, client, target);
                }
            }
        });
        (Self { port, shared }, format!("{start}@127.0.0.1:{port}/{name}"))
    }

    /// Starts a proxy between a second server and the database of the first. Returns the data of the second server.
    pub fn before(data: &Data) -> (Self, Data) {
        let (proxy, url) = Self::start(&data.server_url().expect("PostgreSQL"));
        (proxy, second(url))
    }

    pub fn set(&self, conduct: Conduct) {
        *self.shared.conduct.lock().expect("no panic") = conduct;
    }

    /// Closes all connections, and refuses new ones if `is_closed`, or else accepts them again.
    pub fn close(&self, is_closed: bool) {
        self.shared.is_closed.store(is_closed, Ordering::SeqCst);
        for stream in self.shared.streams.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Forwards later connections to the server of another database, which has to have the same name.
    pub fn lead_to(&self, url: &str) {
        *self.shared.target.lock().expect("no panic") = parts(url).1.to_owned();
    }
}

/// Returns the parts around `@` and the `/` of a URL.
fn parts(url: &str) -> (&str, &str, &str) {
    let (start, rest) = url.split_once('@').expect("user@host");
    let (address, name) = rest.split_once('/').expect("host:port/name");
    (start, address, name)
}

impl Shared {
    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Waits for as long as the bytes are held back. Returns whether they are forwarded.
    fn lets_pass(&self, direction: Direction) -> bool {
        use Direction::{Answers, Requests};
        loop {
            let conduct = *self.conduct.lock().expect("no panic");
            match (conduct, direction) {
                (Conduct::HoldAnswers, Answers) | (Conduct::Freeze, _) => {
                    thread::sleep(Duration::from_millis(5));
                }
                (Conduct::SwallowRequests, Requests) | (Conduct::SwallowAnswers, Answers) => return false,
                (Conduct::Delay(delay), Answers) => {
                    thread::sleep(delay);
                    return true;
                }
                _ => return true,
            }
        }
    }
}

fn forward(shared: &Arc<Shared>, client: TcpStream, target: TcpStream) {
    let copy = |stream: &TcpStream| stream.try_clone().expect("a stream");
    let both = [copy(&client), copy(&target)];
    both.iter().for_each(|stream| stream.set_nodelay(true).expect("a stream"));
    shared.streams.lock().expect("no panic").extend(both);
    let (from, to, theirs) = (copy(&client), copy(&target), shared.clone());
    thread::spawn(move || pass(&theirs, Direction::Requests, from, to));
    let theirs = shared.clone();
    thread::spawn(move || pass(&theirs, Direction::Answers, target, client));
}

fn pass(shared: &Shared, direction: Direction, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if shared.lets_pass(direction) && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
