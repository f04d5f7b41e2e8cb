//! People who sign in: what they are called there, and which passwords they may choose.

use std::fmt;

use icu_normalizer::ComposingNormalizer;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// By what somebody signs in, unique in the merchant. Kept in NFKC and lower case, so that how it is typed does not
/// matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignInName(Box<str>);

/// Why a text is no sign-in name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sign-in name is 1 to {max} bytes without blanks or control characters, but this has {bytes} bytes or such characters", max = SignInName::MAX_BYTES)]
pub struct SignInNameError {
    bytes: usize,
}

impl SignInName {
    /// The longest, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 64;

    /// The name that is meant by a text.
    ///
    /// # Errors
    /// When it is empty, too long, or has blanks or control characters in it.
    pub fn new(text: &str) -> Result<Self, SignInNameError> {
        // What is longer than this is no name in any form, and is not worth the work.
        let given = text.trim();
        let name = if given.len() > 4 * Self::MAX_BYTES { String::new() } else { nfkc(given).to_lowercase() };
        let is_form = !name.chars().any(|c| c.is_whitespace() || c.is_control());
        if name.is_empty() || name.len() > Self::MAX_BYTES || !is_form {
            return Err(SignInNameError { bytes: text.len() });
        }
        Ok(Self(name.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SignInName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SignInName {
    type Error = SignInNameError;

    fn try_from(text: String) -> Result<Self, SignInNameError> {
        Self::new(&text)
    }
}

impl From<SignInName> for String {
    fn from(name: SignInName) -> Self {
        name.0.into()
    }
}

/// A password as somebody has typed it, in NFKC (as NIST SP 800-63B asks for, so that keyboards do not matter). It is
/// wiped from memory when it goes, and never shown.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a password may not be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short to resist guessing, or too long to be hashed for anybody who asks.
    #[error("a password has {min} to {max} characters, but this has {given}", min = Password::CHARS_MIN, max = Password::CHARS_MAX)]
    Length {
        /// How many it has.
        given: usize,
    },
    /// One of those that are tried first.
    #[error("this password is one of those that are guessed first; take a few words that nobody would put together")]
    Common,
    /// Who knows the name knows the password.
    #[error("a password may not be the name by which somebody signs in")]
    Name,
}

impl Password {
    /// The fewest characters.
    pub const CHARS_MIN: usize = 12;
    /// The most characters.
    pub const CHARS_MAX: usize = 128;

    /// The password that a text stands for.
    pub fn new(text: &str) -> Self {
        // NFKC makes at most 18 characters of one: nobody is to have megabytes of them made. Of four it makes one at the
        // least, so what is cut here is too long even so.
        const BYTES_MAX: usize = 16 * Password::CHARS_MAX;
        let text = &text[..text.floor_char_boundary(BYTES_MAX)];
        Self(Zeroizing::new(nfkc(text)))
    }

    /// Its bytes, which are hashed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether somebody of this name may choose it.
    ///
    /// # Errors
    /// The first refusal in the order of [`PasswordError`]'s variants.
    pub fn check(&self, name: &SignInName) -> Result<(), PasswordError> {
        let given = self.0.chars().count();
        if !(Self::CHARS_MIN..=Self::CHARS_MAX).contains(&given) {
            return Err(PasswordError::Length { given });
        }
        let plain = Zeroizing::new(self.0.to_lowercase());
        if plain.as_str() == name.as_str() {
            return Err(PasswordError::Name);
        }
        let mut different: Vec<char> = plain.chars().collect();
        different.sort_unstable();
        different.dedup();
        if different.len() < 4 || COMMON.contains(&plain.as_str()) {
            return Err(PasswordError::Common);
        }
        Ok(())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

fn nfkc(text: &str) -> String {
    ComposingNormalizer::new_nfkc().normalize(text).into_owned()
}

/// Passwords of at least [`Password::CHARS_MIN`] characters that are tried first, in lower case: rows of a keyboard,
/// counting, and the shortest ways to make a short one long enough. What has fewer than four different characters is
/// refused anyway. A list of leaked passwords would be longer and go out of date; the length is what protects.
const COMMON: [&str; 40] = [
    "123456789012",
    "1234567890123",
    "12345678901234",
    "123456789012345",
    "1234567890123456",
    "12345678910",
    "123456123456",
    "123456789123",
    "1234567891011",
    "123456789abc",
    "123456789qwe",
    "12345678qwerty",
    "123qweasdzxc",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u8i",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "abc123456789",
    "abcd12345678",
    "abcdefghijkl",
    "abcdefghijklm",
    "administrator",
    "adminadminadmin",
    "admin1234567",
    "asdfghjkl123",
    "changeme1234",
    "iloveyou1234",
    "letmein12345",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "passw0rd1234",
    "p@ssw0rd1234",
    "punchcardpunchcard",
    "qwerty123456",
    "qwertyqwerty",
    "qwertyuiop12",
    "qwertyuiop123",
    "welcome12345",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_name_is_the_same_however_it_is_typed() {
        let name = SignInName::new(" Ｗａｎｇ.Fang ").unwrap();
        assert_eq!(name.as_str(), "wang.fang");
        for wrong in ["", " ", "wang fang", "wang\u{0}", &"a".repeat(65), &"a".repeat(100_000)] {
            assert!(SignInName::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_long_enough_not_the_name_and_not_guessed_first() {
        let name = SignInName::new("wang.fang.2026").unwrap();
        let check = |text: &str| Password::new(text).check(&name);
        assert_eq!(check("correct horse"), Ok(()));
        assert_eq!(check("密码很长的一句话不会被猜到"), Ok(()));
        assert_eq!(check("short"), Err(PasswordError::Length { given: 5 }));
        for long in ["word ", "e\u{301}", "\u{1100}\u{1161}\u{11a8}", "\u{1f35e}"] {
            assert!(matches!(check(&long.repeat(100_000)), Err(PasswordError::Length { given: 129.. })), "{long}");
        }
        assert_eq!(check("Wang.Fang.2026"), Err(PasswordError::Name));
        assert_eq!(check("Password1234"), Err(PasswordError::Common));
        assert_eq!(check("121212121212"), Err(PasswordError::Common));
    }

    #[test]
    fn a_password_is_the_same_in_either_form_of_unicode_and_is_not_shown() {
        let [one, other] = ["caf\u{e9} am Bahnhof", "cafe\u{301} am Bahnhof"].map(Password::new);
        assert_eq!(one.as_bytes(), other.as_bytes());
        assert!(!format!("{one:?}").contains("Bahnhof"));
    }
}
