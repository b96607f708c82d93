//! The cost of the rate limits: counting an event of a key, and refusing a sign-in. The cost must not grow with the
//! number of keys, accounts and addresses that a limit has counted.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ctx_key_server::clock::Clock;
use ctx_key_server::http::sign_in_limit::SignInLimit;
use ctx_key_server::http::sliding_window::SlidingWindows;
use ctx_key_server::store::email::Email;

fn main() {
    for ids in [1, 1_000, 100_000, 1_000_000] {
        let windows = SlidingWindows::default();
        let id = |number: u64| (number % ids).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let each = time(2_000_000, |number| {
            windows.count(id(number.wrapping_mul(7_919)), number / 70, 6_000);
        });
        println!("{ids} ids: {each:?} for an event");
    }
    for known in [10, 10_000, 1_000_000] {
        // this clock does not move, so no quota refills
        let limit = SignInLimit::new(&Clock::Set(Arc::default()));
        let email = |number: u64| Email::new(&format!("{number}@example.com"));
        let (ada, address) = (Email::new("ada@example.com"), IpAddr::from(Ipv4Addr::LOCALHOST));
        for number in 0..known {
            let _ = limit.count_wrong(&email(number));
        }
        while limit.admit(address, None).is_ok() {}
        while limit.count_wrong(&ada).is_ok() {}
        let refusals = time(100_000, |_| {
            assert!(limit.admit(address, None).is_err() && limit.count_wrong(&ada).is_err());
        });
        let mut longest = Duration::ZERO;
        let new = time(100_000, |number| {
            let start = Instant::now();
            let _ = limit.count_wrong(&email(known + number));
            longest = longest.max(start.elapsed());
        });
        println!(
            "{known} accounts: {refusals:?} for both refusals, {new:?} for a new one, at most {longest:?}"
        );
    }
}

/// Returns the mean time of a call. Each call gets a number, from 0 on.
fn time(count: u32, mut call: impl FnMut(u64)) -> Duration {
    let start = Instant::now();
    (0..count).for_each(|number| call(number.into()));
    start.elapsed() / count
}
