//! How often somebody may try a password.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use sha2::{Digest, Sha256};

const FIVE: NonZeroU32 = NonZeroU32::new(5).unwrap();
const TWENTY: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// From how many keys on those that are full again are forgotten.
const MANY: usize = 10_000;

/// Five a minute for an account, twenty for an address; who waits may go on.
pub struct SignInLimit {
    /// By the SHA-256 of the e-mail address, which could be of any length.
    accounts: RateLimiter<[u8; 32], HashMapStateStore<[u8; 32]>, DefaultClock>,
    addresses: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
}

impl Default for SignInLimit {
    fn default() -> Self {
        Self {
            accounts: RateLimiter::hashmap(Quota::per_minute(FIVE)),
            addresses: RateLimiter::hashmap(Quota::per_minute(TWENTY)),
        }
    }
}

impl SignInLimit {
    /// Counts an attempt, or says after how many seconds there may be one.
    pub fn check(&self, email: &str, address: IpAddr) -> Result<(), u64> {
        if self.accounts.len() + self.addresses.len() > MANY {
            self.accounts.retain_recent();
            self.addresses.retain_recent();
        }
        let now = DefaultClock::default().now();
        let by_address =
            self.addresses.check_key(&network(address)).map_err(|not_until| not_until.wait_time_from(now));
        let account = Sha256::digest(email.trim().to_lowercase()).into();
        let by_account = self.accounts.check_key(&account).map_err(|not_until| not_until.wait_time_from(now));
        by_address.and(by_account).map_err(|wait| wait.as_secs() + 1)
    }
}

/// Whoever has an IPv6 address has 2⁶⁴ of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & (u128::MAX << 64)).into(),
        address => address,
    }
}
