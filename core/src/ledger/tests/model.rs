//! The simplest ledger of one unit: lots, holds and grants in lists, no keys, no transfers, no indexes. What it does
//! not decide by itself are the ids of lots, which say which of two lots of one expiry goes first.

use std::collections::BTreeMap;

use super::*;
use crate::domain::{LotId, Shortfall};

mod merge;
mod parts;

pub(super) const DAY: i64 = 86_400;
const NEVER: i64 = i64::MAX;

/// What a type of coupon allows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CouponLimits {
    pub(super) per_member_max: Option<u32>,
    pub(super) total_max: Option<u32>,
    pub(super) stock: Option<u32>,
}

/// A refusal; why, the tables test.
#[derive(Debug)]
pub(super) struct Refused;

type Done = Result<(), Refused>;

/// A part of a lot, by its place in the list.
type Part = (usize, Minor);

#[derive(Clone)]
struct ModelLot {
    id: LotId,
    member: MemberId,
    expires_at: i64,
    granted: Minor,
    remaining: Minor,
    lapsed: Minor,
    forgiven: Minor,
}

#[derive(Clone, Default)]
struct Person {
    debt: Minor,
    day: i64,
    earned: Minor,
    spent: Minor,
    issued: u64,
}

#[derive(Clone)]
struct ModelHold {
    member: MemberId,
    parts: Vec<Part>,
    placed_at: i64,
    lapses_at: i64,
    open: bool,
}

#[derive(Clone)]
struct Later {
    member: MemberId,
    lot_id: LotId,
    amount: Minor,
    expires_at: i64,
    at: Option<i64>,
    on_event: bool,
    state: LaterState,
}

#[derive(Clone, Copy)]
enum LaterState {
    Waiting,
    Released { lot: Option<usize>, repaid: Minor },
    Cancelled,
}

/// What a posting did, so that it can be undone.
#[derive(Clone)]
enum Did {
    Granted { member: MemberId, amount: Minor, lots: Vec<Part>, repaid: Minor, is_issue: bool },
    Spent { member: MemberId, amount: Minor, parts: Vec<Part>, counted_at: i64 },
    Later { number: usize },
    Given { from: MemberId, to: MemberId, amount: Minor, taken: Vec<Part>, opened: Vec<Part>, repaid: Minor },
    NotReversible,
    Reversed,
}

#[derive(Clone)]
pub(super) struct Model {
    rules: UnitRules,
    limits: CouponLimits,
    lots: Vec<ModelLot>,
    people: BTreeMap<MemberId, Person>,
    holds: BTreeMap<HoldId, ModelHold>,
    later: Vec<Later>,
    done: BTreeMap<PostingId, (i64, Did)>,
    /// How much of a posting was reversed in parts, and how much of its lots had lapsed then.
    parts: BTreeMap<PostingId, (Minor, BTreeMap<usize, Minor>)>,
    issued: u64,
    redeemed: u64,
}

impl Model {
    pub(super) fn new(rules: UnitRules, limits: CouponLimits) -> Self {
        Self {
            rules,
            limits,
            lots: Vec::new(),
            people: BTreeMap::new(),
            holds: BTreeMap::new(),
            later: Vec::new(),
            done: BTreeMap::new(),
            parts: BTreeMap::new(),
            issued: 0,
            redeemed: 0,
        }
    }

    /// Does something as a whole or not at all.
    pub(super) fn attempt(&mut self, act: impl FnOnce(&mut Self) -> Done) -> bool {
        let before = self.clone();
        let done = act(self).is_ok();
        if !done {
            *self = before;
        }
        done
    }

    pub(super) fn knows(&self, posting: PostingId) -> bool {
        self.done.contains_key(&posting)
    }

    pub(super) fn open_holds(&self) -> Vec<HoldId> {
        self.holds.keys().copied().collect()
    }

    pub(super) fn balance(&self, now: i64, member: MemberId) -> Balance {
        let mut at_this_instant = self.clone();
        at_this_instant.touch(now, member);
        Balance {
            available: at_this_instant.in_lots(member),
            held: at_this_instant.held(member),
            pending: at_this_instant.pending(member),
            debt: at_this_instant.people.get(&member).map_or(0, |person| person.debt),
        }
    }

