//! The proof that a merchant's books balance: all postings folded anew and compared with what the records say.

use std::collections::BTreeMap;
use std::fmt;

use super::{Account, House, Lot, Party, Posting};
use crate::domain::{Code, LotId, MemberId, MerchantId, Unit};
use crate::store::layout::{self, Side};
use crate::store::{StoreError, Tx};

/// What an audit looked at and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Postings folded.
    pub postings: u64,
    /// Transfers in them.
    pub transfers: u64,
    /// Members' accounts compared.
    pub accounts: u64,
    /// Lots compared, open and closed.
    pub lots: u64,
    /// All contradictions; none when the books balance.
    pub findings: Vec<Finding>,
}

/// A contradiction in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding(String);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Holding {
    balance: i128,
    debt: i128,
}

#[derive(Default)]
struct Fold {
    holdings: BTreeMap<(MemberId, Code), Holding>,
    lots: BTreeMap<LotId, i128>,
    house: BTreeMap<(House, Code), (i128, i128)>,
}

impl Audit {
    /// Audits a merchant's ledger. Reads all of it; `progress` hears of each posting.
    ///
    /// # Errors
    /// When the store can not be read. Contradictions are no errors: they are in the findings.
    pub fn run(tx: &mut Tx, merchant: MerchantId, mut progress: impl FnMut()) -> Result<Self, StoreError> {
        let mut audit = Self::default();
        let mut fold = Fold::default();
        tx.each::<Posting>(&layout::postings(merchant), |_, posting| {
            audit.postings = audit.postings.saturating_add(1);
            audit.transfers = audit.transfers.saturating_add(fold.posting(&posting, &mut audit.findings));
            progress();
        })?;
        audit.compare_accounts(tx, merchant, &fold)?;
        audit.compare_lots(tx, merchant, fold.lots.clone())?;
        audit.compare_house(tx, merchant, &fold)?;
        Ok(audit)
    }

    fn find(&mut self, what: String) {
        self.findings.push(Finding(what));
    }

    fn compare_accounts(&mut self, tx: &mut Tx, merchant: MerchantId, fold: &Fold) -> Result<(), StoreError> {
        let mut lots: BTreeMap<(MemberId, Code), i128> = BTreeMap::new();
        tx.each::<Lot>(&layout::all_open_lots(merchant), |key, lot| {
            if let Some(owner) = owner(key) {
                let sum = lots.entry(owner).or_default();
                *sum = sum.saturating_add(i128::from(lot.remaining));
            }
        })?;
        let mut seen: BTreeMap<(MemberId, Code), Holding> = BTreeMap::new();
        tx.each::<Account>(&layout::accounts(merchant), |key, account| {
            if let Some(owner) = owner(key) {
                let holding = Holding { balance: account.balance.into(), debt: account.debt.into() };
                seen.insert(owner, holding);
            }
        })?;
        self.accounts = u64::try_from(seen.len()).unwrap_or(u64::MAX);
        let all: std::collections::BTreeSet<_> = fold.holdings.keys().chain(seen.keys()).chain(lots.keys()).collect();
        for owner in all {
            let folded = fold.holdings.get(owner).copied().unwrap_or_default();
            let recorded = seen.get(owner).copied().unwrap_or_default();
            let in_lots = lots.get(owner).copied().unwrap_or_default();
            let (member, unit) = owner;
            if recorded.balance != folded.balance {
                self.find(format!(
                    "{member} has a balance of {} {unit}, but the transfers add up to {}",
                    recorded.balance, folded.balance
                ));
            }
            if recorded.balance != in_lots {
                self.find(format!(
                    "{member} has a balance of {} {unit}, but the lots add up to {in_lots}",
                    recorded.balance
                ));
            }
            if recorded.debt != folded.debt {
                self.find(format!(
                    "{member} owes {} {unit}, but the transfers add up to {}",
                    recorded.debt, folded.debt
                ));
            }
        }
        Ok(())
    }

