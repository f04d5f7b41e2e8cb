//! Two members turn out to be one person, and become one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::bought_of::merge_bought_of;
use super::changes::record_change;
use super::known::{IdentityError, Known, read_as_is, save_known};
use super::messages::merge_messages;
use super::notes::merge_notes;
use super::read_assets::{AssetsError, read_assets};
use super::visits::merge_visits;
use super::{Act, Reply};
use crate::domain::{Code, Event, Member, MemberId, MerchantId, Minor, Personal, Reference, Standing, Tag};
use crate::ledger::LedgerError;
use crate::store::{Key, Record, StoreError, Tx, layout};

/// What became of two members, or would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// Who they are from now on.
    pub survivor: MemberId,
    /// Who is not used any more: their id leads to the survivor.
    pub gone: MemberId,
    /// The sum of the versions of both records before: it names the state that was seen.
    pub seen: u64,
    /// How many orders came to the survivor.
    pub orders: u64,
    /// What came to the survivor, by unit.
    pub brought: Vec<MergedAsset>,
    /// What the survivor has after it, by unit.
    pub assets: Vec<MergedAsset>,
    /// Which fields both had and the survivor's was kept: `name`, `tier`, `attributes.<code>` and so on.
    pub kept: Vec<String>,
}

/// What somebody has of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedAsset {
    /// Of what.
    pub unit: Code,
    /// Spendable.
    pub available: Minor,
    /// Set aside in holds.
    pub held: Minor,
    /// Granted, but not released yet.
    pub pending: Minor,
    /// What is owed.
    pub debt: Minor,
}

impl Record for Merged {
    const VERSION: u8 = 1;
    const NAME: &'static str = "merged members";
}

impl Reply for Merged {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::member(merchant, self.gone))
    }
}

/// Why two members stay two.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// It is one already.
    #[error("{0} can not be merged with itself")]
    Same(MemberId),
    /// It was done before.
    #[error("{gone} was merged into {into} already")]
    Already {
        /// Who is gone.
        gone: MemberId,
        /// Who they are.
        into: MemberId,
    },
    /// Somebody asked to be forgotten.
    #[error("{0} was erased and can not be merged with anybody")]
    Erased(MemberId),
    /// One of them is not what was seen.
    #[error("the members were changed since: their versions come to {found}, but {expected} was seen; look again")]
    OtherVersion {
        /// The sum of the versions that were seen.
        expected: u64,
        /// The sum that is.
        found: u64,
    },
    /// Together they would have more tags than a member may have.
    #[error("a member has at most {max} tags, but the two have {0}", max = Member::TAGS_MAX)]
    TooManyTags(usize),
    /// Together they would have more of something than a member may have.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AssetsError> for MergeError {
    fn from(error: AssetsError) -> Self {
        match error {
            AssetsError::UnknownMember(id) => Self::UnknownMember(id),
            AssetsError::Ledger(error) => error.into(),
            AssetsError::Store(error) => error.into(),
        }
    }
}

/// Makes `gone` and `survivor` one: assets, orders, history, consents, notes and all that leads to the former become the
/// latter's. Where both say something of which there can be one, what the survivor says is kept, and told. The id of the
/// former leads to the survivor from now on, in every request, pack and refund. It can not be undone: a preview is the
/// same, rehearsed.
///
/// # Errors
/// The first refusal in the order of [`MergeError`]'s variants.
pub fn merge_members(
    tx: &mut Tx,
    act: &mut Act<'_>,
    survivor: MemberId,
    gone: MemberId,
    expected: Option<u64>,
) -> Result<Merged, MergeError> {
    let merchant = act.merchant;
    let (old, kept_one) = (part(tx, act, gone)?, part(tx, act, survivor)?);
    if gone == survivor {
        return Err(MergeError::Same(gone));
    }
    let seen = old.member.version.saturating_add(kept_one.member.version);
    if let Some(expected) = expected
        && expected != seen
    {
        return Err(MergeError::OtherVersion { expected, found: seen });
    }
    let brought = assets(tx, act, gone)?;
    act.book(tx)?.merge(gone, survivor)?;
    let (union, kept) = united(act, &old, &kept_one)?;
    save_known(tx, act, Some(&old), &emptied(act, &old, survivor))?;
    save_known(tx, act, Some(&kept_one), &union)?;
    record_change(tx, act, Some(&old), Some(&emptied(act, &old, survivor)))?;
    record_change(tx, act, Some(&kept_one), Some(&union))?;
    for earlier in crate::ledger::merged_into(tx, merchant, survivor)? {
        // Those who were merged into the one who is gone now lead to the survivor themselves.
        let key = layout::member(merchant, earlier);
        if let Some(mut member) = tx.load::<Member>(&key)?
            && let Standing::Merged { into, .. } = &mut member.standing
            && *into == gone
        {
            *into = survivor;
            tx.save(&key, &member)?;
        }
    }
    let orders = tx.move_range(&layout::orders_of(merchant, gone), &layout::orders_of(merchant, survivor))?;
    for (from, to) in [
        (layout::tier_changes(merchant, gone), layout::tier_changes(merchant, survivor)),
        (layout::consents(merchant, gone), layout::consents(merchant, survivor)),
        (layout::member_changes(merchant, gone), layout::member_changes(merchant, survivor)),
        (layout::member_events(merchant, gone), layout::member_events(merchant, survivor)),
    ] {
        tx.move_range(&from, &to)?;
    }
    tx.add_range(&layout::benefit_uses_of(merchant, gone), &layout::benefit_uses_of(merchant, survivor))?;
    merge_messages(tx, act, gone, survivor)?;
    merge_notes(tx, act, gone, survivor)?;
    merge_visits(tx, merchant, gone, survivor)?;
    merge_bought_of(tx, merchant, gone, survivor)?;
    act.tell(tx, &Event::MembersMerged { survivor, gone, by: act.staff(), at: act.now })?;
    let assets = assets(tx, act, survivor)?;
    Ok(Merged { survivor, gone, seen, orders, brought, assets, kept })
}

