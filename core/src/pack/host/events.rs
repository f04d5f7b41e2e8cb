//! `events`: facts that the pack tells.

use serde_json::{Map, Value};

use super::{Answer, Call, function, invalid};
use crate::domain::{Code, Event};
use crate::pack::Grant;
use crate::pack::bindings::punchcard::pack::{events, types};
use crate::store::{encode, layout};

/// How many facts one call tells.
const FACTS_MAX: u32 = 100;
const DATA_MAX_BYTES: usize = 4 << 10;
/// How many handlings of events may follow from each other, before nothing more is told.
const DEPTH_MAX: u8 = 8;

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
                return Err(types::HostError::Limit(format!("a call tells at most {FACTS_MAX} facts")).into());
            }
            if desk.depth >= DEPTH_MAX {
                let why = format!("this is step {} of packs that answer each other's events", desk.depth);
                return Err(
                    types::HostError::Limit(format!("{why}, at most {DEPTH_MAX} follow from each other")).into()
                );
            }
            desk.told += 1;
            desk.moves(fact.data.len())?;
            let event = Event::PackTold {
                pack: desk.pack.clone(),
                kind,
                member,
                data: Value::Object(data).to_string(),
                depth: desk.depth + 1,
                at: desk.now,
            };
            Ok(desk.tx.append(&layout::events(desk.merchant), encode(&event))?)
        })
    }
}
