//! A merchant's own systems tell what they see people do, by kinds that it has declared.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::host::has_store;
use super::other_clocks::is_ahead;
use super::{Act, Reply};
use crate::domain::{Behaviour, Code, Event, MemberId, MerchantId, Standing, StoreId};
use crate::schema::JsonSchema;
use crate::store::{Direction, Key, Record, StoreError, Tx, layout, member_of};

/// Why a kind of behaviour is not declared or taken away.
#[derive(Debug, thiserror::Error)]
pub enum BehaviourError {
    /// The form is none.
    #[error("the schema is no JSON Schema that can be used: {0}")]
    Schema(String),
    /// The form is too long.
    #[error("the schema has {0} bytes, at most {max} are allowed", max = Behaviour::SCHEMA_MAX_BYTES)]
    SchemaTooLong(usize),
    /// More than a merchant may have.
    #[error("a merchant has at most {} kinds of behaviour", Behaviour::COUNT_MAX)]
    TooMany,
    /// Not one that was declared.
    #[error("there is no behaviour `{0}`")]
    Unknown(Code),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Declares a kind of behaviour, or changes it from now on. What was told stays what it was.
///
/// # Errors
/// The first refusal in the order of [`BehaviourError`]'s variants.
pub fn define_behaviour(tx: &mut Tx, act: &mut Act<'_>, new: &Behaviour) -> Result<(), BehaviourError> {
    read_schema(&new.schema).map_err(BehaviourError::Schema)?;
    if new.schema.len() > Behaviour::SCHEMA_MAX_BYTES {
        return Err(BehaviourError::SchemaTooLong(new.schema.len()));
    }
    let key = layout::behaviour(act.merchant, &new.code);
    let before = tx.load::<Behaviour>(&key)?;
    if before.as_ref() == Some(new) {
        return Ok(());
    }
    if before.is_none() {
        let most = Behaviour::COUNT_MAX;
        if tx.scan(&layout::behaviours(act.merchant), Direction::Forward, most)?.len() == most {
            return Err(BehaviourError::TooMany);
        }
    }
    tx.save(&key, new)?;
    act.record(tx, "behaviour", new.code.as_str(), before.as_ref(), Some(new))?;
    Ok(())
}

/// Takes a kind of behaviour away: it is not told any more. What was told stays.
///
/// # Errors
/// [`BehaviourError::Unknown`], and the store's failures.
pub fn drop_behaviour(tx: &mut Tx, act: &mut Act<'_>, code: &Code) -> Result<(), BehaviourError> {
    let key = layout::behaviour(act.merchant, code);
    let before = tx.load::<Behaviour>(&key)?.ok_or_else(|| BehaviourError::Unknown(code.clone()))?;
    tx.delete(&key);
    act.record(tx, "behaviour", code.as_str(), Some(&before), None)?;
    Ok(())
}

/// Something that was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What.
    pub behaviour: Code,
    /// Who, if it is known.
    pub member: Option<MemberId>,
    /// Where.
    pub store: Option<StoreId>,
    /// When; now if it is not said, or if a clock that is ahead says it.
    pub seen_at: Option<Timestamp>,
    /// What is to be known of it.
    pub data: Map<String, Value>,
}

/// Why nothing of what was seen is recorded. Each names the place in the list, from 0.
#[derive(Debug, thiserror::Error)]
pub enum SeenError {
    /// Not a kind that was declared.
    #[error("events[{0}]: there is no behaviour `{1}`; declare it with PUT /v1/behaviours/{1}")]
    UnknownBehaviour(usize, Code),
    /// Not a member of the merchant.
    #[error("events[{0}]: there is no member {1}")]
    UnknownMember(usize, MemberId),
    /// They asked to be forgotten.
    #[error("events[{0}]: {1} was erased, and nothing more is recorded of them")]
    Erased(usize, MemberId),
    /// Not a store of the merchant.
    #[error("events[{0}]: there is no store {1}")]
    UnknownStore(usize, StoreId),
    /// It did not happen yet.
    #[error("events[{0}]: it was seen at {1}, which is in the future")]
    Future(usize, Timestamp),
    /// What is to be known of it is too long.
    #[error("events[{0}]: data has {1} bytes, at most {max} are allowed", max = Behaviour::DATA_MAX_BYTES)]
    TooLong(usize, usize),
    /// What is to be known of it has another form.
    #[error("events[{0}]: data is not of the form that `{1}` has")]
    Data(usize, Code, Vec<String>),
    /// As much was told as may be on a day.
    #[error("a merchant tells at most {max} behaviours on a day of UTC; the next day begins in {0} s", max = Behaviour::SEEN_OF_DAY_MAX)]
    DayIsOver(u32),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many were recorded: kept with the idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRecorded {
    /// How many.
    pub count: u32,
}

impl Record for SeenRecorded {
    const VERSION: u8 = 1;
    const NAME: &'static str = "recorded behaviours";
}

impl Reply for SeenRecorded {
    /// The merchant: events stand in its log.
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::merchant(merchant))
    }
}

