//! `GET /v1/members/{member}/timeline` and `GET /v1/changes`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::read_member::known_here;
use super::statement::PostingOut;
use super::tags_and_tier::Page;
use crate::domain::{Action, Actor, MemberId};
use crate::http::caller::Caller;
use crate::http::cursor::{cursor, page_length, place};
use crate::http::message_wire::MessageOut;
use crate::http::path::Path;
use crate::http::wire::OrderOut;
use crate::http::{App, Problem};
use crate::usecase::{self, EventData, Happening, PublicEvent, ReadChange};

/// A change that somebody made.
#[derive(Serialize, ToSchema)]
pub(super) struct ChangeOut {
    id: String,
    /// When, RFC 3339.
    at: String,
    /// Who.
    by: ByOut,
    /// Of what kind the thing is: `member`, `note`, `attribute`, `api-key` and so on.
    kind: String,
    /// Which of its kind.
    name: String,
    /// What it was, as far as it differs; null when it was not there.
    before: Option<Value>,
    /// What it is then; null when it is not there any more.
    after: Option<Value>,
    /// What is personal in it, as `before` and `after`: left out for those who may not read it, and when the member was
    /// forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    personal: Option<Value>,
}

/// Who made a change.
#[derive(Serialize, ToSchema)]
pub(super) struct ByOut {
    /// The person or API key; null for the operator at the command line, and for a pack.
    staff: Option<String>,
    /// Their role then.
    role: Option<String>,
    /// The pack, when it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pack: Option<String>,
}

impl From<ReadChange> for ChangeOut {
    fn from(read: ReadChange) -> Self {
        let ReadChange { change, personal, .. } = read;
        let json = |text: Option<String>| {
            let mut value = text.map(|text| serde_json::from_str(&text).unwrap_or(Value::Null));
            value.iter_mut().for_each(|value| name_instants(None, value));
            value
        };
        let personal = personal.map(|mut value| {
            name_instants(None, &mut value);
            value
        });
        let (staff, role) = change.by.unzip();
        Self {
            id: change.id.to_string(),
            at: change.at.to_string(),
            by: ByOut {
                staff: staff.map(|staff| staff.to_string()),
                role: role.map(|role| role.to_string()),
                pack: change.pack.map(Into::into),
            },
            kind: change.kind,
            name: change.name,
            before: json(change.before),
            after: json(change.after),
            personal,
        }
    }
}

/// Gives instants that records keep as milliseconds since 1970 as RFC 3339. Attributes are the merchant's own: what is a
/// number there stays one.
fn name_instants(name: Option<&str>, value: &mut Value) {
    let is_instant = |name: &str| ["at", "from", "until", "since"].contains(&name) || name.ends_with("_at");
    match value {
        Value::Object(fields) => {
            let others = fields.iter_mut().filter(|(name, _)| *name != "attributes");
            others.for_each(|(name, value)| name_instants(Some(name), value));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| name_instants(name, value)),
        Value::Number(number) if name.is_some_and(is_instant) => {
            let instant = number.as_i64().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
            if let Some(instant) = instant {
                *value = instant.to_string().into();
            }
        }
        _ => {}
    }
}

/// The audit log.
#[derive(Serialize, ToSchema)]
pub(super) struct ChangesOut {
    /// In the order in which they were made.
    changes: Vec<ChangeOut>,
    /// Where to go on; given also when there is nothing more yet.
    next: Option<String>,
}

