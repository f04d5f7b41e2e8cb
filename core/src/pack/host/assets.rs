//! `assets`: what members hold.

use super::{Answer, Call, expires_at, invalid, not_found};
use crate::domain::{Code, PostingId, Unit};
use crate::ledger::{Cause, House, Move, Posting};
use crate::pack::Grant;
use crate::pack::bindings::punchcard::pack::assets;
use crate::store::layout;

impl assets::Host for Call {
    fn balance_of(&mut self, member: String, unit: String) -> Answer<assets::Balance> {
        self.serve(|desk| {
            desk.need(&Grant::ReadAssets)?;
            let member = desk.member(&member)?.id;
            let unit = Code::new(unit).map_err(|error| not_found(&error))?;
            if desk.tx.load::<Unit>(&layout::unit(desk.merchant, &unit))?.is_none() {
                return Err(not_found(&format!("there is no unit `{unit}`")));
            }
            let balance = desk.book().balance(member, &unit)?;
            Ok(assets::Balance { available: balance.available, debt: balance.debt })
        })
    }

    fn earn(&mut self, credit: assets::Credit) -> Answer<String> {
        self.serve(|desk| {
            let unit = Code::new(&credit.unit).map_err(|error| not_found(&error))?;
            desk.need_writing(&unit)?;
            let member = desk.member(&credit.member)?.id;
            let expires_at = expires_at(&credit.expires, &desk.zone).map_err(|error| invalid(&error))?;
            let wanted = Move::Grant { member, unit, amount: credit.amount, expires_at, from: House::Issued };
            desk.post(&credit.reason, wanted)
        })
    }

    fn spend(&mut self, debit: assets::Debit) -> Answer<String> {
        self.serve(|desk| {
            let unit = Code::new(&debit.unit).map_err(|error| not_found(&error))?;
            desk.need_writing(&unit)?;
            let member = desk.member(&debit.member)?.id;
            desk.post(&debit.reason, Move::Spend { member, unit, amount: debit.amount, to: House::Redeemed })
        })
    }

    fn reverse(&mut self, posting: String, reason: String) -> Answer<String> {
        self.serve(|desk| {
            let id: PostingId = posting.parse().map_err(|error| not_found(&error))?;
            let found = desk.tx.load::<Posting>(&layout::posting(desk.merchant, id))?;
            // What another pack or the host booked is, for this pack, not there.
            let original = found
                .filter(|posting| posting.pack.as_ref() == Some(&desk.pack) && posting.cause == Cause::Pack)
                .ok_or_else(|| not_found(&format!("this pack made no posting {id}")))?;
            for transfer in original.transfers() {
                desk.need_writing(&transfer.unit)?;
            }
            desk.post(&reason, Move::Reverse { posting: id })
        })
    }
}
