//! Texts with a form: codes, references and labels. Checked once, at the boundary.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Not a code.
    #[error("`{given}` is not a code: expected 1 to {max} of a-z, 0-9 and single hyphens between them", max = Code::MAX_BYTES)]
    Code {
        /// The beginning of what was given.
        given: String,
    },
    /// Not a reference.
    #[error("a reference is 1 to {max} bytes without control characters or outer blanks, but this has {bytes} bytes or such characters", max = Reference::MAX_BYTES)]
    Reference {
        /// How long it was.
        bytes: usize,
    },
    /// Not a remark.
    #[error("a text of this kind is 1 to {max} bytes without outer blanks or control characters other than line breaks, but this has {bytes} bytes or such characters", max = Remark::MAX_BYTES)]
    Remark {
        /// How long it was.
        bytes: usize,
    },
    /// Not a label.
    #[error("a label is 1 to {max} bytes without control characters or outer blanks, but this has {bytes} bytes or such characters", max = Label::MAX_BYTES)]
    Label {
        /// How long it was.
        bytes: usize,
    },
}

macro_rules! text {
    ($($(#[$doc:meta])* $name:ident max $max:literal, $check:expr, $error:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The longest that is accepted, in bytes of UTF-8.
            pub const MAX_BYTES: usize = $max;

            /// Checks the form.
            ///
            /// # Errors
            /// When the text has another form; the message says which is right.
            pub fn new(text: impl AsRef<str>) -> Result<Self, TextError> {
                let text = text.as_ref();
                let check: fn(&str) -> bool = $check;
                let error: fn(&str) -> TextError = $error;
                if !text.is_empty() && text.len() <= $max && check(text) { Ok(Self(text.into())) } else { Err(error(text)) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0.into()
            }
        }
    )*};
}

text! {
    /// A short name that programs use: of a unit, a pack, a store, a tag, a command. Lower-case, digits, hyphens.
    Code max 48, is_code, |given| TextError::Code { given: given.chars().take(64).collect() };
    /// A name that another system gave to a thing: a POS's order number, a shop's customer number.
    Reference max 128, is_plain, |given| TextError::Reference { bytes: given.len() };
    /// A line that people read: a name, a reason, a category, a SKU.
    Label max 128, is_plain, |given| TextError::Label { bytes: given.len() };
    /// A few lines that people write: a note, an address.
    Remark max 1024, is_lines, |given| TextError::Remark { bytes: given.len() };
}

fn is_code(text: &str) -> bool {
    text.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

fn is_plain(text: &str) -> bool {
    text.trim() == text && !text.chars().any(char::is_control)
}

fn is_lines(text: &str) -> bool {
    text.trim() == text && !text.chars().any(|c| c.is_control() && c != '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_lower_case_words_with_hyphens() {
        for good in ["points", "stored-value", "a", "7"] {
            assert!(Code::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Points", "a--b", "-a", "a-", "a b", "café", &"x".repeat(49)] {
            assert!(Code::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn references_keep_out_control_characters_and_outer_blanks() {
        assert!(Reference::new("POS 7/0042 面包").is_ok());
        for bad in ["", " x", "x\n", "a\u{0}b", &"x".repeat(129)] {
            assert!(Reference::new(bad).is_err(), "{bad:?}");
        }
        assert!(Remark::new("two\nlines").is_ok());
        assert!(Remark::new("a\ttab").is_err());
    }
}
