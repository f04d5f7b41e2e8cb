//! How members go over the wire.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Zoned;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{
    Actor, Birthday, Code, Email, ExternalId, Label, Member, Personal, Phone, Reference, Remark, Standing,
};
use crate::store::StoreError;
use crate::usecase::{Host, Known};

/// The present by the clocks of the merchant for whom somebody acts.
pub(super) fn local_now(host: &Host, actor: &Actor) -> Result<Zoned, StoreError> {
    host.view(actor, |tx, act| act.local_now(tx))
}

/// A name in another system.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExternalIdForm {
    /// Which system.
    #[schema(value_type = String, example = "wechat", max_length = 48)]
    system: Code,
    /// The name there.
    #[schema(value_type = String, example = "oXyz-1", max_length = 128)]
    id: Reference,
}

impl From<ExternalIdForm> for ExternalId {
    fn from(form: ExternalIdForm) -> Self {
        Self { system: form.system, id: form.id }
    }
}

/// Reads names in other systems.
pub(super) fn external_ids(forms: Vec<ExternalIdForm>) -> BTreeSet<ExternalId> {
    forms.into_iter().map(Into::into).collect()
}

/// What is personal about a member. It is kept sealed.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonalIn {
    /// What they are called.
    #[schema(value_type = Option<String>, example = "王芳", max_length = 128)]
    name: Option<Label>,
    /// Phone numbers, the main one first, each in the form of E.164.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["+8613800138000"]), max_items = 5)]
    phones: Vec<Phone>,
    /// E-mail addresses, the main one first.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["fang@example.com"]), max_items = 5)]
    emails: Vec<Email>,
    /// `1990-02-28`, or `--02-28` when the year is not known.
    #[schema(value_type = Option<String>, example = "1990-02-28")]
    birthday: Option<Birthday>,
    /// Where they live.
    #[schema(value_type = Option<String>, max_length = 1024)]
    address: Option<Remark>,
}

impl From<PersonalIn> for Personal {
    fn from(form: PersonalIn) -> Self {
        let PersonalIn { name, phones, emails, birthday, address } = form;
        Self { name, phones, emails, birthday, address, attributes: BTreeMap::new() }
    }
}

/// What is personal about a member.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct PersonalOut {
    name: Option<String>,
    phones: Vec<String>,
    emails: Vec<String>,
    birthday: Option<String>,
    /// Whole years on the merchant's day, when the year of birth is known.
    age: Option<i16>,
    address: Option<String>,
}

/// A tag that a member bears.
#[derive(Serialize, ToSchema)]
pub(super) struct TagOut {
    tag: String,
    /// Who put it on: `hand:` with the id of a user or API key, `pack:` with the pack's code, `rule`, `operator`, or
    /// `unknown`.
    source: String,
    /// When it was put on, RFC 3339.
    at: String,
    /// From when on it does not count any more, RFC 3339.
    expires_at: Option<String>,
}

/// The level that a member has.
#[derive(Serialize, ToSchema)]
pub(super) struct TierOut {
    pub(super) tier: String,
    /// Since when, RFC 3339.
    pub(super) since: String,
    /// From when on it does not count any more, RFC 3339.
    pub(super) until: Option<String>,
    /// Who gave it, as with tags.
    pub(super) source: String,
    pub(super) reason: Option<String>,
}

/// A member.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberOut {
    pub(super) id: String,
    /// Names the state of this record, as the ETag does.
    pub(super) version: u64,
    pub(super) reference: Option<String>,
    pub(super) cards: Vec<String>,
    pub(super) external_ids: Vec<ExternalIdForm>,
    /// What is personal; left out for those who may not read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) personal: Option<PersonalOut>,
    /// By the codes of the merchant's attributes; personal ones are left out for those who may not read them.
    pub(super) attributes: BTreeMap<String, Value>,
    /// The tags that count now.
    pub(super) tags: Vec<TagOut>,
    /// The level that counts now.
    pub(super) tier: Option<TierOut>,
    /// When they joined, RFC 3339.
    pub(super) enrolled_at: String,
    pub(super) home_store: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) referrer: Option<String>,
    /// When they were forgotten, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) erased_at: Option<String>,
    /// Into whom they were merged: only in an export, elsewhere that one is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) merged_into: Option<String>,
}

impl MemberOut {
    /// A member as `actor` may see them at an instant, which is told by the merchant's clocks.
    pub(super) fn new(known: Known, actor: &Actor, now: &Zoned) -> Self {
        let (now, today) = (now.timestamp(), now.date());
        let Known { member, personal } = known;
        let with_personal = actor.role.may(crate::domain::Action::ReadPersonal);
        let Member { id, version, reference, cards, external_ids, tags, tier, enrolled_at, .. } = member.clone();
        let mut attributes: BTreeMap<String, Value> =
            member.attributes.iter().map(|(code, value)| (code.to_string(), value.to_json())).collect();
        if with_personal {
            attributes.extend(personal.attributes.iter().map(|(code, value)| (code.to_string(), value.to_json())));
        }
        let counts: BTreeSet<&Code> = member.tags_at(now).collect();
        let tags = tags.into_iter().filter(|(code, _)| counts.contains(code));
        let tier = tier.filter(|_| member.tier_at(now).is_some());
        Self {
            id: id.to_string(),
            version,
            reference: reference.map(Into::into),
            cards: cards.into_iter().map(Into::into).collect(),
            external_ids: external_ids
                .into_iter()
                .map(|ExternalId { system, id }| ExternalIdForm { system, id })
                .collect(),
            personal: with_personal.then(|| PersonalOut::new(personal, today)),
            attributes,
            tags: tags
                .map(|(code, tag)| TagOut {
                    tag: code.into(),
                    source: tag.source.to_string(),
                    at: tag.at.to_string(),
                    expires_at: tag.expires_at.map(|at| at.to_string()),
                })
                .collect(),
            tier: tier.map(|tier| TierOut {
                tier: tier.code.into(),
                since: tier.since.to_string(),
                until: tier.until.map(|at| at.to_string()),
                source: tier.source.to_string(),
                reason: tier.reason.map(Into::into),
            }),
            enrolled_at: enrolled_at.to_string(),
            home_store: member.home_store.map(|store| store.to_string()),
            channel: member.channel.map(Into::into),
            referrer: member.referrer.map(|referrer| referrer.to_string()),
            erased_at: match &member.standing {
                Standing::Erased { at } => Some(at.to_string()),
                Standing::Active | Standing::Merged { .. } => None,
            },
            merged_into: match &member.standing {
                Standing::Merged { into, .. } => Some(into.to_string()),
                Standing::Active | Standing::Erased { .. } => None,
            },
        }
    }
}

impl PersonalOut {
    fn new(personal: Personal, today: Date) -> Self {
        let Personal { name, phones, emails, birthday, address, attributes: _ } = personal;
        Self {
            age: birthday.as_ref().and_then(|birthday| birthday.age(today)),
            name: name.map(Into::into),
            phones: phones.into_iter().map(Into::into).collect(),
            emails: emails.into_iter().map(Into::into).collect(),
            birthday: birthday.map(Into::into),
            address: address.map(Into::into),
        }
    }
}