/// Who changed what.
#[utoipa::path(get, path = "/v1/changes", tag = "staff",
    extensions(("x-needs" = json!("read-audit"))), params(Page),
    responses((status = 200, body = ChangesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_changes(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<ChangesOut>, Problem> {
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let after = place::<8>(page.cursor.as_deref())?.map_or(0, u64::from_be_bytes);
    let limit = page_length(page.limit)?;
    let changes = app
        .serve(caller, Action::ReadAudit, move |host, actor| {
            let with_personal = sees_personal(actor);
            host.view(actor, |tx, act| usecase::list_changes(tx, act, after, limit, with_personal))
        })
        .await?;
    let next = changes.last().map_or(after, |last| last.sequence);
    let next = (next > 0).then(|| cursor(&next.to_be_bytes()));
    Ok(Json(ChangesOut { changes: changes.into_iter().map(Into::into).collect(), next }))
}

/// Something that happened to a member.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum HappeningOut {
    /// They bought.
    Order {
        /// The order.
        order: Box<OrderOut>,
    },
    /// Something was booked for them.
    Posting {
        /// The posting.
        posting: PostingOut,
    },
    /// Something about them was changed.
    Change {
        /// The change.
        change: Box<ChangeOut>,
    },
    /// They were, or are to be, told something.
    Message {
        /// The message.
        message: Box<MessageOut>,
    },
    /// They used a benefit, claimed an order, did something that a system saw, or a pack told a fact of them.
    Event {
        /// The event.
        event: Box<HappenedOut>,
    },
}

/// An event in a member's history.
#[derive(Serialize, ToSchema)]
pub(super) struct HappenedOut {
    /// What kind of event it is.
    #[serde(rename = "type")]
    #[schema(example = "benefit-used")]
    kind: &'static str,
    /// When it was recorded, RFC 3339.
    at: String,
    /// At which order it happened.
    order: Option<String>,
    /// What it tells, by its type.
    data: EventData,
}

impl From<PublicEvent> for HappenedOut {
    fn from(event: PublicEvent) -> Self {
        Self {
            kind: event.kind().name(),
            at: event.at.to_string(),
            order: event.order.map(|order| order.to_string()),
            data: event.data,
        }
    }
}

/// What happened to a member.
#[derive(Serialize, ToSchema)]
pub(super) struct TimelineOut {
    /// The newest first.
    happenings: Vec<HappeningOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// Everything that happened to a member: orders, what was booked, what was changed, what they were told, benefits that they
/// used, orders that they claimed, and what packs and the merchant's own systems told of them.
#[utoipa::path(get, path = "/v1/members/{member}/timeline", tag = "members",
    extensions(("x-needs" = json!("read"))), params(("member" = String, Path), Page),
    responses((status = 200, body = TimelineOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_timeline(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<TimelineOut>, Problem> {
    let id: MemberId = member.parse()?;
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let before = place::<16>(page.cursor.as_deref())?;
    let limit = page_length(page.limit)?;
    // Whom the id means now: of postings, what came to them and went from them is told.
    let (id, found) = app
        .serve(caller, Action::Read, move |host, actor| {
            let with_personal = sees_personal(actor);
            host.view(actor, |tx, act| {
                let id = known_here(tx, actor, id)?;
                Ok::<_, Problem>((id, usecase::read_timeline(tx, act, id, before, limit, with_personal)?))
            })
        })
        .await?;
    let next = (found.len() == limit).then(|| found.last().map(|(at, _)| cursor(at))).flatten();
    Ok(Json(TimelineOut { happenings: found.into_iter().map(|(_, seen)| happening(seen, id)).collect(), next }))
}

/// What happened to a member, as it is told.
pub(super) fn happening(happening: Happening, member: MemberId) -> HappeningOut {
    match happening {
        Happening::Order(order) => HappeningOut::Order { order: Box::new(order.into()) },
        Happening::Posting(posting) => HappeningOut::Posting { posting: PostingOut::of(posting, member) },
        Happening::Change(change) => HappeningOut::Change { change: Box::new(change.into()) },
        Happening::Message(message) => HappeningOut::Message { message: Box::new(message.into()) },
        Happening::Event(event) => HappeningOut::Event { event: Box::new(event.into()) },
    }
}

fn sees_personal(actor: &Actor) -> bool {
    actor.role.may(Action::ReadPersonal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn instants_of_records_are_told_as_rfc_3339_and_numbers_of_merchants_are_not_touched() {
        let mut told = json!({
            "enrolled_at": 1_773_792_000_000_i64, "version": 3,
            "tags": [{ "tag": "vip", "since": 0, "expires_at": null }],
            "attributes": { "bought_at": 7 },
        });
        name_instants(None, &mut told);
        let expected = json!({
            "enrolled_at": "2026-03-18T00:00:00Z", "version": 3,
            "tags": [{ "tag": "vip", "since": "1970-01-01T00:00:00Z", "expires_at": null }],
            "attributes": { "bought_at": 7 },
        });
        assert_eq!(told, expected);
    }
}
