//! Rules for new passwords: [`NewPassword`].

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::common_password::is_common;
use super::email::Email;
use super::name::Name;

/// Minimum number of characters. NIST SP 800-63B-4 §3.1.1.2 asks for 15 where a password is the only factor.
pub const MIN_LENGTH: usize = 15;

/// Maximum number of bytes, because the time of a hash grows with them.
pub const MAX_BYTES: usize = 1024;

/// Minimum number of letters and digits that are not in the e-mail address or the company's name.
const MIN_OWN: usize = 8;

/// Minimum length in bytes of a part of the e-mail address or the company's name that is looked for in a password. A
/// single Chinese character has 3 bytes, so it is looked for.
const MIN_PART: usize = 3;

/// A password that an account may get: it is long enough, not common, and not derived from the account. It is in the
/// normal form NFC.
pub struct NewPassword(String);

/// Reason why a password can't be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewPasswordError {
    TooShort,
    TooLong,
    /// It has a control character, such as a line feed or a NUL. A form would lose or refuse it.
    Control,
    /// It is common, or a pattern.
    Common,
    /// It has little more than the e-mail address or the company's name.
    Derived,
}

impl NewPassword {
    /// Checks a password for the account with this e-mail address, and with this company if it is known.
    ///
    /// # Errors
    ///
    /// - Fewer than [`MIN_LENGTH`] characters or more than [`MAX_BYTES`] bytes, in the normal form.
    /// - A control character.
    /// - A common password, alone, repeated or with few additions, or a sequence.
    /// - Fewer than 8 letters and digits besides the address, the company and their parts.
    pub fn new(text: &str, email: &Email, company: Option<&Name>) -> Result<Self, NewPasswordError> {
        let password = normalize(text);
        if password.chars().count() < MIN_LENGTH {
            return Err(NewPasswordError::TooShort);
        }
        if password.len() > MAX_BYTES {
            return Err(NewPasswordError::TooLong);
        }
        if password.chars().any(char::is_control) {
            return Err(NewPasswordError::Control);
        }
        if is_common(&password) {
            return Err(NewPasswordError::Common);
        }
        if is_derived(&password, email, company) {
            return Err(NewPasswordError::Derived);
        }
        Ok(Self(password))
    }

    /// Returns the text, to be hashed.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(***)")
    }
}

/// Returns the normal form NFC of a password, which is the same whatever system it is typed on.
pub(super) fn normalize(password: &str) -> String {
    password.nfc().collect()
}

/// Returns whether few letters and digits remain after the address, the company and their parts of at least
/// [`MIN_PART`] bytes are removed, the longest first.
fn is_derived(password: &str, email: &Email, company: Option<&Name>) -> bool {
    let mut rest = letters(password);
    let before = rest.chars().count();
    let company = company.map_or("", Name::as_str);
    let names = [email.as_str(), company].into_iter().chain(email.as_str().split('@'));
    let words =
        [email.as_str(), company].into_iter().flat_map(|name| name.split(|c: char| !c.is_alphanumeric()));
    // a shorter part, such as an initial, occurs in any text
    let is_long = |part: &String| part.len() >= MIN_PART;
    let mut parts: Vec<_> = names.chain(words).map(letters).filter(is_long).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    for part in parts {
        // a space, so that the text before and after does not join to another part
        rest = rest.replace(&part, " ");
    }
    let own = rest.chars().filter(|character| *character != ' ').count();
    own < before && own < MIN_OWN
}

/// Returns the letters and digits of a text, in lower case.
fn letters(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).filter(|character| character.is_alphanumeric()).collect()
}

impl fmt::Display for NewPasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(
                f,
                "the password needs at least {MIN_LENGTH} characters: choose a longer one, such as several words"
            ),
            Self::TooLong => write!(f, "the password may have at most {MAX_BYTES} bytes: choose a shorter one"),
            Self::Control => f.write_str(
                "the password has a control character, such as a tab: use letters, digits, spaces and other signs",
            ),
            Self::Common => f.write_str(
                "the password is one of the commonest, repeats a short text or is a sequence: choose several words that \
                 do not belong together",
            ),
            Self::Derived => f.write_str(
                "the password is made of the e-mail address or the company's name: choose several words that have \
                 nothing to do with them",
            ),
        }
    }
}

