//! Rate limits on attempts to sign in: [`SignInLimit`].
//!
//! The limits stop those who guess passwords, and let the owner of an account in:
//!
//! - An account is never locked. If wrong attempts of others could lock it, anybody who knows its e-mail address could keep
//!   its owner out. So a right password is refused only by the limit of the address that it comes from. Guessing is
//!   hopeless even without a lock: a password has at least 15 characters and is not a common one, and each guess uses
//!   up an attempt of an address.
//! - The limit of the address is checked before anything else is counted or hashed. So a refused attempt uses up no
//!   other quota, and costs no hash.
//! - A browser that signed in before has a device cookie, and with it a quota of its own (OWASP, "Device cookies"). So
//!   it gets in even if others have used up the quota of an address that it shares with them.
//!
//! A quota refills evenly, up to the attempts of one minute.

use std::hash::{Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter, clock};
use hashlink::LinkedHashMap;
use sha2::{Digest, Sha256};

use super::network;
use super::quota_clock::QuotaClock;
use crate::clock::Clock;
use crate::store::email::Email;
use crate::store::secret::Secret;

/// Wrong attempts a minute for an account.
const OF_ACCOUNT: NonZeroU32 = NonZeroU32::new(5).unwrap();

/// Attempts a minute for a browser that signed in before.
const OF_DEVICE: NonZeroU32 = NonZeroU32::new(5).unwrap();

/// Attempts a minute for an IPv4 address, or for an IPv6 network of 64 bits, which one client has.
const OF_NETWORK: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// Attempts a minute for an IPv6 network of 48 bits, which one customer of a provider has.
const OF_SITE: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// Maximum number of accounts, devices, networks and sites (of each kind) that are remembered, in about 100 bytes each.
/// Only two passwords are hashed at a time, so the accounts that are counted in a minute are far fewer. None of them is
/// forgotten before its quota is full again.
const MAX_KEYS: usize = 1 << 16;

/// Counts attempts to sign in.
pub struct SignInLimit<C: clock::Clock = QuotaClock> {
    accounts: Limit<[u8; 32], C>,
    devices: Limit<[u8; 32], C>,
    networks: Limit<IpAddr, C>,
    sites: Limit<Ipv6Addr, C>,
}

impl SignInLimit {
    /// Returns limits that have counted no attempt.
    pub fn new(clock: &Clock) -> Self {
        Self::with_clock(&QuotaClock::new(clock))
    }
}

impl<C: clock::Clock + Clone> SignInLimit<C> {
    fn with_clock(clock: &C) -> Self {
        Self {
            accounts: Limit::new(OF_ACCOUNT, clock),
            devices: Limit::new(OF_DEVICE, clock),
            networks: Limit::new(OF_NETWORK, clock),
            sites: Limit::new(OF_SITE, clock),
        }
    }

    /// Counts an attempt before its password is checked. `device` is one that signed in to the same account before.
    ///
    /// # Errors
    ///
    /// - Neither the device, if there is one, nor the address has an attempt left. Nothing is counted. The error is the
    ///   number of seconds until the address has an attempt.
    pub fn admit(&self, address: IpAddr, device: Option<&Secret>) -> Result<(), u64> {
        match device {
            Some(device) if self.devices.count(&digest(device.expose())).is_ok() => Ok(()),
            _ => self.count_address(address),
        }
    }

    /// Counts a wrong attempt, whether the account exists or not.
    ///
    /// # Errors
    ///
    /// - The account has no wrong attempt left. The error is the number of seconds until it has one.
    pub fn count_wrong(&self, email: &Email) -> Result<(), u64> {
        self.accounts.count(&digest(email.as_str()))
    }

    fn count_address(&self, address: IpAddr) -> Result<(), u64> {
        let network = network::of_client(address);
        self.networks.count(&network)?;
        let Some(site) = network::of_site(address) else { return Ok(()) };
        self.sites.count(&site).inspect_err(|_| self.networks.give_back(&network))
    }
}

/// Returns the SHA-256 of a text of any length.
fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// A quota for each key.
struct Limit<K: Hash + Eq + Clone, C: clock::Clock> {
    limiter: RateLimiter<K, Recent<K>, C, NoOpMiddleware<C::Instant>>,
    recent: Recent<K>,
    quota: Quota,
}

impl<K: Hash + Eq + Clone, C: clock::Clock + Clone> Limit<K, C> {
    fn new(a_minute: NonZeroU32, clock: &C) -> Self {
        let (quota, recent) = (Quota::per_minute(a_minute), Recent::default());
        Self { limiter: RateLimiter::new(quota, recent.clone(), clock.clone()), recent, quota }
    }

    /// Counts an attempt of a key, or returns the seconds until the key has one left.
    fn count(&self, key: &K) -> Result<(), u64> {
        let now = self.limiter.clock().now();
        self.limiter.check_key(key).map_err(|not_until| not_until.wait_time_from(now).as_secs() + 1)
    }

