//! Sign-ins that come faster than passwords can be hashed.

mod common;

use std::io::Write;
use std::net::TcpStream;

use common::{Data, EMAIL, PASSWORD, Server, wait};
use serde_json::json;

/// Sends a sign-in from an address of its own, so that no rate limit refuses it. Returns the connection.
fn sign_in(server: &Server, number: u16, email: &str) -> TcpStream {
    let body = json!({ "email": email, "password": "not the password at all" }).to_string();
    let [high, low] = number.to_be_bytes();
    let request = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         x-forwarded-for: 192.0.{high}.{low}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        server.address(),
        body.len()
    );
    let mut stream = server.connect();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

#[test]
fn sign_ins_that_hang_up_take_little_memory_and_delay_no_key() {
    let data = Data::new();
    let server = Server::start_with(&data, &["--behind-proxy"]);
    server.set_up(&data);
    let (token, company) = server.log_in();
    let (_, key) = server.key(&token, &company, &["memories:read"]);
    for number in 0..300 {
        drop(sign_in(&server, number, &format!("{number}@example.com")));
        if number % 10 == 0 {
            assert_eq!(server.get("/v1/key", Some(&key)).status(), 200);
        }
    }
    // this sign-in is answered after those that were hashed before it
    wait(|| server.log_in_as(EMAIL, PASSWORD).0 == 200);
    let peak = server.peak_memory();
    assert!(peak < 160, "{peak} MiB");
}
