//! `GET /v1/members`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::member::{MemberOut, local_now};
use crate::domain::{Action, Code, Email, ExternalId, Phone, Reference, StoreId};
use crate::http::caller::Caller;
use crate::http::cursor::{any_place, cursor, page_length};
use crate::http::{App, Problem};
use crate::usecase::{self, Sought};

/// Whom to look for: by one thing, or by none for everybody.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MembersQuery {
    /// The card or customer number.
    #[param(value_type = Option<String>)]
    reference: Option<Reference>,
    /// A phone number in the form of E.164 (`+` is `%2B` in a query).
    #[param(value_type = Option<String>)]
    phone: Option<Phone>,
    /// An e-mail address.
    #[param(value_type = Option<String>)]
    email: Option<Email>,
    /// What another system calls them: the system's code, a colon, and the name.
    external_id: Option<String>,
    /// The beginning of a name, or of a word of it: two letters at least, or one Chinese character.
    name: Option<String>,
    /// A tag that counts now.
    #[param(value_type = Option<String>)]
    tag: Option<Code>,
    /// A level that counts now.
    #[param(value_type = Option<String>)]
    tier: Option<Code>,
    /// The store where they joined.
    #[param(value_type = Option<String>)]
    store: Option<StoreId>,
    /// Those who are in this segment now.
    #[param(value_type = Option<String>, max_length = 48)]
    segment: Option<Code>,
    /// A day: those who have bought since then, by the last day on which they did.
    #[param(value_type = Option<String>, format = Date)]
    seen_since: Option<Date>,
    /// A day: those who have bought, but not since then, by the last day on which they did.
    #[param(value_type = Option<String>, format = Date)]
    not_seen_since: Option<Date>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many at most, 1 to 200; 50 if it is not said.
    limit: Option<usize>,
}

/// Who was found.
#[derive(Serialize, ToSchema)]
pub(super) struct Found {
    /// In the order in which they joined, or were seen last.
    members: Vec<MemberOut>,
    /// The cursor of the next page, when there may be more: a page may have fewer than asked for, or none, and be not
    /// the last.
    next: Option<String>,
}

/// Finds members.
#[utoipa::path(get, path = "/v1/members", tag = "members",
    extensions(("x-needs" = json!("read"))), params(MembersQuery),
    responses((status = 200, body = Found),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn find_members(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<MembersQuery>, QueryRejection>,
) -> Result<Json<Found>, Problem> {
    let Query(query) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let after = any_place(query.cursor.as_deref())?;
    let limit = page_length(query.limit)?;
    let sought = sought(query)?;
    // Who may not read names may not find them out by trying, either.
    let action = if is_personal(&sought) { Action::ReadPersonal } else { Action::Read };
    let found = app
        .serve(caller, action, move |host, actor| {
            let found = host.view(actor, |tx, act| usecase::find_members(tx, act, &sought, after.as_deref(), limit))?;
            let now = local_now(host, actor)?;
            let members = found.members.into_iter().map(|known| MemberOut::new(known, actor, &now)).collect();
            Ok::<_, usecase::FindError>(Found { members, next: found.next.map(|next| cursor(&next)) })
        })
        .await?;
    Ok(Json(found))
}

fn is_personal(sought: &Sought) -> bool {
    matches!(sought, Sought::Phone(_) | Sought::Email(_) | Sought::Name(_) | Sought::Segment(_))
}

fn sought(query: MembersQuery) -> Result<Sought, Problem> {
    let external = match query.external_id.as_deref().map(|text| text.split_once(':')) {
        None => None,
        Some(Some((system, id))) => {
            let wrong = |error| Problem::wrong_query(&format!("`external_id`: {error}"));
            let (system, id) = (Code::new(system).map_err(wrong)?, Reference::new(id).map_err(wrong)?);
            Some(Sought::External(ExternalId { system, id }))
        }
        Some(None) => return Err(Problem::wrong_query(&"`external_id` is a system, a colon, and the name there")),
    };
    let ways = [
        query.reference.map(Sought::Number),
        query.phone.map(Sought::Phone),
        query.email.map(Sought::Email),
        external,
        query.name.map(Sought::Name),
        query.tag.map(Sought::Tag),
        query.tier.map(Sought::Tier),
        query.store.map(Sought::Store),
        query.segment.map(Sought::Segment),
        query.seen_since.map(Sought::SeenSince),
        query.not_seen_since.map(Sought::NotSeenSince),
    ];
    let mut ways = ways.into_iter().flatten();
    match (ways.next(), ways.next()) {
        (None, _) => Ok(Sought::All),
        (Some(way), None) => Ok(way),
        (Some(_), Some(_)) => Err(Problem::wrong_query(&"members are sought by one thing at a time")),
    }
}
