//! The surroundings of a call: where, when and for whom it runs, and what of that the pack is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

use super::bindings::punchcard::pack::types as wit;
use super::host::millis;
use super::{Allowance, Grant, Limits, Services};
use crate::domain::{Currency, Member, MerchantId, Order, Source, StoreId, ZoneName};
use crate::store::Tx;

/// Where, when and for whom a call runs, and what the merchant allowed.
#[derive(Clone)]
pub struct Scene {
    /// For whom.
    pub merchant: MerchantId,
    /// In whose name it is made: of who of the staff runs the command, or of the pack.
    pub by: Source,
    /// In which store, when there is one.
    pub store: Option<StoreId>,
    /// The instant that the call is about: an order's own time, also when it was sent late.
    pub at: Timestamp,
    /// The instant at which things are booked.
    pub now: Timestamp,
    /// In which time zone the day is counted.
    pub zone: TimeZone,
    /// The name of that zone.
    pub zone_name: ZoneName,
    /// In which currency orders are.
    pub currency: Currency,
    /// In which language people are answered.
    pub locale: Arc<str>,
    /// Random bits for the call.
    pub seed: u64,
    /// How many handlings of events have led to it, one after the other.
    pub depth: u8,
    /// What whoever asks leaves to it, when it answers the pack of a partner, and so asks none itself.
    pub asked: Option<Allowance>,
    /// Under which number what the pack's entries were before it writes them is kept, when that can be had back.
    pub undo: Option<u32>,
    /// What the merchant granted.
    pub grants: Arc<BTreeSet<Grant>>,
    /// The settings in force, as JSON.
    pub settings: Arc<str>,
    /// How many bytes the pack may have stored at the merchant.
    pub stored_max: u64,
    /// Who does what takes more than the store and the ledger.
    pub services: Arc<dyn Services>,
    /// Whether the call is recorded.
    pub is_recorded: bool,
}

/// What it takes to check what a pack returned.
pub(super) struct Terms {
    pub(super) grants: Arc<BTreeSet<Grant>>,
    pub(super) zone: TimeZone,
}

impl Scene {
    pub(super) fn terms(&self) -> Terms {
        Terms { grants: Arc::clone(&self.grants), zone: self.zone.clone() }
    }

    /// What the call may use of what its pack has: less by the wall clock when it answers somebody who has less.
    pub(super) fn limits(&self, of_pack: Limits) -> Limits {
        limits(of_pack, self.asked)
    }

    /// How many bytes the call may write in a transaction.
    pub(super) fn written_max_bytes(&self, tx: &Tx) -> usize {
        let room = Limits::TRANSACTION_FULL_BYTES.saturating_sub(tx.bytes());
        room.min(self.asked.map_or(Limits::WRITTEN_MAX_BYTES, |asked| asked.written_max_bytes))
    }

    pub(super) fn context(&self) -> wit::CallContext {
        let local = self.zone.to_datetime(self.at);
        wit::CallContext {
            merchant: self.merchant.to_string(),
            store: self.store.map(|store| store.to_string()),
            now: millis(self.at),
            local: wit::LocalTime {
                year: local.year(),
                month: local.month().unsigned_abs(),
                day: local.day().unsigned_abs(),
                hour: local.hour().unsigned_abs(),
                minute: local.minute().unsigned_abs(),
                weekday: weekday(local.weekday()),
            },
            time_zone: self.zone_name.as_str().to_owned(),
            locale: self.locale.to_string(),
            seed: self.seed,
        }
    }

    pub(super) fn order(&self, order: &Order, id: String, buyer: Option<&Member>) -> wit::Order {
        let sees_tags = self.grants.contains(&Grant::ReadMembers);
        wit::Order {
            id,
            store: order.store.to_string(),
            buyer: buyer.map(|member| wit::Buyer {
                id: member.id.to_string(),
                tags: if sees_tags { member.tags_at(self.now).map(ToString::to_string).collect() } else { Vec::new() },
            }),
            currency: self.currency.code().to_owned(),
            total: order.total_minor,
            lines: order
                .lines
                .iter()
                .map(|line| wit::Line {
                    sku: line.sku.to_string(),
                    category: line.category.as_ref().map(ToString::to_string).unwrap_or_default(),
                    quantity: line.quantity,
                    amount: line.amount_minor,
                })
                .collect(),
        }
    }
}

fn limits(of_pack: Limits, asked: Option<Allowance>) -> Limits {
    let left = asked.map_or(u64::MAX, |asked| u64::try_from(asked.wall_max.as_millis()).unwrap_or(u64::MAX));
    Limits { wall_max_ms: of_pack.wall_max_ms.min(left), ..of_pack }
}

fn weekday(day: civil::Weekday) -> wit::Weekday {
    match day {
        civil::Weekday::Monday => wit::Weekday::Monday,
        civil::Weekday::Tuesday => wit::Weekday::Tuesday,
        civil::Weekday::Wednesday => wit::Weekday::Wednesday,
        civil::Weekday::Thursday => wit::Weekday::Thursday,
        civil::Weekday::Friday => wit::Weekday::Friday,
        civil::Weekday::Saturday => wit::Weekday::Saturday,
        civil::Weekday::Sunday => wit::Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_answer_may_last_as_long_as_its_pack_may_and_no_longer_than_whoever_asks_allows() {
        let pack = Limits { wall_max_ms: 1_000, ..Limits::DEFAULT };
        let limits = |millis| {
            let wall_max = Duration::from_millis(millis);
            limits(pack, Some(Allowance { wall_max, written_max_bytes: 0 }))
        };
        assert_eq!((limits(400).wall_max_ms, limits(0).wall_max_ms, limits(5_000).wall_max_ms), (400, 0, 1_000));
        assert_eq!(super::limits(pack, None), pack);
    }
}
