//! The problems of use cases about events, and of streams of them.

use axum::http::StatusCode;

use super::Problem;
use crate::usecase::EventsError;

/// When to ask again for a stream, in seconds.
const STREAM_RETRY_S: u32 = 15;

impl From<EventsError> for Problem {
    fn from(error: EventsError) -> Self {
        match error {
            EventsError::UnknownPlace => Self::new(StatusCode::GONE, "unknown-place", error),
            EventsError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    pub(in crate::http) fn too_many_streams(most: usize) -> Self {
        let detail = format!("this merchant has {most} streams open, which is the most; close one, or share one");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-streams", detail);
        Self { retry_after_s: Some(STREAM_RETRY_S), ..problem }
    }

    pub(in crate::http) fn no_stream_left() -> Self {
        let detail = "the host has as many streams open as it can; ask again later, or ask `/v1/events` by cursor";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-stream-left", detail);
        Self { retry_after_s: Some(STREAM_RETRY_S), ..problem }
    }

    /// Whether it may go well when it is tried again soon.
    pub(in crate::http) fn passes(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }
}
