//! What members ask for themselves: `POST /v1/members/{member}/tokens`, and by such a token `GET /v1/me`,
//! `/v1/me/assets`, `/v1/me/benefits`, `/v1/me/orders`, `/v1/me/statement`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::benefits::MemberBenefitsOut;
use super::member::{MemberOut, PersonalOut};
use super::read_assets::AssetsOut;
use super::read_member::known_here;
use super::read_portrait::BoughtOut;
use super::statement::{MoveOut, PostingOut};
use super::tags_and_tier::Page;
use crate::domain::{Action, MemberId, OrderId, PostingId, StoreScope};
use crate::http::caller::{Caller, MemberCaller};
use crate::http::cursor::{cursor, page_length, place};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::wire::{CouponDiscountOut, DiscountOut, EarnedOut, LineOut, OrderOut, PaymentOut, RefundedLineOut};
use crate::http::{App, Problem};
use crate::usecase::{self, MEMBER_TOKEN_SECONDS, SoughtOrders, Visits};

/// A token that is to be issued.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "valid_seconds": 900 }))]
pub(super) struct TokenIn {
    /// How long it can be used.
    #[schema(minimum = 60, maximum = 3600, default = 900)]
    valid_seconds: Option<u32>,
}

/// A token of a member.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenOut {
    /// What the member's phone sends: `Authorization: Bearer pm_…`. It is not kept by the host, and shown only now.
    token: String,
    /// For whom it is.
    member: String,
    /// Until when it can be used, RFC 3339.
    expires_at: String,
}

/// How long a token can be used when nothing is said.
const USUAL_SECONDS: u32 = 900;

/// Obtains a token for a member, which may ask for what is their own (`GET /v1/me`) and for nothing else. It ends by its
/// time, when the key or user that has obtained it is gone, or when the member is forgotten.
#[utoipa::path(post, path = "/v1/members/{member}/tokens", tag = "own", extensions(("x-needs" = json!("serve"))),
    request_body = TokenIn, params(("member" = String, Path)),
    responses((status = 201, body = TokenOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn issue_token(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    sent: Sent<TokenIn>,
) -> Result<Response, Problem> {
    let id: MemberId = member.parse()?;
    let seconds = sent.body.valid_seconds.unwrap_or(USUAL_SECONDS);
    if !MEMBER_TOKEN_SECONDS.contains(&seconds) {
        let (least, most) = MEMBER_TOKEN_SECONDS.into_inner();
        return Err(Problem::wrong_body("valid_seconds", &format!("{seconds} is not within {least} and {most}")));
    }
    let issued = app
        .serve(caller, Action::Serve, move |host, actor| {
            host.view(actor, |tx, act| usecase::issue_member_token(tx, act, id, seconds))
        })
        .await?;
    let (member, expires_at) = (issued.member.to_string(), issued.expires_at.to_string());
    let out = Json(TokenOut { token: issued.secret, member, expires_at });
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], out).into_response())
}

/// A member as they see themselves.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnProfile {
    member: String,
    /// What the merchant is called.
    merchant: String,
    reference: Option<String>,
    cards: Vec<String>,
    personal: PersonalOut,
    /// The level that counts now.
    tier: Option<OwnTier>,
    /// When they joined, RFC 3339.
    enrolled_at: String,
    home_store: Option<String>,
    /// What they have bought; null when nothing ever.
    bought: Option<BoughtOut>,
}

/// The level that a member has.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnTier {
    tier: String,
    /// Since when, RFC 3339.
    since: String,
    /// From when on it does not count any more, RFC 3339.
    until: Option<String>,
}

