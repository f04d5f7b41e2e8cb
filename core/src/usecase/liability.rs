//! What a merchant owes its members.

use crate::domain::MerchantId;
use crate::ledger::Liability;
use crate::store::{StoreError, Tx};

/// The liabilities of a merchant, for every unit: what is in lots, by month of expiry, what is held and pending, and
/// what members owe. It costs the same at any number of members.
///
/// # Errors
/// The store's failures.
pub fn read_liabilities(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Liability>, StoreError> {
    Liability::read(tx, merchant)
}
