//! The proof that nothing is lost or invented: all records of all merchants, checked against each other.
//!
//! What cannot be read is told, and the checks go on with the rest. Of a merchant whose own record cannot be read,
//! nothing else is looked at.

mod webhooks;

use std::collections::BTreeSet;

use super::host::Remembered;
use crate::domain::{Member, MemberId, Merchant, MerchantId, Order, OrderId, OrderState, PackResult, PostingId};
use crate::ledger::{Audit, Cause, Posting};
use crate::store::{
    Direction, Key, KeyRange, LogHead, Store, StoreError, Tx, decode, decode_own, hex, layout, log_entry_number,
};

/// What was found in a store.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What was found for each merchant.
    pub merchants: Vec<MerchantReport>,
    /// Merchants' own records that can not be read.
    pub unreadable: BTreeSet<String>,
}

impl Verified {
    /// Whether nothing contradicts anything, and all can be read.
    pub fn is_sound(&self) -> bool {
        self.unreadable.is_empty() && self.merchants.iter().all(MerchantReport::is_sound)
    }

    /// All that was found, a line for each.
    pub fn findings(&self) -> Vec<String> {
        let of_merchants = self.merchants.iter().flat_map(MerchantReport::findings);
        self.unreadable.iter().cloned().chain(of_merchants).collect()
    }
}

/// What was found for one merchant.
#[derive(Clone, Debug)]
pub struct MerchantReport {
    /// The merchant.
    pub merchant: Merchant,
    /// Members looked at.
    pub members: u64,
    /// Orders looked at.
    pub orders: u64,
    /// Idempotency records looked at.
    pub requests: u64,
    /// How many of these do not say what they are about, so that it can not be looked for: those of packs' commands,
    /// and those that older versions of the host wrote. Of a reply alone it can not be told which kind it is.
    pub requests_silent: u64,
    /// The audit of the ledger.
    pub audit: Audit,
    /// Contradictions between records and their indexes.
    pub index_findings: Vec<String>,
    /// Records and keys that can not be read, besides those of the audit; each told once.
    pub unreadable: BTreeSet<String>,
}

impl MerchantReport {
    /// Whether nothing contradicts anything, and all can be read.
    pub fn is_sound(&self) -> bool {
        self.audit.is_sound() && self.index_findings.is_empty() && self.unreadable.is_empty()
    }

    /// All that was found, a line for each.
    pub fn findings(&self) -> Vec<String> {
        let in_ledger = self.audit.findings.iter().map(|finding| format!("ledger: {finding}"));
        let in_indexes = self.index_findings.iter().map(|finding| format!("index: {finding}"));
        let unreadable = self.audit.unreadable.union(&self.unreadable).cloned();
        in_ledger.chain(in_indexes).chain(unreadable).collect()
    }
}

/// Checks everything; `progress` hears of each record. Reads the whole store: for a quiet host or a copy.
///
/// # Errors
/// When the store fails. What can not be read is no error: it is told.
pub fn verify(store: &Store, mut progress: impl FnMut()) -> Result<Verified, StoreError> {
    let mut merchants = Vec::new();
    let mut all = Check::new(store, &mut progress);
    all.gather(
        &layout::merchants(),
        |_, key, bytes| decode_own(key, bytes, |merchant: &Merchant| layout::merchant(merchant.id)),
        |_, merchant| merchants.push(merchant),
    )?;
    let unreadable = all.unreadable;
    let merchants = merchants.into_iter().map(|merchant| check(store, merchant, &mut progress));
    Ok(Verified { merchants: merchants.collect::<Result<_, _>>()?, unreadable })
}

