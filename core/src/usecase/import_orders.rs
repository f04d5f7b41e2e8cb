//! A merchant's earlier orders come in from a file, through the same use cases as at the till.
//!
//! Rows are spread over workers by customer, so that the orders of one customer keep their order, and many orders
//! share one sync of the journal. Every row is idempotent by its reference: a second run changes nothing, and one that
//! was killed half-way goes on where it was.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use jiff::Timestamp;

use super::{EnrolError, EnrolMember, Host, SettleError, SettleOrder, enrol_member, find_member, settle_order};
use crate::domain::{Line, MemberId, MerchantId, Minor, Reference, StoreId};
use crate::store::StoreError;

/// One order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// Where it stands in the file, from 1.
    pub line_number: u64,
    /// The file's name for the order.
    pub reference: Reference,
    /// The file's name for the customer, if it has one.
    pub customer: Option<Reference>,
    /// When it was made.
    pub ordered_at: Timestamp,
    /// What was bought.
    pub lines: Vec<Line>,
}

/// Where the orders go.
#[derive(Clone, Debug)]
pub struct ImportPlan {
    /// To which merchant.
    pub merchant: MerchantId,
    /// To which store.
    pub store: StoreId,
    /// How many at a time.
    pub workers: usize,
}

/// What came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Orders recorded now.
    pub orders_new: u64,
    /// Orders that were there before.
    pub orders_known: u64,
    /// The totals of both, in minor units.
    pub total_minor: Minor,
    /// Members enrolled now.
    pub members_new: u64,
}

/// Counts of an import under way, for whoever shows its progress.
#[derive(Debug, Default)]
pub struct ImportProgress {
    /// Orders done.
    pub done: AtomicU64,
}

/// Why an import stopped. What came in before stays; run again, it goes on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A row was refused.
    #[error("line {line_number}: {source}")]
    Row {
        /// Where it stands in the file.
        line_number: u64,
        /// Why.
        source: SettleError,
    },
    /// A customer could not be enrolled.
    #[error("line {line_number}: {source}")]
    Customer {
        /// Where the row stands in the file.
        line_number: u64,
        /// Why.
        source: EnrolError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Brings in all rows.
///
/// # Errors
/// The first row that is refused, or the store's failure; rows under way are finished.
pub fn import_orders(
    host: &Host,
    plan: &ImportPlan,
    rows: Vec<OrderRow>,
    progress: &ImportProgress,
) -> Result<ImportSummary, ImportError> {
    const QUEUED_MAX: usize = 256;
    let hashing = RandomState::new();
    std::thread::scope(|scope| {
        let (queues, workers): (Vec<_>, Vec<_>) = (0..plan.workers.max(1))
            .map(|_| {
                let (queue, rows) = mpsc::sync_channel::<OrderRow>(QUEUED_MAX);
                (queue, scope.spawn(move || work(host, plan, &rows, progress)))
            })
            .unzip();
        for row in rows {
            let worker = hashing.hash_one(row.customer.as_ref().unwrap_or(&row.reference)) % queues.len() as u64;
            // A worker that met an error has hung up; it is told below.
            if queues[usize::try_from(worker).unwrap_or(0)].send(row).is_err() {
                break;
            }
        }
        drop(queues);
        let mut summary = ImportSummary::default();
        let mut failure = None;
        for worker in workers {
            match worker.join().expect("a worker does not panic") {
                Ok(part) => {
                    summary.orders_new += part.orders_new;
                    summary.orders_known += part.orders_known;
                    summary.total_minor += part.total_minor;
                    summary.members_new += part.members_new;
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(summary), Err)
    })
}

fn work(
    host: &Host,
    plan: &ImportPlan,
    rows: &mpsc::Receiver<OrderRow>,
    progress: &ImportProgress,
) -> Result<ImportSummary, ImportError> {
    let mut summary = ImportSummary::default();
    let mut members: HashMap<Reference, MemberId> = HashMap::new();
    for row in rows {
        let member = match row.customer {
            Some(customer) => Some(match members.get(&customer) {
                Some(member) => *member,
                None => {
                    let (member, is_new) = find_or_enrol(host, plan, &customer)
                        .map_err(|source| ImportError::Customer { line_number: row.line_number, source })?;
                    summary.members_new += u64::from(is_new);
                    members.insert(customer, member);
                    member
                }
            }),
            None => None,
        };
        let order = SettleOrder {
            reference: row.reference,
            store: plan.store,
            member,
            ordered_at: Some(row.ordered_at),
            currency: None,
            lines: row.lines,
            coupons: Vec::new(),
            payments: Vec::new(),
        };
        let settled = host
            .operate(plan.merchant, |tx, act| settle_order(tx, act, &order))
            .map_err(|source| ImportError::Row { line_number: row.line_number, source })?;
        summary.total_minor += settled.order.total_minor;
        if settled.repeated {
            summary.orders_known += 1;
        } else {
            summary.orders_new += 1;
        }
        progress.done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(summary)
}

fn find_or_enrol(host: &Host, plan: &ImportPlan, customer: &Reference) -> Result<(MemberId, bool), EnrolError> {
    host.operate(plan.merchant, |tx, act| {
        if let Some(member) = find_member(tx, act.merchant, customer)? {
            return Ok((member, false));
        }
        let new =
            EnrolMember { reference: Some(customer.clone()), home_store: Some(plan.store), ..EnrolMember::default() };
        Ok((enrol_member(tx, act, &new)?.member, true))
    })
}