/// Who asks: the member's own profile, level, and what they have bought.
#[utoipa::path(get, path = "/v1/me", tag = "own", security(("member-token" = [])),
    responses((status = 200, body = OwnProfile),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_me(State(app): State<App>, caller: MemberCaller) -> Result<Json<OwnProfile>, Problem> {
    let (merchant, known, bought) = app
        .serve_member(caller, move |host, actor, id| {
            host.view(actor, |tx, act| {
                let known = usecase::read_known(tx, act, id)?.ok_or_else(|| Problem::unknown_member(id))?;
                let bought = usecase::read_visits(tx, act.merchant, known.member.id)?;
                let (merchant, now) = (act.merchant(tx)?.name, act.local_now(tx)?);
                Ok::<_, Problem>((merchant, MemberOut::new(known, actor, &now), bought))
            })
        })
        .await?;
    Ok(Json(known.into_own(merchant.into(), bought)))
}

impl MemberOut {
    /// What the member sees of it: not what the merchant says of them.
    fn into_own(self, merchant: String, bought: Option<Visits>) -> OwnProfile {
        let Self { id, reference, cards, personal, tier, enrolled_at, home_store, .. } = self;
        let tier = tier.map(|tier| OwnTier { tier: tier.tier, since: tier.since, until: tier.until });
        let personal = personal.unwrap_or_default();
        let bought = bought.map(Into::into);
        OwnProfile { member: id, merchant, reference, cards, personal, tier, enrolled_at, home_store, bought }
    }
}

/// All that the member who asks holds.
#[utoipa::path(get, path = "/v1/me/assets", tag = "own", security(("member-token" = [])),
    responses((status = 200, body = AssetsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_own_assets(State(app): State<App>, caller: MemberCaller) -> Result<Json<AssetsOut>, Problem> {
    let assets = app
        .serve_member(caller, move |host, actor, id| {
            let now = host.clock.now();
            host.look(|tx| usecase::read_assets(tx, actor.merchant, now, id))
        })
        .await?;
    Ok(Json(assets.into()))
}

/// What the member who asks has of each service benefit.
#[utoipa::path(get, path = "/v1/me/benefits", tag = "own", security(("member-token" = [])),
    responses((status = 200, body = MemberBenefitsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_own_benefits(
    State(app): State<App>,
    caller: MemberCaller,
) -> Result<Json<MemberBenefitsOut>, Problem> {
    let all = app
        .serve_member(caller, move |host, actor, id| host.view(actor, |tx, act| usecase::read_benefits(tx, act, id)))
        .await?;
    Ok(Json(all.into()))
}

/// An order as its buyer sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnOrder {
    order: String,
    /// The name that the till gave it.
    reference: String,
    store: String,
    /// When it was made, RFC 3339.
    ordered_at: String,
    lines: Vec<LineOut>,
    total_minor: u64,
    /// `settled`, `partly-refunded` or `refunded`.
    state: &'static str,
    /// What was taken off it, before coupons. It is off the lines already.
    discounts: Vec<DiscountOut>,
    coupons: Vec<CouponDiscountOut>,
    payments: Vec<PaymentOut>,
    refunds: Vec<OwnRefund>,
    /// What it has earned.
    earned: Vec<EarnedOut>,
}

/// What was given back at once, as the buyer sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnRefund {
    /// When, RFC 3339.
    at: String,
    lines: Vec<RefundedLineOut>,
    amount_minor: u64,
}

impl From<OrderOut> for OwnOrder {
    fn from(order: OrderOut) -> Self {
        let OrderOut { id, reference, store, ordered_at, lines, total_minor, state, .. } = order;
        let OrderOut { discounts, coupons, payments, refunds, packs, .. } = order;
        let refunds = refunds.into_iter().map(|refund| OwnRefund {
            at: refund.at,
            lines: refund.lines,
            amount_minor: refund.amount_minor,
        });
        let refunds = refunds.collect();
        let earned = packs.into_iter().flat_map(|outcome| outcome.earned).collect();
        Self {
            order: id,
            reference,
            store,
            ordered_at,
            lines,
            total_minor,
            state,
            discounts,
            coupons,
            payments,
            refunds,
            earned,
        }
    }
}

/// Orders of the member who asks.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnOrders {
    /// Those that were recorded last first.
    orders: Vec<OwnOrder>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// What the member who asks has bought.
#[utoipa::path(get, path = "/v1/me/orders", tag = "own", security(("member-token" = [])), params(Page),
    responses((status = 200, body = OwnOrders),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_own_orders(
    State(app): State<App>,
    caller: MemberCaller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<OwnOrders>, Problem> {
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let before = place::<16>(page.cursor.as_deref())?.map(OrderId::from_bytes);
    let limit = page_length(page.limit)?;
    let page = app
        .serve_member(caller, move |host, actor, id| {
            let whose = (actor.merchant, &StoreScope::All);
            host.look(|tx| usecase::list_orders(tx, whose, &SoughtOrders::Of(id), before, limit))
        })
        .await?;
    let next = page.next.map(|next| cursor(next.as_bytes()));
    let orders = page.orders.into_iter().map(|order| OrderOut::from(order).into());
    Ok(Json(OwnOrders { orders: orders.collect(), next }))
}

/// Something that was booked, as its member sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnPosting {
    posting: String,
    /// When, RFC 3339.
    at: String,
    /// Why, as in the statement that staff read.
    cause: &'static str,
    /// The order, when it is about one.
    order: Option<String>,
    reason: Option<String>,
    /// What came and went, by unit.
    moves: Vec<MoveOut>,
}

impl From<PostingOut> for OwnPosting {
    fn from(posting: PostingOut) -> Self {
        let PostingOut { id, at, cause, order, reason, moves, .. } = posting;
        Self { posting: id, at, cause, order, reason, moves }
    }
}

/// What was booked for the member who asks.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnStatement {
    /// The newest first.
    postings: Vec<OwnPosting>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// What was booked for the member who asks: the statement of their assets.
#[utoipa::path(get, path = "/v1/me/statement", tag = "own", security(("member-token" = [])), params(Page),
    responses((status = 200, body = OwnStatement),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_own_statement(
    State(app): State<App>,
    caller: MemberCaller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<OwnStatement>, Problem> {
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let before = place::<16>(page.cursor.as_deref())?.map(PostingId::from_bytes);
    let limit = page_length(page.limit)?;
    let (id, postings) = app
        .serve_member(caller, move |host, actor, id| {
            host.look(|tx| {
                let id = known_here(tx, actor, id)?;
                Ok::<_, Problem>((id, usecase::read_statement(tx, actor.merchant, id, before, limit)?))
            })
        })
        .await?;
    let next = postings.last().filter(|_| postings.len() == limit).map(|last| cursor(last.id.as_bytes()));
    let postings = postings.into_iter().map(|posting| PostingOut::of(posting, id).into());
    Ok(Json(OwnStatement { postings: postings.collect(), next }))
}
