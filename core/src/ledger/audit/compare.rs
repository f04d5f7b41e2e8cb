//! What the records say against what the postings add up to.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::Audit;
use super::fold::{Fold, Holding, LotFold, NOT_DUE, Owner};
use super::index::{due_of, each_lot};
use crate::domain::{Code, MemberId, MerchantId, Unit};
use crate::ledger::liability::month_of;
use crate::ledger::{Account, House};
use crate::store::layout::{self, Month, Side};
use crate::store::{Direction, StoreError, Tx};

/// What a unit's accounts add up to.
#[derive(Clone, Copy, Default)]
struct Totals {
    balance: i128,
    debt: i128,
    held: i128,
    pending: i128,
}

impl Audit {
    pub(super) fn compare(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        zone: &TimeZone,
        mut fold: Fold,
    ) -> Result<(), StoreError> {
        let expected = self.read_timed(tx, merchant, &mut fold)?;
        let months = self.compare_lots(tx, merchant, zone, &mut fold)?;
        self.compare_liabilities(tx, merchant, &mut fold, months)?;
        self.compare_indexes(tx, merchant, &mut fold, expected)?;
        fold.lots.clear();
        let totals = totals(&fold);
        self.compare_coupons(tx, merchant, &mut fold)?;
        self.compare_accounts(tx, merchant, &mut fold)?;
        self.compare_house(tx, merchant, &mut fold, &totals)
    }

    /// Compares the lots with the transfers, and adds up what is left in them by account, and by unit and month.
    fn compare_lots(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        zone: &TimeZone,
        fold: &mut Fold,
    ) -> Result<BTreeMap<(u16, Month), i64>, StoreError> {
        let mut months: BTreeMap<(u16, Month), i64> = BTreeMap::new();
        each_lot(tx, merchant, |key, lot, is_open| {
            self.lots = self.lots.saturating_add(1);
            let remaining = i64::try_from(lot.remaining).unwrap_or(i64::MAX);
            let unseen = LotFold { amount: 0, due: NOT_DUE, seen: true };
            let expected = fold.lots.insert(lot.id, LotFold { due: due_of(lot.expires_at, is_open), ..unseen });
            let expected = expected.filter(|found| !found.seen).map(|found| found.amount);
            if expected != Some(remaining) {
                let expected = expected.map_or("nothing".to_owned(), |amount| amount.to_string());
                self.find(format!("{} holds {}, but the transfers leave {expected}", lot.id, lot.remaining));
            }
            if (lot.remaining > 0) != is_open || lot.remaining.saturating_add(lot.expired) > lot.granted {
                self.find(format!("{} is in the wrong state", lot.id));
            }
            match layout::owner(key) {
                Some((member, unit)) if is_open => {
                    let unit = fold.number(&unit);
                    let holding = fold.holding((member, unit));
                    holding.in_lots = holding.in_lots.saturating_add(remaining);
                    let sum = months.entry((unit, month_of(zone, lot.expires_at))).or_default();
                    *sum = sum.saturating_add(remaining);
                }
                _ => {}
            }
        })?;
        for (lot, found) in &fold.lots {
            if !found.seen {
                self.find(format!("{lot} is missing, but the transfers leave {} in it", found.amount));
            }
        }
        Ok(months)
    }

    fn compare_liabilities(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        fold: &mut Fold,
        mut months: BTreeMap<(u16, Month), i64>,
    ) -> Result<(), StoreError> {
        for (key, value) in tx.scan(&layout::liabilities(merchant), Direction::Forward, usize::MAX)? {
            let (Some((unit, month)), Ok(recorded)) = (layout::liability_parts(&key), <[u8; 8]>::try_from(value))
            else {
                return Err(StoreError::corrupt("liability", &key));
            };
            let recorded = i64::from_le_bytes(recorded);
            let in_lots = months.remove(&(fold.number(&unit), month)).unwrap_or(0);
            if recorded != in_lots {
                self.find(format!("{recorded} {unit} are owed for {month:?}, but the lots add up to {in_lots}"));
            }
        }
        for ((unit, month), in_lots) in months {
            self.find(format!("0 {} are owed for {month:?}, but the lots add up to {in_lots}", fold.unit(unit)));
        }
        Ok(())
    }

