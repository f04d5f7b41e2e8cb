//! `GET /v1/segments`, `PUT` and `DELETE /v1/segments/{segment}`, `GET /v1/members/{member}/segments`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{
    Action, BoughtWithin, Code, Condition, Label, MemberId, Remark, Segment, StoreId, Test, Ware, Within,
};
use crate::http::caller::Caller;
use crate::http::cursor::cursor;
use crate::http::etag::{IfExpected, Versioned, change, with_versions};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::store::{StoreError, Tx};
use crate::usecase::{self, Act, Thing};

/// What is true of some members.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConditionForm {
    /// Each of these is.
    #[schema(no_recursion)]
    All(Vec<ConditionForm>),
    /// One of these is at least.
    #[schema(no_recursion)]
    Any(Vec<ConditionForm>),
    /// This is not.
    #[schema(no_recursion)]
    Not(Box<ConditionForm>),
    /// They bear this tag, and it was not put on by a segment.
    #[schema(value_type = String)]
    Tag(Code),
    /// They have this level.
    #[schema(value_type = String)]
    Tier(Code),
    /// They came this way.
    #[schema(value_type = String)]
    Channel(Code),
    /// They joined in this store.
    #[schema(value_type = String)]
    HomeStore(StoreId),
    /// The merchant's attribute says so of them.
    Attribute(AttributeForm),
    /// They are so old, in whole years.
    Age(WithinForm),
    /// Their birthday is today or within so many days.
    BirthdayWithinDays(u16),
    /// They made so many orders.
    Orders(WithinForm),
    /// They bought for so much, in minor units, but for what was given back.
    SpentMinor(WithinForm),
    /// They bought on so many days.
    DaysBought(WithinForm),
    /// They bought so many days ago; who never did is not meant.
    DaysSinceLast(WithinForm),
    /// They joined so many days ago.
    DaysSinceJoined(WithinForm),
    /// They bought of a category or a brand, but for what they gave back. With `days_since_last`, whoever no longer does
    /// leaves the segment by and by.
    Bought(BoughtForm),
}

/// How much of a kind of goods: at all, if nothing more is said.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "of": { "brand": "Harbour Mill" }, "orders": { "at_least": 3 }, "days_since_last": { "at_most": 90 } }))]
pub(super) struct BoughtForm {
    /// Of which, as orders and the catalogue call it.
    of: WareForm,
    /// In so many orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    orders: Option<WithinForm>,
    /// So many pieces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pieces: Option<WithinForm>,
    /// For so much, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spent_minor: Option<WithinForm>,
    /// The last time so many days ago; who never did is not meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days_since_last: Option<WithinForm>,
}

/// A kind of goods.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum WareForm {
    /// Those of a category.
    #[schema(value_type = String)]
    Category(Label),
    /// Those of a brand.
    #[schema(value_type = String)]
    Brand(Label),
}

/// What an attribute says.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AttributeForm {
    /// Which attribute.
    #[schema(value_type = String, max_length = 48, example = "size")]
    code: Code,
    /// What it says; of the attribute's own kind.
    is: TestForm,
}

/// What is said of an attribute's value.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TestForm {
    /// The text is this.
    #[schema(value_type = String)]
    Text(Remark),
    /// The number is within this.
    Number(WithinForm),
    /// It is yes, or no.
    Flag(bool),
    /// The day is so many days ago.
    DaysAgo(WithinForm),
    /// It is this choice.
    #[schema(value_type = String)]
    Choice(Label),
}

/// From the least to the most, both included; one of them at least.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "at_least": 3 }))]
pub(super) struct WithinForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_most: Option<i64>,
}

/// A segment as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "title": "Not seen for long", "tag": "lost",
    "condition": { "all": [{ "orders": { "at_least": 2 } }, { "days_since_last": { "at_least": 90 } }] } }))]
pub(super) struct SegmentIn {
    /// What people call it.
    #[schema(value_type = String, max_length = 128, example = "Not seen for long")]
    title: Label,
    /// Who is in it.
    condition: ConditionForm,
    /// A tag that its members bear: the host puts it on and takes it off as they come and go, within seconds after
    /// something happens to them, and once a day. No other segment may have it.
    #[schema(value_type = Option<String>, max_length = 48, example = "lost")]
    tag: Option<Code>,
}

/// A segment.
#[derive(Serialize, ToSchema)]
pub(super) struct SegmentOut {
    segment: String,
    title: String,
    condition: ConditionForm,
    tag: Option<String>,
    /// Names the state in which it is, for `If-Match`.
    version: u64,
}

/// The segments of a merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct SegmentsOut {
    /// In the order of their codes.
    segments: Vec<SegmentOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// A segment in which a member is.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberSegmentOut {
    segment: String,
    title: String,
}

