//! Idempotency keys. A change with such a key is made once, however often it is requested: [`IdempotencyKey`].

use ctx_key::UnixTime;
use sha2::{Digest, Sha256};

use super::credential::{self, Kind};
use super::secret::Secret;
use super::store_error::StoreError;
use crate::database::{Transaction, Value};

/// Identifies one form of one session, however often the form is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey([u8; 32]);

impl IdempotencyKey {
    /// Returns the key of a form. It can't occur again after the end of the session, so it may be deleted then.
    pub fn new(session: &Secret, form: &Secret) -> Self {
        Self(Sha256::new().chain_update(session.expose()).chain_update(form.expose()).finalize().into())
    }

    /// Marks the key as used, in the transaction of the change. This is the only guard against a second change, so it
    /// must come before everything else. Another transaction with this key waits here until the first has ended, and
    /// goes on only if the first was rolled back.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Repeated`]: the change was made before, even if its result has been deleted since.
    /// - The database failed.
    pub(super) async fn spend(&self, transaction: &mut Transaction, now: UnixTime) -> Result<(), StoreError> {
        let is_new = credential::insert(transaction, Kind::Idempotency, self.0, None, now).await?;
        if is_new { Ok(()) } else { Err(StoreError::Repeated) }
    }
}

impl From<&IdempotencyKey> for Value {
    fn from(key: &IdempotencyKey) -> Self {
        hex::encode(key.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_session_or_another_form_has_another_key() {
        let [session, form, other] = [(); 3].map(|()| Secret::generate());
        let key = IdempotencyKey::new(&session, &form);
        assert_eq!(key, IdempotencyKey::new(&session, &form));
        assert_ne!(key, IdempotencyKey::new(&other, &form));
        assert_ne!(key, IdempotencyKey::new(&session, &other));
    }
}