    /// Undoes one count.
    fn give_back(&self, key: &K) {
        self.recent.put_back(key, self.quota.replenish_interval());
    }
}

/// The times at which quotas are full again, for the keys that were counted last. The time to find, add or forget a key
/// does not depend on the number of keys: the table has its final size from the beginning, and is never scanned. It is
/// at most a quarter full, because a fuller one would be copied now and then to remove the marks of forgotten keys.
#[derive(Clone)]
struct Recent<K>(Arc<Mutex<LinkedHashMap<K, Nanos, RandomState>>>);

impl<K: Hash + Eq> Default for Recent<K> {
    fn default() -> Self {
        let map = LinkedHashMap::with_capacity_and_hasher(2 * MAX_KEYS, RandomState::new());
        Self(Arc::new(Mutex::new(map)))
    }
}

impl<K: Hash + Eq> Recent<K> {
    fn put_back(&self, key: &K, interval: Duration) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = map.get_mut(key) {
            *full_at = full_at.saturating_sub(interval.into());
        }
    }
}

impl<K: Hash + Eq + Clone> StateStore for Recent<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (outcome, full_at) = measure(map.get(key).copied())?;
        map.insert(key.clone(), full_at);
        if map.len() > MAX_KEYS {
            map.pop_front();
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::Ipv4Addr;

    use governor::clock::FakeRelativeClock;

    use super::*;

    const NANOSECOND: Duration = Duration::from_nanos(1);
    const MINUTE: Duration = Duration::from_secs(60);

    fn limit() -> (SignInLimit<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (SignInLimit::with_clock(&clock), clock)
    }

    /// Calls `attempt` with 1, 2, 3 and so on, so that what it derives from the number is never the same twice.
    fn numbered<T>(attempt: impl Fn(u32) -> T) -> impl Fn() -> T {
        let number = Cell::new(0);
        move || {
            number.set(number.get() + 1);
            attempt(number.get())
        }
    }

    fn email(number: u32) -> Email {
        Email::new(&format!("{number}@example.com"))
    }

    fn ada() -> Email {
        Email::new("ada@example.com")
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    fn ipv6(site: u16, network: u16) -> IpAddr {
        Ipv6Addr::from([0x2001, 0xdb8, site, network, 0, 0, 0, 1]).into()
    }

    /// Asserts that `quota` attempts pass at once and one more after each interval, and that the same holds after a
    /// minute without attempts.
    fn assert_quota(quota: u32, clock: &FakeRelativeClock, attempt: impl Fn() -> Result<(), u64>) {
        let interval = MINUTE / quota;
        let refused = Err(interval.as_secs() + 1);
        for _ in 0..2 {
            for _ in 0..quota {
                assert_eq!(attempt(), Ok(()));
            }
            for _ in 0..3 {
                assert_eq!(attempt(), refused);
                clock.advance(interval - NANOSECOND);
                assert_eq!(attempt(), Err(1));
                clock.advance(NANOSECOND);
                assert_eq!(attempt(), Ok(()));
            }
            assert_eq!(attempt(), refused);
            clock.advance(MINUTE);
        }
    }

    #[test]
    fn an_account_has_five_wrong_attempts_a_minute() {
        let (limit, clock) = limit();
        assert_quota(5, &clock, || limit.count_wrong(&ada()));
    }

    #[test]
    fn an_address_has_twenty_attempts_a_minute() {
        let (limit, clock) = limit();
        assert_quota(20, &clock, || limit.admit(address(0), None));
    }

    #[test]
    fn an_ipv6_network_of_48_bits_has_a_hundred() {
        let (limit, clock) = limit();
        let networks = |number| ipv6(7, u16::try_from(number * 257 % 65_536).unwrap());
        assert_quota(100, &clock, numbered(|number| limit.admit(networks(number), None)));
    }

    #[test]
    fn a_device_has_five_of_its_own_and_then_those_of_its_address() {
        let (limit, clock) = limit();
        let [device, other] = [Secret::generate(), Secret::generate()];
        assert_quota(5, &clock, || {
            while limit.admit(address(0), None).is_ok() {}
            let outcome = limit.admit(address(0), Some(&device));
            outcome.map_err(|_| limit.devices.count(&digest(device.expose())).unwrap_err())
        });
        assert_eq!(limit.admit(address(0), Some(&other)), Ok(()));
        let (limit, _) = self::tests::limit();
        for _ in 0..25 {
            assert_eq!(limit.admit(address(0), Some(&device)), Ok(()));
        }
        assert_eq!(limit.admit(address(0), Some(&device)), Err(4));
    }

    #[test]
    fn the_case_of_an_account_and_spaces_around_it_do_not_count() {
        let (limit, _) = limit();
        let spellings = [
            "ada@example.com",
            " ada@example.com",
            "ADA@example.com\t",
            "Ada@Example.COM",
            "adA@eXample.com ",
        ];
        for spelling in spellings {
            assert_eq!(limit.count_wrong(&Email::new(spelling)), Ok(()), "{spelling}");
        }
        for spelling in spellings {
            assert_eq!(limit.count_wrong(&Email::new(spelling)), Err(13), "{spelling}");
        }
        for other in ["ada@example.org", "ada@example.co", "a da@example.com", "da@example.com", ""] {
            assert_eq!(limit.count_wrong(&Email::new(other)), Ok(()), "{other}");
        }
    }

    #[test]
    fn a_network_of_ipv6_and_a_mapped_address_of_ipv4_are_one_address() {
        for (same, others) in [
            (
                ["2001:db8::", "2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff"],
                ["2001:db8:0:1::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::1"],
            ),
            (["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"], ["192.0.2.0", "::ffff:192.0.2.2", "::1"]),
        ] {
            let (limit, _) = limit();
            let check = |address: &str| limit.admit(address.parse().unwrap(), None);
            for address in same.iter().cycle().take(20) {
                assert_eq!(check(address), Ok(()), "{address}");
            }
            for address in same {
                assert_eq!(check(address), Err(4), "{address}");
            }
            for address in others {
                assert_eq!(check(address), Ok(()), "{address}");
            }
        }
    }

    #[test]
    fn mapped_addresses_share_no_site() {
        let (limit, _) = limit();
        for number in 0..200 {
            let mapped = Ipv4Addr::from(number).to_ipv6_mapped().into();
            assert_eq!(limit.admit(mapped, None), Ok(()), "{number}");
        }
    }

    #[test]
    fn a_network_that_is_refused_takes_nothing_from_its_site() {
        let (limit, _) = limit();
        for _ in 0..20 {
            assert_eq!(limit.admit(ipv6(0, 0), None), Ok(()));
        }
        for _ in 0..1000 {
            assert_eq!(limit.admit(ipv6(0, 0), None), Err(4));
        }
        for number in 0..80 {
            assert_eq!(limit.admit(ipv6(0, 1 + number % 4), None), Ok(()), "{number}");
        }
        assert_eq!(limit.admit(ipv6(0, 5), None), Err(1), "the site has none left");
        assert_eq!(limit.admit(ipv6(1, 5), None), Ok(()), "another has");
    }

    #[test]
    fn a_site_that_is_refused_takes_nothing_from_its_networks() {
        let (limit, clock) = limit();
        for number in 0..100 {
            assert_eq!(limit.admit(ipv6(0, number % 5), None), Ok(()));
        }
        clock.advance(MINUTE);
        // the next attempts use up the networks 0 to 3 and the site again, and leave the network 10 with 19
        for number in 0..80 {
            assert_eq!(limit.admit(ipv6(0, number % 4), None), Ok(()));
        }
        for number in 0..20 {
            assert_eq!(limit.admit(ipv6(0, 10 + number), None), Ok(()));
        }
        for _ in 0..1000 {
            assert_eq!(limit.admit(ipv6(0, 10), None), Err(1));
        }
        // every 600 ms, the site has one more
        let left = (0..19).filter(|_| {
            clock.advance(MINUTE / 100);
            limit.admit(ipv6(0, 10), None).is_ok()
        });
        assert_eq!(left.count(), 19);
    }

    #[test]
    fn a_refused_address_counts_for_no_account_or_device() {
        let (limit, _) = limit();
        let device = Secret::generate();
        while limit.admit(address(0), None).is_ok() {}
        for _ in 0..5 {
            assert_eq!(limit.admit(address(0), Some(&device)), Ok(()));
        }
        assert_eq!(limit.admit(address(0), Some(&device)), Err(4));
        let kept = |limit: &SignInLimit<_>| {
            let lengths =
                [&limit.accounts.recent, &limit.devices.recent].map(|recent| recent.0.lock().unwrap().len());
            (lengths, limit.networks.recent.0.lock().unwrap().len())
        };
        assert_eq!(kept(&limit), ([0, 1], 1));
    }

    #[test]
    fn any_number_of_accounts_takes_the_memory_of_the_last_ones() {
        let (limit, _) = limit();
        let size = || {
            let map = limit.accounts.recent.0.lock().unwrap();
            (map.len(), map.capacity())
        };
        let (_, capacity) = size();
        let kept = u32::try_from(MAX_KEYS).unwrap();
        for number in 0..4 * kept {
            assert_eq!(limit.count_wrong(&email(number)), Ok(()));
        }
        let (length, capacity_then) = size();
        assert_eq!(length, MAX_KEYS);
        assert!(capacity_then <= capacity, "the table was copied to a larger one: {capacity_then}");
        for remembered in [4 * kept - 1, 3 * kept] {
            for _ in 0..4 {
                assert_eq!(limit.count_wrong(&email(remembered)), Ok(()));
            }
            assert_eq!(limit.count_wrong(&email(remembered)), Err(13));
        }
    }
}
