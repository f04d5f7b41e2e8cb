//! What a merchant has set up, who works for it, what it says to members and what it counts: the kinds of exports that
//! are lists of small records.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::attributes::AttributeOut;
use super::super::behaviours::BehaviourOut;
use super::super::benefits::ServiceBenefitOut;
use super::super::figures::GoalsOut;
use super::super::join_codes::JoinCodeOut;
use super::super::list_stores::StoreOut;
use super::super::segments::SegmentOut;
use super::super::teams::TeamOut;
use super::super::units::UnitOut;
use super::super::users::UserOut;
use super::kinds::{ExportError, ExportKind, store_codes, with};
use crate::domain::{AttributeType, Behaviour, MerchantId, Segment, ServiceBenefit, Store, Unit};
use crate::http::etag::with_versions;
use crate::http::message_wire::{MessageOut, TemplateOut};
use crate::store::{StoreError, Tx};
use crate::usecase::{self, DayCounts, Exported, Figure, PageOf, Paged, Team, Thing};

/// The columns of a table of such a kind; none of another kind. Of figures each has one more.
pub(super) fn columns(kind: ExportKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        ExportKind::Stores => &[("id", "/id"), ("code", "/code"), ("name", "/name")],
        ExportKind::Users => &[
            ("id", "/id"),
            ("name", "/name"),
            ("display_name", "/display_name"),
            ("role", "/role"),
            ("stores", "/stores"),
            ("locale", "/locale"),
            ("state", "/state"),
            ("invited_until", "/invited_until"),
            ("added_at", "/added_at"),
        ],
        ExportKind::Teams => &[("team", "/team"), ("title", "/title"), ("staff", "/staff")],
        ExportKind::Units => &[
            ("unit", "/unit"),
            ("kind", "/kind"),
            ("declared_by", "/declared_by"),
            ("transferable", "/rules/transferable"),
            ("balance_max", "/rules/balance_max"),
            ("earn_per_day_max", "/rules/earn_per_day_max"),
            ("spend_per_day_max", "/rules/spend_per_day_max"),
            ("shortfall", "/rules/shortfall"),
        ],
        ExportKind::Attributes => &[
            ("attribute", "/attribute"),
            ("label", "/label"),
            ("kind", "/kind"),
            ("choices", "/choices"),
            ("personal", "/personal"),
        ],
        ExportKind::Segments => {
            &[("segment", "/segment"), ("title", "/title"), ("tag", "/tag"), ("condition", "/condition")]
        }
        ExportKind::Benefits => &[
            ("benefit", "/benefit"),
            ("title", "/title"),
            ("quota", "/quota"),
            ("period", "/period"),
            ("tiers", "/tiers"),
            ("tags", "/tags"),
        ],
        ExportKind::Behaviours => &[("behaviour", "/behaviour"), ("title", "/title"), ("schema", "/schema")],
        ExportKind::JoinCodes => &[
            ("join_code", "/join_code"),
            ("title", "/title"),
            ("channel", "/channel"),
            ("store", "/store"),
            ("off", "/off"),
            ("made_at", "/made_at"),
        ],
        ExportKind::MessageTemplates => &[
            ("template", "/template"),
            ("title", "/title"),
            ("channel", "/channel"),
            ("purpose", "/purpose"),
            ("placeholders", "/placeholders"),
            ("texts", "/texts"),
        ],
        ExportKind::Messages => &[
            ("id", "/id"),
            ("member", "/member"),
            ("template", "/template"),
            ("channel", "/channel"),
            ("purpose", "/purpose"),
            ("source", "/source"),
            ("queued_at", "/queued_at"),
            ("expires_at", "/expires_at"),
            ("status", "/status"),
            ("at", "/at"),
            ("dropped", "/dropped"),
            ("attempts", "/attempts"),
            ("last_fault", "/last_fault/reason"),
        ],
        ExportKind::Goals => &[
            ("month", "/month"),
            ("store", "/store"),
            ("staff", "/staff"),
            ("team", "/team"),
            ("figure", "/figure"),
            ("target", "/target"),
            ("reached", "/reached"),
        ],
        ExportKind::Figures => &[("day", "/day"), ("store", "/store"), ("store_code", "/store_code")],
        _ => &[],
    }
}

