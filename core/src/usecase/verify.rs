//! The proof that nothing is lost or invented: all records of all merchants, checked against each other.

use std::collections::BTreeMap;

use super::create_merchant::list_merchants;
use crate::domain::{Member, MemberId, Merchant, Order, OrderId};
use crate::ledger::Audit;
use crate::store::{Store, StoreError, Tx, layout};

/// What was found for one merchant.
#[derive(Clone, Debug)]
pub struct MerchantReport {
    /// The merchant.
    pub merchant: Merchant,
    /// Members looked at.
    pub members: u64,
    /// Orders looked at.
    pub orders: u64,
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
    merchants.into_iter().map(|merchant| store.read(|tx| check(tx, merchant.clone(), &mut progress))).collect()
}

fn check(tx: &mut Tx, merchant: Merchant, progress: &mut impl FnMut()) -> Result<MerchantReport, StoreError> {
    let audit = Audit::run(tx, merchant.id, &merchant.time_zone.zone(), &mut *progress)?;
    let mut findings = Vec::new();
    let mut members = 0;
    let mut named = BTreeMap::new();
    tx.each::<Member>(&layout::members(merchant.id), |_, member| {
        members += 1;
        progress();
        if let Some(reference) = member.reference {
            named.insert(layout::member_by_reference(merchant.id, &reference), member.id);
        }
    })?;
    tx.each::<MemberId>(&layout::member_references(merchant.id), |key, member| {
        if named.remove(key) != Some(member) {
            findings.push(format!("a reference leads to {member}, who does not bear it"));
        }
    })?;
    findings.extend(named.into_values().map(|member| format!("{member} is not found by reference")));

    let mut orders = 0;
    let mut named = BTreeMap::new();
    let mut owned = BTreeMap::new();
    tx.each::<Order>(&layout::orders(merchant.id), |_, order| {
        orders += 1;
        progress();
        named.insert(layout::order_by_reference(merchant.id, &order.reference), order.id);
        if let Some(member) = order.member {
            owned.insert(layout::member_order(merchant.id, member, order.id), order.id);
        }
        if Order::total(&order.lines) != Ok(order.total_minor) {
            findings.push(format!("the lines of {} do not add up to its total", order.id));
        }
    })?;
    tx.each::<OrderId>(&layout::order_references(merchant.id), |key, order| {
        if named.remove(key) != Some(order) {
            findings.push(format!("a reference leads to {order}, which does not bear it"));
        }
    })?;
    findings.extend(named.into_values().map(|order| format!("{order} is not found by reference")));
    for (key, _) in tx.scan(&layout::member_orders(merchant.id), crate::store::Direction::Forward, usize::MAX)? {
        if owned.remove(&key).is_none() {
            findings.push("an order is listed for a member who did not make it".to_owned());
        }
    }
    findings.extend(owned.into_values().map(|order| format!("{order} is not listed for its member")));
    Ok(MerchantReport { merchant, members, orders, audit, index_findings: findings })
}
