//! What callers name things by: texts that fit into the keys of the storage, checked where they come in.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($characters_max:literal, $pattern:literal, $is_allowed:expr);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub(crate) struct $name(String);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let is_allowed: fn(&str) -> bool = $is_allowed;
                if (1..=$characters_max).contains(&text.chars().count()) && is_allowed(&text) {
                    Ok(Self(text))
                } else {
                    Err(format!("expected 1 to {} characters of the form {}", $characters_max, $pattern))
                }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": 1, "maxLength": $characters_max, "pattern": $pattern })
            }
        }
    )*};
}

names! {
    /// The short name of a course or class, such as `piano-a`: lower-case kebab.
    Code(32, "^[a-z0-9]+(-[a-z0-9]+)*$", is_kebab);
    /// What the merchant's own systems call a student or a teacher: visible ASCII without a slash. No personal data.
    Reference(64, "^[!-.0-~]+$", |text| text.bytes().all(|byte| matches!(byte, b'!'..=b'.' | b'0'..=b'~')));
    /// What people call a room: without a slash.
    Room(32, "^[^/\\x00-\\x1f]+$", |text| !text.contains('/') && !text.chars().any(|c| c < ' '));
}

impl Reference {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_kebab(text: &str) -> bool {
    text.split('-')
        .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_fits_into_a_key() {
        let code = |text: &str| Code::try_from(text.to_owned()).is_ok();
        assert!(["piano-a", "a", "2026-spring"].into_iter().all(code));
        assert!(!["", "-", "Piano", "piano a", "a--b", "琴", &"a".repeat(33)].into_iter().any(code));
        let reference = |text: &str| Reference::try_from(text.to_owned()).is_ok();
        assert!(["crm:7", "mem_00", &"~".repeat(64)].into_iter().all(reference));
        assert!(!["", "a/b", "a b", "琴", &"a".repeat(65)].into_iter().any(reference));
        let room = |text: &str| Room::try_from(text.to_owned()).is_ok();
        assert!(["301 教室", &"琴".repeat(32)].into_iter().all(room));
        assert!(!["", "3/1", "3\n", &"琴".repeat(33)].into_iter().any(room));
    }

    #[test]
    fn a_name_is_checked_when_it_is_read() {
        assert!(serde_json::from_str::<Code>(r#""piano-a""#).is_ok());
        assert!(serde_json::from_str::<Code>(r#""Piano""#).is_err());
    }
}