/// A page of records of such a kind, and where to go on; nothing of another kind.
pub(super) fn page(
    kind: ExportKind,
    tx: &mut Tx,
    (merchant, now): (MerchantId, Timestamp),
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Exported<Value>, ExportError> {
    // The place in a list is the key of its last record; that of figures and goals, a day.
    let day: Option<Date> = after.and_then(|after| std::str::from_utf8(after).ok()?.parse().ok());
    Ok(match kind {
        ExportKind::Stores => {
            let found = listed(tx, merchant, after, limit, usecase::page_stores)?;
            edited::<Store, StoreOut>(tx, merchant, found, |one| Thing::Store(one.code.clone()))?
        }
        ExportKind::Teams => {
            let found = listed(tx, merchant, after, limit, usecase::page_teams)?;
            edited::<Team, TeamOut>(tx, merchant, found, |one| Thing::Team(one.code.clone()))?
        }
        ExportKind::Units => {
            let found = listed(tx, merchant, after, limit, usecase::page_units)?;
            edited::<Unit, UnitOut>(tx, merchant, found, |one| Thing::Unit(one.code.clone()))?
        }
        ExportKind::Attributes => {
            let found = listed(tx, merchant, after, limit, usecase::page_attributes)?;
            edited::<AttributeType, AttributeOut>(tx, merchant, found, |one| Thing::Attribute(one.code.clone()))?
        }
        ExportKind::Segments => {
            let found = listed(tx, merchant, after, limit, usecase::page_segments)?;
            edited::<Segment, SegmentOut>(tx, merchant, found, |one| Thing::Segment(one.code.clone()))?
        }
        ExportKind::Benefits => {
            let found = listed(tx, merchant, after, limit, usecase::page_benefits)?;
            edited::<ServiceBenefit, ServiceBenefitOut>(tx, merchant, found, |one| Thing::Benefit(one.code.clone()))?
        }
        ExportKind::Behaviours => {
            let found = listed(tx, merchant, after, limit, usecase::page_behaviours)?;
            edited::<Behaviour, BehaviourOut>(tx, merchant, found, |one| Thing::Behaviour(one.code.clone()))?
        }
        ExportKind::Users => {
            let found = listed(tx, merchant, after, limit, usecase::page_users)?;
            told(found, |user| UserOut::of(user, now))
        }
        ExportKind::JoinCodes => told(listed(tx, merchant, after, limit, usecase::page_join_codes)?, JoinCodeOut::from),
        ExportKind::MessageTemplates => {
            told(listed(tx, merchant, after, limit, usecase::page_templates)?, TemplateOut::from)
        }
        ExportKind::Messages => told(listed(tx, merchant, after, limit, usecase::page_messages)?, MessageOut::from),
        ExportKind::Goals => goals(tx, merchant, day)?,
        ExportKind::Figures => figures(tx, merchant, day, limit)?,
        _ => (Vec::new(), None),
    })
}

/// A page of a list.
fn listed<T>(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<&[u8]>,
    limit: usize,
    page: fn(&mut Tx, MerchantId, &PageOf) -> Result<Paged<T>, StoreError>,
) -> Result<Paged<T>, StoreError> {
    page(tx, merchant, &PageOf { after: after.map(<[u8]>::to_vec), limit })
}

/// Records of a list as they are told where it is read.
fn told<T, O: Serialize>((found, next): Paged<T>, out: impl Fn(T) -> O) -> Exported<Value> {
    (found.into_iter().map(|one| json!(out(one))).collect(), next)
}

/// The same of what people edit: each is told with the version that it is in.
fn edited<T, O: Serialize + From<(T, u64)>>(
    tx: &mut Tx,
    merchant: MerchantId,
    (found, next): Paged<T>,
    thing: impl Fn(&T) -> Thing,
) -> Result<Exported<Value>, StoreError> {
    Ok(told((with_versions(tx, merchant, found, thing)?, next), O::from))
}

/// The goals for the first month behind one.
fn goals(tx: &mut Tx, merchant: MerchantId, after: Option<Date>) -> Result<Exported<Value>, StoreError> {
    let Some((month, goals)) = usecase::export_goals(tx, merchant, after)? else { return Ok((Vec::new(), None)) };
    let named = json!({ "month": month.strftime("%Y-%m").to_string() });
    let mut told = json!(GoalsOut::from(goals));
    let goals = told["goals"].as_array_mut().map(std::mem::take).unwrap_or_default();
    Ok((goals.into_iter().map(|goal| with(&named, goal)).collect(), Some(month.to_string().into_bytes())))
}

/// The figures of the first days behind one, by day and store.
fn figures(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<Date>,
    limit: usize,
) -> Result<Exported<Value>, StoreError> {
    let codes = store_codes(tx, merchant)?;
    let (found, last) = usecase::export_figures(tx, merchant, after, limit)?;
    let line = |DayCounts { day, store, counts }| {
        let (store, store_code) = (store.map(|store| store.to_string()), store.and_then(|store| codes.get(&store)));
        let mut record = json!({ "day": day.to_string(), "store": store, "store_code": store_code });
        for figure in Figure::ALL {
            record[figure.name()] = json!(counts.get(figure).copied().unwrap_or(0));
        }
        record
    };
    Ok((found.into_iter().map(line).collect(), last.map(|day| day.to_string().into_bytes())))
}
