//! Events as they go over the wire: their form, cursors, and what may be asked for.

use std::collections::BTreeSet;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problem;
use super::cursor::page_length;
use crate::domain::{MemberId, MerchantId};
use crate::usecase::{EventData, EventFilter, EventKind, EventStart, PublicEvent};

/// An event.
#[derive(Serialize, ToSchema)]
pub(super) struct EventOut {
    /// A name that no other event has, and that stays the same.
    #[schema(example = "evt_019d2f5e7c1e7d4cb0f6a1b2c3d4e5f6_42")]
    pub(super) id: String,
    /// Its number in the merchant's log: 1, 2, 3 … without gaps.
    sequence: u64,
    /// What kind of event it is.
    #[serde(rename = "type")]
    #[schema(example = "order-settled")]
    kind: &'static str,
    /// When it happened, RFC 3339.
    #[schema(value_type = String)]
    at: Timestamp,
    /// Whose it is.
    member: Option<String>,
    /// At which order it happened.
    order: Option<String>,
    /// What it tells, by its type.
    data: EventData,
}

impl EventOut {
    pub(super) fn of(merchant: MerchantId, event: PublicEvent) -> Self {
        Self {
            id: event.id(merchant),
            sequence: event.sequence,
            kind: event.kind().name(),
            at: event.at,
            member: event.member.map(|member| member.to_string()),
            order: event.order.map(|order| order.to_string()),
            data: event.data,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(super) fn cursor(&self) -> String {
        cursor(self.sequence)
    }
}

/// Which events are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// Events behind this cursor, which an earlier answer gave as `next`; from the first event on if absent; `end` for
    /// what comes from now on.
    after: Option<String>,
    /// How many at most, 1 to 200; 50 if absent. Of a stream it is no matter.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Kinds of events, with commas between them; all if absent.
    #[param(example = "order-settled,order-refunded")]
    kind: Option<String>,
    /// Only events of this member.
    member: Option<String>,
}

/// Which events are asked for, read.
pub(super) struct Asked {
    pub(super) start: EventStart,
    pub(super) filter: EventFilter,
    pub(super) limit: usize,
}

impl Asked {
    pub(super) fn read(query: Result<Query<EventsQuery>, QueryRejection>) -> Result<Self, Problem> {
        let Query(query) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
        let start = query.after.as_deref().map_or(Ok(EventStart::After(0)), start)?;
        let kinds: BTreeSet<EventKind> = query
            .kind
            .iter()
            .flat_map(|kinds| kinds.split(','))
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|error| Problem::wrong_query(&error))?;
        let member: Option<MemberId> =
            query.member.as_deref().map(str::parse).transpose().map_err(|error| Problem::wrong_query(&error))?;
        Ok(Self { start, filter: EventFilter { kinds, member }, limit: page_length(query.limit)? })
    }
}

const FORM: &str = "a cursor is what an earlier answer gave as `next`, or `end`";

/// The place that a cursor tells.
pub(super) fn start(cursor: &str) -> Result<EventStart, Problem> {
    if cursor == "end" {
        return Ok(EventStart::End);
    }
    number(cursor).map(EventStart::After).ok_or_else(|| Problem::wrong_query(&FORM))
}

/// The cursor that stands behind something with this number.
pub(super) fn cursor(sequence: u64) -> String {
    format!("c{sequence:016x}")
}

/// The number that a cursor stands behind.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('c').filter(|digits| digits.len() == 16)?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (cursor(number) == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        assert_eq!(number(&cursor(u64::MAX)), Some(u64::MAX));
        for broken in ["", "c", "7", "c+00000000000001", "c000000000000000A", "c0000000000000000a"] {
            assert_eq!(number(broken), None, "{broken}");
        }
    }
}
