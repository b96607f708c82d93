//! Opaque cursors of lists: [`CursorKey`].
//!
//! Lists are sorted by `seq`. This number counts the rows of all projects, so clients must not see it. A cursor is the
//! number, encrypted with a key that the servers of a database share, and bound to its list. A cursor of a time and an
//! id would need no key. But many records share a second, and a list could not go on after a record that was removed.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use crate::store::secret::Secret;

/// Length of a nonce, in bytes. Two random nonces of this length are never equal in practice.
const NONCE_LENGTH: usize = 24;

/// Length of a cursor in hexadecimal digits: the nonce, the number and the tag.
pub const CURSOR_LENGTH: usize = 2 * (NONCE_LENGTH + 8 + 16);

/// A list: its name, its project, and the user or the chat whose list it is.
#[derive(Clone, Copy, Debug)]
pub struct ListName<'a> {
    pub name: &'static str,
    pub project: &'a str,
    pub parent: &'a str,
}

impl ListName<'_> {
    /// Returns a text that cursors are bound to. No id has a NUL, so no two lists have the same text.
    fn text(self) -> String {
        format!("{}\0{}\0{}", self.name, self.project, self.parent)
    }
}

/// The key that encrypts the cursors of a database.
pub struct CursorKey(XChaCha20Poly1305);

impl CursorKey {
    /// Returns the cursor of the place after the record with this `seq`.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness.
    pub fn encrypt(&self, list: ListName<'_>, seq: i64) -> String {
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce).expect("the operating system has randomness");
        let list = list.text();
        let number = Payload { msg: &seq.to_be_bytes(), aad: list.as_bytes() };
        let encrypted = self.0.encrypt(&XNonce::from(nonce), number).expect("8 bytes are not too many");
        hex::encode(nonce) + &hex::encode(encrypted)
    }

    /// Returns the `seq` in a cursor, if the cursor was made for this list.
    pub fn decrypt(&self, list: ListName<'_>, cursor: &str) -> Option<i64> {
        // `encrypt` writes lower case: a capital digit is a changed character
        if cursor.len() != CURSOR_LENGTH || cursor.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let bytes = hex::decode(cursor).ok()?;
        let (nonce, encrypted) = bytes.split_first_chunk::<NONCE_LENGTH>()?;
        let list = list.text();
        let number = Payload { msg: encrypted, aad: list.as_bytes() };
        let number = self.0.decrypt(&XNonce::from(*nonce), number).ok()?;
        number.try_into().ok().map(i64::from_be_bytes)
    }
}

impl From<&Secret> for CursorKey {
    fn from(secret: &Secret) -> Self {
        Self(XChaCha20Poly1305::new(&secret.to_bytes().into()))
    }
}