    fn person(&mut self, member: MemberId) -> &mut Person {
        self.people.entry(member).or_default()
    }

    fn in_lots(&self, member: MemberId) -> Minor {
        self.lots.iter().filter(|lot| lot.member == member).map(|lot| lot.remaining).sum()
    }

    fn held(&self, member: MemberId) -> Minor {
        self.holds.values().filter(|hold| hold.open && hold.member == member).map(|hold| total(&hold.parts)).sum()
    }

    fn pending(&self, member: MemberId) -> Minor {
        self.later
            .iter()
            .filter(|later| later.member == member && matches!(later.state, LaterState::Waiting))
            .map(|later| later.amount)
            .sum()
    }

    /// Everything that is due for a member happens: holds lapse and grants are released in the order of their instants,
    /// then lots expire.
    pub(super) fn touch(&mut self, now: i64, member: MemberId) {
        let mut due: Vec<(i64, u8, [u8; 16], usize)> = Vec::new();
        for (id, hold) in &self.holds {
            if hold.open && hold.member == member && hold.lapses_at <= now {
                due.push((hold.lapses_at, b'h', *id.as_bytes(), 0));
            }
        }
        for (number, later) in self.later.iter().enumerate() {
            if let (LaterState::Waiting, Some(at)) = (later.state, later.at)
                && later.member == member
                && at <= now
            {
                due.push((at, b'p', *later.lot_id.as_bytes(), number));
            }
        }
        due.sort_unstable();
        for (at, kind, id, number) in due {
            if kind == b'h' { self.end_hold(HoldId::from_bytes(id), 0, at) } else { self.release(number, at) }
        }
        for lot in self.lots.iter_mut().filter(|lot| lot.member == member && lot.expires_at <= now) {
            lot.lapsed += lot.remaining;
            lot.remaining = 0;
        }
    }

    pub(super) fn run_due(&mut self, now: i64) {
        for member in [ALICE, BOB] {
            self.touch(now, member);
        }
    }

    fn count_earned(&mut self, now: i64, member: MemberId, amount: Minor) -> Done {
        let max = self.rules.earn_per_day_max;
        let person = self.today(now, member);
        person.earned += amount;
        if max.is_some_and(|max| person.earned > max) { Err(Refused) } else { Ok(()) }
    }

    fn count_spent(&mut self, now: i64, member: MemberId, amount: Minor) -> Done {
        let max = self.rules.spend_per_day_max;
        let person = self.today(now, member);
        person.spent += amount;
        if max.is_some_and(|max| person.spent > max) { Err(Refused) } else { Ok(()) }
    }

    fn today(&mut self, now: i64, member: MemberId) -> &mut Person {
        let person = self.person(member);
        if person.day != now / DAY {
            (person.day, person.earned, person.spent) = (now / DAY, 0, 0);
        }
        person
    }

    fn uncount(&mut self, member: MemberId, counted_at: i64, earned: Minor, spent: Minor) {
        let person = self.person(member);
        if person.day == counted_at / DAY {
            person.earned = person.earned.saturating_sub(earned);
            person.spent = person.spent.saturating_sub(spent);
        }
    }

    fn check_room(&self, member: MemberId, more: Minor) -> Done {
        let sum = self.in_lots(member) + self.held(member) + self.pending(member) + more;
        if self.rules.balance_max.is_some_and(|max| sum > max) { Err(Refused) } else { Ok(()) }
    }

    fn repay(&mut self, member: MemberId, amount: Minor) -> Minor {
        let person = self.person(member);
        let repaid = amount.min(person.debt);
        person.debt -= repaid;
        repaid
    }

    fn open(&mut self, id: LotId, member: MemberId, amount: Minor, expires_at: i64) -> Part {
        self.lots.push(ModelLot { id, member, expires_at, granted: amount, remaining: amount, lapsed: 0, forgiven: 0 });
        (self.lots.len() - 1, amount)
    }

