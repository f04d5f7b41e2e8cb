//! `timers`: calls that the pack wants at a later time.

use jiff::{SignedDuration, Timestamp};

use super::{Answer, Call, Desk, No, function, invalid, limit, millis, not_found};
use crate::domain::{Label, StoreId};
use crate::pack::Limits;
use crate::pack::bindings::punchcard::pack::timers;
use crate::pack::timers::{Timer, TimerKind, named_place, put_timer, take_timer, timers_waiting};
use crate::store::layout;

/// How many timers one call sets.
const SET_MAX: u32 = 100;
const PAYLOAD_MAX_BYTES: usize = 4 << 10;
/// How soon a timer fires again that is set while one fires, so that a pack that does nothing else leaves time for others.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(1);

/// What is due so soon belongs to what the call has begun, and is as many handlings of events away from where that began:
/// so a pack whose timers tell facts, on which it sets timers, comes to an end as one that answers its own events does.
const SOON: SignedDuration = SignedDuration::from_mins(1);

impl Desk {
    fn timer_name(&self, name: &str) -> Result<Label, No> {
        if !self.rings {
            return Err(invalid(&"the pack does not export `on-timer`, so that no timer would reach it"));
        }
        Label::new(name).map_err(|error| invalid(&format!("the name of a timer: {error}")))
    }

    /// Refuses a timer that would be one too many. One of the same name is replaced, so that there is room for it.
    fn has_room_for_timer(&mut self, name: &Label) -> Result<(), No> {
        let most = Limits::TIMERS_MAX;
        if timers_waiting(&mut self.tx, self.merchant, &self.pack)? < most {
            return Ok(());
        }
        let key = layout::pack_timer(self.merchant, &self.pack, &named_place(TimerKind::Own, name));
        if self.tx.get(&key)?.is_some() {
            return Ok(());
        }
        Err(limit(&format!("at most {most} timers of a pack wait")))
    }
}

impl timers::Host for Call {
    fn set(&mut self, timer: timers::Timer) -> Answer<()> {
        self.serve(&function::TIMERS_SET, (timer,), |desk, (timer,)| {
            let name = desk.timer_name(&timer.name)?;
            let at = i64::try_from(timer.at).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
            let at = at.ok_or_else(|| invalid(&format!("{} is no instant of the calendar", timer.at)))?;
            if timer.payload.len() > PAYLOAD_MAX_BYTES {
                let bytes = timer.payload.len();
                return Err(invalid(&format!("a payload has at most {PAYLOAD_MAX_BYTES} bytes, but this has {bytes}")));
            }
            let store = match timer.store {
                Some(store) => {
                    let id: StoreId = store.parse().map_err(|error| not_found(&error))?;
                    if desk.tx.get(&layout::store(desk.merchant, id))?.is_none() {
                        return Err(not_found(&format!("there is no store {id}")));
                    }
                    Some(id)
                }
                None => None,
            };
            if desk.timers_set == SET_MAX {
                return Err(limit(&format!("a call sets at most {SET_MAX} timers")));
            }
            desk.has_room_for_timer(&name)?;
            desk.timers_set += 1;
            desk.moves(timer.payload.len())?;
            let earliest = if desk.in_timer { desk.now.checked_add(AGAIN_AFTER).unwrap_or(desk.now) } else { desk.now };
            let at = at.max(earliest);
            let depth = if at.duration_since(desk.now) <= SOON { desk.depth } else { 0 };
            let (kind, payload, rule) = (TimerKind::Own, timer.payload, String::new());
            let timer = Timer { kind, name, due: at, at, payload, store, attempts: 0, rule, depth };
            Ok(put_timer(&mut desk.tx, desk.merchant, &desk.pack, &timer)?)
        })
    }

    fn cancel(&mut self, name: String) -> Answer<bool> {
        self.serve(&function::TIMERS_CANCEL, (name,), |desk, (name,)| {
            let place = named_place(TimerKind::Own, &desk.timer_name(&name)?);
            Ok(take_timer(&mut desk.tx, desk.merchant, &desk.pack, &place)?.is_some())
        })
    }

    fn get(&mut self, name: String) -> Answer<Option<timers::Timer>> {
        self.serve(&function::TIMERS_GET, (name,), |desk, (name,)| {
            let place = named_place(TimerKind::Own, &desk.timer_name(&name)?);
            let found = desk.tx.load::<Timer>(&layout::pack_timer(desk.merchant, &desk.pack, &place))?;
            Ok(found.map(|timer| timers::Timer {
                name,
                at: millis(timer.due),
                payload: timer.payload,
                store: timer.store.map(|store| store.to_string()),
            }))
        })
    }
}
