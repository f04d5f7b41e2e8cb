//! The proof that nothing is lost or invented: all records of all merchants, checked against each other.

use super::create_merchant::list_merchants;
use super::host::Remembered;
use crate::domain::{Member, MemberId, Merchant, Order, OrderId};
use crate::ledger::Audit;
use crate::store::{Direction, KeyRange, LogHead, Store, StoreError, Tx, decode, hex, layout};

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
    /// The audit of the ledger.
    pub audit: Audit,
    /// Contradictions between records and their indexes.
    pub index_findings: Vec<String>,
}

impl MerchantReport {
    /// Whether nothing contradicts anything.
    pub fn is_sound(&self) -> bool {
        self.audit.findings.is_empty() && self.index_findings.is_empty()
    }
}

/// Checks everything; `progress` hears of each record. Reads the whole store: for a quiet host or a copy.
///
/// # Errors
/// When something can not be read or decoded.
pub fn verify(store: &Store, mut progress: impl FnMut()) -> Result<Vec<MerchantReport>, StoreError> {
    let merchants = store.read(list_merchants)?;
    merchants.into_iter().map(|merchant| check(store, merchant, &mut progress)).collect()
}

fn check(store: &Store, merchant: Merchant, progress: &mut impl FnMut()) -> Result<MerchantReport, StoreError> {
    let id = merchant.id;
    let audit = store.read(|tx| Audit::run(tx, id, &merchant.time_zone.zone(), &mut *progress))?;
    let mut check = Check { store, findings: Vec::new(), progress };
    let members = check.each(&layout::members(id), |tx, _, bytes| {
        let member: Member = decode(b"member", bytes)?;
        let Some(reference) = &member.reference else { return Ok(None) };
        let found = tx.load::<MemberId>(&layout::member_by_reference(id, reference))?;
        Ok((found != Some(member.id)).then(|| format!("{} is not found by reference", member.id)))
    })?;
    check.each(&layout::member_references(id), |tx, key, bytes| {
        let member: MemberId = decode(key, bytes)?;
        let found = tx.load::<Member>(&layout::member(id, member))?.and_then(|member| member.reference);
        let bears = found.is_some_and(|reference| layout::member_by_reference(id, &reference) == key);
        Ok((!bears).then(|| format!("a reference leads to {member}, who does not bear it")))
    })?;
    let orders = check.each(&layout::orders(id), |tx, _, bytes| {
        let order: Order = decode(b"order", bytes)?;
        if Order::total(&order.lines) != Ok(order.total_minor) {
            return Ok(Some(format!("the lines of {} do not add up to its total", order.id)));
        }
        if tx.load::<OrderId>(&layout::order_by_reference(id, &order.reference))? != Some(order.id) {
            return Ok(Some(format!("{} is not found by reference", order.id)));
        }
        let Some(member) = order.member else { return Ok(None) };
        let listed = tx.get(&layout::member_order(id, member, order.id))?.is_some();
        Ok((!listed).then(|| format!("{} is not listed for its member", order.id)))
    })?;
    check.each(&layout::order_references(id), |tx, key, bytes| {
        let order: OrderId = decode(key, bytes)?;
        let found = tx.load::<Order>(&layout::order(id, order))?;
        let bears = found.is_some_and(|order| layout::order_by_reference(id, &order.reference) == key);
        Ok((!bears).then(|| format!("a reference leads to {order}, which does not bear it")))
    })?;
    check.each(&layout::member_orders(id), |tx, key, _| {
        let Some((member, order)) = layout::member_order_parts(key) else {
            return Err(StoreError::corrupt("key of a member's order", key));
        };
        let made = tx.load::<Order>(&layout::order(id, order))?.is_some_and(|order| order.member == Some(member));
        Ok((!made).then(|| format!("{order} is listed for {member}, who did not make it")))
    })?;
    let requests = check.each(&layout::idempotencies(id), |tx, key, bytes| {
        let Some(about) = decode::<Remembered>(key, bytes)?.about else { return Ok(None) };
        let there = tx.get(&about)?.is_some();
        Ok((!there)
            .then(|| format!("an idempotency record tells of a record at key {}, which is not there", hex(&about))))
    })?;
    check.events(&layout::events(id))?;
    let index_findings = check.findings;
    Ok(MerchantReport { merchant, members, orders, requests, audit, index_findings })
}

/// Going through records page by page, each page in a transaction of its own, so that nothing grows with their number.
struct Check<'a, P> {
    store: &'a Store,
    findings: Vec<String>,
    progress: &'a mut P,
}

impl<P: FnMut()> Check<'_, P> {
    /// Has every entry of a range looked at. Returns how many there were.
    fn each(
        &mut self,
        range: &KeyRange,
        look: impl Fn(&mut Tx, &[u8], &[u8]) -> Result<Option<String>, StoreError>,
    ) -> Result<u64, StoreError> {
        let (mut rest, mut count) = (range.clone(), 0);
        loop {
            let (keys, found) = self.store.read(|tx| {
                let page = tx.scan(&rest, Direction::Forward, PAGE)?;
                let found: Result<Vec<_>, StoreError> =
                    page.iter().filter_map(|(key, value)| look(tx, key, value).transpose()).collect();
                Ok::<_, StoreError>((page.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), found?))
            })?;
            self.findings.extend(found);
            keys.iter().for_each(|_| (self.progress)());
            count += keys.len() as u64;
            let Some(last) = keys.last() else { return Ok(count) };
            rest = rest.after(last);
        }
    }

    /// Follows the chain of the merchant's events from the first to the head.
    fn events(&mut self, log: &[u8]) -> Result<(), StoreError> {
        let mut head = LogHead::default();
        loop {
            let page = self.store.read(|tx| tx.log_scan(log, head.sequence, PAGE))?;
            if page.is_empty() {
                break;
            }
            for (_, entry) in page {
                head = head.followed_by(&entry);
                (self.progress)();
            }
        }
        if self.store.read(|tx| tx.log_head(log))? != head {
            self.findings.push("the log of events is not the one that its head was computed from".to_owned());
        }
        Ok(())
    }
}

const PAGE: usize = 1000;
