//! `GET /v1/members/{member}/portrait`

use std::cmp::Reverse;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::benefits::BenefitLeftOut;
use super::consents::ConsentOut;
use super::member::MemberOut;
use super::notes::NoteOut;
use super::read_assets::AssetOut;
use super::segments::{MemberSegmentOut, WareForm};
use crate::domain::{Action, BoughtOf, MemberId, Minor, Ware};
use crate::http::caller::Caller;
use crate::http::message_wire::MessageOut;
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::usecase::messages::{SoughtMessages, list_messages};
use crate::usecase::{self, PageOf, Visits};

/// Of how many categories and brands it is told, of how many purposes, and how many notes and messages.
const BOUGHT_OF: usize = 20;
const CONSENTS: usize = 50;
const NEWEST: usize = 20;

/// What a member has bought.
#[derive(Serialize, ToSchema)]
pub(super) struct BoughtOut {
    /// How many orders, but for those that were given back as a whole.
    orders: u64,
    /// For how much, but for what was given back.
    spent_minor: Minor,
    /// On how many days.
    days: u32,
    /// The first of these.
    #[schema(format = Date)]
    first_day: String,
    /// The last of these.
    #[schema(format = Date)]
    last_day: String,
}

/// What a member has bought of a category or a brand, but for what was given back.
#[derive(Serialize, ToSchema)]
pub(super) struct BoughtOfOut {
    of: WareForm,
    /// In how many orders.
    orders: u64,
    /// How many pieces.
    pieces: u64,
    /// For how much.
    spent_minor: Minor,
    /// The last day on which an order had any, also if that was given back.
    #[schema(format = Date)]
    last_day: String,
}

/// All that is known of a member, on one page.
#[derive(Serialize, ToSchema)]
pub(super) struct PortraitOut {
    member: MemberOut,
    /// Null when they never bought anything.
    bought: Option<BoughtOut>,
    /// Of which categories and brands they bought for most; the first 20.
    bought_of: Vec<BoughtOfOut>,
    /// All that they hold.
    assets: Vec<AssetOut>,
    /// What they have of the service benefits in this period.
    benefits: Vec<BenefitLeftOut>,
    /// The segments in which they are.
    segments: Vec<MemberSegmentOut>,
    /// What they say today, by purpose; the first 50. All of it: `GET /v1/members/{member}/consents`.
    consents: Vec<ConsentOut>,
    /// The 20 newest notes about them.
    notes: Vec<NoteOut>,
    /// The 20 newest messages to them.
    messages: Vec<MessageOut>,
}

impl From<Visits> for BoughtOut {
    fn from(visits: Visits) -> Self {
        Self {
            orders: visits.orders,
            spent_minor: visits.spent_minor,
            days: visits.days,
            first_day: visits.first.to_string(),
            last_day: visits.last.to_string(),
        }
    }
}

impl From<(Ware, BoughtOf)> for BoughtOfOut {
    fn from((ware, bought): (Ware, BoughtOf)) -> Self {
        let BoughtOf { orders, pieces, spent_minor, last } = bought;
        Self { of: ware.into(), orders, pieces, spent_minor, last_day: last.to_string() }
    }
}

/// All that is known of a member on one page, as of one instant: who they are, what they bought, what they hold, what
/// they may have, in which segments they are, what they said yes and no to, notes, and what they were told.
#[utoipa::path(get, path = "/v1/members/{member}/portrait", tag = "members",
    extensions(("x-needs" = json!("read-personal"))), params(("member" = String, Path)),
    responses((status = 200, body = PortraitOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_portrait(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
) -> Result<Json<PortraitOut>, Problem> {
    let id: MemberId = member.parse()?;
    app.serve(caller, Action::ReadPersonal, move |host, actor| {
        host.view(actor, |tx, act| {
            let known = usecase::read_known(tx, act, id)?.ok_or_else(|| Problem::unknown_member(id))?;
            let id = known.member.id;
            let bought = usecase::read_visits(tx, act.merchant, id)?;
            let mut bought_of: Vec<_> = usecase::read_bought_of(tx, act.merchant, id)?.into_iter().collect();
            bought_of.sort_by_key(|(_, bought)| Reverse(bought.spent_minor));
            bought_of.truncate(BOUGHT_OF);
            let assets = usecase::read_assets(tx, act.merchant, act.now, id)?;
            let benefits = usecase::read_benefits(tx, act, id)?;
            let segments = usecase::segments_of(tx, act, id)?;
            let said = PageOf { after: None, limit: CONSENTS };
            let (consents, _) = usecase::page_consents(tx, act.merchant, id, false, &said)?;
            let notes = usecase::list_notes(tx, act, id, None, NEWEST)?;
            let sought = SoughtMessages { member: Some(id), ..SoughtMessages::default() };
            let messages = list_messages(tx, act.merchant, &sought, NEWEST)?.messages;
            Ok::<_, Problem>(Json(PortraitOut {
                member: MemberOut::new(known, actor, &act.local_now(tx)?),
                bought: bought.map(Into::into),
                bought_of: bought_of.into_iter().map(Into::into).collect(),
                assets: assets.into_iter().map(Into::into).collect(),
                benefits: benefits.into_iter().map(Into::into).collect(),
                segments: segments.into_iter().map(Into::into).collect(),
                consents: consents.into_iter().map(Into::into).collect(),
                notes: notes.into_iter().map(Into::into).collect(),
                messages: messages.into_iter().map(Into::into).collect(),
            }))
        })
    })
    .await
}
