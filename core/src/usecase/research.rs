//! What a merchant hands to researchers: members, orders, events and figures without anything personal.
//!
//! Whoever is in it stands under a pseudonym that follows from their id and the name of the study by a key of the
//! merchant's (HMAC-SHA-256): within a study it is always the same, so that what belongs together is found together; in
//! another study it is another one, and without the merchant's secret nobody can tell whose it is. The merchant itself
//! can, by making them again; so this is pseudonymous data, and not anonymous.

use serde_json::{Map, Value};

use super::{Act, PublicEvent};
use crate::domain::{Birthday, Code, MemberId, OrderId};
use crate::store::{StoreError, Tx, member_of};
use crate::vault::SecretKey;

/// How exactly the age of members is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ages {
    /// By bands of several years.
    #[default]
    Bands,
    /// By the year of birth.
    Years,
}

/// A study: under which pseudonyms things are told.
pub struct Study {
    key: SecretKey,
}

/// The fields of events that are told to researchers: amounts, counts, and the merchant's own codes. Whatever is not
/// here is left out: ids, who of the staff it was, and what packs or the merchant's own systems have written themselves.
const FIELDS: [&str; 20] = [
    "amount",
    "amount_minor",
    "behaviour",
    "benefit",
    "code",
    "command",
    "count",
    "coupon",
    "coupons",
    "discount_minor",
    "given",
    "kept_back",
    "kind",
    "outcome",
    "pack",
    "purpose",
    "reason",
    "state",
    "template",
    "unit",
];

/// Sees that the merchant has the secret from which pseudonyms follow, so that they stay what they are.
///
/// # Errors
/// The store's failures.
pub fn begin_study(tx: &mut Tx, act: &mut Act<'_>) -> Result<(), StoreError> {
    act.keys(tx).map(drop)
}

impl Study {
    /// The study of this name.
    ///
    /// # Errors
    /// The store's failures.
    pub fn open(tx: &mut Tx, act: &Act<'_>, name: &Code) -> Result<Self, StoreError> {
        Ok(Self { key: act.keys(tx)?.of_study(name.as_str()) })
    }

    /// The pseudonym of a member; of one who was merged into another one, that of the other one.
    ///
    /// # Errors
    /// The store's failures.
    pub fn member(&self, tx: &mut Tx, act: &Act<'_>, id: MemberId) -> Result<String, StoreError> {
        let id = member_of(tx, act.merchant, id)?.map_or(id, |member| member.id);
        Ok(self.pseudonym("member", id.as_bytes()))
    }

    /// The pseudonym of an order.
    pub fn order(&self, id: OrderId) -> String {
        self.pseudonym("order", id.as_bytes())
    }

    fn pseudonym(&self, kind: &str, id: &[u8]) -> String {
        let tag = self.key.tag(&[kind.as_bytes(), &[0], id]);
        format!("{kind}-{}", data_encoding::HEXLOWER.encode(&tag[..16]))
    }
}

impl Ages {
    /// What is told of a birthday on a day: nothing when the year is not known.
    pub fn told(self, birthday: &Birthday, today: jiff::civil::Date) -> Option<String> {
        match self {
            Self::Years => birthday.year().map(|year| year.to_string()),
            Self::Bands => birthday.age(today).map(|age| band(age).to_owned()),
        }
    }
}

fn band(age: i16) -> &'static str {
    match age {
        ..18 => "0-17",
        18..25 => "18-24",
        25..35 => "25-34",
        35..45 => "35-44",
        45..55 => "45-54",
        55..65 => "55-64",
        _ => "65+",
    }
}

/// What of an event's own fields is told to researchers.
pub fn event_fields(event: &PublicEvent) -> Map<String, Value> {
    let mut fields = match serde_json::to_value(&event.data) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    fields.retain(|name, _| FIELDS.contains(&name.as_str()));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_by_bands_or_years_and_not_at_all_without_a_year() {
        let today = jiff::civil::date(2026, 3, 18);
        for (birthday, band, year) in [
            ("2008-03-18", Some("18-24"), Some("2008")),
            ("2008-03-19", Some("0-17"), Some("2008")),
            ("1960-01-01", Some("65+"), Some("1960")),
            ("--02-29", None, None),
        ] {
            let birthday = Birthday::new(birthday).unwrap();
            assert_eq!(Ages::Bands.told(&birthday, today).as_deref(), band);
            assert_eq!(Ages::Years.told(&birthday, today).as_deref(), year);
        }
    }

    #[test]
    fn bands_have_no_gaps() {
        let bands: Vec<&str> = (0..120).map(band).collect();
        let mut told = bands.clone();
        told.dedup();
        assert_eq!(told, ["0-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+"]);
        assert_eq!((bands[17], bands[18], bands[64], bands[65]), ("0-17", "18-24", "55-64", "65+"));
    }
}
