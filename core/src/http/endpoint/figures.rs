//! `GET /v1/figures`, `/v1/figures/hours`, `/v1/figures/best-sellers`; `GET` and `PUT /v1/goals/{month}`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Action, Actor, Code, Seller, StaffId, StoreId};
use crate::http::caller::Caller;
use crate::http::cursor::page_length;
use crate::http::etag::{IfExpected, Versioned, change};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem, at_store};
use crate::store::layout::Selling;
use crate::store::{StoreError, Tx};
use crate::usecase::{self, Act, Counts, Figure, Flows, Goal, GoalOf, GoalProgress, Thing, UnitFlows};

/// Which days, and where.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Range {
    /// The first day, in the merchant's time zone.
    #[param(value_type = String, format = Date, example = "2026-03-01")]
    from: Date,
    /// The last day, included.
    #[param(value_type = String, format = Date, example = "2026-03-31")]
    to: Date,
    /// One store only.
    #[param(value_type = Option<String>)]
    store: Option<StoreId>,
}

/// The longest range that is summed at once, in days.
pub(super) const DAYS_MAX: i32 = 400;
/// The longest range of which best sellers are told, in days.
pub(super) const SELLING_DAYS_MAX: i32 = 92;

pub(super) fn checked(from: Date, to: Date, days_max: i32) -> Result<(Date, Date), Problem> {
    let days = from.until(to).map(|span: Span| span.get_days()).unwrap_or(i32::MAX);
    match days {
        0.. if days < days_max => Ok((from, to)),
        ..0 => Err(Problem::wrong_query(&format!("`to` is {to}, which is before `from`, {from}"))),
        _ => Err(Problem::wrong_query(&format!(
            "from {from} to {to} are more than {days_max} days; ask for parts of them"
        ))),
    }
}

/// Sees that somebody may read the figures of a store, or of all.
pub(super) fn visible(actor: &Actor, store: Option<StoreId>) -> Result<(), Problem> {
    match store {
        Some(store) => at_store(actor, store),
        None if actor.stores.is_all() => Ok(()),
        None => Err(Problem::wrong_query(&"this key is limited to stores: name one of them as `store`")),
    }
}

/// Figures with what follows from them.
#[derive(Serialize, ToSchema)]
pub(super) struct CountsOut {
    /// By name: `orders`, `revenue_minor`, `refunds`, `refunded_minor`, `members_new`, `members_referred`,
    /// `member_orders`, `member_revenue_minor`, `members_active` (members who bought, each once a day),
    /// `members_returning` (of these, who had bought on an earlier day), `first_days`, `second_days`, `third_days`,
    /// `fifth_days`, `tenth_days` (members who bought on their first, second … day). What is 0 is left out.
    #[serde(flatten)]
    counts: BTreeMap<&'static str, i64>,
    /// Revenue by orders, rounded down; null without orders.
    average_basket_minor: Option<i64>,
    /// `second_days` by `first_days` in thousandths, rounded down: how many members bought on a second day for every
    /// thousand who bought on a first day. The two are counted when they happen and are not the same members, so that it
    /// may be more than 1000; null without first days.
    repurchase_permille: Option<i64>,
}

impl From<&Counts> for CountsOut {
    fn from(counts: &Counts) -> Self {
        let of = |figure| counts.get(&figure).copied().unwrap_or(0);
        let ratio = |over: i64, under: i64, by: i64| (under > 0).then(|| over.saturating_mul(by).div_euclid(under));
        Self {
            counts: counts
                .iter()
                .filter(|(_, value)| **value != 0)
                .map(|(figure, value)| (figure.name(), *value))
                .collect(),
            average_basket_minor: ratio(of(Figure::RevenueMinor), of(Figure::Orders), 1),
            repurchase_permille: ratio(of(Figure::SecondDays), of(Figure::FirstDays), 1000),
        }
    }
}

/// Figures of a store.
#[derive(Serialize, ToSchema)]
pub(super) struct StoreFigures {
    /// Null for what happened in no store.
    store: Option<String>,
    figures: CountsOut,
    /// What became of points, stored value and coupons there.
    units: Vec<UnitFigures>,
}

/// Figures of a day.
#[derive(Serialize, ToSchema)]
pub(super) struct DayFigures {
    day: String,
    figures: CountsOut,
    /// What became of points, stored value and coupons on it.
    units: Vec<UnitFigures>,
}

