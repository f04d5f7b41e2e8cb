//! `GET /v1/members/{member}/statement`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::read_member::known_here;
use super::tags_and_tier::Page;
use crate::domain::{Action, Code, MemberId, Minor, PostingId};
use crate::http::caller::Caller;
use crate::http::cursor::{cursor, page_length, place};
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::ledger::{Cause, Party, Posting, Transfer};
use crate::usecase;

/// Something that was booked for a member.
#[derive(Serialize, ToSchema)]
pub(super) struct PostingOut {
    pub(super) id: String,
    /// When, RFC 3339.
    pub(super) at: String,
    /// Who acted: `hand:` with the id of a user or API key, `pack:` with its name, `operator`, `host` for what fell due, or
    /// `unknown` for what was booked before this was kept.
    pub(super) by: String,
    /// Why: `order`, `refund`, `load`, `payment`, `coupon`, `expiry`, `hold`, `lapse`, `release`, `gift`, `merge`, `adjustment`, `pack`.
    pub(super) cause: &'static str,
    /// The order, when it is about one.
    pub(super) order: Option<String>,
    /// The pack that wanted it.
    pub(super) pack: Option<String>,
    pub(super) reason: Option<String>,
    /// What came and went, by unit.
    pub(super) moves: Vec<MoveOut>,
}

/// What came to a member and went from them, of one unit.
#[derive(Serialize, ToSchema)]
pub(super) struct MoveOut {
    unit: String,
    /// What came.
    credit: Minor,
    /// What went.
    debit: Minor,
}

impl PostingOut {
    /// A posting as one of its members sees it.
    pub(super) fn of(posting: Posting, member: MemberId) -> Self {
        let (cause, order) = match posting.cause {
            Cause::Order(order) => ("order", Some(order)),
            Cause::Refund(order) => ("refund", Some(order)),
            Cause::Load => ("load", None),
            Cause::Pack => ("pack", None),
            Cause::Expiry => ("expiry", None),
            Cause::Hold => ("hold", None),
            Cause::Lapse => ("lapse", None),
            Cause::Release => ("release", None),
            Cause::Gift => ("gift", None),
            Cause::Payment => ("payment", None),
            Cause::Coupon => ("coupon", None),
            Cause::Merge => ("merge", None),
            Cause::Adjustment => ("adjustment", None),
            Cause::Agreement(_) => ("agreement", None),
        };
        let mut moves: Vec<MoveOut> = Vec::new();
        for transfer in posting.transfers() {
            let Some((credit, debit)) = seen_by(transfer, member) else { continue };
            match moves.iter_mut().find(|known| known.unit == transfer.unit.as_str()) {
                Some(known) => {
                    known.credit += credit;
                    known.debit += debit;
                }
                None => moves.push(MoveOut { unit: transfer.unit.to_string(), credit, debit }),
            }
        }
        Self {
            id: posting.id.to_string(),
            at: posting.at.to_string(),
            by: posting.by.to_string(),
            cause,
            order: order.map(|order| order.to_string()),
            pack: posting.pack.map(|pack: Code| pack.into()),
            reason: posting.reason.map(Into::into),
            moves,
        }
    }
}

/// What a transfer brings to a member's account and takes from it; none when it does not touch it.
fn seen_by(transfer: &Transfer, member: MemberId) -> Option<(Minor, Minor)> {
    match (transfer.from == Party::Member(member), transfer.to == Party::Member(member)) {
        (false, true) => Some((transfer.amount, 0)),
        (true, false) => Some((0, transfer.amount)),
        _ => None,
    }
}

/// What was booked for a member.
#[derive(Serialize, ToSchema)]
pub(super) struct StatementOut {
    /// The newest first.
    postings: Vec<PostingOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// What was booked for a member: the statement of their assets.
#[utoipa::path(get, path = "/v1/members/{member}/statement", tag = "assets",
    extensions(("x-needs" = json!("read"))), params(("member" = String, Path), Page),
    responses((status = 200, body = StatementOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_statement(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<StatementOut>, Problem> {
    let id: MemberId = member.parse()?;
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let before = place::<16>(page.cursor.as_deref())?.map(PostingId::from_bytes);
    let limit = page_length(page.limit)?;
    // Whom the id means now: what is told is what came to them and went from them.
    let (id, postings) = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| {
                let id = known_here(tx, actor, id)?;
                Ok::<_, Problem>((id, usecase::read_statement(tx, actor.merchant, id, before, limit)?))
            })
        })
        .await?;
    let next = (postings.len() == limit).then(|| postings.last().map(|last| cursor(last.id.as_bytes()))).flatten();
    let postings = postings.into_iter().map(|posting| PostingOut::of(posting, id)).collect();
    Ok(Json(StatementOut { postings, next }))
}