fn check(store: &Store, merchant: Merchant, progress: &mut impl FnMut()) -> Result<MerchantReport, StoreError> {
    let id = merchant.id;
    let audit = store.read(|tx| Audit::run(tx, id, &merchant.time_zone.zone(), &mut *progress))?;
    let mut check = Check::new(store, progress);
    let members = check.members(id)?;
    let orders = check.orders(id)?;
    let (requests, requests_silent) = check.requests(id)?;
    check.events(&layout::events(id))?;
    check.webhooks(id)?;
    let Check { findings: index_findings, mut unreadable, .. } = check;
    unreadable.retain(|what| !audit.unreadable.contains(what));
    Ok(MerchantReport { merchant, members, orders, requests, requests_silent, audit, index_findings, unreadable })
}

/// Going through records page by page, each page in a transaction of its own, so that nothing grows with their number.
struct Check<'a, P> {
    store: &'a Store,
    findings: Vec<String>,
    unreadable: BTreeSet<String>,
    progress: &'a mut P,
}

impl<'a, P: FnMut()> Check<'a, P> {
    fn new(store: &'a Store, progress: &'a mut P) -> Self {
        Self { store, findings: Vec::new(), unreadable: BTreeSet::new(), progress }
    }

    /// Members and their references. Returns how many members there are.
    fn members(&mut self, id: MerchantId) -> Result<u64, StoreError> {
        let members = self.each(&layout::members(id), |tx, key, bytes| {
            let member = decode_own(key, bytes, |member: &Member| layout::member(id, member.id))?;
            let Some(reference) = &member.reference else { return Ok(None) };
            let found = tx.load::<MemberId>(&layout::member_by_reference(id, reference))?;
            Ok((found != Some(member.id)).then(|| format!("{} is not found by reference", member.id)))
        })?;
        self.each(&layout::member_references(id), |tx, key, bytes| {
            let member: MemberId = decode(key, bytes)?;
            let found = tx.load::<Member>(&layout::member(id, member))?.and_then(|member| member.reference);
            let bears = found.is_some_and(|reference| layout::member_by_reference(id, &reference) == *key);
            Ok((!bears).then(|| format!("a reference leads to {member}, who does not bear it")))
        })?;
        Ok(members)
    }

    /// Orders, their references, their members and their postings. Returns how many orders there are.
    fn orders(&mut self, id: MerchantId) -> Result<u64, StoreError> {
        let orders = self.each(&layout::orders(id), |tx, key, bytes| {
            let order = decode_own(key, bytes, |order: &Order| layout::order(id, order.id))?;
            if Order::total(&order.lines) != Ok(order.total_minor) {
                return Ok(Some(format!("the lines of {} do not add up to its total", order.id)));
            }
            if tx.load::<OrderId>(&layout::order_by_reference(id, &order.reference))? != Some(order.id) {
                return Ok(Some(format!("{} is not found by reference", order.id)));
            }
            if let Some(member) = order.member
                && tx.get(&layout::member_order(id, member, order.id))?.is_none()
            {
                return Ok(Some(format!("{} is not listed for its member", order.id)));
            }
            for (posting, cause) in postings_of(&order) {
                let found = tx.load::<Posting>(&layout::posting(id, posting))?;
                if found.is_none_or(|posting| posting.cause != cause) {
                    return Ok(Some(format!("{} names {posting}, but there is no such posting of it", order.id)));
                }
            }
            Ok(None)
        })?;
        self.each(&layout::order_references(id), |tx, key, bytes| {
            let order: OrderId = decode(key, bytes)?;
            let found = tx.load::<Order>(&layout::order(id, order))?;
            let bears = found.is_some_and(|order| layout::order_by_reference(id, &order.reference) == *key);
            Ok((!bears).then(|| format!("a reference leads to {order}, which does not bear it")))
        })?;
        self.each(&layout::member_orders(id), |tx, key, _| {
            let parts = layout::member_order_parts(key);
            let (member, order) = parts.ok_or_else(|| StoreError::corrupt("key of a member's order", key))?;
            let made = tx.load::<Order>(&layout::order(id, order))?.is_some_and(|order| order.member == Some(member));
            Ok((!made).then(|| format!("{order} is listed for {member}, who did not make it")))
        })?;
        Ok(orders)
    }