    fn compare_lots(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        mut folded: BTreeMap<LotId, i128>,
    ) -> Result<(), StoreError> {
        for (range, open) in [(layout::all_open_lots(merchant), true), (layout::all_closed_lots(merchant), false)] {
            tx.each::<Lot>(&range, |_, lot| {
                self.lots = self.lots.saturating_add(1);
                let expected = folded.remove(&lot.id);
                if expected != Some(i128::from(lot.remaining)) {
                    let expected = expected.map_or("nothing".to_owned(), |amount| amount.to_string());
                    self.find(format!("{} holds {}, but the transfers leave {expected}", lot.id, lot.remaining));
                }
                if (lot.remaining > 0) != open || lot.remaining.saturating_add(lot.expired) > lot.granted {
                    self.find(format!("{} is in the wrong state", lot.id));
                }
            })?;
        }
        for (lot, amount) in folded {
            self.find(format!("{lot} is missing, but the transfers leave {amount} in it"));
        }
        Ok(())
    }

    fn compare_house(&mut self, tx: &mut Tx, merchant: MerchantId, fold: &Fold) -> Result<(), StoreError> {
        let mut units = Vec::new();
        tx.each::<Unit>(&layout::units(merchant), |_, unit| units.push(unit.code))?;
        for unit in units {
            let mut all: i128 = 0;
            for house in House::ALL {
                let (debits, credits) = fold.house.get(&(house, unit.clone())).copied().unwrap_or_default();
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
            let members: i128 =
                fold.holdings.iter().filter(|((_, of), _)| *of == unit).map(|(_, holding)| holding.balance).sum();
            if all.saturating_add(members) != 0 {
                self.find(format!("the accounts of {unit} add up to {}, not to zero", all.saturating_add(members)));
            }
            let owed: i128 =
                fold.holdings.iter().filter(|((_, of), _)| *of == unit).map(|(_, holding)| holding.debt).sum();
            let (debits, credits) = fold.house.get(&(House::Debt, unit.clone())).copied().unwrap_or_default();
            if debits.saturating_sub(credits) != owed {
                self.find(format!("members owe {owed} {unit}, but the account of debts says otherwise"));
            }
        }
        Ok(())
    }
}

impl Fold {
    fn posting(&mut self, posting: &Posting, findings: &mut Vec<Finding>) -> u64 {
        let mut count: u64 = 0;
        for transfer in posting.transfers() {
            count = count.saturating_add(1);
            let amount = i128::from(transfer.amount);
            for (party, sign) in [(transfer.from, -1_i128), (transfer.to, 1)] {
                let signed = amount.saturating_mul(sign);
                match party {
                    Party::Member(member) => {
                        let holding = self.holdings.entry((member, transfer.unit.clone())).or_default();
                        holding.balance = holding.balance.saturating_add(signed);
                        for part in &transfer.lots {
                            let lot = self.lots.entry(part.lot).or_default();
                            *lot = lot.saturating_add(i128::from(part.amount).saturating_mul(sign));
                        }
                        let parts: i128 = transfer.lots.iter().map(|part| i128::from(part.amount)).sum();
                        if parts != amount {
                            findings.push(Finding(format!(
                                "{}: a transfer of {amount} is allocated to lots as {parts}",
                                posting.id
                            )));
                        }
                    }
                    Party::House(house) => {
                        let (debits, credits) = self.house.entry((house, transfer.unit.clone())).or_default();
                        let side = if sign < 0 { debits } else { credits };
                        *side = side.saturating_add(amount);
                        if let (House::Debt, Some(member)) = (house, transfer.debtor) {
                            let holding = self.holdings.entry((member, transfer.unit.clone())).or_default();
                            holding.debt = holding.debt.saturating_sub(signed);
                        }
                    }
                }
            }
            if transfer.amount == 0 {
                findings.push(Finding(format!("{}: a transfer of nothing", posting.id)));
            }
        }
        count
    }
}

/// Member and unit in the key of an account or a lot: after the table and the merchant, up to a zero byte or the end.
fn owner(key: &[u8]) -> Option<(MemberId, Code)> {
    let member: [u8; 16] = key.get(17..33)?.try_into().ok()?;
    let rest = key.get(33..)?;
    let unit = rest.split(|byte| *byte == 0).next()?;
    Some((MemberId::from_bytes(member), Code::new(std::str::from_utf8(unit).ok()?).ok()?))
}
