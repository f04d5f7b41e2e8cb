//! Members of a file: what each row says of one.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use serde_json::Value;

use super::fields::{Fields, Known, Row};
use super::rows::RawRow;
use super::{Item, Kind, Outcome, store_of};
use crate::domain::{
    AttributeKind, AttributeType, Birthday, Code, Email, ExternalId, Label, Phone, Reference, Remark, StoreId,
};
use crate::usecase::{EditMember, Host, ImportMemberError, ImportPlan, MemberBrought, MemberRow, import_member};

/// The fields of a member.
pub(super) const FIELDS: Known = Known {
    names: &[
        "reference",
        "cards",
        "external_ids",
        "name",
        "phones",
        "emails",
        "birthday",
        "address",
        "tags",
        "store_code",
        "channel",
        "referred_by",
    ],
    needed: &[],
    one_of: &["reference", "cards", "external_ids"],
    open: Some(ATTRIBUTES),
};

const ATTRIBUTES: &str = "attributes.";

/// What is said of a code that is none. The code is not told: it may be a name in the wrong column.
pub(super) const CODE: &str = "expected 1 to 48 of a-z, 0-9 and single hyphens between them";

/// Members that come in.
pub(super) struct Members {
    pub(super) fields: Fields,
    pub(super) stores: BTreeMap<String, StoreId>,
    pub(super) attributes: BTreeMap<Code, AttributeType>,
    pub(super) update: bool,
    pub(super) hashing: RandomState,
    pub(super) enrolled: u64,
    pub(super) updated: u64,
    pub(super) known: u64,
}

impl Kind for Members {
    type Row = MemberRow;
    type Done = MemberBrought;

    fn read(&mut self, raw: RawRow, items: &mut Vec<Item<MemberRow>>) {
        let read = self.fields.read(&raw).and_then(|row| self.member(&row));
        items.push(match read {
            Ok(row) => Item::Row(row, vec![raw]),
            Err(fault) => Item::Wrong(vec![(raw, fault)]),
        });
    }

    fn finish(&mut self, _: &mut Vec<Item<MemberRow>>) {}

    fn lane(&self, row: &MemberRow) -> u64 {
        let says = &row.says;
        let external = says.external_ids.iter().flatten().map(|external| &external.id);
        let numbers = says.reference.iter().flatten().chain(says.cards.iter().flatten());
        self.hashing.hash_one(numbers.chain(external).next())
    }

    fn bring(&self, host: &Host, plan: &ImportPlan, row: &MemberRow) -> Outcome<MemberBrought> {
        match plan.bring(host, |tx, act| import_member(tx, act, row, self.update)) {
            Ok(done) => Outcome::Done(done),
            Err(error) => match (error.of_the_store(), &error) {
                (Some(error), _) => Outcome::Stopped(error.to_string()),
                (None, ImportMemberError::UnknownReferrer) => Outcome::Waiting(error.to_string()),
                (None, _) => Outcome::Refused(error.to_string()),
            },
        }
    }

    fn count(&mut self, done: MemberBrought) {
        match done {
            MemberBrought::Enrolled => self.enrolled += 1,
            MemberBrought::Updated => self.updated += 1,
            MemberBrought::Known => self.known += 1,
        }
    }
}

impl Members {
    fn member(&self, row: &Row<'_>) -> Result<MemberRow, String> {
        let code = |text: String| Code::new(text).map_err(|_| CODE);
        let tags = row.list("tags", |item| text_of(item, "tag").and_then(|text| code(text.to_owned())))?;
        let cards = row.list("cards", |item| text_of(item, "card").and_then(reference))?;
        let external = row.list("external_ids", external_id)?;
        let phones = row.list("phones", |item| -> Result<_, String> {
            Phone::new(text_of(item, "phone")?).map_err(|error| error.to_string())
        })?;
        let emails = row.list("emails", |item| -> Result<_, String> {
            Email::new(text_of(item, "email")?).map_err(|error| error.to_string())
        })?;
        let says = EditMember {
            reference: row.text("reference", Reference::new)?,
            cards: cards.map(BTreeSet::from_iter),
            external_ids: external.map(BTreeSet::from_iter),
            name: row.text("name", Label::new)?,
            phones,
            emails,
            birthday: row.text("birthday", |text| Birthday::new(&text))?,
            address: row.text("address", Remark::new)?,
            attributes: self.attributes(row)?,
            home_store: row.text("store_code", |code| store_of(&self.stores, &code))?,
            channel: row.text("channel", code)?,
            referrer: None,
        };
        let referred_by = row.text("referred_by", Reference::new)?.flatten();
        Ok(MemberRow { says, referred_by, tags: tags.into_iter().flatten().collect() })
    }

    fn attributes(&self, row: &Row<'_>) -> Result<BTreeMap<Code, Value>, String> {
        let mut values = BTreeMap::new();
        for field in row.beginning_with(ATTRIBUTES) {
            let Some(value) = row.value(&field) else { continue };
            let code = Code::new(&field[ATTRIBUTES.len()..]).ok();
            let attribute = code.and_then(|code| self.attributes.get(&code)).ok_or_else(|| {
                let codes: Vec<_> = self.attributes.keys().map(|code| format!("`{code}`")).collect();
                row.fault(&field, &format!("the merchant has no such attribute; there are {}", codes.join(", ")))
            })?;
            let value = typed(attribute, value);
            if !value.is_null() {
                attribute.read(&value).map_err(|fault| row.fault(&field, &fault))?;
            }
            values.insert(attribute.code.clone(), value);
        }
        Ok(values)
    }
}

/// The value that a text in a table stands for.
fn typed(attribute: &AttributeType, value: Value) -> Value {
    let Some(text) = value.as_str() else { return value };
    let parsed = match attribute.kind {
        AttributeKind::Number => text.parse::<i64>().ok().map(Into::into),
        AttributeKind::Flag => text.parse::<bool>().ok().map(Into::into),
        AttributeKind::Text | AttributeKind::Date | AttributeKind::Choice(_) => None,
    };
    parsed.unwrap_or(value)
}

/// The text of one of a list: by itself, or in an object as the interface has it.
fn text_of<'v>(item: &'v Value, name: &str) -> Result<&'v str, &'static str> {
    item.as_str().or_else(|| item[name].as_str()).ok_or("expected a text")
}

fn reference(text: &str) -> Result<Reference, &'static str> {
    Reference::new(text).map_err(|_| "expected 1 to 128 bytes without control characters or outer blanks")
}

pub(super) fn external_id(item: &Value) -> Result<ExternalId, &'static str> {
    const FORM: &str = "expected the other system's code, a colon and the name there, such as wechat:oXyz-1";
    let (system, id) = match (item.as_str(), item["system"].as_str(), item["id"].as_str()) {
        (Some(text), ..) => text.split_once(':').ok_or(FORM)?,
        (None, Some(system), Some(id)) => (system, id),
        _ => return Err(FORM),
    };
    Ok(ExternalId { system: Code::new(system).map_err(|_| FORM)?, id: Reference::new(id).map_err(|_| FORM)? })
}
