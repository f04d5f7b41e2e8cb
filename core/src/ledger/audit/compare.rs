//! What the records say against what the postings add up to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::tz::TimeZone;

use super::facts::{Kind, Tallies};
use super::fold::{Fold, Holding};
use super::{Audit, each};
use crate::domain::{Code, MemberId, MerchantId, Unit};
use crate::ledger::{Account, House};
use crate::store::layout::{self, Side};
use crate::store::{StoreError, Tx, decode, decode_counter, decode_own};

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
        mut tallies: Tallies,
    ) -> Result<(), StoreError> {
        let expected = self.read_timed(tx, merchant, &mut fold, &mut tallies)?;
        let months = self.compare_lots(tx, merchant, zone, &mut fold)?;
        self.compare_liabilities(tx, merchant, &mut fold, months)?;
        self.compare_indexes(tx, merchant, &mut fold, expected)?;
        fold.lots = HashMap::new();
        let totals = totals(&fold);
        self.compare_coupons(tx, merchant, &mut fold)?;
        self.compare_accounts(tx, merchant, &mut fold)?;
        self.compare_house(tx, merchant, &mut fold, &totals)?;
        self.compare_units(tx, merchant, &mut fold)?;
        for kind in [Kind::Statement, Kind::Reversal] {
            each(tx, &kind.range(merchant), |_, key, bytes| {
                let facts = self.legible(kind.facts(merchant, key, &bytes))?;
                facts.iter().flatten().for_each(|fact| tallies.told_by_record(fact));
                Ok(())
            })?;
        }
        self.name_culprits(tx, merchant, &tallies.differing(), &fold.survivors)
    }

    /// Tells of units that there is something of, but that have no record.
    fn compare_units(&mut self, tx: &mut Tx, merchant: MerchantId, fold: &mut Fold) -> Result<(), StoreError> {
        let mut recorded = BTreeSet::new();
        each(tx, &layout::units(merchant), |_, key, bytes| {
            let unit = decode_own(key, &bytes, |unit: &Unit| layout::unit(merchant, &unit.code));
            recorded.extend(self.legible(unit)?.map(|unit| fold.number(&unit.code)));
            Ok(())
        })?;
        for (number, unit) in fold.units() {
            if !recorded.contains(&number) {
                self.find(format!("the books tell of {unit}, but there is no such unit"));
            }
        }
        Ok(())
    }

    fn compare_coupons(&mut self, tx: &mut Tx, merchant: MerchantId, fold: &mut Fold) -> Result<(), StoreError> {
        each(tx, &layout::coupons_issued_all(merchant), |_, key, bytes| {
            let owner =
                layout::owner(key).filter(|(member, unit)| layout::coupons_issued(merchant, *member, unit) == *key);
            let owner = owner.ok_or_else(|| StoreError::corrupt("key of a counter of coupons", key));
            let recorded = decode_counter(key, Some(&bytes));
            let (Some((member, unit)), Some(recorded)) = (self.legible(owner)?, self.legible(recorded)?) else {
                return Ok(());
            };
            let number = fold.number(&unit);
            let issued =
                fold.holdings.get_mut(&(member, number)).map_or(0, |holding| std::mem::take(&mut holding.issued));
            if recorded != issued {
                self.find(format!("{member} is said to have got {recorded} {unit}, but got {issued}"));
            }
            Ok(())
        })?;
        for ((member, unit), holding) in &fold.holdings {
            if holding.issued != 0 {
                let (issued, unit) = (holding.issued, fold.unit(*unit));
                self.find(format!("{member} is said to have got 0 {unit}, but got {issued}"));
            }
        }
        Ok(())
    }

    fn compare_accounts(&mut self, tx: &mut Tx, merchant: MerchantId, fold: &mut Fold) -> Result<(), StoreError> {
        let mut holdings = std::mem::take(&mut fold.holdings);
        each(tx, &layout::accounts(merchant), |_, key, bytes| {
            self.accounts = self.accounts.saturating_add(1);
            let owner = layout::owner(key).filter(|(member, unit)| layout::account(merchant, *member, unit) == *key);
            let owner = owner.ok_or_else(|| StoreError::corrupt("key of an account", key));
            let Some((member, unit)) = self.legible(owner)? else { return Ok(()) };
            let holding = holdings.remove(&(member, fold.number(&unit))).unwrap_or_default();
            if let Some(account) = self.legible(decode::<Account>(key, &bytes))? {
                self.compare_account(member, unit.as_str(), &account, &holding);
            }
            Ok(())
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
        self.compare_forgiven(member, unit, holding);
    }

    /// What is forgiven of one lot is in no transfer: it depends on the order in which things came back. What is
    /// forgiven of all lots of an account is what reversals forgave of it.
    fn compare_forgiven(&mut self, member: MemberId, unit: &str, holding: &Holding) {
        let Holding { forgiven, forgiven_in_lots: in_lots, .. } = *holding;
        if in_lots != forgiven {
            self.find(format!(
                "{in_lots} {unit} of the lots of {member} are forgiven, but the transfers say {forgiven}"
            ));
        }
    }

    /// Compares what is counted for the merchant's own accounts with the transfers, and these with the members' accounts.
    fn compare_house(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        fold: &mut Fold,
        totals: &BTreeMap<u16, Totals>,
    ) -> Result<(), StoreError> {
        let mut kept: BTreeMap<u16, BTreeMap<House, i128>> = BTreeMap::new();
        for ((house, unit), (debits, credits)) in &fold.house {
            kept.entry(*unit).or_default().insert(*house, credits.saturating_sub(*debits));
        }
        let mut counted = std::mem::take(&mut fold.house);
        each(tx, &layout::houses(merchant), |_, key, bytes| {
            let parts = house_parts(key).ok_or_else(|| StoreError::corrupt("key of a total", key));
            let recorded = decode_counter(key, Some(&bytes));
            let (Some((house, side, unit)), Some(recorded)) = (self.legible(parts)?, self.legible(recorded)?) else {
                return Ok(());
            };
            let mut unseen = (0, 0);
            let (debits, credits) = counted.get_mut(&(house, fold.number(&unit))).unwrap_or(&mut unseen);
            let folded = std::mem::take(if side == Side::Debits { debits } else { credits });
            if i128::from(recorded) != folded {
                self.find_total(house, side, recorded, unit.as_str(), folded);
            }
            Ok(())
        })?;
        for ((house, unit), (debits, credits)) in counted {
            for (side, folded) in [(Side::Debits, debits), (Side::Credits, credits)] {
                if folded != 0 {
                    self.find_total(house, side, 0, &fold.unit(unit), folded);
                }
            }
        }
        for (number, unit) in fold.units() {
            let of_house = kept.remove(&number).unwrap_or_default();
            self.compare_totals(unit.as_str(), &of_house, totals.get(&number).copied().unwrap_or_default());
        }
        Ok(())
    }

    fn find_total(&mut self, house: House, side: Side, recorded: i64, unit: &str, folded: i128) {
        let side = if side == Side::Debits { "debits" } else { "credits" };
        self.find(format!("{house:?} has {side} of {recorded} {unit}, but the transfers add up to {folded}"));
    }

    /// Compares the merchant's own accounts in a unit with those of the members.
    fn compare_totals(&mut self, unit: &str, of_house: &BTreeMap<House, i128>, members: Totals) {
        let sum = of_house.values().fold(members.balance, |sum, kept| sum.saturating_add(*kept));
        if sum != 0 {
            self.find(format!("the accounts of {unit} add up to {sum}, not to zero"));
        }
        for (house, of_members) in [
            (House::Debt, members.debt.saturating_neg()),
            (House::Held, members.held),
            (House::Pending, members.pending),
            (House::Transit, 0),
        ] {
            let kept = of_house.get(&house).copied().unwrap_or(0);
            if kept != of_members {
                self.find(format!("{house:?} holds {kept} {unit}, but the members' accounts say {of_members}"));
            }
        }
    }
}

/// The account, which total of it and of what, from the key of a total.
fn house_parts(key: &[u8]) -> Option<(House, Side, Code)> {
    let (letter, side, unit) = layout::house_parts(key)?;
    let house = House::ALL.into_iter().find(|house| house.letter() == letter)?;
    Some((house, side, unit))
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
