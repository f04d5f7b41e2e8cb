//! People look at calls that were parked: they make them again, or drop them.

use serde::{Deserialize, Serialize};

use super::follow_events::{Logged, may_follow};
use super::{Calling, Failure, Parked, ParkedCall, TIMERS};
use crate::domain::{CallId, Code, MerchantId};
use crate::pack::{CallError, LoadedPack};
use crate::store::{Direction, Key, KeyRange, Record, StoreError, Tx, layout};
use crate::usecase::{Act, Active, Reply};

/// What came of a call that was made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Why it has failed again, and stays parked; none when it went well.
    pub failure: Option<Failure>,
}

impl Record for Retried {
    const VERSION: u8 = 1;
    const NAME: &'static str = "reply of a call that was made again";
}

impl Reply for Retried {
    fn about(&self, _: MerchantId) -> Option<Key> {
        None
    }
}

/// Why nothing becomes of a parked call.
#[derive(Debug, thiserror::Error)]
pub enum ParkedError {
    /// Nothing is parked under this name.
    #[error("the pack `{pack}` has no parked call {call}")]
    UnknownCall {
        /// Which pack.
        pack: Code,
        /// Under which name.
        call: CallId,
    },
    /// The pack can not be called now.
    #[error("the pack `{0}` is not enabled with what this call needs")]
    NotEnabled(Code),
    /// The merchant's packs have used up a quota.
    #[error(transparent)]
    Call(CallError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Up to `limit` calls of a pack that were parked after this one, in the order of that.
///
/// # Errors
/// The store's failures.
pub fn list_parked(
    tx: &mut Tx,
    merchant: MerchantId,
    pack: &Code,
    after: Option<CallId>,
    limit: usize,
) -> Result<Vec<ParkedCall>, StoreError> {
    let mut range = layout::parked_calls(merchant, pack);
    if let Some(after) = after {
        range = KeyRange { start: [layout::parked_call(merchant, pack, after).as_slice(), &[0]].concat(), ..range };
    }
    let found = tx.load_scan::<ParkedCall>(&range, Direction::Forward, limit)?;
    Ok(found.into_iter().map(|(_, parked)| parked).collect())
}

/// Makes a parked call again, now. When it goes well it is gone; otherwise it stays, with why.
///
/// # Errors
/// The first refusal in the order of [`ParkedError`]'s variants.
pub fn retry_parked(tx: &mut Tx, act: &mut Act<'_>, pack: &Code, call: CallId) -> Result<Retried, ParkedError> {
    let (key, parked) = find(tx, act.merchant, pack, call)?;
    let not_enabled = || ParkedError::NotEnabled(pack.clone());
    let is_event = matches!(parked.call, Parked::Event(_));
    let serves = |active: &Active, pack: &LoadedPack| !is_event || may_follow(active, pack);
    let lane = if is_event { 0 } else { TIMERS };
    let mut calling = Calling::find(tx, act, pack, lane, serves)?.ok_or_else(not_enabled)?;
    if let Some(spent) = calling.spent {
        return Err(ParkedError::Call(spent.into()));
    }
    let outcome = match &parked.call {
        Parked::Event(sequence) => {
            let event = Logged::read(tx, act.merchant, *sequence)?;
            let told = calling.told(tx, event)?.ok_or_else(not_enabled)?;
            calling.handle(tx, act, &told)?
        }
        Parked::Timer(timer) => calling.fire(tx, act, timer)?,
    };
    let Err(failure) = outcome else {
        tx.delete(&key);
        act.record(tx, "parked-call", &call.to_string(), Some(&parked), None)?;
        return Ok(Retried { failure: None });
    };
    let tried = ParkedCall { attempts: parked.attempts.saturating_add(1), failure: failure.clone(), ..parked.clone() };
    tx.save(&key, &tried)?;
    act.record(tx, "parked-call", &call.to_string(), Some(&parked), Some(&tried))?;
    Ok(Retried { failure: Some(failure) })
}

/// Drops a parked call: it is never made.
///
/// # Errors
/// The first refusal in the order of [`ParkedError`]'s variants.
pub fn drop_parked(tx: &mut Tx, act: &mut Act<'_>, pack: &Code, call: CallId) -> Result<(), ParkedError> {
    let (key, parked) = find(tx, act.merchant, pack, call)?;
    tx.delete(&key);
    Ok(act.record(tx, "parked-call", &call.to_string(), Some(&parked), None)?)
}

fn find(tx: &mut Tx, merchant: MerchantId, pack: &Code, call: CallId) -> Result<(Key, ParkedCall), ParkedError> {
    let key = layout::parked_call(merchant, pack, call);
    let parked = tx.load::<ParkedCall>(&key)?;
    parked.map(|parked| (key, parked)).ok_or_else(|| ParkedError::UnknownCall { pack: pack.clone(), call })
}