/// Records what was seen, all of it or nothing, in the order in which it is given.
///
/// # Errors
/// The first refusal in the order of [`SeenError`]'s variants for each.
pub fn record_behaviours(tx: &mut Tx, act: &mut Act<'_>, all: &[Seen]) -> Result<SeenRecorded, SeenError> {
    let mut forms: BTreeMap<&Code, JsonSchema> = BTreeMap::new();
    let mut events = Vec::new();
    for (index, seen) in all.iter().enumerate() {
        let Seen { behaviour, member, store, seen_at, data } = seen;
        if !forms.contains_key(behaviour) {
            let place = layout::behaviour(act.merchant, behaviour);
            let found = tx.load::<Behaviour>(&place)?;
            let found = found.ok_or_else(|| SeenError::UnknownBehaviour(index, behaviour.clone()))?;
            let form = read_schema(&found.schema);
            forms.insert(behaviour, form.map_err(|_| StoreError::corrupt("schema of a behaviour", &place))?);
        }
        let member = match member {
            Some(id) => {
                let member = member_of(tx, act.merchant, *id)?.ok_or(SeenError::UnknownMember(index, *id))?;
                if member.standing != Standing::Active {
                    return Err(SeenError::Erased(index, member.id));
                }
                Some(member.id)
            }
            None => None,
        };
        if let Some(store) = store
            && !has_store(tx, act.merchant, *store)?
        {
            return Err(SeenError::UnknownStore(index, *store));
        }
        let seen_at = seen_at.unwrap_or(act.now);
        if is_ahead(seen_at, act.now) {
            return Err(SeenError::Future(index, seen_at));
        }
        // What a clock says that is ahead was seen just now.
        let seen_at = seen_at.min(act.now);
        let data = Value::from(data.clone());
        let text = data.to_string();
        if text.len() > Behaviour::DATA_MAX_BYTES {
            return Err(SeenError::TooLong(index, text.len()));
        }
        if let Some(form) = forms.get(behaviour) {
            form.check(&data).map_err(|faults| {
                let faults = faults.iter().map(|fault| {
                    fault.strip_prefix("/:").map_or_else(|| format!("data{fault}"), |fault| format!("data:{fault}"))
                });
                SeenError::Data(index, behaviour.clone(), faults.collect())
            })?;
        }
        let (behaviour, store) = (behaviour.clone(), *store);
        let (by, at) = (act.staff(), act.now);
        events.push(Event::BehaviourNoted { behaviour, member, store, seen_at, data: text, by, at });
    }
    let day = layout::behaviours_seen(act.merchant, layout::day_of_usage(act.now));
    let (told, count) = (tx.counter_about(&day)?.unwrap_or(0), u32::try_from(events.len()).unwrap_or(u32::MAX));
    if u64::try_from(told).unwrap_or(0).saturating_add(count.into()) > Behaviour::SEEN_OF_DAY_MAX {
        return Err(SeenError::DayIsOver(until_tomorrow(act.now)));
    }
    tx.add(&day, count.into())?;
    events.iter().try_for_each(|event| act.tell(tx, event))?;
    Ok(SeenRecorded { count })
}

/// The seconds until the next day of UTC begins.
fn until_tomorrow(now: Timestamp) -> u32 {
    let day = SignedDuration::from_hours(24).as_secs();
    u32::try_from(day - now.as_second().rem_euclid(day)).unwrap_or(u32::MAX)
}

fn read_schema(schema: &str) -> Result<JsonSchema, String> {
    let schema: Value = serde_json::from_str(schema).map_err(|error| error.to_string())?;
    JsonSchema::new(&schema).map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_day_of_utc_begins_after_the_rest_of_this_one() {
        for (now, seconds) in [("2026-03-18T00:00:00Z", 86_400), ("2026-03-18T23:59:59Z", 1)] {
            assert_eq!(until_tomorrow(now.parse().unwrap()), seconds, "{now}");
        }
    }

    #[test]
    fn a_form_leads_nowhere_else() {
        for schema in [r##"{"$ref":"https://example.com/schema"}"##, r##"{"$ref":"file:///etc/passwd"}"##, "7", "{"] {
            assert!(read_schema(schema).is_err(), "{schema}");
        }
        assert!(read_schema(r#"{"type":"object"}"#).is_ok());
    }
}
