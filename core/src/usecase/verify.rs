//! The proof that nothing is lost or invented: all records of all merchants, checked against each other.
//!
//! What cannot be read is told, and the checks go on with the rest. Of a merchant whose own record cannot be read,
//! nothing else is looked at.

mod agreements;
mod join_codes;
mod messages;
mod pack_calls;
mod pack_storage;
mod users;
mod webhooks;

use std::collections::{BTreeSet, HashMap};

use data_encoding::HEXLOWER;
use jiff::civil::Date;

use super::bought_of::{Amounts, amounts_of};
use super::host::Remembered;
use super::visits::{Visits, bought};
use super::{keys, known};
use crate::domain::{
    BoughtOf, Event, Member, MemberId, Merchant, MerchantId, Minor, Order, OrderId, PackResult, Personal, PostingId,
    STORED_VALUE, Standing, Ware,
};
use crate::ledger::{Audit, Cause, Posting};
use crate::store::{
    Direction, Key, KeyRange, LogHead, Store, StoreError, Tx, decode, decode_own, layout, log_entry_number, member_of,
};
use crate::vault::Vault;

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

/// Checks everything; `progress` hears of each record. Reads the whole store: for a quiet host or a copy. Without a
/// vault, what is sealed is not opened, and its indexes are not checked.
///
/// # Errors
/// When the store fails. What can not be read is no error: it is told.
pub fn verify(store: &Store, vault: Option<&Vault>, mut progress: impl FnMut()) -> Result<Verified, StoreError> {
    let mut merchants = Vec::new();
    let mut all = Check::new(store, &mut progress);
    all.gather(
        &layout::merchants(),
        |_, key, bytes| decode_own(key, bytes, |merchant: &Merchant| layout::merchant(merchant.id)),
        |_, merchant| merchants.push(merchant),
    )?;
    let unreadable = all.unreadable;
    let merchants = merchants.into_iter().map(|merchant| check(store, vault, merchant, &mut progress));
    Ok(Verified { merchants: merchants.collect::<Result<_, _>>()?, unreadable })
}

fn check(
    store: &Store,
    vault: Option<&Vault>,
    merchant: Merchant,
    progress: &mut impl FnMut(),
) -> Result<MerchantReport, StoreError> {
    let id = merchant.id;
    let audit = store.read(|tx| Audit::run(tx, id, &merchant.time_zone.zone(), &mut *progress))?;
    let mut check = Check::new(store, progress);
    let members = check.members(id)?;
    check.lists(id)?;
    if let Some(vault) = vault {
        check.personal(id, vault)?;
    }
    let orders = check.orders(id)?;
    check.visits(id)?;
    let (requests, requests_silent) = check.requests(id)?;
    check.log(&layout::events(id), "events")?;
    check.log(&layout::changes(id), "changes")?;
    check.webhooks(id)?;
    check.messages(id)?;
    check.pack_calls(id)?;
    check.pack_storage(id)?;
    check.agreements(id)?;
    check.users(id)?;
    check.join_codes(id)?;
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
    /// How many orders each member made, and for how much, but for what was given back.
    bought: HashMap<MemberId, (u64, Minor)>,
    /// The same by kinds of goods.
    bought_of: HashMap<(MemberId, Ware), Amounts>,
    /// Whether that is of all orders.
    knows_bought: bool,
}

/// What is told of a member's orders.
enum Purchases {
    Visits(Visits),
    Goods(Ware, BoughtOf),
}

impl<'a, P: FnMut()> Check<'a, P> {
    fn new(store: &'a Store, progress: &'a mut P) -> Self {
        Self {
            store,
            findings: Vec::new(),
            unreadable: BTreeSet::new(),
            progress,
            bought: HashMap::new(),
            bought_of: HashMap::new(),
            knows_bought: true,
        }
    }