    /// Takes from the lots that expire first.
    fn take(&mut self, member: MemberId, amount: Minor) -> Vec<Part> {
        let mut order: Vec<usize> = (0..self.lots.len()).filter(|lot| self.lots[*lot].member == member).collect();
        order.sort_by_key(|lot| (self.lots[*lot].expires_at, self.lots[*lot].id));
        let (mut left, mut parts) = (amount, Vec::new());
        for lot in order {
            let part = self.lots[lot].remaining.min(left);
            if part > 0 {
                self.lots[lot].remaining -= part;
                left -= part;
                parts.push((lot, part));
            }
        }
        assert_eq!(left, 0);
        parts
    }

    /// As of the instant `at`: what had expired then repays nothing.
    fn give_back(&mut self, member: MemberId, parts: &[Part], at: i64) {
        let mut rest = Vec::new();
        for (lot, part) in parts {
            let borne = self.lots[*lot].forgiven.min(*part);
            self.lots[*lot].forgiven -= borne;
            rest.push((*lot, part - borne));
        }
        for (lot, part) in rest {
            let repaid = if self.lots[lot].expires_at <= at { 0 } else { self.repay(member, part) };
            self.lots[lot].remaining += part - repaid;
        }
    }

    /// Returns what the member had and what is forgiven.
    fn take_or_owe(
        &mut self,
        member: MemberId,
        amount: Minor,
        shortfall: Shortfall,
    ) -> Result<(Minor, Minor), Refused> {
        let there = self.in_lots(member).min(amount);
        self.take(member, there);
        let missing = amount - there;
        match shortfall {
            _ if missing == 0 => {}
            Shortfall::Owe => self.person(member).debt += missing,
            Shortfall::Forgive => return Ok((there, missing)),
            Shortfall::Refuse => return Err(Refused),
        }
        Ok((there, 0))
    }

    /// Takes lots back that were opened, and returns how much came from the member.
    fn take_back(&mut self, member: MemberId, opened: &[Part]) -> Result<Minor, Refused> {
        let (mut owed, mut back, mut short) = (0, 0, Vec::new());
        for (number, _) in opened {
            let lot = &mut self.lots[*number];
            let spent = lot.granted - lot.lapsed - lot.remaining;
            short.push((*number, spent));
            owed += spent;
            back += lot.remaining;
            lot.remaining = 0;
        }
        let (there, mut forgiven) = self.take_or_owe(member, owed, self.rules.shortfall)?;
        for (number, spent) in short {
            let borne = forgiven.min(spent);
            forgiven -= borne;
            self.lots[number].forgiven += borne;
        }
        Ok(back + there)
    }

    pub(super) fn grant(
        &mut self,
        posting: PostingId,
        now: i64,
        member: MemberId,
        amount: Minor,
        expires_at: Option<i64>,
        ids: &[LotId],
    ) -> Done {
        self.touch(now, member);
        self.count_earned(now, member, amount)?;
        let expires_at = expires_at.unwrap_or(NEVER);
        let repaid = if expires_at <= now { 0 } else { self.repay(member, amount) };
        let rest = amount - repaid;
        let mut lots = Vec::new();
        if rest > 0 {
            self.check_room(member, rest)?;
            lots.push(self.open(*ids.first().ok_or(Refused)?, member, rest, expires_at));
        }
        self.done.insert(posting, (now, Did::Granted { member, amount, lots, repaid, is_issue: false }));
        Ok(())
    }

