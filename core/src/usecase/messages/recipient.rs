//! To whom a message goes, and what leads to them.

use crate::domain::{
    AttributeValue, Channel, Code, Email, Locale, Member, MemberId, Merchant, Personal, Phone, Standing,
};
use crate::store::{StoreError, Tx, member_of};
use crate::usecase::Act;
use crate::usecase::known::read_known;

/// The attribute, personal or not, that says which language a member reads.
const LOCALE_ATTRIBUTE: &str = "locale";

/// Somebody to whom messages go.
pub(super) enum Recipient {
    /// They are who they were.
    Known(Box<Member>),
    /// Nothing personal is known of them any more.
    Erased,
}

/// To whom a message to a member goes; none when there is no such member. All that sends messages asks here, as a member
/// may lead to another.
pub(super) fn recipient(tx: &mut Tx, act: &Act<'_>, id: MemberId) -> Result<Option<Recipient>, StoreError> {
    let Some(member) = member_of(tx, act.merchant, id)? else { return Ok(None) };
    Ok(Some(match member.standing {
        Standing::Erased { .. } => Recipient::Erased,
        Standing::Active | Standing::Merged { .. } => Recipient::Known(Box::new(member)),
    }))
}

/// What a message needs to know of whom it goes to.
pub(super) struct Contact {
    /// The address on the channel, if there is one.
    pub(super) address: Option<String>,
    /// What they are called.
    pub(super) name: Option<String>,
    /// The languages that they would like, best first; the merchant's is the last.
    pub(super) locales: Vec<Locale>,
}

/// What leads to a member on a channel, today.
pub(super) fn contact(
    tx: &mut Tx,
    act: &Act<'_>,
    member: &Member,
    channel: Channel,
    merchant: &Merchant,
) -> Result<Contact, StoreError> {
    let personal = read_known(tx, act, member.id)?.map(|known| known.personal).unwrap_or_default();
    Ok(Contact {
        address: address(member, &personal, channel),
        name: personal.name.as_ref().map(ToString::to_string),
        locales: locales(member, &personal, merchant),
    })
}

fn address(member: &Member, personal: &Personal, channel: Channel) -> Option<String> {
    let named = |system: &str| {
        let external = member.external_ids.iter().find(|external| external.system.as_str() == system);
        external.map(|external| external.id.to_string())
    };
    match channel {
        Channel::Email => personal.emails.first().map(Email::as_str).map(ToOwned::to_owned),
        Channel::Sms => personal.phones.first().map(Phone::as_str).map(ToOwned::to_owned),
        Channel::Push | Channel::Wechat => named(channel.name()),
    }
}

fn locales(member: &Member, personal: &Personal, merchant: &Merchant) -> Vec<Locale> {
    let own = own_locale(member, personal);
    own.into_iter().chain(Locale::new(merchant.locale.as_str()).ok()).collect()
}

/// The language that a member said they read.
pub(in crate::usecase) fn own_locale(member: &Member, personal: &Personal) -> Option<Locale> {
    let code = Code::new(LOCALE_ATTRIBUTE).ok();
    let own = code.and_then(|code| member.attributes.get(&code).or_else(|| personal.attributes.get(&code)).cloned());
    match own {
        Some(AttributeValue::Text(text)) => Locale::new(text.as_str()).ok(),
        Some(AttributeValue::Choice(label)) => Locale::new(label.as_str()).ok(),
        _ => None,
    }
}
