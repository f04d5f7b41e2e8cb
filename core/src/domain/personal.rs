//! What is personal about a member: it is kept sealed, found by blind indexes, and never in events or logs.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{AttributeValue, Code, Label, Remark};

/// Why a personal value was refused. The value itself is not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonalError {
    /// Not a phone number.
    #[error(
        "a phone number has the form of E.164: a plus sign, the country code and the number, 8 to 15 digits in all, such \
         as +8613800138000"
    )]
    Phone,
    /// Not an e-mail address.
    #[error(
        "an e-mail address has one `@` between a name and a domain with a dot, at most {} bytes, no blanks",
        Email::MAX_BYTES
    )]
    Email,
    /// Not a birthday.
    #[error("a birthday is a date such as 1990-02-28, or --02-29 when the year is not known, and not before 1880")]
    Birthday,
}

macro_rules! personal {
    ($($(#[$doc:meta])* $name:ident, $error:expr, $read:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks the form, and brings it into the one form in which it is kept and compared.
            ///
            /// # Errors
            /// When it has another form; the message says which is right.
            pub fn new(text: &str) -> Result<Self, PersonalError> {
                let read: fn(&str) -> Option<String> = $read;
                read(text).map(|text| Self(text.into())).ok_or($error)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl TryFrom<String> for $name {
            type Error = PersonalError;

            fn try_from(text: String) -> Result<Self, PersonalError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0.into()
            }
        }
    )*};
}

personal! {
    /// A phone number in the form of E.164 (ITU-T): a plus sign and 8 to 15 digits. Blanks, hyphens, dots and
    /// parentheses between them are dropped.
    Phone, PersonalError::Phone, phone;
    /// An e-mail address. Its domain is lower-case; the name before the `@` is compared without regard to case, as
    /// all providers in use do.
    Email, PersonalError::Email, email;
    /// A day of birth: `1990-02-28`, or `--02-29` without the year (ISO 8601, RFC 6350).
    Birthday, PersonalError::Birthday, birthday;
}

impl Email {
    /// The longest that is accepted, in bytes (RFC 5321, 4.5.3.1.3, without the angle brackets).
    pub const MAX_BYTES: usize = 254;
}

impl Birthday {
    /// Month and day.
    pub fn month_and_day(&self) -> (i8, i8) {
        let tail = &self.0[self.0.len() - 5..];
        (tail[..2].parse().unwrap_or(1), tail[3..].parse().unwrap_or(1))
    }

    /// The year, when it is known.
    pub fn year(&self) -> Option<i16> {
        self.0.parse().ok().map(Date::year)
    }

    /// The whole years from birth to `today`; none when the year is not known or has not come.
    pub fn age(&self, today: Date) -> Option<i16> {
        let born: Date = self.0.parse().ok()?;
        let (month, day) = self.month_and_day();
        let had_it = (today.month(), today.day()) >= (month, day);
        Some(today.year() - born.year() - i16::from(!had_it)).filter(|age| *age >= 0)
    }
}

/// The personal data of a member.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    /// What they are called.
    pub name: Option<Label>,
    /// Their phone numbers, the main one first; each of one member of a merchant at most.
    pub phones: Vec<Phone>,
    /// Their e-mail addresses, the main one first; each of one member of a merchant at most.
    pub emails: Vec<Email>,
    /// When they were born.
    pub birthday: Option<Birthday>,
    /// Where they live.
    pub address: Option<Remark>,
    /// The attributes that the merchant declared personal.
    pub attributes: BTreeMap<Code, AttributeValue>,
}

impl Personal {
    /// How many phone numbers, and how many e-mail addresses, a member may have.
    pub const CONTACTS_MAX: usize = 5;

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}

/// A name as names are compared: lower-case, without blanks at the ends.
fn words(name: &str) -> Vec<String> {
    name.to_lowercase().split_whitespace().map(str::to_owned).collect()
}

/// How many characters the indexed beginnings of a name have. A single character is indexed when it is not ASCII: a
/// Chinese family name is one.
const STARTS: [usize; 5] = [1, 2, 3, 4, 6];
/// How many words of a name are indexed, besides the name as a whole.
const WORDS_MAX: usize = 3;

