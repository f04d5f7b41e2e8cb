//! The kinds of values that settings have. Each is read from text in one way, in a file and on the command line.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use tracing_subscriber::EnvFilter;

use super::vendors::Vendors;

/// A value of a setting.
pub(super) trait Setting: FromStr<Err = String> {
    /// What it is, for messages: `expected …`.
    fn expected() -> String;

    /// Its form in a file.
    fn toml(&self) -> String;
}

/// A whole number within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Whole<const MIN: u32, const MAX: u32>(pub(in crate::cli) u32);

impl<const MIN: u32, const MAX: u32> FromStr for Whole<MIN, MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(not::<Self>(text)),
        }
    }
}

impl<const MIN: u32, const MAX: u32> Setting for Whole<MIN, MAX> {
    fn expected() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }

    fn toml(&self) -> String {
        self.0.to_string()
    }
}

/// An address with its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Address(pub(in crate::cli) SocketAddr);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| not::<Self>(text))
    }
}

impl Setting for Address {
    fn expected() -> String {
        "an IP address and a port, such as 127.0.0.1:8080 or [::]:8080".into()
    }

    fn toml(&self) -> String {
        quoted(&self.0.to_string())
    }
}

/// The URL of something that the operator runs, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Endpoint(Option<http::Uri>);

impl Endpoint {
    /// The URL, if one is given.
    pub(in crate::cli) fn url(&self) -> Option<&http::Uri> {
        self.0.as_ref()
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let url = text.parse::<http::Uri>().ok();
        let url = url.filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some());
        url.map(|url| Self(Some(url))).ok_or_else(|| not::<Self>(text))
    }
}

impl Setting for Endpoint {
    fn expected() -> String {
        "a URL, such as http://127.0.0.1:4318/v1/traces".into()
    }

    fn toml(&self) -> String {
        quoted(&self.0.as_ref().map(ToString::to_string).unwrap_or_default())
    }
}

/// IP addresses, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Addresses(pub(in crate::cli) Vec<IpAddr>);

impl FromStr for Addresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        all.map(|one| one.parse().map_err(|_| not::<Self>(one))).collect::<Result<_, _>>().map(Self)
    }
}

impl Setting for Addresses {
    fn expected() -> String {
        "IP addresses, such as 127.0.0.1".into()
    }

    fn toml(&self) -> String {
        let all: Vec<_> = self.0.iter().map(|one| quoted(&one.to_string())).collect();
        format!("[{}]", all.join(", "))
    }
}

/// A file or a folder, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Place(PathBuf);

impl Place {
    /// Its path, if one is given.
    pub(in crate::cli) fn path(&self) -> Option<&Path> {
        (!self.0.as_os_str().is_empty()).then_some(&self.0)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.into()))
    }
}

impl Setting for Place {
    fn expected() -> String {
        "a path".into()
    }

    fn toml(&self) -> String {
        quoted(&self.0.to_string_lossy())
    }
}

/// Whether something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Permission(pub(in crate::cli) bool);

impl FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "allow" => Ok(Self(true)),
            "deny" => Ok(Self(false)),
            other => Err(not::<Self>(other)),
        }
    }
}

impl Setting for Permission {
    fn expected() -> String {
        "`allow` or `deny`".into()
    }

    fn toml(&self) -> String {
        quoted(if self.0 { "allow" } else { "deny" })
    }
}

/// When browsers are to send a cookie over HTTPS only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Secure {
    /// When the host speaks TLS itself.
    Auto,
    /// Always: something in front of the host speaks TLS.
    Always,
}

impl FromStr for Secure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            other => Err(not::<Self>(other)),
        }
    }
}

impl Setting for Secure {
    fn expected() -> String {
        "`auto` or `always`".into()
    }

    fn toml(&self) -> String {
        quoted(match self {
            Self::Auto => "auto",
            Self::Always => "always",
        })
    }
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Filter(String);

impl Filter {
    /// This text, which is a filter.
    pub(in crate::cli) fn env_filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        EnvFilter::try_new(text).map(|_| Self(text.into())).map_err(|error| format!("{}: {error}", not::<Self>(text)))
    }
}

impl Setting for Filter {
    fn expected() -> String {
        "a level (error, warn, info, debug, trace) or levels by module".into()
    }

    fn toml(&self) -> String {
        quoted(&self.0)
    }
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Format {
    /// Lines for people.
    Text,
    /// An object in each line.
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(not::<Self>(text)),
        }
    }
}

impl Setting for Format {
    fn expected() -> String {
        "`text` or `json`".into()
    }

    fn toml(&self) -> String {
        quoted(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

fn not<T: Setting>(text: &str) -> String {
    format!("expected {}, not `{text}`", T::expected())
}

/// A text as TOML has it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Reads a value of a file by its text, so that there is one rule for it.
struct ByText<T>(PhantomData<T>);

impl<'de, T: Setting> Visitor<'de> for ByText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&T::expected())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// The same for numbers, which a file does not put in quotes.
struct ByNumber<T>(PhantomData<T>);

impl<'de, T: Setting> Visitor<'de> for ByNumber<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&T::expected())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }
}

/// The same for lists.
struct ByList<T>(PhantomData<T>);

impl<'de, T: Setting> Visitor<'de> for ByList<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", T::expected())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element::<String>()? {
            all.push(one);
        }
        all.join(",").parse().map_err(A::Error::custom)
    }
}

macro_rules! read_by_text {
    ($($kind:ty)*) => {$(
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(ByText(PhantomData))
            }
        }
    )*};
}

read_by_text! { Address Endpoint Place Permission Secure Filter Format }

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(ByNumber(PhantomData))
    }
}

macro_rules! read_by_list {
    ($($kind:ty)*) => {$(
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_seq(ByList(PhantomData))
            }
        }
    )*};
}

read_by_list! { Addresses Vendors }