    pub(super) fn issue(&mut self, posting: PostingId, now: i64, member: MemberId, count: u64, ids: &[LotId]) -> Done {
        let over = |max: Option<u32>, issued: u64| max.is_some_and(|max| issued + count > u64::from(max));
        if over(self.limits.per_member_max, self.person(member).issued) || over(self.limits.total_max, self.issued) {
            return Err(Refused);
        }
        self.touch(now, member);
        self.count_earned(now, member, count)?;
        let repaid = self.repay(member, count);
        if repaid < count {
            self.check_room(member, count - repaid)?;
        }
        if ids.len() as u64 != count - repaid {
            return Err(Refused);
        }
        let end_of_day = (now / DAY + 1) * DAY;
        let lots = ids.iter().map(|id| self.open(*id, member, 1, end_of_day)).collect();
        self.person(member).issued += count;
        self.issued += count;
        self.done.insert(posting, (now, Did::Granted { member, amount: count, lots, repaid, is_issue: true }));
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a grant")]
    pub(super) fn grant_later(
        &mut self,
        posting: PostingId,
        now: i64,
        member: MemberId,
        amount: Minor,
        expires_at: Option<i64>,
        at: Option<i64>,
        on_event: bool,
        ids: &[LotId],
    ) -> Done {
        self.touch(now, member);
        self.count_earned(now, member, amount)?;
        self.check_room(member, amount)?;
        let (lot_id, expires_at) = (*ids.first().ok_or(Refused)?, expires_at.unwrap_or(NEVER));
        let state = LaterState::Waiting;
        self.later.push(Later { member, lot_id, amount, expires_at, at, on_event, state });
        self.done.insert(posting, (now, Did::Later { number: self.later.len() - 1 }));
        Ok(())
    }

    fn release(&mut self, number: usize, at: i64) {
        let Later { member, lot_id, amount, expires_at, .. } = self.later[number].clone();
        let repaid = if expires_at <= at { 0 } else { self.repay(member, amount) };
        let lot = (repaid < amount).then(|| self.open(lot_id, member, amount - repaid, expires_at).0);
        self.later[number].state = LaterState::Released { lot, repaid };
    }

    pub(super) fn event(&mut self, now: i64) {
        let mut waiting: Vec<(LotId, usize)> = Vec::new();
        for (number, later) in self.later.iter().enumerate() {
            if later.on_event && matches!(later.state, LaterState::Waiting) {
                waiting.push((later.lot_id, number));
            }
        }
        waiting.sort_unstable();
        for (_, number) in waiting {
            self.touch(now, self.later[number].member);
            if matches!(self.later[number].state, LaterState::Waiting) {
                self.release(number, now);
            }
        }
    }

    fn check_stock(&self, amount: Minor) -> Done {
        let held = self.held(ALICE) + self.held(BOB);
        let over = |stock: u32| self.redeemed + held + amount > u64::from(stock);
        if self.limits.stock.is_some_and(over) { Err(Refused) } else { Ok(()) }
    }

    fn withdraw(&mut self, now: i64, member: MemberId, amount: Minor) -> Result<Vec<Part>, Refused> {
        self.count_spent(now, member, amount)?;
        if self.in_lots(member) < amount {
            return Err(Refused);
        }
        Ok(self.take(member, amount))
    }

    pub(super) fn spend(&mut self, posting: PostingId, now: i64, member: MemberId, amount: Minor) -> Done {
        self.touch(now, member);
        self.check_stock(amount)?;
        let parts = self.withdraw(now, member, amount)?;
        self.redeemed += amount;
        self.done.insert(posting, (now, Did::Spent { member, amount, parts, counted_at: now }));
        Ok(())
    }

    pub(super) fn hold(
        &mut self,
        posting: PostingId,
        now: i64,
        id: HoldId,
        member: MemberId,
        amount: Minor,
        lapses_at: i64,
    ) -> Done {
        self.touch(now, member);
        self.check_stock(amount)?;
        let parts = self.withdraw(now, member, amount)?;
        self.holds.insert(id, ModelHold { member, parts, placed_at: now, lapses_at, open: true });
        self.done.insert(posting, (now, Did::NotReversible));
        Ok(())
    }

    pub(super) fn post_hold(
        &mut self,
        posting: PostingId,
        now: i64,
        id: HoldId,
        share: impl FnOnce(Minor) -> Minor,
    ) -> Done {
        let hold = self.standing(now, id)?;
        let amount = share(total(&hold.parts));
        if amount == 0 || amount > total(&hold.parts) {
            return Err(Refused);
        }
        self.touch(now, hold.member);
        self.end_hold(id, amount, now);
        self.redeemed += amount;
        let (parts, _) = cut(&hold.parts, amount);
        let did = Did::Spent { member: hold.member, amount, parts, counted_at: hold.placed_at };
        self.done.insert(posting, (now, did));
        Ok(())
    }

    pub(super) fn void_hold(&mut self, posting: PostingId, now: i64, id: HoldId) -> Done {
        let hold = self.standing(now, id)?;
        self.touch(now, hold.member);
        self.end_hold(id, 0, now);
        self.done.insert(posting, (now, Did::NotReversible));
        Ok(())
    }

    /// What is held, if it can still be posted.
    pub(super) fn held_in(&self, id: HoldId) -> Minor {
        self.holds.get(&id).map_or(0, |hold| total(&hold.parts))
    }

    fn standing(&self, now: i64, id: HoldId) -> Result<ModelHold, Refused> {
        self.holds.get(&id).filter(|hold| hold.open && hold.lapses_at > now).cloned().ok_or(Refused)
    }

    fn end_hold(&mut self, id: HoldId, posted: Minor, at: i64) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        hold.open = false;
        let hold = hold.clone();
        let (_, rest) = cut(&hold.parts, posted);
        self.uncount(hold.member, hold.placed_at, 0, total(&rest));
        self.give_back(hold.member, &rest, at);
    }

