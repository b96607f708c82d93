//! A rate limit on attempts to sign in: [`SignInLimit`].

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use sha2::{Digest, Sha256};

use crate::store::email::Email;

const FIVE: NonZeroU32 = NonZeroU32::new(5).unwrap();
const TWENTY: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// Number of accounts and addresses from which on those with all attempts left are forgotten.
const MANY: usize = 10_000;

type Limiter<K, C> = RateLimiter<K, HashMapStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Allows five attempts a minute for an account and twenty for an address. Attempts that are left add up to one minute's.
pub struct SignInLimit<C: Clock = DefaultClock> {
    /// By the SHA-256 of the e-mail address, which may have any length.
    accounts: Limiter<[u8; 32], C>,
    addresses: Limiter<IpAddr, C>,
    clock: C,
}

impl Default for SignInLimit {
    fn default() -> Self {
        Self::new(DefaultClock::default())
    }
}

impl<C: Clock + Clone> SignInLimit<C> {
    fn new(clock: C) -> Self {
        Self {
            accounts: Limiter::new(Quota::per_minute(FIVE), HashMapStateStore::default(), clock.clone()),
            addresses: Limiter::new(Quota::per_minute(TWENTY), HashMapStateStore::default(), clock.clone()),
            clock,
        }
    }

    /// Counts an attempt.
    ///
    /// # Errors
    ///
    /// No attempt is left: the seconds until there is one.
    pub fn check(&self, email: &Email, address: IpAddr) -> Result<(), u64> {
        if self.accounts.len() + self.addresses.len() > MANY {
            self.accounts.retain_recent();
            self.addresses.retain_recent();
        }
        let now = self.clock.now();
        let by_address =
            self.addresses.check_key(&network(address)).map_err(|not_until| not_until.wait_time_from(now));
        let account = Sha256::digest(email.as_str()).into();
        let by_account = self.accounts.check_key(&account).map_err(|not_until| not_until.wait_time_from(now));
        by_address.and(by_account).map_err(|wait| wait.as_secs() + 1)
    }
}

/// Returns the network that one client controls. With an IPv6 address, a client has 2⁶⁴ of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & (u128::MAX << 64)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    const NANOSECOND: Duration = Duration::from_nanos(1);
    const MINUTE: Duration = Duration::from_secs(60);

    fn limit() -> (SignInLimit<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (SignInLimit::new(clock.clone()), clock)
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

    /// Asserts that `quota` attempts pass at once and one more after each `interval`, again after a minute without any.
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
    fn an_account_has_five_attempts_a_minute() {
        let (limit, clock) = limit();
        assert_quota(5, &clock, numbered(|number| limit.check(&ada(), address(number))));
    }

    #[test]
    fn an_address_has_twenty_attempts_a_minute() {
        let (limit, clock) = limit();
        assert_quota(20, &clock, numbered(|number| limit.check(&email(number), address(0))));
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
        for (number, spelling) in (0..).zip(spellings) {
            assert_eq!(limit.check(&Email::new(spelling), address(number)), Ok(()), "{spelling}");
        }
        for (number, spelling) in (10..).zip(spellings) {
            assert_eq!(limit.check(&Email::new(spelling), address(number)), Err(13), "{spelling}");
        }
        for other in ["ada@example.org", "ada@example.co", "a da@example.com", "da@example.com", ""] {
            assert_eq!(limit.check(&Email::new(other), address(20)), Ok(()), "{other}");
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
            let next_email = numbered(email);
            let check = |address: &str| limit.check(&next_email(), address.parse().unwrap());
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
    fn only_those_that_are_full_again_are_forgotten() {
        let (limit, clock) = limit();
        let kept = |limit: &SignInLimit<_>| limit.accounts.len() + limit.addresses.len();
        let many = u32::try_from(MANY).unwrap();
        for number in 0..many / 2 {
            assert_eq!(limit.check(&email(number), address(number)), Ok(()));
        }
        assert_eq!(kept(&limit), MANY);
        clock.advance(MINUTE);
        for number in 1..=5 {
            assert_eq!(limit.check(&ada(), address(many + number)), Ok(()));
        }
        // the first of the five made one more than the maximum, and the second forgot all others
        assert_eq!(kept(&limit), 6);
        assert_eq!(limit.check(&ada(), address(many)), Err(13));
    }
}