/// One of the two, who has to be somebody.
fn part(tx: &mut Tx, act: &Act<'_>, id: MemberId) -> Result<Known, MergeError> {
    let known = read_as_is(tx, act, id)?.ok_or(MergeError::UnknownMember(id))?;
    match known.member.standing {
        Standing::Active => Ok(known),
        Standing::Erased { .. } => Err(MergeError::Erased(id)),
        Standing::Merged { into, .. } => Err(MergeError::Already { gone: id, into }),
    }
}

fn assets(tx: &mut Tx, act: &Act<'_>, member: MemberId) -> Result<Vec<MergedAsset>, MergeError> {
    let all = read_assets(tx, act.merchant, act.now, member)?.into_iter().map(|asset| MergedAsset {
        unit: asset.unit.code,
        available: asset.available,
        held: asset.held,
        pending: asset.pending,
        debt: asset.debt,
    });
    Ok(all.collect())
}

/// The record of one who is gone: nothing leads to them any more but their id.
fn emptied(act: &Act<'_>, old: &Known, survivor: MemberId) -> Known {
    let member = Member {
        id: old.member.id,
        version: old.member.version + 1,
        reference: None,
        cards: BTreeSet::new(),
        external_ids: BTreeSet::new(),
        tags: std::collections::BTreeMap::new(),
        attributes: std::collections::BTreeMap::new(),
        tier: None,
        enrolled_at: old.member.enrolled_at,
        home_store: None,
        channel: None,
        referrer: None,
        standing: Standing::Merged { into: survivor, at: act.now },
    };
    Known { member, personal: Personal::default() }
}

/// What is known of the two together, and of which fields the survivor's was kept in place of another one.
fn united(act: &Act<'_>, old: &Known, kept_one: &Known) -> Result<(Known, Vec<String>), MergeError> {
    let mut kept = Vec::new();
    let mut known = kept_one.clone();
    let Known { member, personal } = &mut known;
    let Known { member: other, personal: others } = old;
    member.version += 1;
    let reference: Option<&Reference> = other.reference.as_ref();
    if member.reference.is_none() {
        member.reference = reference.cloned();
    } else {
        // A number that was printed somewhere goes on leading to them.
        member.cards.extend(reference.cloned());
    }
    member.cards.extend(other.cards.iter().cloned());
    member.external_ids.extend(other.external_ids.iter().cloned());
    for (code, tag) in &other.tags {
        let longer =
            |own: &Tag| own.expires_at.is_none() || (tag.expires_at.is_some() && own.expires_at >= tag.expires_at);
        if !member.tags.get(code).is_some_and(longer) {
            member.tags.insert(code.clone(), tag.clone());
        }
    }
    if member.tags.len() > Member::TAGS_MAX {
        return Err(MergeError::TooManyTags(member.tags.len()));
    }
    member.enrolled_at = member.enrolled_at.min(other.enrolled_at);
    member.tier = member.tier_at(act.now).cloned();
    let theirs = other.tier_at(act.now).cloned();
    fill("tier", &mut member.tier, theirs.as_ref(), &mut kept);
    fill("home_store", &mut member.home_store, other.home_store.as_ref(), &mut kept);
    fill("channel", &mut member.channel, other.channel.as_ref(), &mut kept);
    let referrer = other.referrer.filter(|referrer| *referrer != member.id);
    member.referrer = member.referrer.filter(|referrer| *referrer != other.id);
    fill("referrer", &mut member.referrer, referrer.as_ref(), &mut kept);
    fill("name", &mut personal.name, others.name.as_ref(), &mut kept);
    fill("birthday", &mut personal.birthday, others.birthday.as_ref(), &mut kept);
    fill("address", &mut personal.address, others.address.as_ref(), &mut kept);
    for phone in &others.phones {
        if !personal.phones.contains(phone) {
            personal.phones.push(phone.clone());
        }
    }
    for email in &others.emails {
        if !personal.emails.contains(email) {
            personal.emails.push(email.clone());
        }
    }
    for (own, theirs) in [(&mut member.attributes, &other.attributes), (&mut personal.attributes, &others.attributes)] {
        for (code, value) in theirs {
            match own.get(code) {
                Some(same) if same == value => {}
                Some(_) => kept.push(format!("attributes.{code}")),
                None => {
                    own.insert(code.clone(), value.clone());
                }
            }
        }
    }
    Ok((known, kept))
}

fn fill<T: Clone + PartialEq>(name: &str, own: &mut Option<T>, theirs: Option<&T>, kept: &mut Vec<String>) {
    match (own.as_ref(), theirs) {
        (None, _) => *own = theirs.cloned(),
        (Some(own), Some(theirs)) if own != theirs => kept.push(name.to_owned()),
        _ => {}
    }
}