    fn compare_coupons(&mut self, tx: &mut Tx, merchant: MerchantId, fold: &mut Fold) -> Result<(), StoreError> {
        let owners: Vec<Owner> =
            fold.holdings.iter().filter(|(_, holding)| holding.issued != 0).map(|(owner, _)| *owner).collect();
        for (member, unit) in owners {
            let Ok(code) = Code::new(fold.unit(unit)) else { continue };
            let recorded = tx.counter(&layout::coupons_issued(merchant, member, &code))?;
            let issued = fold.holding((member, unit)).issued;
            if recorded != issued {
                self.find(format!("{member} is said to have got {recorded} {code}, but got {issued}"));
            }
        }
        Ok(())
    }

    fn compare_accounts(&mut self, tx: &mut Tx, merchant: MerchantId, fold: &mut Fold) -> Result<(), StoreError> {
        let mut holdings = std::mem::take(&mut fold.holdings);
        tx.each::<Account>(&layout::accounts(merchant), |key, account| {
            self.accounts = self.accounts.saturating_add(1);
            if let Some((member, unit)) = layout::owner(key) {
                let number = fold.number(&unit);
                let holding = holdings.remove(&(member, number)).unwrap_or_default();
                self.compare_account(member, unit.as_str(), &account, &holding);
            }
        })?;
        for ((member, unit), holding) in holdings {
            self.compare_account(member, &fold.unit(unit), &Account::default(), &holding);
        }
        Ok(())
    }

    fn compare_account(&mut self, member: MemberId, unit: &str, account: &Account, holding: &Holding) {
        let Account { balance, debt, held, pending, .. } = *account;
        for (what, recorded, source, folded) in [
            ("has a balance of", balance, "the transfers", holding.balance),
            ("has a balance of", balance, "the lots", holding.in_lots),
            ("owes", debt, "the transfers", holding.debt),
            ("has set aside", held, "the transfers", holding.held),
            ("has set aside", held, "the holds", holding.in_holds),
            ("will get", pending, "the transfers", holding.pending),
            ("will get", pending, "the pending grants", holding.in_pending),
        ] {
            if i128::from(recorded) != i128::from(folded) {
                self.find(format!("{member} {what} {recorded} {unit}, but {source} add up to {folded}"));
            }
        }
    }

    fn compare_house(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        fold: &mut Fold,
        totals: &BTreeMap<u16, Totals>,
    ) -> Result<(), StoreError> {
        let mut units = Vec::new();
        tx.each::<Unit>(&layout::units(merchant), |_, unit| units.push(unit.code))?;
        for unit in units {
            let number = fold.number(&unit);
            let mut all: i128 = 0;
            let mut kept = BTreeMap::new();
            for house in House::ALL {
                let (debits, credits) = fold.house.get(&(house, number)).copied().unwrap_or_default();
                kept.insert(house, credits.saturating_sub(debits));
                all = all.saturating_add(credits).saturating_sub(debits);
                for (side, name, folded) in [(Side::Debits, "debits", debits), (Side::Credits, "credits", credits)] {
                    let recorded = tx.counter(&layout::house(merchant, house.letter(), side, &unit))?;
                    if i128::from(recorded) != folded {
                        self.find(format!(
                            "{house:?} has {name} of {recorded} {unit}, but the transfers add up to {folded}"
                        ));
                    }
                }
            }
            let members = totals.get(&number).copied().unwrap_or_default();
            if all.saturating_add(members.balance) != 0 {
                let sum = all.saturating_add(members.balance);
                self.find(format!("the accounts of {unit} add up to {sum}, not to zero"));
            }
            for (house, of_members) in [
                (House::Debt, members.debt.saturating_neg()),
                (House::Held, members.held),
                (House::Pending, members.pending),
                (House::Transit, 0),
            ] {
                let of_house = kept.get(&house).copied().unwrap_or(0);
                if of_house != of_members {
                    self.find(format!("{house:?} holds {of_house} {unit}, but the members' accounts say {of_members}"));
                }
            }
        }
        Ok(())
    }
}

fn totals(fold: &Fold) -> BTreeMap<u16, Totals> {
    let mut totals: BTreeMap<u16, Totals> = BTreeMap::new();
    for ((_, unit), holding) in &fold.holdings {
        let sum = totals.entry(*unit).or_default();
        for (total, amount) in [
            (&mut sum.balance, holding.balance),
            (&mut sum.debt, holding.debt),
            (&mut sum.held, holding.held),
            (&mut sum.pending, holding.pending),
        ] {
            *total = total.saturating_add(amount.into());
        }
    }
    totals
}
