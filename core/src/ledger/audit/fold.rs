//! All postings added up anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use jiff::Timestamp;

use super::Finding;
use super::merged::Survivors;
use crate::domain::{Code, LotId, MemberId, PostingId};
use crate::ledger::{Entry, House, Move, Party, Posting, Transfer};

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
    /// What reversals forgave, but for what came back afterwards.
    pub(super) forgiven: i64,
    /// The sum of what lots say is forgiven of them.
    pub(super) forgiven_in_lots: i64,
    /// The sum of the open lots.
    pub(super) in_lots: i64,
    /// The sum of the open holds.
    pub(super) in_holds: i64,
    /// The sum of the waiting pending grants.
    pub(super) in_pending: i64,
}

/// What the transfers say of a lot, and what is still to be seen of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LotFold {
    /// What they leave in it.
    pub(super) amount: i64,
    /// With how much they open it.
    pub(super) granted: i64,
    /// How much of it they let expire.
    pub(super) expired: i64,
    /// A hash of which posting it comes from, whose it is, of what, and when it expires.
    pub(super) origin: u64,
    /// What [`Fold::due`] is for it, if it must be among what falls due; [`NOT_DUE`] if it must not, or was seen there.
    pub(super) due: u64,
    pub(super) seen: bool,
}

pub(super) const NOT_DUE: u64 = 0;

impl Default for LotFold {
    fn default() -> Self {
        Self { amount: 0, granted: 0, expired: 0, origin: 0, due: NOT_DUE, seen: false }
    }
}

impl LotFold {
    /// Whether no transfer reaches it: the lot of a pending grant that is not released.
    pub(super) fn is_nothing(&self) -> bool {
        (self.amount, self.granted, self.expired) == (0, 0, 0)
    }
}

pub(super) struct Fold {
    keys: RandomState,
    pub(super) survivors: Survivors,
    units: Vec<Code>,
    numbers: HashMap<Code, u16>,
    pub(super) holdings: BTreeMap<Owner, Holding>,
    pub(super) lots: HashMap<LotId, LotFold>,
    pub(super) house: BTreeMap<(House, u16), (i128, i128)>,
    /// The units of which coupons were issued.
    coupons: BTreeSet<u16>,
}

impl Fold {
    /// Nothing yet; `keys` are those of its hashes, and `survivors` those into whom members were merged.
    pub(super) fn new(keys: RandomState, survivors: Survivors) -> Self {
        Self {
            keys,
            survivors,
            units: Vec::new(),
            numbers: HashMap::new(),
            holdings: BTreeMap::new(),
            lots: HashMap::new(),
            house: BTreeMap::new(),
            coupons: BTreeSet::new(),
        }
    }

    /// All units that anything was of so far, with their numbers.
    pub(super) fn units(&self) -> Vec<(u16, Code)> {
        (0..=u16::MAX).zip(self.units.iter().cloned()).collect()
    }

    /// What [`LotFold::origin`] is for a lot.
    pub(super) fn origin(&self, source: PostingId, owner: Owner, expires_at: Option<Timestamp>) -> u64 {
        self.keys.hash_one((source, owner, expires_at))
    }

    /// A hash of whose lot falls due, and at which instant in milliseconds.
    pub(super) fn due(&self, owner: Owner, at: u64) -> u64 {
        self.keys.hash_one((owner, at)).max(1)
    }

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

    /// The account to which belongs what was booked for a member.
    pub(super) fn owner(&mut self, member: MemberId, unit: &Code) -> Owner {
        (self.survivors.of(member), self.number(unit))
    }

    pub(super) fn holding(&mut self, owner: Owner) -> &mut Holding {
        self.holdings.entry(owner).or_default()
    }