/// The beginnings under which a name can be found: of all of it, and of each of its words.
pub fn name_starts(name: &str) -> Vec<String> {
    let words = words(name);
    let whole = words.concat();
    let later = words.iter().skip(1).take(WORDS_MAX - 1).cloned();
    let mut starts: Vec<String> = std::iter::once(whole)
        .chain(later)
        .flat_map(|word| STARTS.into_iter().filter_map(move |length| start_of(&word, length)))
        .collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

fn start_of(word: &str, length: usize) -> Option<String> {
    let start: String = word.chars().take(length).collect();
    let whole = start.chars().count() == length;
    (whole && (length > 1 || !start.is_ascii())).then_some(start)
}

/// The longest indexed beginning under which names that begin with `sought` are found; none when `sought` is too short.
pub fn sought_start(sought: &str) -> Option<String> {
    let sought = words(sought).concat();
    STARTS.into_iter().rev().find_map(|length| start_of(&sought, length))
}

/// Whether a name, or a word of it, begins with what is sought.
pub fn name_begins_with(name: &str, sought: &str) -> bool {
    let (words, sought) = (words(name), words(sought).concat());
    (0..words.len().min(WORDS_MAX)).any(|first| words[first..].concat().starts_with(&sought))
}

fn phone(text: &str) -> Option<String> {
    let digits: String =
        text.strip_prefix('+')?.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let fits =
        (8..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| format!("+{digits}"))
}

fn email(text: &str) -> Option<String> {
    let (name, domain) = text.split_once('@')?;
    let fits = text.len() <= Email::MAX_BYTES
        && (1..=64).contains(&name.len())
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ',' | ';'))
        && !domain.contains('@');
    fits.then(|| text.to_lowercase())
}

fn birthday(text: &str) -> Option<String> {
    const EARLIEST_YEAR: i16 = 1880;
    if text.len() != if text.starts_with("--") { 7 } else { 10 } {
        return None;
    }
    // A leap year, so that the 29th of February can be said without a year.
    let dated = text.strip_prefix("--").map_or_else(|| text.to_owned(), |rest| format!("2000-{rest}"));
    let date: Date = dated.parse().ok()?;
    (date.year() >= EARLIEST_YEAR && date.to_string() == dated).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_are_brought_into_one_form() {
        for (given, kept) in [
            ("+8613800138000", "+8613800138000"),
            ("+86 138-0013-8000", "+8613800138000"),
            ("+1 (212) 555.0100", "+12125550100"),
        ] {
            assert_eq!(Phone::new(given).unwrap().as_str(), kept);
        }
        for bad in ["", "13800138000", "+86", "+0123456789", "+86138001380001234", "+86 138oo138000", "++8613800138000"]
        {
            assert_eq!(Phone::new(bad), Err(PersonalError::Phone), "{bad}");
        }
    }

    #[test]
    fn addresses_are_compared_in_lower_case() {
        assert_eq!(Email::new("Fang.Wang@Example.COM").unwrap().as_str(), "fang.wang@example.com");
        let long = format!("{}@example.com", "x".repeat(65));
        for bad in
            ["", "a", "a@b", "@b.c", "a@b@c.d", "a b@c.d", "a@.d", "a@-b.c", "a@b..c", "<a@b.c>", "a@b.c\n", &long]
        {
            assert_eq!(Email::new(bad), Err(PersonalError::Email), "{bad}");
        }
    }

    #[test]
    fn a_birthday_may_leave_the_year_out() {
        let whole = Birthday::new("1992-02-29").unwrap();
        assert_eq!(whole.month_and_day(), (2, 29));
        assert_eq!(whole.age(jiff::civil::date(2026, 2, 28)), Some(33));
        assert_eq!(whole.age(jiff::civil::date(2026, 3, 1)), Some(34));
        let yearless = Birthday::new("--02-29").unwrap();
        assert_eq!((yearless.month_and_day(), yearless.age(jiff::civil::date(2026, 3, 1))), ((2, 29), None));
        for bad in
            ["", "1991-02-29", "1879-01-01", "90-01-01", "--2-9", "--13-01", "1990-1-1", "19900101", "1990-01-01T00:00"]
        {
            assert_eq!(Birthday::new(bad), Err(PersonalError::Birthday), "{bad}");
        }
    }

    #[test]
    fn a_name_is_found_by_the_beginning_of_any_of_its_words() {
        for (name, sought) in [
            ("Wang Fang", "wa"),
            ("Wang Fang", "Wang F"),
            ("Wang Fang", "fang"),
            ("王芳", "王"),
            ("欧阳 娜娜", "娜娜"),
            ("Maria del Carmen", "carmen"),
            ("ÉLODIE", "él"),
        ] {
            let start = sought_start(sought).unwrap();
            assert!(name_starts(name).contains(&start), "{name} by {start}");
            assert!(name_begins_with(name, sought), "{name} by {sought}");
        }
        assert!(!name_begins_with("Wang Fang", "ang"));
        assert_eq!(sought_start("w"), None, "one letter finds half of the town");
        assert_eq!(sought_start(" "), None);
    }

    #[test]
    fn nothing_personal_is_shown_by_accident() {
        let personal = Personal {
            name: Some(Label::new("Wang Fang").unwrap()),
            phones: vec![Phone::new("+8613800138000").unwrap()],
            ..Personal::default()
        };
        let shown = format!("{personal:?} {:?}", personal.phones);
        assert_eq!(shown, "Personal(…) [Phone(…)]");
    }
}
