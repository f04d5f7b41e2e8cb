//! All that is known of a member: their record and what is personal, read and written as one, with every index.

use std::collections::BTreeSet;

use super::Act;
use super::keys::{member_key, unreadable};
use crate::domain::{ExternalId, Member, MemberId, MerchantId, Personal, Reference, name_starts};
use crate::store::layout::{self, Contact};
use crate::store::{self, Direction, Key, StoreError, Tx, member_of};
use crate::vault::{MerchantKeys, Sealed};

/// A member with what is personal about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Their record.
    pub member: Member,
    /// What is personal; nothing of it after an erasure.
    pub personal: Personal,
}

/// Why a member can not have what leads to members.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// More cards or external ids than a member may have.
    #[error("a member has at most {max} cards and {max} external ids, but {0} are given", max = Member::NUMBERS_MAX)]
    TooManyNumbers(usize),
    /// More phone numbers or addresses than a member may have.
    #[error("a member has at most {max} phone numbers and {max} e-mail addresses, but {0} are given", max = Personal::CONTACTS_MAX)]
    TooManyContacts(usize),
    /// The number is another member's.
    #[error("the number `{number}` is that of {member}")]
    NumberTaken {
        /// The number.
        number: Reference,
        /// Whose it is.
        member: MemberId,
    },
    /// What the other system calls them is another member.
    #[error("`{id}` of `{system}` is {member}", id = external.id, system = external.system)]
    ExternalIdTaken {
        /// The name.
        external: ExternalId,
        /// Whose it is.
        member: MemberId,
    },
    /// A phone number is another member's.
    #[error("phone number {} of those given is that of {member}", index + 1)]
    PhoneTaken {
        /// Which of those given, from 0.
        index: usize,
        /// Whose it is.
        member: MemberId,
    },
    /// An address is another member's.
    #[error("e-mail address {} of those given is that of {member}", index + 1)]
    EmailTaken {
        /// Which of those given, from 0.
        index: usize,
        /// Whose it is.
        member: MemberId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All that is known of the merchant's member whom an id means: that of the one into whom they were merged, if they were.
///
/// # Errors
/// The store's failures.
pub fn read_known(tx: &mut Tx, act: &Act<'_>, id: MemberId) -> Result<Option<Known>, StoreError> {
    let Some(member) = member_of(tx, act.merchant, id)? else { return Ok(None) };
    known(tx, act, member).map(Some)
}

/// All that is known of the member with this id, even if they were merged into another one.
pub(super) fn read_as_is(tx: &mut Tx, act: &Act<'_>, id: MemberId) -> Result<Option<Known>, StoreError> {
    let Some(member) = tx.load::<Member>(&layout::member(act.merchant, id))? else { return Ok(None) };
    known(tx, act, member).map(Some)
}

fn known(tx: &mut Tx, act: &Act<'_>, member: Member) -> Result<Known, StoreError> {
    let id = member.id;
    let personal = read_personal(tx, act, id)?;
    Ok(Known { member, personal })
}

/// What is personal about a member; nothing, when nothing is known.
pub(super) fn read_personal(tx: &mut Tx, act: &Act<'_>, member: MemberId) -> Result<Personal, StoreError> {
    if tx.get(&layout::personal(act.merchant, member))?.is_none() {
        return Ok(Personal::default());
    }
    let keys = act.keys(tx)?;
    opened_personal(tx, act.merchant, &keys, member)
}

/// The same by the merchant's opened keys.
pub(super) fn opened_personal(
    tx: &mut Tx,
    merchant: MerchantId,
    keys: &MerchantKeys,
    member: MemberId,
) -> Result<Personal, StoreError> {
    let place = layout::personal(merchant, member);
    let Some(sealed) = tx.load::<Sealed>(&place)? else { return Ok(Personal::default()) };
    let key = member_key(tx, merchant, keys, member)?;
    let key = key.ok_or_else(|| StoreError::corrupt("personal data (its key is missing)", &place))?;
    let plain = key.open(&place, &sealed).map_err(|error| unreadable(error, &place))?;
    store::decode(&place, &plain)
}

/// Writes a member over what was known before, and brings every index up to it.
///
/// # Errors
/// The first refusal in the order of [`IdentityError`]'s variants.
pub(super) fn save_known(
    tx: &mut Tx,
    act: &Act<'_>,
    before: Option<&Known>,
    after: &Known,
) -> Result<(), IdentityError> {
    let Known { member, personal } = after;
    check_counts(after)?;
    let old = before.map(|known| &known.member);
    let merchant = act.merchant;
    let (had, has) = (old.map(numbers).unwrap_or_default(), numbers(member));
    for number in has.difference(&had) {
        let key = layout::member_by_number(merchant, number);
        if let Some(member) = tx.load::<MemberId>(&key)? {
            return Err(IdentityError::NumberTaken { number: number.clone(), member });
        }
        tx.save::<MemberId>(&key, &member.id)?;
    }
    drop_all(tx, had.difference(&has).map(|number| layout::member_by_number(merchant, number)));
    let had = old.map(|old| old.external_ids.clone()).unwrap_or_default();
    for external in member.external_ids.difference(&had) {
        let key = layout::member_by_external_id(merchant, external);
        if let Some(member) = tx.load::<MemberId>(&key)? {
            return Err(IdentityError::ExternalIdTaken { external: external.clone(), member });
        }
        tx.save::<MemberId>(&key, &member.id)?;
    }
    let gone = had.difference(&member.external_ids);
    drop_all(tx, gone.map(|external| layout::member_by_external_id(merchant, external)));
    if before.map_or(!personal.is_empty(), |before| before.personal != *personal) {
        save_personal(tx, act, before.map(|before| &before.personal), after)?;
    }
    let listed = |member: &Member| listings(merchant, member);
    let (had, has) = (old.map(listed).unwrap_or_default(), listed(member));
    for key in has.difference(&had) {
        tx.put(key, Vec::new())?;
    }
    drop_all(tx, had.difference(&has).cloned());
    tx.save(&layout::member(merchant, member.id), member)?;
    Ok(())
}

fn check_counts(known: &Known) -> Result<(), IdentityError> {
    let Known { member, personal } = known;
    let most = member.cards.len().max(member.external_ids.len());
    if most > Member::NUMBERS_MAX {
        return Err(IdentityError::TooManyNumbers(most));
    }
    let most = personal.phones.len().max(personal.emails.len());
    if most > Personal::CONTACTS_MAX {
        return Err(IdentityError::TooManyContacts(most));
    }
    Ok(())
}

fn numbers(member: &Member) -> BTreeSet<Reference> {
    member.numbers().cloned().collect()
}

/// The keys of all lists in which a member is.
pub(super) fn listings(merchant: MerchantId, member: &Member) -> BTreeSet<Key> {
    let Member { id, tags, tier, home_store, .. } = member;
    let tags = tags.keys().map(|tag| layout::tagged(merchant, tag, *id));
    let tier = tier.iter().map(|tier| layout::in_tier(merchant, &tier.code, *id));
    let store = home_store.iter().map(|store| layout::at_home(merchant, *store, *id));
    tags.chain(tier).chain(store).collect()
}

/// Lists some of the members of older versions of the host, which had no lists.
pub(super) fn list_next_members(tx: &mut Tx, after: Option<&[u8]>) -> Result<Option<Key>, StoreError> {
    const PAGE: usize = 500;
    let all = layout::all_members();
    let rest = after.map_or(all.clone(), |after| all.after(after));
    let page = tx.load_scan::<Member>(&rest, Direction::Forward, PAGE)?;
    for (key, member) in &page {
        let merchant = layout::merchant_of(key).ok_or_else(|| StoreError::corrupt("key of a member", key))?;
        for key in listings(merchant, member) {
            tx.put(&key, Vec::new())?;
        }
    }
    Ok(page.into_iter().next_back().map(|(key, _)| key))
}

fn drop_all(tx: &mut Tx, keys: impl Iterator<Item = Key>) {
    for key in keys {
        tx.delete(&key);
    }
}

/// Seals what is personal, and brings its blind indexes up to it.
fn save_personal(tx: &mut Tx, act: &Act<'_>, before: Option<&Personal>, after: &Known) -> Result<(), IdentityError> {
    let (merchant, id, keys) = (act.merchant, after.member.id, act.keys(tx)?);
    let nobody = Personal::default();
    let (before, after) = (before.unwrap_or(&nobody), &after.personal);
    let taken = |tx: &mut Tx, key: &Key| -> Result<Option<MemberId>, StoreError> {
        Ok(tx.load::<MemberId>(key)?.filter(|member| *member != id))
    };
    let had: BTreeSet<Key> = contacts(merchant, &keys, before).collect();
    let has: Vec<Key> = contacts(merchant, &keys, after).collect();
    for (index, key) in has.iter().enumerate() {
        if let Some(member) = taken(tx, key)? {
            return Err(match index.checked_sub(after.phones.len()) {
                None => IdentityError::PhoneTaken { index, member },
                Some(index) => IdentityError::EmailTaken { index, member },
            });
        }
        if !had.contains(key) {
            tx.save::<MemberId>(key, &id)?;
        }
    }
    drop_all(tx, had.into_iter().filter(|key| !has.contains(key)));
    let had: BTreeSet<Key> = starts(merchant, &keys, before, id).collect();
    let has: BTreeSet<Key> = starts(merchant, &keys, after, id).collect();
    for key in has.difference(&had) {
        tx.put(key, Vec::new())?;
    }
    drop_all(tx, had.difference(&has).cloned());
    let place = layout::personal(act.merchant, id);
    if after.is_empty() {
        tx.delete(&place);
        return Ok(());
    }
    let sealed = act.member_key_or_new(tx, id)?.seal(act.entropy, &place, &store::encode(after));
    tx.save(&place, &sealed)?;
    Ok(())
}

/// The keys of the blind indexes of a member's contacts: those of phone numbers first.
pub(super) fn contacts<'a>(
    merchant: MerchantId,
    keys: &'a MerchantKeys,
    personal: &'a Personal,
) -> impl Iterator<Item = Key> + 'a {
    let phones = personal.phones.iter().map(move |phone| contact(merchant, keys, Contact::Phone, phone.as_str()));
    let emails = personal.emails.iter().map(move |email| contact(merchant, keys, Contact::Email, email.as_str()));
    phones.chain(emails)
}

/// The key of the blind index of a contact.
pub(super) fn contact(merchant: MerchantId, keys: &MerchantKeys, kind: Contact, text: &str) -> Key {
    let name = match kind {
        Contact::Phone => "phone",
        Contact::Email => "email",
    };
    layout::contact(merchant, kind, &keys.mark(name, text.as_bytes()))
}

/// The keys under which a member's name is found by its beginning.
pub(super) fn starts<'a>(
    merchant: MerchantId,
    keys: &'a MerchantKeys,
    personal: &'a Personal,
    member: MemberId,
) -> impl Iterator<Item = Key> + 'a {
    let starts = personal.name.iter().flat_map(|name| name_starts(name.as_str()));
    starts.map(move |start| layout::name_start(merchant, &keys.mark(NAME_START, start.as_bytes()), member))
}

/// The kind of the marks of beginnings of names.
pub(super) const NAME_START: &str = "name";
