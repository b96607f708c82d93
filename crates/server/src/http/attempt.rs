//! One attempt to sign in, on a page or by the API: [`Attempt`].

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::timeout;
use tracing::warn;

use super::state::AppState;
use crate::database::DatabaseError;
use crate::store::account::{self, Account, Verified};
use crate::store::client::Client;
use crate::store::credential::Kind;
use crate::store::email::Email;
use crate::store::secret::Secret;
use crate::store::sign_in_log::{self, FailedAttempt};
use crate::store::store_error::StoreError;

/// Maximum time that a sign-in waits for its line in the audit log.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);

/// An e-mail address and a password, with the client that sends them.
pub struct Attempt<'a> {
    pub email: &'a Email,
    pub password: String,
    pub address: IpAddr,
    /// The device cookie of the browser.
    pub device: Option<Secret>,
    /// True if the attempt is to change the password of an account that is signed in.
    pub is_password_change: bool,
}

/// Reason why an attempt fails.
pub enum Refused {
    /// The e-mail address or the password is wrong.
    Wrong,
    /// There are too many attempts. The client may try again after so many seconds.
    TooMany(u64),
    Failed(StoreError),
}

impl From<DatabaseError> for Refused {
    fn from(error: DatabaseError) -> Self {
        Self::Failed(error.into())
    }
}

impl Attempt<'_> {
    /// Returns the account with this e-mail address and password, within the limits of
    /// [`SignInLimit`](super::sign_in_limit::SignInLimit). Logs a refusal.
    pub async fn check(self, state: &AppState) -> Result<Verified, Refused> {
        let address = self.address;
        let refuse = |reason, refused: Refused| {
            log_refusal(address, reason);
            refused
        };
        let device = self.known_device(state).await?;
        let admitted = state.sign_ins.admit(address, device.as_ref());
        admitted.map_err(|seconds| refuse(Reason::AddressLimit, Refused::TooMany(seconds)))?;
        match account::sign_in(&state.database, self.email, self.password).await {
            Ok(Some(verified)) => Ok(verified),
            Ok(None) => Err(match state.sign_ins.count_wrong(self.email) {
                Ok(()) => {
                    let (email, at) = (self.email.clone(), state.clock.now());
                    let is_password_change = self.is_password_change;
                    state.failed_attempts.add(FailedAttempt { email, address, at, is_password_change });
                    refuse(Reason::Wrong, Refused::Wrong)
                }
                Err(seconds) => refuse(Reason::AccountLimit, Refused::TooMany(seconds)),
            }),
            Err(StoreError::Busy) => Err(refuse(Reason::Busy, Refused::Failed(StoreError::Busy))),
            Err(error) => Err(Refused::Failed(error)),
        }
    }

    /// Returns the device if it signed in to this account before.
    async fn known_device(&self, state: &AppState) -> Result<Option<Secret>, DatabaseError> {
        let Some(device) = &self.device else { return Ok(None) };
        let mut connection = state.database.acquire().await?;
        let now = state.clock.now();
        let account = account::of_credential(&mut connection, Kind::Device, device, now).await?;
        Ok(account.filter(|(account, _)| account.email == *self.email).map(|_| device.clone()))
    }
}

/// Writes a successful sign-in to the audit log. If that fails, the sign-in still succeeds.
pub async fn log_success(state: &AppState, account: &Account, client: &Client) {
    let written = sign_in_log::succeeded(&state.database, account, client, state.clock.now());
    let written = timeout(LOG_TIMEOUT, written).await.unwrap_or(Err(DatabaseError::Busy));
    if let Err(error) = written {
        warn!(%error, "a sign-in is not in the audit log");
    }
}

/// Reason in the log line of a refused sign-in.
#[derive(Clone, Copy)]
pub enum Reason {
    Wrong,
    AddressLimit,
    AccountLimit,
    /// A form that does not come from one of our pages, or a request from a page of another site.
    Forged,
    Busy,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wrong => "wrong e-mail or password",
            Self::AddressLimit => "too many attempts of the address",
            Self::AccountLimit => "too many attempts of the account",
            Self::Forged => "forged form or foreign origin",
            Self::Busy => "too busy",
        })
    }
}

/// Logs a refused sign-in, for a filter of fail2ban. The request id is the only text of the line that a client may have
/// written, and it has no spaces.
pub fn log_refusal(address: IpAddr, reason: Reason) {
    warn!(address = %address.to_canonical(), reason = %reason, "refused a sign-in");
}
