//! Server-sent events, as a program that follows them reads them.

use axum::body::BodyDataStream;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::StreamExt as _;
use serde_json::Value;

/// An answer that goes on.
pub struct Streaming {
    body: BodyDataStream,
    read: String,
}

/// What a stream said at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The cursor.
    pub id: String,
    /// The type.
    pub event: String,
    /// What was told; null for a comment.
    pub data: Value,
}

impl Streaming {
    /// # Panics
    /// When the answer is no stream of events.
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), read: String::new() }
    }

    /// What comes next, or `None` when the stream has ended. Waits for as long as it takes.
    ///
    /// # Panics
    /// When it is not of the form of server-sent events.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((one, rest)) = self.read.split_once("\n\n") {
                let (one, rest) = (message(one), rest.to_owned());
                self.read = rest;
                return Some(one);
            }
            let part = self.body.next().await?.expect("a body in memory can be read");
            self.read.push_str(std::str::from_utf8(&part).expect("a stream of events is text"));
        }
    }
}

fn message(text: &str) -> Message {
    let mut message = Message::default();
    for line in text.lines() {
        match line.split_once(':').expect("a line has a field") {
            ("id", value) => value.trim_start().clone_into(&mut message.id),
            ("event", value) => value.trim_start().clone_into(&mut message.event),
            ("data", value) => message.data = serde_json::from_str(value).expect("data is JSON"),
            ("", _) => {}
            (field, _) => panic!("a field `{field}`"),
        }
    }
    message
}
