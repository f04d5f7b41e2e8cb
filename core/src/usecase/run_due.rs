//! The job that books what fell due: lots expire, holds lapse, pending grants are released, sessions are dropped.
//!
//! It counts from its instant anyway; the job is for the accounts that nobody touches, so that figures and statements
//! tell it as well. It may run as often as one likes, next to tills and next to itself: what is booked is not found
//! again, and merchants without anything due cost one read.

use super::Host;
use super::create_merchant::list_merchants;
use super::users::drop_ended_sessions;
use crate::domain::MerchantId;
use crate::ledger::LedgerError;
use crate::store::{Direction, StoreError, Tx, layout};

/// How many things one transaction books: few enough to come between tills that want the same accounts.
const STEP: usize = 50;

/// What a run of the job has done.
#[derive(Debug, Default)]
pub struct DueSummary {
    /// How many things that were due it found.
    pub booked: usize,
    /// The merchants whose ledgers could not be brought up to the end, with the reasons. The others were.
    pub failed: Vec<(MerchantId, LedgerError)>,
}

/// Books what is due of all merchants.
///
/// # Errors
/// When the merchants can not be read.
pub fn run_due(host: &Host) -> Result<DueSummary, StoreError> {
    let mut summary = DueSummary::default();
    for merchant in host.look(list_merchants)? {
        drop_sessions(host, merchant.id);
        loop {
            let step = host.operate(merchant.id, |tx, act| act.book(tx)?.book_due(STEP));
            match step {
                Ok(step) => {
                    summary.booked += step.found;
                    if step.lost > 0 {
                        let lost = step.lost;
                        tracing::error!(merchant = %merchant.id, lost, "what falls due is missing: run `punchcard verify --deep`");
                    }
                    if !step.more {
                        break;
                    }
                }
                Err(error) => {
                    tracing::error!(merchant = %merchant.id, "what is due can not be booked: {error}");
                    summary.failed.push((merchant.id, error));
                    break;
                }
            }
        }
    }
    Ok(summary)
}

/// Drops sessions that have ended, [`STEP`] at a time; what can not be dropped now is found again in the next run.
fn drop_sessions(host: &Host, merchant: MerchantId) {
    let now = host.clock.now();
    let is_due = |tx: &mut Tx| {
        let over = tx.scan(&layout::session_ends_until(merchant, now), Direction::Forward, 1)?;
        Ok::<_, StoreError>(!over.is_empty())
    };
    loop {
        let dropped = match host.look(is_due) {
            Ok(true) => host.operate(merchant, |tx, act| drop_ended_sessions(tx, merchant, act.now, STEP)),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        match dropped {
            Ok(dropped) if dropped == STEP => {}
            Ok(_) => return,
            Err(error) => return tracing::error!(%merchant, "sessions that have ended can not be dropped: {error}"),
        }
    }
}