    pub(super) fn posting(&mut self, posting: &Posting, findings: &mut Vec<Finding>) -> u64 {
        let mut count: u64 = 0;
        for entry in &posting.entries {
            match &entry.wanted {
                Move::Issue { member, unit, count } => {
                    let owner = self.owner(*member, unit);
                    self.coupons.insert(owner.1);
                    let holding = self.holding(owner);
                    holding.issued = holding.issued.saturating_add(i64::try_from(*count).unwrap_or(i64::MAX));
                }
                Move::Reverse { .. } | Move::ReversePart { .. } => {
                    for transfer in &entry.transfers {
                        if let (Party::Member(member), Party::House(House::Issued)) = (transfer.from, transfer.to) {
                            let owner = self.owner(member, &transfer.unit);
                            let holding = self.holding(owner);
                            let back = i64::try_from(transfer.amount).unwrap_or(i64::MAX);
                            holding.issued = holding.issued.saturating_sub(back);
                        }
                    }
                }
                _ => {}
            }
            for transfer in &entry.transfers {
                self.lots_of(posting.id, entry, transfer);
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

    /// What a transfer says of lots because of the move that it belongs to.
    fn lots_of(&mut self, posting: PostingId, entry: &Entry, transfer: &Transfer) {
        let to_member = matches!(transfer.to, Party::Member(_));
        let (opens, is_origin, expires) = match &entry.wanted {
            Move::Grant { .. } | Move::Issue { .. } | Move::Transfer { .. } => (to_member, to_member, false),
            Move::GrantLater { .. } => (false, true, false),
            Move::Release { .. } => (to_member, false, false),
            Move::Expire { .. } => (false, false, true),
            Move::Spend { .. }
            | Move::Reverse { .. }
            | Move::Hold { .. }
            | Move::PostHold { .. }
            | Move::VoidHold { .. }
            | Move::LapseHold { .. }
            | Move::ReversePart { .. }
            | Move::Merge { .. }
            | Move::Owe { .. } => return,
        };
        for part in &transfer.lots {
            let member = if let Party::Member(member) = transfer.to { Some(member) } else { transfer.on_behalf };
            let owner = member.map(|member| self.owner(member, &transfer.unit));
            let origin = owner.map(|owner| self.origin(posting, owner, part.expires_at));
            let amount = i64::try_from(part.amount).unwrap_or(i64::MAX);
            let lot = self.lots.entry(part.lot).or_default();
            if opens {
                lot.granted = lot.granted.saturating_add(amount);
            }
            if let Some(origin) = origin.filter(|_| is_origin) {
                lot.origin = origin;
            }
            if expires {
                lot.expired = lot.expired.saturating_add(amount);
            }
        }
    }

    fn transfer(&mut self, transfer: &Transfer) -> Result<(), String> {
        let unit = self.number(&transfer.unit);
        let amount = i64::try_from(transfer.amount).map_err(|_| "a transfer of more than there is".to_owned())?;
        if let Some(member) = transfer.on_behalf {
            let owner = self.owner(member, &transfer.unit);
            let holding = self.holding(owner);
            holding.forgiven = holding.forgiven.saturating_add(amount.saturating_mul(forgives(transfer)));
        }
        for (party, sign) in [(transfer.from, -1), (transfer.to, 1)] {
            let signed = amount.saturating_mul(sign);
            match party {
                Party::Member(member) => {
                    let owner = self.owner(member, &transfer.unit);
                    let holding = self.holding(owner);
                    holding.balance = holding.balance.saturating_add(signed);
                    for part in &transfer.lots {
                        let part_amount = i64::try_from(part.amount).unwrap_or(i64::MAX);
                        let lot = self.lots.entry(part.lot).or_default();
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
                        let owner = self.owner(member, &transfer.unit);
                        let holding = self.holding(owner);
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

/// 1 for a transfer with which a reversal forgives, -1 for one with which something comes back that was forgiven.
fn forgives(transfer: &Transfer) -> i64 {
    match (transfer.from, transfer.to) {
        // A grant from this account that repays a debt, and its reversal.
        (Party::House(House::Forgiven), Party::House(House::Debt))
        | (Party::House(House::Debt), Party::House(House::Forgiven)) => 0,
        (Party::House(House::Forgiven), Party::House(_)) => 1,
        (Party::House(_), Party::House(House::Forgiven)) if transfer.lots.is_empty() => -1,
        _ => 0,
    }
}
