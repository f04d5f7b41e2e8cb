//! A merchant defines segments, and asks who is in them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::bought_of::read_bought_of;
use super::follow_segments::sweep_again;
use super::host::has_store;
use super::known::{Known, read_known};
use super::visits::read_visits;
use super::{Act, attributes};
use crate::domain::{
    AttributeFault, AttributeKind, AttributeType, Bought, BoughtOf, Code, Condition, ConditionFault, MemberId,
    MerchantId, Portrait, Segment, StoreId, Test, Ware,
};
use crate::store::{StoreError, Tx, layout};

/// Why a segment is not defined.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The condition can not be asked.
    #[error(transparent)]
    Condition(#[from] ConditionFault),
    /// It asks for an attribute that is not there, or is something else.
    #[error(transparent)]
    Attribute(#[from] AttributeFault),
    /// It asks for a store that is not the merchant's.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// Two segments can not put the same tag on.
    #[error("the tag `{tag}` is that of the segment `{segment}`")]
    TagTaken {
        /// The tag.
        tag: Code,
        /// Whose it is.
        segment: Code,
    },
    /// More than a merchant may have.
    #[error("a merchant has at most {} segments", Segment::COUNT_MAX)]
    TooMany,
    /// Not a segment of the merchant.
    #[error("there is no segment `{0}`")]
    Unknown(Code),
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Defines a segment, or changes it from now on. Its tag, if it has one, comes to members soon after.
///
/// # Errors
/// The first refusal in the order of [`SegmentError`]'s variants.
pub fn define_segment(tx: &mut Tx, act: &mut Act<'_>, new: &Segment) -> Result<(), SegmentError> {
    new.condition.check()?;
    for leaf in new.condition.leaves() {
        match leaf {
            Condition::Attribute { code, is } => {
                let attribute = attributes::definition::<SegmentError>(tx, act.merchant, code)?;
                if !is_asked_of(is, &attribute) {
                    return Err(attribute.of_another_kind().into());
                }
            }
            Condition::HomeStore(store) if !has_store(tx, act.merchant, *store)? => {
                return Err(SegmentError::UnknownStore(*store));
            }
            _ => {}
        }
    }
    let others = list_segments(tx, act.merchant)?;
    let before = others.iter().find(|other| other.code == new.code);
    if let Some(tag) = &new.tag
        && let Some(other) = others.iter().find(|other| other.code != new.code && other.tag.as_ref() == Some(tag))
    {
        return Err(SegmentError::TagTaken { tag: tag.clone(), segment: other.code.clone() });
    }
    if before.is_none() && others.len() >= Segment::COUNT_MAX {
        return Err(SegmentError::TooMany);
    }
    if before == Some(new) {
        return Ok(());
    }
    tx.save(&layout::segment(act.merchant, &new.code), new)?;
    if new.tag.is_some() || before.is_some_and(|before| before.tag.is_some()) {
        sweep_again(tx, act)?;
    }
    Ok(act.record(tx, "segment", new.code.as_str(), before, Some(new))?)
}

/// Removes a segment. Members lose its tag soon after.
///
/// # Errors
/// [`SegmentError::Unknown`], and the store's failures.
pub fn drop_segment(tx: &mut Tx, act: &mut Act<'_>, code: &Code) -> Result<(), SegmentError> {
    let key = layout::segment(act.merchant, code);
    let before = tx.load::<Segment>(&key)?.ok_or_else(|| SegmentError::Unknown(code.clone()))?;
    tx.delete(&key);
    if before.tag.is_some() {
        sweep_again(tx, act)?;
    }
    Ok(act.record(tx, "segment", code.as_str(), Some(&before), None)?)
}

/// The segments of a merchant, in the order of their codes.
///
/// # Errors
/// The store's failures.
pub(super) fn list_segments(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Segment>, StoreError> {
    let mut segments = Vec::new();
    tx.each::<Segment>(&layout::segments(merchant), |_, segment| segments.push(segment))?;
    Ok(segments)
}

/// The segments in which a member is now, in the order of their codes: for a menu or a price list of their own. It is
/// asked anew, so that it counts at once.
///
/// # Errors
/// [`SegmentError::UnknownMember`], and the store's failures.
pub fn segments_of(tx: &mut Tx, act: &Act<'_>, member: MemberId) -> Result<Vec<Segment>, SegmentError> {
    let known = read_known(tx, act, member)?.ok_or(SegmentError::UnknownMember(member))?;
    let zone = act.merchant(tx)?.time_zone.zone();
    let mut segments = list_segments(tx, act.merchant)?;
    let asked = Asked::of(tx, act, &known, &segments)?;
    segments.retain(|segment| asked.is_in(segment, &known, act, &zone));
    Ok(segments)
}

/// What a condition asks of, besides what is known of a member.
pub(super) struct Asked {
    bought: Option<Bought>,
    bought_of: BTreeMap<Ware, BoughtOf>,
}

impl Asked {
    /// What these segments ask of a member.
    pub(super) fn of(tx: &mut Tx, act: &Act<'_>, known: &Known, segments: &[Segment]) -> Result<Self, StoreError> {
        let visits = read_visits(tx, act.merchant, known.member.id)?;
        let bought = visits.map(|visits| Bought {
            orders: visits.orders,
            spent_minor: visits.spent_minor,
            days: visits.days,
            last: visits.last,
        });
        let asks_for_wares = segments.iter().any(|segment| segment.condition.wares().next().is_some());
        let bought_of =
            if asks_for_wares { read_bought_of(tx, act.merchant, known.member.id)? } else { BTreeMap::new() };
        Ok(Self { bought, bought_of })
    }

    pub(super) fn is_in(&self, segment: &Segment, known: &Known, act: &Act<'_>, zone: &TimeZone) -> bool {
        let Known { member, personal } = known;
        let Self { bought, bought_of } = self;
        segment.condition.is_true_of(&Portrait { member, personal, bought: *bought, bought_of, now: act.now, zone })
    }
}

fn is_asked_of(test: &Test, attribute: &AttributeType) -> bool {
    match (test, &attribute.kind) {
        (Test::Text(_), AttributeKind::Text)
        | (Test::Number(_), AttributeKind::Number)
        | (Test::Flag(_), AttributeKind::Flag)
        | (Test::DaysAgo(_), AttributeKind::Date) => true,
        (Test::Choice(choice), AttributeKind::Choice(choices)) => choices.contains(choice),
        _ => false,
    }
}