    /// Idempotency records. Returns how many there are, and how many do not say what they are about.
    fn requests(&mut self, id: MerchantId) -> Result<(u64, u64), StoreError> {
        let mut silent = 0;
        let requests = self.gather(
            &layout::idempotencies(id),
            |tx, key, bytes| {
                layout::idempotency_key(key).ok_or_else(|| StoreError::corrupt("key of a request", key))?;
                let Some(about) = decode::<Remembered>(key, bytes)?.about else { return Ok(None) };
                let is_there = tx.get(&about)?.is_some();
                Ok(Some((about, is_there)))
            },
            |check, about| match about {
                None => silent += 1,
                Some((_, true)) => {}
                Some((about, false)) => check.findings.push(format!(
                    "an idempotency record tells of a record at key {}, which is not there",
                    hex(&about)
                )),
            },
        )?;
        Ok((requests, silent))
    }

    /// Follows the chain of the merchant's events from the first to the head.
    fn events(&mut self, log: &[u8]) -> Result<(), StoreError> {
        let mut head = LogHead::default();
        self.gather(
            &KeyRange::prefix(log),
            |_, key, bytes| {
                log_entry_number(log, key).ok_or_else(|| StoreError::corrupt("entry of a log", key))?;
                Ok(bytes.to_vec())
            },
            |_, entry| head = head.followed_by(&entry),
        )?;
        match self.store.read(|tx| tx.log_head(log)) {
            Ok(told) if told == head => {}
            Ok(_) => {
                self.findings.push("the log of events is not the one that its head was computed from".to_owned());
            }
            Err(error) => {
                self.unreadable.insert(error.corruption()?);
            }
        }
        Ok(())
    }

    /// Has every entry of a range looked at, which may find a contradiction. Returns how many there were.
    fn each(
        &mut self,
        range: &KeyRange,
        look: impl Fn(&mut Tx, &Key, &[u8]) -> Result<Option<String>, StoreError>,
    ) -> Result<u64, StoreError> {
        self.gather(range, look, |check, found| check.findings.extend(found))
    }

    /// Has every entry of a range looked at and takes what that gives; what can not be read is told instead. Returns how
    /// many there were.
    fn gather<T>(
        &mut self,
        range: &KeyRange,
        look: impl Fn(&mut Tx, &Key, &[u8]) -> Result<T, StoreError>,
        mut take: impl FnMut(&mut Self, T),
    ) -> Result<u64, StoreError> {
        let (mut rest, mut count) = (range.clone(), 0);
        loop {
            let (last, found) = self.store.read(|tx| {
                let page = tx.scan(&rest, Direction::Forward, PAGE)?;
                let mut found = Vec::with_capacity(page.len());
                for (key, value) in &page {
                    found.push(match look(tx, key, value) {
                        Ok(looked) => Ok(looked),
                        Err(error) => Err(error.corruption()?),
                    });
                }
                Ok::<_, StoreError>((page.into_iter().next_back().map(|(key, _)| key), found))
            })?;
            count += found.len() as u64;
            for looked in found {
                (self.progress)();
                match looked {
                    Ok(looked) => take(self, looked),
                    Err(what) => {
                        self.unreadable.insert(what);
                    }
                }
            }
            let Some(last) = last else { return Ok(count) };
            rest = rest.after(&last);
        }
    }
}

/// The postings that an order names, each with what it must be booked for.
fn postings_of(order: &Order) -> Vec<(PostingId, Cause)> {
    let earned = order.outcomes.iter().filter_map(|outcome| match outcome.result {
        PackResult::Done { posting: Some(posting), .. } => Some((posting, Cause::Order(order.id))),
        PackResult::Done { posting: None, .. } | PackResult::Failed { .. } => None,
    });
    let reversals = match &order.state {
        OrderState::Settled => &[][..],
        OrderState::Refunded { reversals, .. } => reversals,
    };
    earned.chain(reversals.iter().map(|posting| (*posting, Cause::Refund(order.id)))).collect()
}

const PAGE: usize = 1000;

#[cfg(test)]
mod tests;
