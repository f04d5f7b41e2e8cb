//! A merchant's earlier order comes in from a file, through the same use case as at the till.

use jiff::Timestamp;

use super::settle_order::settle_row;
use super::{Act, EnrolError, EnrolMember, SettleError, SettleOrder, enrol_member, find_member};
use crate::domain::{Line, Minor, Reference, StoreId};
use crate::store::{StoreError, Tx};

/// One order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// The file's name for the order.
    pub reference: Reference,
    /// Where it was made.
    pub store: StoreId,
    /// The file's name for the customer, if it has one: a reference or card.
    pub customer: Option<Reference>,
    /// When it was made.
    pub ordered_at: Timestamp,
    /// What was bought.
    pub lines: Vec<Line>,
}

/// What came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderBrought {
    /// Whether it was there before.
    pub is_known: bool,
    /// Whether its customer became a member with it.
    pub is_new_member: bool,
    /// Its total.
    pub total_minor: Minor,
}

/// Why an order does not come in.
#[derive(Debug, thiserror::Error)]
pub enum ImportOrderError {
    /// The customer could not be enrolled.
    #[error("the customer can not be enrolled: {0}")]
    Customer(#[from] EnrolError),
    /// It is refused.
    #[error(transparent)]
    Order(#[from] SettleError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImportOrderError {
    /// The store's failure, when it is one: then it says nothing about the row.
    pub fn of_the_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) | Self::Customer(EnrolError::Store(error)) | Self::Order(SettleError::Store(error)) => {
                Some(error)
            }
            _ => None,
        }
    }
}

/// Records an order, and enrols its customer when nobody has their number yet. One that is there stays as it is.
///
/// # Errors
/// The first refusal in the order of [`ImportOrderError`]'s variants.
pub fn import_order(tx: &mut Tx, act: &mut Act<'_>, row: &OrderRow) -> Result<OrderBrought, ImportOrderError> {
    let (mut member, mut is_new_member) = (None, false);
    if let Some(customer) = &row.customer {
        member = find_member(tx, act.merchant, customer)?;
        if member.is_none() {
            let new = EnrolMember {
                reference: Some(customer.clone()),
                home_store: Some(row.store),
                ..EnrolMember::default()
            };
            member = Some(enrol_member(tx, act, &new)?.member);
            is_new_member = true;
        }
    }
    let order = SettleOrder {
        reference: row.reference.clone(),
        store: row.store,
        member,
        served_by: None,
        ordered_at: Some(row.ordered_at),
        currency: None,
        lines: row.lines.clone(),
        due_minor: None,
        coupons: Vec::new(),
        payments: Vec::new(),
    };
    let settled = settle_row(tx, act, &order)?;
    Ok(OrderBrought { is_known: settled.repeated, is_new_member, total_minor: settled.order.total_minor })
}
