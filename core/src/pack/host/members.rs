//! `members`: who the merchant's members are, and what a pack puts on them.

use super::{Answer, Call, Desk, No, expires_at, function, invalid, millis, not_found};
use crate::domain::{Code, Email, ExternalId, Label, Member, MemberId, Phone, Reference, Source, Standing};
use crate::pack::bindings::punchcard::pack::{members, types};
use crate::pack::{Grant, Lead, MemberContact, NewTier};
use crate::store::member_of;

/// Members that one `get-many` may ask for.
const GET_MANY_MAX: usize = 100;

impl Desk {
    fn member_id(member: &str) -> Result<MemberId, No> {
        member.parse().map_err(|error| not_found(&error))
    }

    fn seen(&self, member: &Member) -> members::Member {
        members::Member {
            id: member.id.to_string(),
            tags: member.tags_at(self.now).map(ToString::to_string).collect(),
            enrolled_at: millis(member.enrolled_at),
            home_store: member.home_store.map(|store| store.to_string()),
        }
    }

    fn profile(&self, member: &Member) -> members::MemberProfile {
        let own = Source::Pack(self.pack.clone());
        let tags = member.tags_at(self.now).filter_map(|code| Some((code, member.tags.get(code)?)));
        members::MemberProfile {
            id: member.id.to_string(),
            enrolled_at: millis(member.enrolled_at),
            home_store: member.home_store.map(|store| store.to_string()),
            channel: member.channel.as_ref().map(ToString::to_string),
            referrer: member.referrer.map(|referrer| referrer.to_string()),
            tier: member.tier_at(self.now).map(|tier| members::Tier {
                code: tier.code.to_string(),
                since: millis(tier.since),
                until: tier.until.map(millis),
            }),
            tags: tags
                .map(|(code, tag)| members::BorneTag {
                    code: code.to_string(),
                    since: millis(tag.at),
                    until: tag.expires_at.map(millis),
                    from_this_pack: tag.source == own,
                })
                .collect(),
            erased: matches!(member.standing, Standing::Erased { .. }),
        }
    }
}

impl members::Host for Call {
    fn get(&mut self, member: String) -> Answer<members::Member> {
        self.serve(&function::MEMBERS_GET, (member,), |desk, (member,)| {
            desk.need(&Grant::ReadMembers)?;
            let member = desk.member(&member)?;
            Ok(desk.seen(&member))
        })
    }

    fn get_many(&mut self, members: Vec<String>) -> Answer<Vec<Option<members::Member>>> {
        self.serve(&function::MEMBERS_GET_MANY, (members,), |desk, (members,)| {
            desk.need(&Grant::ReadMembers)?;
            if members.len() > GET_MANY_MAX {
                return Err(invalid(&format!("get-many takes at most {GET_MANY_MAX} members, not {}", members.len())));
            }
            members
                .iter()
                .map(|id| {
                    let Ok(id) = id.parse() else { return Ok(None) };
                    Ok(member_of(&mut desk.tx, desk.merchant, id)?.map(|member| desk.seen(&member)))
                })
                .collect()
        })
    }

    fn profile(&mut self, member: String) -> Answer<members::MemberProfile> {
        self.serve(&function::MEMBERS_PROFILE, (member,), |desk, (member,)| {
            desk.need(&Grant::ReadMembers)?;
            let member = desk.member(&member)?;
            Ok(desk.profile(&member))
        })
    }

    fn contact(&mut self, member: String) -> Answer<members::MemberContact> {
        self.serve(&function::MEMBERS_CONTACT, (member,), |desk, (member,)| {
            desk.need(&Grant::ReadContacts)?;
            let member = Desk::member_id(&member)?;
            let (services, errand) = desk.errand();
            let MemberContact { name, phone, email, locale } = services.contact(errand, member)?;
            Ok(members::MemberContact {
                name: name.map(Into::into),
                phone: phone.map(Into::into),
                email: email.map(Into::into),
                locale: locale.map(|locale| locale.as_str().to_owned()),
            })
        })
    }

    fn find_by(&mut self, lead: members::Lead) -> Answer<Option<String>> {
        self.serve(&function::MEMBERS_FIND_BY, (lead,), |desk, (lead,)| {
            desk.need(&Grant::ReadContacts)?;
            let lead = read(lead)?;
            let (services, errand) = desk.errand();
            Ok(services.find(errand, lead)?.map(|member| member.to_string()))
        })
    }

    fn tag(&mut self, member: String, tag: String, until: types::Expiry) -> Answer<()> {
        self.serve(&function::MEMBERS_TAG, (member, tag, until), |desk, (member, tag, until)| {
            desk.need(&Grant::TagMembers)?;
            let member = Desk::member_id(&member)?;
            let tag = Code::new(tag).map_err(|error| invalid(&error))?;
            let until = expires_at(&until, &desk.zone).map_err(|error| invalid(&error))?;
            let (services, errand) = desk.errand();
            Ok(services.put_tag(errand, member, &tag, until)?)
        })
    }

    fn untag(&mut self, member: String, tag: String) -> Answer<()> {
        self.serve(&function::MEMBERS_UNTAG, (member, tag), |desk, (member, tag)| {
            desk.need(&Grant::TagMembers)?;
            let member = Desk::member_id(&member)?;
            let tag = Code::new(tag).map_err(|error| invalid(&error))?;
            let (services, errand) = desk.errand();
            Ok(services.drop_tag(errand, member, &tag)?)
        })
    }

    fn set_tier(&mut self, member: String, tier: Option<String>, until: types::Expiry, reason: String) -> Answer<()> {
        self.serve(&function::MEMBERS_SET_TIER, (member, tier, until, reason), |desk, (member, tier, until, reason)| {
            desk.need(&Grant::SetTiers)?;
            let member = Desk::member_id(&member)?;
            let code = tier.map(Code::new).transpose().map_err(|error| invalid(&error))?;
            let until = expires_at(&until, &desk.zone).map_err(|error| invalid(&error))?;
            let reason = if reason.is_empty() { None } else { Some(reason) };
            let reason = reason.map(Label::new).transpose().map_err(|error| invalid(&error))?;
            let (services, errand) = desk.errand();
            Ok(services.set_tier(errand, member, NewTier { code, until, reason })?)
        })
    }
}

/// What leads to a member, checked. What was given is personal and in no error.
fn read(lead: members::Lead) -> Result<Lead, No> {
    Ok(match lead {
        members::Lead::Phone(text) => Lead::Phone(Phone::new(&text).map_err(|error| invalid(&error))?),
        members::Lead::Email(text) => Lead::Email(Email::new(&text).map_err(|error| invalid(&error))?),
        members::Lead::Card(text) => Lead::Card(Reference::new(text).map_err(|error| invalid(&error))?),
        members::Lead::External(members::ExternalId { system, id }) => {
            let system = Code::new(system)
                .map_err(|_| invalid(&"a system is named by a code: a-z, 0-9 and single hyphens between them"))?;
            let id = Reference::new(id).map_err(|error| invalid(&error))?;
            Lead::External(ExternalId { system, id })
        }
    })
}
