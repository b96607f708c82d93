//! Keys with which a change is made once, however often it is asked for: [`IdempotencyKey`].

use std::fmt;

use ctx_key::UnixTime;

use super::credential::{self, Kind};
use super::secret::Secret;
use super::store_error::StoreError;
use crate::database::{Transaction, Value};

/// A key that stands in one form. Sending the form again asks for the same change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Secret);

impl IdempotencyKey {
    /// Returns a new key.
    pub fn generate() -> Self {
        Self(Secret::generate())
    }

    /// Reads a key that a client sent.
    pub fn parse(text: &str) -> Option<Self> {
        Secret::parse(text).map(Self)
    }

    /// Marks the key as used, in the transaction of the change. This is the one guard against a second change, so it
    /// comes before everything else: another transaction with this key waits here until the first has ended, and goes
    /// on only if the first was rolled back.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Repeated`]: the change was made before, also if what it created has been deleted since.
    /// - The database failed.
    pub(super) async fn spend(&self, transaction: &mut Transaction, now: UnixTime) -> Result<(), StoreError> {
        let is_new = credential::insert(transaction, Kind::Idempotency, &self.0, None, now).await?;
        if is_new { Ok(()) } else { Err(StoreError::Repeated) }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.expose())
    }
}

impl From<&IdempotencyKey> for Value {
    fn from(key: &IdempotencyKey) -> Self {
        key.0.expose().into()
    }
}
