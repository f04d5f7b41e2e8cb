//! All postings added up anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Finding;
use crate::domain::{Code, LotId, MemberId, PostingId};
use crate::ledger::{House, Move, Party, Posting, Transfer};

/// A member and the number of a unit.
pub(super) type Owner = (MemberId, u16);

/// What the transfers leave on an account, and what other records say of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) balance: i64,
    pub(super) debt: i64,
    pub(super) held: i64,
    pub(super) pending: i64,
    /// Coupons issued and not taken back.
    pub(super) issued: i64,
    /// The sum of the open lots.
    pub(super) in_lots: i64,
    /// The sum of the open holds.
    pub(super) in_holds: i64,
    /// The sum of the waiting pending grants.
    pub(super) in_pending: i64,
}

/// What the transfers leave in a lot, and what is still to be seen of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LotFold {
    pub(super) amount: i64,
    /// The instant, in milliseconds, at which it must be among what falls due; [`NOT_DUE`] if it must not, or was seen.
    pub(super) due: u64,
    pub(super) seen: bool,
}

pub(super) const NOT_DUE: u64 = u64::MAX;

#[derive(Default)]
pub(super) struct Fold {
    units: Vec<Code>,
    numbers: HashMap<Code, u16>,
    pub(super) holdings: BTreeMap<Owner, Holding>,
    pub(super) lots: HashMap<LotId, LotFold>,
    pub(super) house: BTreeMap<(House, u16), (i128, i128)>,
    /// The units of which coupons were issued.
    coupons: BTreeSet<u16>,
    /// Which posting was reversed by which.
    pub(super) reversed: Vec<(PostingId, PostingId)>,
}

impl Fold {
    /// The number of a unit, which stands for it.
    pub(super) fn number(&mut self, unit: &Code) -> u16 {
        if let Some(number) = self.numbers.get(unit) {
            return *number;
        }
        // Nobody has 65 thousand units; those beyond would be told as contradictions.
        let number = u16::try_from(self.units.len()).unwrap_or(u16::MAX);
        self.units.push(unit.clone());
        self.numbers.insert(unit.clone(), number);
        number
    }

    /// The unit of a number.
    pub(super) fn unit(&self, number: u16) -> String {
        self.units.get(usize::from(number)).map_or_else(String::new, Code::to_string)
    }

    pub(super) fn holding(&mut self, owner: Owner) -> &mut Holding {
        self.holdings.entry(owner).or_default()
    }

    pub(super) fn posting(&mut self, posting: &Posting, findings: &mut Vec<Finding>) -> u64 {
        let mut count: u64 = 0;
        for entry in &posting.entries {
            match &entry.wanted {
                Move::Issue { member, unit, count } => {
                    let number = self.number(unit);
                    self.coupons.insert(number);
                    let holding = self.holding((*member, number));
                    holding.issued = holding.issued.saturating_add(i64::try_from(*count).unwrap_or(i64::MAX));
                }
                Move::Reverse { posting: reversed } => {
                    self.reversed.push((*reversed, posting.id));
                    for transfer in &entry.transfers {
                        if let (Party::Member(member), Party::House(House::Issued)) = (transfer.from, transfer.to) {
                            let number = self.number(&transfer.unit);
                            let holding = self.holding((member, number));
                            let back = i64::try_from(transfer.amount).unwrap_or(i64::MAX);
                            holding.issued = holding.issued.saturating_sub(back);
                        }
                    }
                }
                _ => {}
            }
        }
        for transfer in posting.transfers() {
            count = count.saturating_add(1);
            if let Err(what) = self.transfer(transfer) {
                findings.push(Finding(format!("{}: {what}", posting.id)));
            }
        }
        count
    }

    fn transfer(&mut self, transfer: &Transfer) -> Result<(), String> {
        let unit = self.number(&transfer.unit);
        let amount = i64::try_from(transfer.amount).map_err(|_| "a transfer of more than there is".to_owned())?;
        for (party, sign) in [(transfer.from, -1), (transfer.to, 1)] {
            let signed = amount.saturating_mul(sign);
            match party {
                Party::Member(member) => {
                    let holding = self.holding((member, unit));
                    holding.balance = holding.balance.saturating_add(signed);
                    for part in &transfer.lots {
                        let part_amount = i64::try_from(part.amount).unwrap_or(i64::MAX);
                        let lot = self.lots.entry(part.lot).or_insert(LotFold { amount: 0, due: NOT_DUE, seen: false });
                        lot.amount = lot.amount.saturating_add(part_amount.saturating_mul(sign));
                    }
                    let parts: i128 = transfer.lots.iter().map(|part| i128::from(part.amount)).sum();
                    if parts != i128::from(amount) {
                        return Err(format!("a transfer of {amount} is allocated to lots as {parts}"));
                    }
                }
                Party::House(house) => {
                    let (debits, credits) = self.house.entry((house, unit)).or_default();
                    let side = if sign < 0 { debits } else { credits };
                    *side = side.saturating_add(amount.into());
                    if let House::Debt | House::Held | House::Pending = house {
                        let member = transfer.on_behalf.ok_or("a transfer that does not say for whom it is")?;
                        let holding = self.holding((member, unit));
                        match house {
                            House::Held => holding.held = holding.held.saturating_add(signed),
                            House::Pending => holding.pending = holding.pending.saturating_add(signed),
                            _ => holding.debt = holding.debt.saturating_sub(signed),
                        }
                    }
                }
            }
        }
        if amount == 0 { Err("a transfer of nothing".to_owned()) } else { Ok(()) }
    }

    /// Forgets what came back of units that are no coupons: only of coupons it is counted how many were issued.
    pub(super) fn keep_issued_of_coupons(&mut self) {
        for ((_, unit), holding) in &mut self.holdings {
            if !self.coupons.contains(unit) {
                holding.issued = 0;
            }
        }
    }
}
