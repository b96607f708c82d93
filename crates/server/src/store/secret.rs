//! Secrets of people, not of programs: [`Secret`].

use std::fmt;

use sha2::{Digest, Sha256};

/// 32 random bytes as 64 hexadecimal digits. The database stores the SHA-256 of the digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns a new secret.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness.
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system has randomness");
        Self(hex::encode(bytes))
    }

    /// Reads a secret that a client sent. Returns `None` if the text does not have the form of a secret.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// Returns the text, to be sent to the owner of the secret.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the bytes that the digits stand for.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&self.0, &mut bytes).expect("64 hexadecimal digits");
        bytes
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Secret;

    /// A secret in an error or in a log could be used.
    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Some(Secret::generate())), "Some(Secret(***))");
    }

    #[test]
    fn a_secret_is_64_lower_case_hexadecimal_digits() {
        let secret = Secret::generate();
        let text = secret.expose();
        assert_eq!(Secret::parse(text), Some(secret.clone()));
        assert_eq!(hex::encode(secret.to_bytes()), text);
        let capital = format!("{}A", &text[..63]);
        for text in ["", &text[1..], &format!("{text}0"), &capital, &format!("{}g", &text[..63])] {
            assert_eq!(Secret::parse(text), None, "{text}");
        }
    }

    /// The database has the digests that servers of other versions stored.
    #[test]
    fn the_digest_is_that_of_the_digits() {
        let zeros = Secret::parse(&"0".repeat(64)).unwrap();
        let expected = "60e05bd1b195af2f94112fa7197a5c88289058840ce7c6df9693756bc6250f55";
        assert_eq!(hex::encode(zeros.digest()), expected);
    }

    #[test]
    fn each_digit_of_a_secret_is_random() {
        let secrets: Vec<_> = (0..64).map(|_| Secret::generate()).collect();
        for place in 0..64 {
            let digits: HashSet<u8> =
                secrets.iter().map(|secret| secret.expose().as_bytes()[place]).collect();
            assert!(digits.len() > 1, "digit {place} is always the same");
        }
    }
}
