//! What the host answered, and what a spec expects of it.

use std::fmt;

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer of the host.
#[derive(Debug)]
pub struct Reply {
    /// The request, for messages.
    pub(crate) asked: String,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body of an answer that says that all went well.
    ///
    /// # Panics
    /// When it says otherwise.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{self}");
        self.json()
    }

    /// The body of an answer that says that something was made.
    ///
    /// # Panics
    /// When it says otherwise.
    #[track_caller]
    pub fn created(self) -> Value {
        assert_eq!(self.status, StatusCode::CREATED, "{self}");
        self.json()
    }

    /// The problem of an answer that is one, and is so in the form that every problem has.
    ///
    /// # Panics
    /// When it is none, or has another form.
    #[track_caller]
    pub fn problem(self) -> Problem {
        assert!(self.status.is_client_error() || self.status.is_server_error(), "{self}");
        let content_type = self.headers.get("content-type").and_then(|value| value.to_str().ok());
        assert_eq!(content_type, Some("application/problem+json"), "{self}");
        let json = self.json();
        let text = |field: &str| json[field].as_str().unwrap_or_default().to_owned();
        assert_eq!(json["status"], self.status.as_u16(), "{self}");
        assert!(!text("title").is_empty() && !text("detail").is_empty(), "{self}");
        let Some(kind) = text("type").strip_prefix("urn:punchcard:problem:").map(str::to_owned) else {
            panic!("a problem without a stable type: {self}");
        };
        let known = ["type", "title", "status", "detail", "errors"];
        let others: Vec<_> =
            json.as_object().into_iter().flatten().filter(|(name, _)| !known.contains(&name.as_str())).collect();
        assert!(others.is_empty(), "a problem with {others:?}: {self}");
        let errors = json["errors"].as_array().into_iter().flatten();
        let errors = errors.map(|error| error.as_str().unwrap_or_default().to_owned()).collect();
        Problem { status: self.status.as_u16(), kind, detail: text("detail"), errors }
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body.
    ///
    /// # Panics
    /// When it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the body is not JSON ({error}): {self}"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was answered {}: {}", self.asked, self.status, String::from_utf8_lossy(&self.body))
    }
}

/// Why a request was not fulfilled. It is shown as `409 already-refunded: order ord_… is refunded already`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The type, without `urn:punchcard:problem:`.
    pub kind: String,
    /// What was refused here.
    pub detail: String,
    /// Further faults.
    pub errors: Vec<String>,
}

impl Problem {
    /// Status and type, such as `409 already-refunded`: what programs go by.
    pub fn name(&self) -> String {
        format!("{} {}", self.status, self.kind)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), masked(&self.detail))?;
        self.errors.iter().try_for_each(|error| write!(f, "\n- {}", masked(error)))
    }
}

/// A text with `…` for the digits of ids, so that snapshots do not depend on them.
pub fn masked(text: &str) -> String {
    const DIGITS: usize = 32;
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('_') {
        let (before, after) = rest.split_at(at + 1);
        shown.push_str(before);
        let digits = after.chars().take_while(|c| is_digit(*c)).count();
        rest = if digits == DIGITS {
            shown.push('…');
            &after[DIGITS..]
        } else {
            after
        };
    }
    shown + rest
}
