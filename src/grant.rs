//! The proof that a key was verified: [`Grant`].

use crate::denied::{Denied, Reason};
use crate::id::KeyId;
use crate::scope::Scope;
use crate::time::UnixTime;

/// The project and the scopes of a verified key.
///
/// Only [`KeyRecord::verify`](crate::KeyRecord::verify) creates a grant. A grant proves only that a key was verified
/// against a record that the caller supplied. It does not prove where the record came from, or that the key is
/// still valid later.
///
/// ```
/// use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
///
/// let key = ApiKey::generate();
/// let record = KeyRecord::new(&key, "demo", Scope::READ);
///
/// let grant = record.verify(&key, UnixTime::now())?;
/// grant.require(Scope::MEMORIES_READ)?;
/// assert_eq!(**grant.project(), "demo");
/// # Ok::<(), ctx_key::Denied>(())
/// ```
#[derive(Clone, Debug)]
pub struct Grant<P> {
    pub(crate) key_id: KeyId,
    pub(crate) project: P,
    pub(crate) scopes: Scope,
    pub(crate) expires_at: Option<UnixTime>,
}

impl<P> Grant<P> {
    /// Returns the id of the key that was verified, for logs.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
    /// # let key = ApiKey::generate();
    /// # let record = KeyRecord::new(&key, "demo", Scope::READ);
    /// let grant = record.verify(&key, UnixTime::now())?;
    /// assert_eq!(grant.key_id(), key.id());
    /// # Ok::<(), ctx_key::Denied>(())
    /// ```
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// Returns the project that the key belongs to.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
    /// # let key = ApiKey::generate();
    /// # let record = KeyRecord::new(&key, "demo", Scope::READ);
    /// let grant = record.verify(&key, UnixTime::now())?.cloned();
    /// assert_eq!(*grant.project(), "demo");
    /// # Ok::<(), ctx_key::Denied>(())
    /// ```
    #[must_use]
    pub const fn project(&self) -> &P {
        &self.project
    }

    /// Returns the scopes of the key. To check them, call [`require`](Self::require).
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
    /// # let key = ApiKey::generate();
    /// # let record = KeyRecord::new(&key, "demo", Scope::READ);
    /// let grant = record.verify(&key, UnixTime::now())?;
    /// assert_eq!(grant.scopes(), Scope::READ);
    /// # Ok::<(), ctx_key::Denied>(())
    /// ```
    #[must_use]
    pub const fn scopes(&self) -> Scope {
        self.scopes
    }

    /// Returns the time at which the key expires or retires, if the record has one: the earlier of its `expires_at` and
    /// `retires_at`. If you keep a grant, for example for a WebSocket, stop using it at that time.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
    /// # let key = ApiKey::generate();
    /// # let record = KeyRecord::new(&key, "demo", Scope::READ);
    /// let grant = record.verify(&key, UnixTime::now())?;
    /// assert_eq!(grant.expires_at(), None);
    /// # Ok::<(), ctx_key::Denied>(())
    /// ```
    #[must_use]
    pub const fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// Checks that the key has all of the `required` scopes.
    ///
    /// # Errors
    ///
    /// [`Reason::MissingScope`] if the key lacks one of them, or if `required` is empty.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
    /// # let key = ApiKey::generate();
    /// # let record = KeyRecord::new(&key, "demo", Scope::READ);
    /// let grant = record.verify(&key, UnixTime::now())?;
    /// assert_eq!(grant.require(Scope::CHATS_READ), Ok(()));
    /// assert_eq!(grant.require(Scope::CHATS_WRITE).unwrap_err().status(), 403);
    /// # Ok::<(), ctx_key::Denied>(())
    /// ```
    #[inline]
    pub const fn require(&self, required: Scope) -> Result<(), Denied> {
        if self.scopes.grants(required) {
            return Ok(());
        }
        let missing = self.scopes.missing(required);
        Err(Denied::new(Reason::MissingScope { required, missing }))
    }
}

impl<P: Clone> Grant<&P> {
    /// Returns the same grant with a clone of the project, to keep in a request's extensions.
    ///
    /// ```
    /// # use ctx_key::{ApiKey, Grant, KeyRecord, Scope, UnixTime};
    /// # let key = ApiKey::generate();
    /// # let record = KeyRecord::new(&key, "demo".to_owned(), Scope::READ);
    /// let grant: Grant<String> = record.verify(&key, UnixTime::now())?.cloned();
    /// # Ok::<(), ctx_key::Denied>(())
    /// ```
    #[must_use]
    pub fn cloned(self) -> Grant<P> {
        Grant {
            key_id: self.key_id,
            project: self.project.clone(),
            scopes: self.scopes,
            expires_at: self.expires_at,
        }
    }
}
