//! Proof that a key was verified: [`Grant`].

use crate::denied::{Denied, Reason};
use crate::id::KeyId;
use crate::scope::Scope;
use crate::time::UnixTime;

/// What a verified key may do. [`KeyRecord::verify`](crate::KeyRecord::verify) alone makes one: holding it proves
/// that the key was verified.
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
    /// The id of the key that was verified; for logs.
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

    /// The project that the key belongs to.
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

    /// What the key may do. To check, call [`require`](Self::require).
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

    /// Until when the key is valid, if that is known: a grant that is kept (a WebSocket's, say) ends then.
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

    /// Checks that the key may do what requires `required`.
    ///
    /// # Errors
    ///
    /// [`Reason::MissingScope`]: the key lacks one of these scopes, or `required` is empty.
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
    /// The same with a project of its own, to keep in a request's extensions.
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