    /// Members and their references. Returns how many members there are.
    fn members(&mut self, id: MerchantId) -> Result<u64, StoreError> {
        let members = self.each(&layout::members(id), |tx, key, bytes| {
            let member = decode_own(key, bytes, |member: &Member| layout::member(id, member.id))?;
            for number in member.numbers() {
                if tx.load::<MemberId>(&layout::member_by_number(id, number))? != Some(member.id) {
                    return Ok(Some(format!("{} is not found by reference", member.id)));
                }
            }
            for external in &member.external_ids {
                if tx.load::<MemberId>(&layout::member_by_external_id(id, external))? != Some(member.id) {
                    return Ok(Some(format!("{} is not found by external id", member.id)));
                }
            }
            let into = match member.standing {
                Standing::Merged { into, .. } => Some(into),
                Standing::Active | Standing::Erased { .. } => None,
            };
            if tx.load::<MemberId>(&layout::survivor(id, member.id))? != into {
                return Ok(Some(format!("{} is told to be merged otherwise than the ledger has it", member.id)));
            }
            for key in known::listings(id, &member) {
                if tx.get(&key)?.is_none() {
                    return Ok(Some(format!("{} is missing in a list of members", member.id)));
                }
            }
            Ok(None)
        })?;
        self.each(&layout::member_numbers(id), |tx, key, bytes| {
            let member: MemberId = decode(key, bytes)?;
            let found = tx.load::<Member>(&layout::member(id, member))?;
            let bears = |member: Member| member.numbers().any(|number| layout::member_by_number(id, number) == *key);
            Ok((!found.is_some_and(bears)).then(|| format!("a reference leads to {member}, who does not bear it")))
        })?;
        self.each(&layout::external_ids(id), |tx, key, bytes| {
            let member: MemberId = decode(key, bytes)?;
            let found = tx.load::<Member>(&layout::member(id, member))?;
            let mut ids = found.iter().flat_map(|member| &member.external_ids);
            let bears = ids.any(|external| layout::member_by_external_id(id, external) == *key);
            Ok((!bears).then(|| format!("an external id leads to {member}, who does not bear it")))
        })?;
        Ok(members)
    }

    /// The lists of members by tag, level and store: each names members that are in it.
    fn lists(&mut self, id: MerchantId) -> Result<(), StoreError> {
        for range in [layout::all_tagged(id), layout::all_in_tiers(id), layout::all_at_home(id)] {
            self.each(&range, |tx, key, _| {
                let member = layout::listed_member(key).ok_or_else(|| StoreError::corrupt("list of members", key))?;
                let found = tx.load::<Member>(&layout::member(id, member))?;
                let listed = found.is_some_and(|member| known::listings(id, &member).contains(key));
                Ok((!listed).then(|| format!("a list of members has {member}, who is not in it")))
            })?;
        }
        self.each(&layout::all_member_events(id), |tx, key, bytes| {
            let member = layout::member_of_event(key).ok_or_else(|| StoreError::corrupt("key of a history", key))?;
            let event: Event = decode(key, bytes)?;
            let is_there = event.of_history().is_some() && tx.get(&layout::member(id, member))?.is_some();
            Ok((!is_there).then(|| format!("a history has what is not {member}'s, or they are not there")))
        })?;
        Ok(())
    }

    /// The days on which members have bought: each is between the first and the last.
    fn visits(&mut self, id: MerchantId) -> Result<(), StoreError> {
        let mut days: HashMap<MemberId, u32> = HashMap::new();
        self.gather(
            &layout::visits_between(id, Date::MIN, Date::MAX),
            |tx, key, _| {
                let (day, member) = layout::visit_parts(key).ok_or_else(|| StoreError::corrupt("key of a day", key))?;
                let visits = tx.load::<Visits>(&layout::visits_of(id, member))?;
                Ok((member, visits.is_some_and(|visits| visits.first <= day && day <= visits.last)))
            },
            |check, (member, fits)| {
                *days.entry(member).or_default() += 1;
                if !fits {
                    check
                        .findings
                        .push(format!("{member} has bought on a day that is not between their first and last"));
                }
            },
        )?;
        self.gather(
            &layout::purchases(id),
            |_, key, bytes| {
                let parts = layout::purchases_parts(key);
                let (member, ware) = parts.ok_or_else(|| StoreError::corrupt("key of purchases", key))?;
                Ok(match ware {
                    None => (member, Purchases::Visits(decode(key, bytes)?)),
                    Some(ware) => (member, Purchases::Goods(ware, decode(key, bytes)?)),
                })
            },
            |check, (member, told)| match told {
                Purchases::Visits(visits) => check.visits_of(member, &visits, days.get(&member).copied().unwrap_or(0)),
                Purchases::Goods(ware, bought) => check.bought_of(member, ware, bought),
            },
        )?;
        for (member, (orders, _)) in std::mem::take(&mut self.bought) {
            self.findings.push(format!("{member} made {orders} orders, but nothing tells what they bought"));
        }
        for ((member, ware), amount) in std::mem::take(&mut self.bought_of) {
            self.findings.push(format!("{member} bought {amount} of {ware}, but nothing tells of it"));
        }
        Ok(())
    }