/// The segments in which a member is.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberSegmentsOut {
    /// In the order of their codes.
    segments: Vec<MemberSegmentOut>,
}

impl From<WithinForm> for Within {
    fn from(WithinForm { at_least, at_most }: WithinForm) -> Self {
        Self { at_least, at_most }
    }
}

impl From<Within> for WithinForm {
    fn from(Within { at_least, at_most }: Within) -> Self {
        Self { at_least, at_most }
    }
}

impl From<WareForm> for Ware {
    fn from(form: WareForm) -> Self {
        match form {
            WareForm::Category(name) => Self::Category(name),
            WareForm::Brand(name) => Self::Brand(name),
        }
    }
}

impl From<Ware> for WareForm {
    fn from(ware: Ware) -> Self {
        match ware {
            Ware::Category(name) => Self::Category(name),
            Ware::Brand(name) => Self::Brand(name),
        }
    }
}

impl From<BoughtForm> for BoughtWithin {
    fn from(BoughtForm { of, orders, pieces, spent_minor, days_since_last }: BoughtForm) -> Self {
        let [orders, pieces, spent_minor, days_since_last] =
            [orders, pieces, spent_minor, days_since_last].map(|range| range.map(Into::into));
        Self { of: of.into(), orders, pieces, spent_minor, days_since_last }
    }
}

impl From<BoughtWithin> for BoughtForm {
    fn from(BoughtWithin { of, orders, pieces, spent_minor, days_since_last }: BoughtWithin) -> Self {
        let [orders, pieces, spent_minor, days_since_last] =
            [orders, pieces, spent_minor, days_since_last].map(|range| range.map(Into::into));
        Self { of: of.into(), orders, pieces, spent_minor, days_since_last }
    }
}

impl From<ConditionForm> for Condition {
    fn from(form: ConditionForm) -> Self {
        let all = |parts: Vec<ConditionForm>| parts.into_iter().map(Into::into).collect();
        match form {
            ConditionForm::All(parts) => Self::All(all(parts)),
            ConditionForm::Any(parts) => Self::Any(all(parts)),
            ConditionForm::Not(part) => Self::Not(Box::new((*part).into())),
            ConditionForm::Tag(tag) => Self::Tag(tag),
            ConditionForm::Tier(tier) => Self::Tier(tier),
            ConditionForm::Channel(channel) => Self::Channel(channel),
            ConditionForm::HomeStore(store) => Self::HomeStore(store),
            ConditionForm::Attribute(AttributeForm { code, is }) => Self::Attribute {
                code,
                is: match is {
                    TestForm::Text(text) => Test::Text(text),
                    TestForm::Number(range) => Test::Number(range.into()),
                    TestForm::Flag(flag) => Test::Flag(flag),
                    TestForm::DaysAgo(range) => Test::DaysAgo(range.into()),
                    TestForm::Choice(choice) => Test::Choice(choice),
                },
            },
            ConditionForm::Age(range) => Self::Age(range.into()),
            ConditionForm::BirthdayWithinDays(days) => Self::BirthdayWithinDays(days),
            ConditionForm::Orders(range) => Self::Orders(range.into()),
            ConditionForm::SpentMinor(range) => Self::SpentMinor(range.into()),
            ConditionForm::DaysBought(range) => Self::DaysBought(range.into()),
            ConditionForm::DaysSinceLast(range) => Self::DaysSinceLast(range.into()),
            ConditionForm::DaysSinceJoined(range) => Self::DaysSinceJoined(range.into()),
            ConditionForm::Bought(bought) => Self::Bought(bought.into()),
        }
    }
}

impl From<Condition> for ConditionForm {
    fn from(condition: Condition) -> Self {
        let all = |parts: Vec<Condition>| parts.into_iter().map(Into::into).collect();
        match condition {
            Condition::All(parts) => Self::All(all(parts)),
            Condition::Any(parts) => Self::Any(all(parts)),
            Condition::Not(part) => Self::Not(Box::new((*part).into())),
            Condition::Tag(tag) => Self::Tag(tag),
            Condition::Tier(tier) => Self::Tier(tier),
            Condition::Channel(channel) => Self::Channel(channel),
            Condition::HomeStore(store) => Self::HomeStore(store),
            Condition::Attribute { code, is } => Self::Attribute(AttributeForm {
                code,
                is: match is {
                    Test::Text(text) => TestForm::Text(text),
                    Test::Number(range) => TestForm::Number(range.into()),
                    Test::Flag(flag) => TestForm::Flag(flag),
                    Test::DaysAgo(range) => TestForm::DaysAgo(range.into()),
                    Test::Choice(choice) => TestForm::Choice(choice),
                },
            }),
            Condition::Age(range) => Self::Age(range.into()),
            Condition::BirthdayWithinDays(days) => Self::BirthdayWithinDays(days),
            Condition::Orders(range) => Self::Orders(range.into()),
            Condition::SpentMinor(range) => Self::SpentMinor(range.into()),
            Condition::DaysBought(range) => Self::DaysBought(range.into()),
            Condition::DaysSinceLast(range) => Self::DaysSinceLast(range.into()),
            Condition::DaysSinceJoined(range) => Self::DaysSinceJoined(range.into()),
            Condition::Bought(bought) => Self::Bought(bought.into()),
        }
    }
}

