//! Hashes of passwords.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use super::hash_queue::{Busy, HashQueue};
use super::new_password::{NewPassword, normalize};

pub(super) static QUEUE: HashQueue = HashQueue::new();

/// Returns the hash of a new password.
pub(super) async fn hash(password: NewPassword) -> Result<String, Busy> {
    QUEUE.run(move || hash_now(password.expose())).await
}

/// Returns whether a password, as it was typed, has this hash. Without a hash, this returns `false` after the same
/// time.
pub(super) async fn is_right(password: String, hash: Option<String>) -> Result<bool, Busy> {
    static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now("nobody has this password"));
    let verify = move || {
        let password = normalize(&password);
        let stored = PasswordHash::new(hash.as_ref().unwrap_or(&NOBODY));
        let matches = stored
            .is_ok_and(|stored| Argon2::default().verify_password(password.as_bytes(), &stored).is_ok());
        matches && hash.is_some()
    };
    QUEUE.run(verify).await
}

fn hash_now(password: &str) -> String {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.expect("the password is not too long, and the system has randomness").to_string()
}
