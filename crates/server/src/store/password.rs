//! Hashes of passwords.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use super::new_password::{NewPassword, normalize};

/// Maximum number of hashes at once. Each takes 19 MiB and 20 ms of a core.
static HASHES: Semaphore = Semaphore::const_new(2);

/// Returns the hash of a new password.
pub(super) async fn hash(password: NewPassword) -> String {
    on_thread(move || hash_now(password.expose())).await
}

/// Returns whether a password, as it was typed, has this hash. Without a hash, it takes as long and returns `false`.
pub(super) async fn is_right(password: String, hash: Option<String>) -> bool {
    static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now("nobody has this password"));
    on_thread(move || {
        let password = normalize(&password);
        let stored = PasswordHash::new(hash.as_ref().unwrap_or(&NOBODY));
        let matches = stored
            .is_ok_and(|stored| Argon2::default().verify_password(password.as_bytes(), &stored).is_ok());
        matches && hash.is_some()
    })
    .await
}

async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let _turn = HASHES.acquire().await;
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) => std::panic::resume_unwind(failure.into_panic()),
    }
}

fn hash_now(password: &str) -> String {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.expect("the password is not too long, and the system has randomness").to_string()
}
