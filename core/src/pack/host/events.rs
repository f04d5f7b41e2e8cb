//! `events`: facts that the pack tells.

use serde_json::{Map, Value};

use super::{Answer, Call, Desk, No, function, invalid, limit};
use crate::domain::{Code, Event, LoggedEvent};
use crate::pack::bindings::punchcard::pack::events;
use crate::pack::{Grant, Limits};
use crate::store::encode;
use crate::store::layout::{self, PackUse};

/// How many facts one call tells.
const FACTS_MAX: u32 = 100;
const DATA_MAX_BYTES: usize = 4 << 10;
/// How many handlings of events may follow from each other, before nothing more is told.
const DEPTH_MAX: u8 = LoggedEvent::DEPTH_MAX;

impl Desk {
    /// Counts a fact, for the call and for the pack's day.
    fn count_fact(&mut self) -> Result<(), No> {
        let most = Limits::FACTS_OF_DAY_MAX;
        let key = layout::pack_usage(self.merchant, layout::day_of_usage(self.now), &self.pack, PackUse::Facts);
        let told = self.tx.counter_about(&key)?.unwrap_or(0);
        if u64::try_from(told).is_ok_and(|told| told >= most) {
            return Err(limit(&format!("a pack tells at most {most} facts on a day")));
        }
        self.tx.add(&key, 1)?;
        self.told += 1;
        Ok(())
    }
}

impl events::Host for Call {
    fn emit(&mut self, fact: events::Fact) -> Answer<()> {
        self.serve(&function::EVENTS_EMIT, (fact,), |desk, (fact,)| {
            desk.need(&Grant::EmitEvents)?;
            let declared = Code::new(&fact.kind).ok().filter(|kind| desk.emits.contains(kind));
            let kind = declared.ok_or_else(|| {
                invalid(&format!("the manifest does not say that the pack emits `{}`", fact.kind.escape_debug()))
            })?;
            let member = fact.member.map(|member| desk.member(&member)).transpose()?.map(|member| member.id);
            if fact.data.len() > DATA_MAX_BYTES {
                let bytes = fact.data.len();
                return Err(invalid(&format!("data has at most {DATA_MAX_BYTES} bytes, but this has {bytes}")));
            }
            let data: Map<String, Value> = serde_json::from_str(&fact.data)
                .map_err(|error| invalid(&format!("data is a JSON object, but this is not: {error}")))?;
            if desk.told == FACTS_MAX {
                return Err(limit(&format!("a call tells at most {FACTS_MAX} facts")));
            }
            if desk.depth >= DEPTH_MAX {
                let why = format!("this is step {} of packs that answer each other's events", desk.depth);
                return Err(limit(&format!("{why}, at most {DEPTH_MAX} follow from each other")));
            }
            desk.count_fact()?;
            desk.moves(fact.data.len())?;
            let event = Event::PackTold {
                pack: desk.pack.clone(),
                kind,
                member,
                data: Value::Object(data).to_string(),
                depth: desk.depth + 1,
                at: desk.now,
            };
            let bytes = encode(&event);
            if let Some(member) = event.of_history() {
                desk.tx.put(&layout::member_event(desk.merchant, member, desk.ids.moment()), bytes.clone())?;
            }
            Ok(desk.tx.append(&layout::events(desk.merchant), bytes)?)
        })
    }
}
