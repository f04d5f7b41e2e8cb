//! `assets`: what members hold.

use jiff::Timestamp;

use super::{Answer, Call, Desk, No, expires_at, function, invalid, millis, not_found};
use crate::domain::{Code, HoldId, LotId, PostingId, Unit, UnitKind};
use crate::ledger::{Cause, Hold, House, Lot, LotPlace, Move, Posting};
use crate::pack::Grant;
use crate::pack::bindings::punchcard::pack::assets;
use crate::store::layout;

/// Lots that one `lots-of` may ask for.
const LOTS_MAX: u32 = 100;

impl Desk {
    fn unit(&mut self, code: &str) -> Result<Unit, No> {
        let code = Code::new(code).map_err(|error| not_found(&error))?;
        let found = self.tx.load::<Unit>(&layout::unit(self.merchant, &code))?;
        found.ok_or_else(|| not_found(&format!("there is no unit `{code}`")))
    }

    /// A hold that this pack placed and may still change. What others set aside is, for this pack, not there.
    fn own_hold(&mut self, hold: &str) -> Result<Hold, No> {
        let id: HoldId = hold.parse().map_err(|error| not_found(&error))?;
        let found = self.book().find_hold(id)?;
        if let Some(hold) = found {
            let placed = self.tx.load::<Posting>(&layout::posting(self.merchant, hold.source))?;
            if placed.is_some_and(|posting| posting.pack.as_ref() == Some(&self.pack)) {
                self.need_writing(&hold.unit)?;
                return Ok(hold);
            }
        }
        Err(not_found(&format!("this pack placed no hold {id}")))
    }
}

fn seen_lot(lot: &Lot) -> assets::Lot {
    assets::Lot {
        id: lot.id.to_string(),
        left: lot.remaining,
        earned_at: made_at(lot.id),
        expires_at: lot.expires_at.map(millis),
    }
}

/// When a lot was granted, in milliseconds since 1970: ids begin with the instant of their making (RFC 9562, 5.7).
fn made_at(lot: LotId) -> u64 {
    lot.as_bytes()[..6].iter().fold(0, |millis, byte| millis << 8 | u64::from(*byte))
}

impl assets::Host for Call {
    fn balance_of(&mut self, member: String, unit: String) -> Answer<assets::Balance> {
        self.serve(&function::ASSETS_BALANCE_OF, (member, unit), |desk, (member, unit)| {
            desk.need(&Grant::ReadAssets)?;
            let member = desk.member(&member)?.id;
            let unit = desk.unit(&unit)?.code;
            let balance = desk.book().balance(member, &unit)?;
            Ok(assets::Balance { available: balance.available, debt: balance.debt })
        })
    }

    fn earn(&mut self, credit: assets::Credit) -> Answer<String> {
        self.serve(&function::ASSETS_EARN, (credit,), |desk, (credit,)| {
            let unit = Code::new(&credit.unit).map_err(|error| not_found(&error))?;
            desk.need_writing(&unit)?;
            let member = desk.member(&credit.member)?.id;
            let expires_at = expires_at(&credit.expires, &desk.zone).map_err(|error| invalid(&error))?;
            let wanted = Move::Grant { member, unit, amount: credit.amount, expires_at, from: House::Issued };
            desk.post(Cause::Pack, &credit.reason, wanted)
        })
    }

    fn spend(&mut self, debit: assets::Debit) -> Answer<String> {
        self.serve(&function::ASSETS_SPEND, (debit,), |desk, (debit,)| {
            let unit = Code::new(&debit.unit).map_err(|error| not_found(&error))?;
            desk.need_writing(&unit)?;
            let member = desk.member(&debit.member)?.id;
            let wanted = Move::Spend { member, unit, amount: debit.amount, to: House::Redeemed };
            desk.post(Cause::Pack, &debit.reason, wanted)
        })
    }

    fn reverse(&mut self, posting: String, reason: String) -> Answer<String> {
        self.serve(&function::ASSETS_REVERSE, (posting, reason), |desk, (posting, reason)| {
            let id: PostingId = posting.parse().map_err(|error| not_found(&error))?;
            let found = desk.tx.load::<Posting>(&layout::posting(desk.merchant, id))?;
            // What another pack or the host booked is, for this pack, not there.
            let original = found
                .filter(|posting| {
                    posting.pack.as_ref() == Some(&desk.pack) && matches!(posting.cause, Cause::Pack | Cause::Hold)
                })
                .ok_or_else(|| not_found(&format!("this pack made no posting {id}")))?;
            for transfer in original.transfers() {
                desk.need_writing(&transfer.unit)?;
            }
            desk.post(Cause::Pack, &reason, Move::Reverse { posting: id })
        })
    }

    fn lots_of(&mut self, member: String, unit: String, after: Option<String>, limit: u32) -> Answer<assets::LotPage> {
        self.serve(&function::ASSETS_LOTS_OF, (member, unit, after, limit), |desk, (member, unit, after, limit)| {
            desk.need(&Grant::ReadAssets)?;
            if !(1..=LOTS_MAX).contains(&limit) {
                return Err(invalid(&format!("a page has 1 to {LOTS_MAX} lots, not {limit}")));
            }
            let after = after.map(|after| after.parse::<LotPlace>()).transpose().map_err(|error| invalid(&error))?;
            let member = desk.member(&member)?.id;
            let unit = desk.unit(&unit)?.code;
            let limit = usize::try_from(limit).unwrap_or(0);
            let lots = desk.book().spendable_lots(member, &unit, after, limit)?;
            let next = lots.last().filter(|_| lots.len() == limit).map(|last| LotPlace::from(last).to_string());
            Ok(assets::LotPage { lots: lots.iter().map(seen_lot).collect(), next })
        })
    }

    fn hold(&mut self, reservation: assets::Reservation) -> Answer<String> {
        self.serve(&function::ASSETS_HOLD, (reservation,), |desk, (reservation,)| {
            let assets::Reservation { member, unit, amount, lapses_at, reason } = reservation;
            let unit = Code::new(unit).map_err(|error| not_found(&error))?;
            desk.need_writing(&unit)?;
            let member = desk.member(&member)?.id;
            if desk.unit(unit.as_str())?.kind == UnitKind::Coupon {
                return Err(invalid(&format!("`{unit}` are coupons, which packs can not hold")));
            }
            let lapses_at = i64::try_from(lapses_at).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
            let lapses_at = lapses_at.ok_or_else(|| invalid(&"lapses-at is no instant of the calendar"))?;
            let hold = desk.ids.hold();
            desk.post(Cause::Hold, &reason, Move::Hold { hold, member, unit, amount, lapses_at })?;
            Ok(hold.to_string())
        })
    }

    fn post_hold(&mut self, hold: String, amount: Option<u64>, reason: String) -> Answer<String> {
        self.serve(&function::ASSETS_POST_HOLD, (hold, amount, reason), |desk, (hold, amount, reason)| {
            let hold = desk.own_hold(&hold)?.id;
            desk.post(Cause::Hold, &reason, Move::PostHold { hold, amount, to: House::Redeemed })
        })
    }

    fn void_hold(&mut self, hold: String, reason: String) -> Answer<String> {
        self.serve(&function::ASSETS_VOID_HOLD, (hold, reason), |desk, (hold, reason)| {
            let hold = desk.own_hold(&hold)?.id;
            desk.post(Cause::Hold, &reason, Move::VoidHold { hold })
        })
    }
}