impl From<(Segment, u64)> for SegmentOut {
    fn from((Segment { code, title, condition, tag }, version): (Segment, u64)) -> Self {
        let tag = tag.map(Into::into);
        Self { segment: code.into(), title: title.into(), condition: condition.into(), tag, version }
    }
}

impl From<Segment> for MemberSegmentOut {
    fn from(Segment { code, title, .. }: Segment) -> Self {
        Self { segment: code.into(), title: title.into() }
    }
}

fn code(text: &str) -> Result<Code, Problem> {
    Code::new(text).map_err(|error| Problem::wrong_name(&error))
}

/// Defines a segment, or changes it from now on.
#[utoipa::path(put, path = "/v1/segments/{segment}", tag = "members",
    extensions(("x-needs" = json!("manage-members"))), request_body = SegmentIn,
    params(("segment" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = SegmentOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn define_segment(
    State(app): State<App>,
    caller: Caller,
    Path(segment): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<SegmentIn>,
) -> Result<Versioned<Json<SegmentOut>>, Problem> {
    let SegmentIn { title, condition, tag } = sent.body;
    let segment = Segment { code: code(&segment)?, title, condition: condition.into(), tag };
    app.serve(caller, Action::ManageMembers, move |host, actor| {
        let thing = Thing::Segment(segment.code.clone());
        let define = |tx: &mut Tx, act: &mut Act<'_>| usecase::define_segment(tx, act, &segment);
        let ((), version) = change(host, actor, &thing, expected, define)?;
        Ok::<_, Problem>(Versioned(version, Json((segment, version).into())))
    })
    .await
}

/// Removes a segment. Its members lose its tag.
#[utoipa::path(delete, path = "/v1/segments/{segment}", tag = "members",
    extensions(("x-needs" = json!("manage-members"))), params(("segment" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is taken away if somebody else has changed it since.")),
    responses((status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_segment(
    State(app): State<App>,
    caller: Caller,
    Path(segment): Path<String>,
    IfExpected(expected): IfExpected,
) -> Result<StatusCode, Problem> {
    let segment = code(&segment)?;
    app.serve(caller, Action::ManageMembers, move |host, actor| {
        let drop = |tx: &mut Tx, act: &mut Act<'_>| usecase::drop_segment(tx, act, &segment);
        change(host, actor, &Thing::Segment(segment.clone()), expected, drop)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The segments of the merchant. Who is in one: `GET /v1/members?segment=`.
#[utoipa::path(get, path = "/v1/segments", tag = "members",
    extensions(("x-needs" = json!("read"))), params(Page),
    responses((status = 200, body = SegmentsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_segments(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<SegmentsOut>, Problem> {
    let which = Page::read(page)?;
    let (segments, next) = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| {
                let (found, next) = usecase::page_segments(tx, actor.merchant, &which)?;
                Ok::<_, StoreError>((
                    with_versions(tx, actor.merchant, found, |one| Thing::Segment(one.code.clone()))?,
                    next,
                ))
            })
        })
        .await?;
    let next = next.map(|place| cursor(&place));
    Ok(Json(SegmentsOut { segments: segments.into_iter().map(Into::into).collect(), next }))
}

/// The segments in which a member is now: for a menu or prices of their own. It is asked anew each time, so that it is
/// true at once.
#[utoipa::path(get, path = "/v1/members/{member}/segments", tag = "members",
    extensions(("x-needs" = json!("read-personal"))), params(("member" = String, Path)),
    responses((status = 200, body = MemberSegmentsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_segments(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
) -> Result<Json<MemberSegmentsOut>, Problem> {
    let id: MemberId = member.parse()?;
    let segments = app
        .serve(caller, Action::ReadPersonal, move |host, actor| {
            host.view(actor, |tx, act| usecase::segments_of(tx, act, id))
        })
        .await?;
    Ok(Json(MemberSegmentsOut { segments: segments.into_iter().map(Into::into).collect() }))
}