impl std::error::Error for NewPasswordError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str, email: &str, company: &str) -> Result<String, NewPasswordError> {
        let company = Name::parse(company).unwrap();
        NewPassword::new(password, &Email::new(email), Some(&company)).map(|password| password.0)
    }

    #[test]
    fn the_length_is_that_of_the_normal_form() {
        let check = |password: &str| check(password, "ada@example.com", "Example, Inc.");
        // decomposed, the text has one more character
        assert_eq!(check("schöner Abend!"), Err(NewPasswordError::TooShort));
        assert_eq!(check("scho\u{308}ner Abend!"), Err(NewPasswordError::TooShort));
        assert_eq!(check("scho\u{308}ner Abend!!"), Ok("schöner Abend!!".to_owned()));
        let long: String = ('\u{4e00}'..).take(341).collect();
        assert_eq!(check(&format!("{long}x")), Ok(format!("{long}x")));
        assert_eq!(check(&format!("{long}xy")), Err(NewPasswordError::TooLong));
        let (decomposed, composed) = ("o\u{308}", "ö");
        let text =
            |letter: &str| ('\u{4e00}'..).take(256).map(|sign| format!("{sign}{letter}")).collect::<String>();
        assert_eq!(text(decomposed).len(), 1536);
        assert_eq!(check(&text(decomposed)), Err(NewPasswordError::TooLong));
        let text =
            |letter: &str| ('\u{4e00}'..).take(200).map(|sign| format!("{sign}{letter}")).collect::<String>();
        assert_eq!(check(&text(decomposed)), Ok(text(composed)));
    }

    #[test]
    fn a_control_character_is_refused() {
        for control in ['\0', '\t', '\n', '\r', '\u{7f}', '\u{9c}'] {
            let password = format!("a long enough{control}password");
            assert_eq!(check(&password, "a@b.c", "D"), Err(NewPasswordError::Control));
        }
    }

    #[test]
    fn text_from_the_account_does_not_count() {
        let refused = Err(NewPasswordError::Derived);
        for password in [
            "ada.lovelace@example.com",
            "ADA.LOVELACE@EXAMPLE.COM!",
            "adalovelaceexamplecom",
            "Ada Lovelace 1815!",
            "lovelace-ada-1815",
            "lovelace.lovelace.1815",
            "ANALYTICAL engines 1",
            "Analytical Engines, Ltd.",
            "analyticalenginesltd1234567",
            "engines@example.com1",
            "ex-am-ple-dot-analytical",
        ] {
            assert_eq!(
                check(password, "Ada.Lovelace@example.com", "Analytical Engines, Ltd."),
                refused,
                "{password}"
            );
        }
        assert_eq!(check("Bürogemeinschaft 1", "ada@example.com", "Bu\u{308}rogemeinschaft"), refused);
        // the words `jo` and `do` are too short to be looked for
        assert_eq!(check("jodo-jodo-jodo-123", "jo.do@ex.am", "X"), refused);
        for password in [
            "analytical 12345678",
            "ada and her machine",
            "a long enough password",
            // `ad` and `a` do not join after `example` is removed
            "adexamplea 12345xy",
        ] {
            let checked = check(password, "Ada.Lovelace@example.com", "Analytical Engines, Ltd.");
            assert_eq!(checked, Ok(password.to_owned()));
        }
    }

    #[test]
    fn the_longest_part_is_removed_first_and_few_letters_are_not_derived() {
        let check = |password: &str| check(password, "ada@adaline.example", "X");
        assert_eq!(check("adaline 1234567"), Err(NewPasswordError::Derived));
        let few = "(~)[~]{~}<~>|gk3vz9q";
        assert_eq!(check(few), Ok(few.to_owned()));
    }

    #[test]
    fn initials_are_not_looked_for() {
        let password = "banana bandana cabana";
        assert_eq!(check(password, "a@b.co", "C&A"), Ok(password.to_owned()));
        assert_eq!(check("abc gk3vz9q abc!", "abc@b.co", "C&A"), Err(NewPasswordError::Derived));
        assert!(is_derived("東 violin7 東", &Email::new("a@b.co"), Some(&Name::parse("東").unwrap())));
    }

    #[test]
    fn each_error_says_what_to_choose() {
        for (error, words) in [
            (NewPasswordError::TooShort, "at least 15 characters: choose a longer one, such as several"),
            (NewPasswordError::TooLong, "at most 1024 bytes: choose a shorter one"),
            (NewPasswordError::Control, "a control character, such as a tab: use letters, digits, spaces"),
            (NewPasswordError::Common, "choose several words that do not belong together"),
            (NewPasswordError::Derived, "choose several words that have nothing to do with them"),
        ] {
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_debug_output_shows_nothing() {
        let password = NewPassword::new("a long enough password", &Email::new("a@b.c"), None);
        assert_eq!(format!("{password:?}"), "Ok(NewPassword(***))");
    }
}