    pub(super) fn give(
        &mut self,
        posting: PostingId,
        now: i64,
        (from, to): (MemberId, MemberId),
        amount: Minor,
        ids: &[LotId],
    ) -> Done {
        if from == to {
            return Err(Refused);
        }
        self.touch(now, from);
        let taken = self.withdraw(now, from, amount)?;
        self.touch(now, to);
        let repaid = self.repay(to, amount);
        if repaid < amount {
            self.check_room(to, amount - repaid)?;
        }
        let (_, rest) = cut(&taken, repaid);
        if rest.len() != ids.len() {
            return Err(Refused);
        }
        let opened = rest
            .iter()
            .zip(ids)
            .map(|((lot, part), id)| self.open(*id, to, *part, self.lots[*lot].expires_at))
            .collect();
        self.done.insert(posting, (now, Did::Given { from, to, amount, taken, opened, repaid }));
        Ok(())
    }

    pub(super) fn reverse(&mut self, by: PostingId, now: i64, posting: PostingId) -> Done {
        if self.parts.contains_key(&posting) {
            return Err(Refused);
        }
        let (at, did) = self.done.insert(posting, (now, Did::Reversed)).ok_or(Refused)?;
        match did {
            Did::Granted { member, amount, lots, repaid, is_issue } => {
                self.touch(now, member);
                let back = self.take_back(member, &lots)? + self.take_or_owe(member, repaid, Shortfall::Owe)?.0;
                self.uncount(member, at, amount, 0);
                if is_issue {
                    self.person(member).issued -= back;
                    self.issued -= back;
                }
            }
            Did::Spent { member, amount, parts, counted_at } => {
                self.touch(now, member);
                self.give_back(member, &parts, now);
                self.redeemed -= amount;
                self.uncount(member, counted_at, 0, amount);
            }
            Did::Later { number } => {
                let Later { member, amount, .. } = self.later[number].clone();
                self.touch(now, member);
                match self.later[number].state {
                    LaterState::Waiting => self.later[number].state = LaterState::Cancelled,
                    LaterState::Released { lot, repaid } => {
                        self.take_or_owe(member, repaid, Shortfall::Owe)?;
                        let opened: Vec<Part> = lot.map(|lot| (lot, amount - repaid)).into_iter().collect();
                        self.take_back(member, &opened)?;
                    }
                    LaterState::Cancelled => return Err(Refused),
                }
                self.uncount(member, at, amount, 0);
            }
            Did::Given { from, to, amount, taken, opened, repaid } => {
                self.touch(now, to);
                self.take_back(to, &opened)?;
                self.take_or_owe(to, repaid, Shortfall::Owe)?;
                self.touch(now, from);
                self.give_back(from, &taken, now);
                self.uncount(from, at, 0, amount);
            }
            Did::NotReversible | Did::Reversed => return Err(Refused),
        }
        self.done.insert(by, (now, Did::NotReversible));
        Ok(())
    }
}

fn total(parts: &[Part]) -> Minor {
    parts.iter().map(|(_, part)| part).sum()
}

/// The first `amount` of some parts, and the rest.
fn cut(parts: &[Part], amount: Minor) -> (Vec<Part>, Vec<Part>) {
    let (mut first, mut rest, mut left) = (Vec::new(), Vec::new(), amount);
    for (lot, part) in parts {
        let before = left.min(*part);
        left -= before;
        first.extend((before > 0).then_some((*lot, before)));
        rest.extend((before < *part).then_some((*lot, part - before)));
    }
    (first, rest)
}