/// What became of a unit.
#[derive(Serialize, ToSchema)]
pub(super) struct UnitFigures {
    unit: String,
    /// Given to members.
    issued: i64,
    /// Taken back of what was given.
    taken_back: i64,
    /// Paid in by members.
    paid_in: i64,
    /// Spent by members.
    spent: i64,
    /// Given back of what was spent.
    given_back: i64,
    /// Expired.
    expired: i64,
}

/// The figures of a range of days.
#[derive(Serialize, ToSchema)]
pub(super) struct FiguresOut {
    from: String,
    to: String,
    /// ISO 4217.
    currency: &'static str,
    total: CountsOut,
    /// Each store by itself.
    stores: Vec<StoreFigures>,
    /// Each day by itself; days on which nothing happened are left out.
    days: Vec<DayFigures>,
    /// What became of points, stored value and coupons.
    units: Vec<UnitFigures>,
}

/// The figures of a range of at most 400 days: in all, by store, by day, and by unit. They are counters, so that the
/// answer costs the same at any number of orders.
#[utoipa::path(get, path = "/v1/figures", tag = "figures",
    extensions(("x-needs" = json!("read-figures"))), params(Range),
    responses((status = 200, body = FiguresOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_figures(
    State(app): State<App>,
    caller: Caller,
    range: Result<Query<Range>, QueryRejection>,
) -> Result<Json<FiguresOut>, Problem> {
    let Query(Range { from, to, store }) = range.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let days = checked(from, to, DAYS_MAX)?;
    let (currency, figures, flows) = app
        .serve(caller, Action::ReadFigures, move |host, actor| {
            visible(actor, store)?;
            host.view(actor, |tx, act| {
                let currency = act.merchant(tx)?.currency;
                let figures = usecase::read_figures(tx, actor.merchant, days, store)?;
                Ok::<_, Problem>((currency, figures, usecase::read_flows(tx, actor.merchant, days, store)?))
            })
        })
        .await?;
    let mut total = Counts::new();
    for (figure, value) in figures.stores.values().flatten() {
        *total.entry(*figure).or_default() += value;
    }
    let Flows { stores: in_stores, days: on_days, total: of_all } = flows;
    let stores = both(figures.stores, in_stores).into_iter().map(|(store, (counts, flows))| StoreFigures {
        store: store.map(|store| store.to_string()),
        figures: (&counts).into(),
        units: units(flows),
    });
    let days = both(figures.days, on_days).into_iter().map(|(day, (counts, flows))| DayFigures {
        day: day.to_string(),
        figures: (&counts).into(),
        units: units(flows),
    });
    Ok(Json(FiguresOut {
        from: from.to_string(),
        to: to.to_string(),
        currency: currency.code(),
        total: (&total).into(),
        stores: stores.collect(),
        days: days.collect(),
        units: units(of_all),
    }))
}

/// What is told of the same stores, or days, together.
fn both<K: Ord>(counts: BTreeMap<K, Counts>, flows: BTreeMap<K, UnitFlows>) -> BTreeMap<K, (Counts, UnitFlows)> {
    let mut all: BTreeMap<K, (Counts, UnitFlows)> = BTreeMap::new();
    for (of, counts) in counts {
        all.entry(of).or_default().0 = counts;
    }
    for (of, flows) in flows.into_iter().filter(|(_, flows)| !flows.is_empty()) {
        all.entry(of).or_default().1 = flows;
    }
    all
}

fn units(flows: UnitFlows) -> Vec<UnitFigures> {
    let units = flows.into_iter().map(|(unit, flow)| UnitFigures {
        unit: unit.into(),
        issued: flow.issued,
        taken_back: flow.taken_back,
        paid_in: flow.paid_in,
        spent: flow.spent,
        given_back: flow.given_back,
        expired: flow.expired,
    });
    units.collect()
}

/// Figures by hour.
#[derive(Serialize, ToSchema)]
pub(super) struct HoursOut {
    /// 24 hours of the merchant's day, from midnight; the days of the range together.
    hours: Vec<CountsOut>,
}

/// Orders and revenue by the hour of the day.
#[utoipa::path(get, path = "/v1/figures/hours", tag = "figures",
    extensions(("x-needs" = json!("read-figures"))), params(Range),
    responses((status = 200, body = HoursOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_hours(
    State(app): State<App>,
    caller: Caller,
    range: Result<Query<Range>, QueryRejection>,
) -> Result<Json<HoursOut>, Problem> {
    let Query(Range { from, to, store }) = range.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let days = checked(from, to, DAYS_MAX)?;
    let hours = app
        .serve(caller, Action::ReadFigures, move |host, actor| {
            visible(actor, store)?;
            host.look(|tx| Ok::<_, Problem>(usecase::read_hours(tx, actor.merchant, days, store)?))
        })
        .await?;
    Ok(Json(HoursOut { hours: hours.iter().map(CountsOut::from).collect() }))
}

/// Whose sales are told.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SellingBy {
    /// Each SKU by itself.
    Sku,
    /// Each category by itself.
    Category,
}

/// Which days, where, and what.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SellingQuery {
    /// The first day, in the merchant's time zone.
    #[param(value_type = String, format = Date, example = "2026-03-01")]
    from: Date,
    /// The last day, included.
    #[param(value_type = String, format = Date, example = "2026-03-31")]
    to: Date,
    /// One store only.
    #[param(value_type = Option<String>)]
    store: Option<StoreId>,
    /// SKUs or categories.
    #[param(inline, example = "sku")]
    by: SellingBy,
    /// How many at most, 1 to 200; 50 if it is not said.
    limit: Option<usize>,
}

/// What was sold best.
#[derive(Serialize, ToSchema)]
pub(super) struct SellersOut {
    /// By revenue, the most first.
    sellers: Vec<SellerOut>,
}

/// What was sold of a SKU or category.
#[derive(Serialize, ToSchema)]
pub(super) struct SellerOut {
    name: String,
    /// How many pieces.
    pieces: i64,
    revenue_minor: i64,
}

/// What sold best in a range of at most 92 days. What was given back is in it: it was sold.
#[utoipa::path(get, path = "/v1/figures/best-sellers", tag = "figures",
    extensions(("x-needs" = json!("read-figures"))), params(SellingQuery),
    responses((status = 200, body = SellersOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_best_sellers(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<SellingQuery>, QueryRejection>,
) -> Result<Json<SellersOut>, Problem> {
    let Query(SellingQuery { from, to, store, by, limit }) =
        query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let (days, limit) = (checked(from, to, SELLING_DAYS_MAX)?, page_length(limit)?);
    let kind = match by {
        SellingBy::Sku => Selling::Sku,
        SellingBy::Category => Selling::Category,
    };
    let sold = app
        .serve(caller, Action::ReadFigures, move |host, actor| {
            visible(actor, store)?;
            host.look(|tx| Ok::<_, Problem>(usecase::read_best_sellers(tx, actor.merchant, days, store, kind, limit)?))
        })
        .await?;
    let sellers = sold.into_iter().map(|sold| SellerOut {
        name: sold.name.into(),
        pieces: sold.pieces,
        revenue_minor: sold.revenue_minor,
    });
    Ok(Json(SellersOut { sellers: sellers.collect() }))
}

/// A goal as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "figure": "revenue_minor", "target": 10_000_000 }))]
pub(super) struct GoalIn {
    /// For one store. For all together if neither it nor `staff` nor `team` is there.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
    /// For one of the staff, a user or an API key.
    #[schema(value_type = Option<String>)]
    staff: Option<StaffId>,
    /// For a team.
    #[schema(value_type = Option<String>, max_length = 48, example = "morning")]
    team: Option<Code>,
    /// One of the names in `figures`; for staff and teams one of those that are counted for them.
    #[schema(example = "revenue_minor")]
    figure: String,
    /// How much it is to be; 0 takes the goal away.
    #[schema(maximum = 1_000_000_000_000_u64)]
    target: u64,
}

/// The largest target.
const TARGET_MAX: u64 = 1_000_000_000_000;

/// A goal, and how far it is reached.
#[derive(Serialize, ToSchema)]
pub(super) struct GoalOut {
    /// Null unless it is of one store.
    store: Option<String>,
    /// Null unless it is of one of the staff.
    staff: Option<String>,
    /// Null unless it is of a team.
    team: Option<String>,
    figure: &'static str,
    target: u64,
    /// How much it is by now.
    reached: i64,
}

/// The goals for a month.
#[derive(Serialize, ToSchema)]
pub(super) struct GoalsOut {
    goals: Vec<GoalOut>,
}

impl From<Vec<GoalProgress>> for GoalsOut {
    fn from(goals: Vec<GoalProgress>) -> Self {
        let goals = goals.into_iter().map(|GoalProgress { goal, reached }| {
            let (store, staff, team) = match goal.of {
                GoalOf::All => (None, None, None),
                GoalOf::Store(store) => (Some(store.to_string()), None, None),
                GoalOf::Seller(Seller::Staff(staff)) => (None, Some(staff.to_string()), None),
                GoalOf::Seller(Seller::Team(team)) => (None, None, Some(team.into())),
            };
            GoalOut { store, staff, team, figure: goal.figure.name(), target: goal.target, reached }
        });
        Self { goals: goals.collect() }
    }
}

/// Those goals that somebody may see: a key that is limited to stores sees theirs.
fn seen_by(actor: &Actor, mut goals: Vec<GoalProgress>) -> Vec<GoalProgress> {
    goals.retain(|one| may_see(actor, &one.goal.of));
    goals
}

/// Staff and teams sell in any store, so that their goals are for those who may see all of them.
fn may_see(actor: &Actor, of: &GoalOf) -> bool {
    match of {
        GoalOf::Store(store) => actor.stores.has(*store),
        GoalOf::All | GoalOf::Seller(_) => actor.stores.is_all(),
    }
}

fn month(text: &str) -> Result<Date, Problem> {
    let day = (text.len() == 7).then(|| format!("{text}-01").parse().ok()).flatten();
    day.ok_or_else(|| Problem::no_such_month(text))
}

/// The goals for a month, and how far they are reached.
#[utoipa::path(get, path = "/v1/goals/{month}", tag = "figures",
    extensions(("x-needs" = json!("read-figures"))),
    params(("month" = String, Path, description = "Such as `2026-03`.")),
    responses((status = 200, body = GoalsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_goals(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Versioned<Json<GoalsOut>>, Problem> {
    let month = month(&text)?;
    app.serve(caller, Action::ReadFigures, move |host, actor| {
        let (goals, version) = host.look(|tx| {
            let version = Thing::Goals(month).version(tx, actor.merchant)?;
            Ok::<_, StoreError>((usecase::list_goals(tx, actor.merchant, month)?, version))
        })?;
        Ok::<_, Problem>(Versioned(version, Json(seen_by(actor, goals).into())))
    })
    .await
}

/// Sets a goal for a month.
#[utoipa::path(put, path = "/v1/goals/{month}", tag = "figures",
    extensions(("x-needs" = json!("manage-staff"))), request_body = GoalIn,
    params(("month" = String, Path, description = "Such as `2026-03`."),
        ("If-Match" = Option<String>, Header, description = "The ETag of the month's goals: nothing is changed if somebody else has changed one since.")),
    responses((status = 200, body = GoalsOut, description = "All goals for the month."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn set_goal(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<GoalIn>,
) -> Result<Versioned<Json<GoalsOut>>, Problem> {
    let month = month(&text)?;
    let GoalIn { store, staff, team, figure, target } = sent.body;
    let of = match (store, staff, team) {
        (None, None, None) => GoalOf::All,
        (Some(store), None, None) => GoalOf::Store(store),
        (None, Some(staff), None) => GoalOf::Seller(Seller::Staff(staff)),
        (None, None, Some(team)) => GoalOf::Seller(Seller::Team(team)),
        _ => return Err(Problem::wrong_body("store", &"a goal is of one thing: name `store`, `staff` or `team` only")),
    };
    let figure = Figure::named(&figure).ok_or_else(|| {
        Problem::wrong_body("figure", &format!("`{figure}` is no figure; /v1/figures has their names"))
    })?;
    if target > TARGET_MAX {
        return Err(Problem::wrong_body("target", &format!("{target} is more than {TARGET_MAX}")));
    }
    let goal = Goal { month, of, figure, target };
    app.serve(caller, Action::ManageStaff, move |host, actor| {
        if !may_see(actor, &goal.of) {
            return Err(Problem::other_store());
        }
        let set = |tx: &mut Tx, act: &mut Act<'_>| usecase::set_goal(tx, act, &goal);
        let (_, version) = change(host, actor, &Thing::Goals(month), expected, set)?;
        let goals = host.look(|tx| usecase::list_goals(tx, actor.merchant, month))?;
        Ok(Versioned(version, Json(seen_by(actor, goals).into())))
    })
    .await
}
