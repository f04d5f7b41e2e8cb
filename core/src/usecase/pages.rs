//! Lists of what a merchant has, a page at a time.

use super::api_key::ListedKey;
use super::consents::ConsentReceipt;
use super::export::{Exported, page};
use super::join_codes::JoinCode;
use super::messages::Message;
use super::programme::Revision;
use super::teams::Team;
use super::users::User;
use crate::domain::{
    AttributeType, Behaviour, CouponType, Item, MemberId, MerchantId, MessageTemplate, Segment, ServiceBenefit, Store,
    Unit,
};
use crate::store::{Direction, Key, KeyRange, Record, StoreError, Tx, layout};

/// Which page: behind a place, which the page before has told, and how long.
#[derive(Clone, Debug)]
pub struct PageOf {
    /// The place; none for the first page.
    pub after: Option<Vec<u8>>,
    /// How many at most.
    pub limit: usize,
}

/// A page, and the place to go on behind, when there may be more.
pub type Paged<T> = (Vec<T>, Option<Vec<u8>>);

macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident $record:ty, $range:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// The store's failures.
        pub fn $name(tx: &mut Tx, merchant: MerchantId, which: &PageOf) -> Result<Paged<$record>, StoreError> {
            let range: fn(MerchantId) -> KeyRange = $range;
            paged(tx, &range(merchant), which)
        }
    )*};
}

lists! {
    /// The attributes of members, in the order of their codes.
    page_attributes AttributeType, layout::attributes;
    /// The kinds of behaviour, in the order of their codes.
    page_behaviours Behaviour, layout::behaviours;
    /// The service benefits, in the order of their codes.
    page_benefits ServiceBenefit, layout::benefits;
    /// The types of coupons, in the order of their codes.
    page_coupon_types CouponType, layout::coupon_types;
    /// The catalogue, in the order of the SKUs.
    page_items Item, layout::items;
    /// The codes by which people join, in the order in which they were made.
    page_join_codes JoinCode, layout::join_codes;
    /// The API keys, revoked ones included, in the order in which they were issued.
    page_keys ListedKey, layout::listed_keys;
    /// The messages to members, in the order in which they were queued.
    page_messages Message, layout::messages;
    /// The revisions of packs, in the order of their ids.
    page_revisions Revision, layout::revisions;
    /// The segments, in the order of their codes.
    page_segments Segment, layout::segments;
    /// The stores, in the order in which they were made.
    page_stores Store, layout::stores;
    /// The teams of staff, in the order of their codes.
    page_teams Team, layout::teams;
    /// The templates of messages, in the order of their codes.
    page_templates MessageTemplate, layout::message_templates;
    /// The units, in the order of their codes.
    page_units Unit, layout::units;
    /// The people who sign in, in the order in which they were added.
    page_users User, layout::users;
}

/// A page of the records under a range of keys.
pub(super) fn paged<T: Record>(
    tx: &mut Tx,
    range: &KeyRange,
    PageOf { after, limit }: &PageOf,
) -> Result<Paged<T>, StoreError> {
    // A place is what a key has behind what all keys of the range begin with.
    let behind = after.as_ref().map(|after| [range.start.as_slice(), after].concat());
    let (found, next): Exported<(Key, T)> = page(tx, range, behind.as_deref(), *limit)?;
    Ok((found.into_iter().map(|(_, one)| one).collect(), next.map(|key| key[range.start.len()..].to_vec())))
}

/// What a member says today, by purpose; or all receipts, by purpose and in the order in which they were written.
///
/// # Errors
/// The store's failures.
pub fn page_consents(
    tx: &mut Tx,
    merchant: MerchantId,
    member: MemberId,
    history: bool,
    which: &PageOf,
) -> Result<Paged<ConsentReceipt>, StoreError> {
    let range = layout::consents(merchant, member);
    if history {
        return paged(tx, &range, which);
    }
    let mut place = which.after.as_ref().map(|after| [range.start.as_slice(), after].concat());
    let mut said = Vec::new();
    while said.len() < which.limit {
        let rest = place.as_deref().map_or_else(|| range.clone(), |place| range.after(place));
        let first = tx.load_scan::<ConsentReceipt>(&rest, Direction::Forward, 1)?;
        let Some((_, first)) = first.into_iter().next() else { return Ok((said, None)) };
        let of_purpose = layout::consents_to(merchant, member, &first.purpose);
        let last = tx.load_scan::<ConsentReceipt>(&of_purpose, Direction::Backward, 1)?;
        let Some((key, last)) = last.into_iter().next() else { return Ok((said, None)) };
        place = Some(key);
        said.push(last);
    }
    Ok((said, place.map(|place| place[range.start.len()..].to_vec())))
}
