//! The problems of use cases about events, and of streams of them.

use axum::http::StatusCode;

use super::Problem;
use crate::usecase::{BehaviourError, EventsError, SeenError};

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

impl From<BehaviourError> for Problem {
    fn from(error: BehaviourError) -> Self {
        match error {
            BehaviourError::Schema(_) => Self::refused("wrong-schema", error),
            BehaviourError::SchemaTooLong(_) => Self::refused("schema-too-long", error),
            BehaviourError::TooMany => Self::refused("too-many-behaviours", error),
            BehaviourError::Unknown(_) => Self::not_found("unknown-behaviour", error),
            BehaviourError::Store(error) => error.into(),
        }
    }
}

impl From<SeenError> for Problem {
    fn from(error: SeenError) -> Self {
        match error {
            SeenError::UnknownBehaviour(..) => Self::refused("unknown-behaviour", error),
            SeenError::UnknownMember(..) => Self::refused("unknown-member", error),
            SeenError::Erased(..) => Self::conflict("member-erased", error),
            SeenError::UnknownStore(..) => Self::refused("unknown-store", error),
            SeenError::Future(..) => Self::refused("in-the-future", error),
            SeenError::TooLong(..) => Self::refused("data-too-long", error),
            SeenError::Data(_, _, ref faults) => {
                let errors = faults.clone();
                Self { errors, ..Self::refused("wrong-data", error) }
            }
            SeenError::DayIsOver(seconds) => {
                let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-behaviours-today", error);
                Self { retry_after_s: Some(seconds), ..problem }
            }
            SeenError::Store(error) => error.into(),
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