    /// What is told of a member's orders, against the orders and the days on which they were made.
    fn visits_of(&mut self, member: MemberId, visits: &Visits, days: u32) {
        let Visits { days: told, orders: told_orders, spent_minor: told_minor, .. } = *visits;
        if days != told {
            self.findings.push(format!("{member} has bought on {days} days, but {told} are told"));
        }
        let (orders, spent_minor) = self.bought.remove(&member).unwrap_or_default();
        if self.knows_bought && (orders, spent_minor) != (told_orders, told_minor) {
            self.findings.push(format!(
                "{member} made {orders} orders for {spent_minor}, but {told_orders} for {told_minor} are told"
            ));
        }
    }

    /// What is told of a kind of goods, against the orders.
    fn bought_of(&mut self, member: MemberId, ware: Ware, told: BoughtOf) {
        let BoughtOf { orders, pieces, spent_minor, .. } = told;
        let told = Amounts { orders, pieces, spent_minor };
        let of = (member, ware);
        let found = self.bought_of.remove(&of).unwrap_or_default();
        if self.knows_bought && found != told {
            let (member, ware) = of;
            self.findings.push(format!("{member} bought {found} of {ware}, but {told} are told"));
        }
    }

    /// What is personal: that it opens, and that its blind indexes lead to it and to nothing else.
    fn personal(&mut self, id: MerchantId, vault: &Vault) -> Result<(), StoreError> {
        let keys = match self.store.read(|tx| keys::opened(tx, vault, id)) {
            Ok(Some(keys)) => keys,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.unreadable.insert(error.corruption()?);
                return Ok(());
            }
        };
        let indexed = |member: MemberId, personal: &Personal| -> BTreeSet<Key> {
            known::contacts(id, &keys, personal).chain(known::starts(id, &keys, personal, member)).collect()
        };
        self.each(&layout::personals(id), |tx, key, _| {
            let member = layout::listed_member(key).ok_or_else(|| StoreError::corrupt("key of personal data", key))?;
            let personal = known::opened_personal(tx, id, &keys, member)?;
            for key in indexed(member, &personal) {
                if tx.get(&key)?.is_none() {
                    return Ok(Some(format!("{member} is missing in a blind index")));
                }
            }
            Ok(None)
        })?;
        self.each(&layout::contacts(id), |tx, key, bytes| {
            let member: MemberId = decode(key, bytes)?;
            let leads = indexed(member, &known::opened_personal(tx, id, &keys, member)?).contains(key);
            Ok((!leads).then(|| format!("a contact leads to {member}, who does not have it")))
        })?;
        self.each(&layout::name_starts(id), |tx, key, _| {
            let member = layout::listed_member(key).ok_or_else(|| StoreError::corrupt("list of names", key))?;
            let leads = indexed(member, &known::opened_personal(tx, id, &keys, member)?).contains(key);
            Ok((!leads).then(|| format!("a name leads to {member}, who is not called so")))
        })?;
        self.each(&layout::member_keys(id), |tx, key, _| {
            let member = layout::listed_member(key).ok_or_else(|| StoreError::corrupt("key of a member's key", key))?;
            let erased =
                member_of(tx, id, member)?.is_none_or(|member| matches!(member.standing, Standing::Erased { .. }));
            Ok(erased.then(|| format!("{member} is erased or was never there, but has a key")))
        })?;
        Ok(())
    }

    /// Orders, their references, their members and their postings. Returns how many orders there are.
    fn orders(&mut self, id: MerchantId) -> Result<u64, StoreError> {
        let look = |tx: &mut Tx, order: &Order| -> Result<Option<String>, StoreError> {
            if Order::total(&order.lines) != Ok(order.total_minor) {
                return Ok(Some(format!("the lines of {} do not add up to its total", order.id)));
            }
            if tx.load::<OrderId>(&layout::order_by_reference(id, &order.reference))? != Some(order.id) {
                return Ok(Some(format!("{} is not found by reference", order.id)));
            }
            if let Some(member) = buyer(tx, id, order)?
                && tx.get(&layout::member_order(id, member, order.id))?.is_none()
            {
                return Ok(Some(format!("{} is not listed for its member", order.id)));
            }
            for (posting, cause) in postings_of(order) {
                let found = tx.load::<Posting>(&layout::posting(id, posting))?;
                if found.is_none_or(|posting| posting.cause != cause) {
                    return Ok(Some(format!("{} names {posting}, but there is no such posting of it", order.id)));
                }
            }
            Ok(None)
        };
        let mut read = 0;
        let orders = self.gather(
            &layout::orders(id),
            |tx, key, bytes| {
                let order = decode_own(key, bytes, |order: &Order| layout::order(id, order.id))?;
                let found = match look(tx, &order) {
                    Ok(found) => Ok(found),
                    Err(error) => Err(error.corruption()?),
                };
                Ok((buyer(tx, id, &order)?, bought(&order), amounts_of(&order), found))
            },
            |check, (buyer, (orders, spent_minor), amounts, found)| {
                if let Some(buyer) = buyer {
                    let sum = check.bought.entry(buyer).or_default();
                    *sum = (sum.0 + orders, sum.1.saturating_add(spent_minor));
                    for (ware, amount) in amounts {
                        check.bought_of.entry((buyer, ware)).or_default().add(amount);
                    }
                }
                match found {
                    Ok(found) => check.findings.extend(found),
                    Err(what) => drop(check.unreadable.insert(what)),
                }
                read += 1;
            },
        )?;
        // What orders that can not be read come to, nobody knows.
        self.knows_bought = read == orders;
        self.each(&layout::order_references(id), |tx, key, bytes| {
            let order: OrderId = decode(key, bytes)?;
            let found = tx.load::<Order>(&layout::order(id, order))?;
            let bears = found.is_some_and(|order| layout::order_by_reference(id, &order.reference) == *key);
            Ok((!bears).then(|| format!("a reference leads to {order}, which does not bear it")))
        })?;
        self.each(&layout::member_orders(id), |tx, key, _| {
            let parts = layout::member_order_parts(key);
            let (member, order) = parts.ok_or_else(|| StoreError::corrupt("key of a member's order", key))?;
            let made = match tx.load::<Order>(&layout::order(id, order))? {
                Some(order) => buyer(tx, id, &order)? == Some(member),
                None => false,
            };
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
                    HEXLOWER.encode(&about)
                )),
            },
        )?;
        Ok((requests, silent))
    }

    /// Follows the chain of a log of the merchant from the first entry to the head.
    fn log(&mut self, log: &[u8], name: &str) -> Result<(), StoreError> {
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
                self.findings.push(format!("the log of {name} is not the one that its head was computed from"));
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

/// Whose an order is now.
fn buyer(tx: &mut Tx, merchant: MerchantId, order: &Order) -> Result<Option<MemberId>, StoreError> {
    let Some(member) = order.member else { return Ok(None) };
    Ok(Some(tx.load(&layout::survivor(merchant, member))?.unwrap_or(member)))
}

/// The postings that an order names, each with what it must be booked for.
fn postings_of(order: &Order) -> Vec<(PostingId, Cause)> {
    let earned = order.outcomes.iter().filter_map(|outcome| match outcome.result {
        PackResult::Done { posting: Some(posting), .. } => Some((posting, Cause::Order(order.id))),
        PackResult::Done { posting: None, .. } | PackResult::Failed { .. } => None,
    });
    let used = order.coupons.iter().map(|coupons| (coupons.posting, Cause::Order(order.id)));
    let paid = order.payments.iter().filter_map(|payment| {
        let cause = if payment.method.as_str() == STORED_VALUE { Cause::Payment } else { Cause::Hold };
        payment.posting.map(|posting| (posting, cause))
    });
    let reversals = order.refunds.iter().flat_map(|refund| &refund.reversals);
    let reversals = reversals.map(|posting| (*posting, Cause::Refund(order.id)));
    used.chain(paid).chain(earned).chain(reversals).collect()
}

const PAGE: usize = 1000;

#[cfg(test)]
mod tests;
