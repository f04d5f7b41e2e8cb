//! What has to hold between partners: what the books of the one say that is owed, those of the other say, and so does the
//! agreement.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::domain::{AgreementId, MerchantId};
use crate::ledger::{Move, Posting};
use crate::store::{StoreError, decode, layout};
use crate::usecase::agreements::{Agreement, balance_of};

impl<P: FnMut()> Check<'_, P> {
    /// Agreements, aliases, and what partners owe each other.
    pub(super) fn agreements(&mut self, id: MerchantId) -> Result<(), StoreError> {
        let mut seen: BTreeMap<AgreementId, i64> = BTreeMap::new();
        for range in [layout::agreements(id), layout::agreements_proposed(id)] {
            self.gather(
                &range,
                |tx, key, _| {
                    let corrupt = || StoreError::corrupt("agreement", key);
                    let agreement =
                        key.last_chunk::<16>().map(|id| AgreementId::from_bytes(*id)).ok_or_else(corrupt)?;
                    let proposer = match tx.load::<Agreement>(&layout::agreement(id, agreement))? {
                        Some(own) => own.proposer,
                        None => {
                            tx.load::<MerchantId>(&layout::agreement_proposed(id, agreement))?.ok_or_else(corrupt)?
                        }
                    };
                    let found = tx.load::<Agreement>(&layout::agreement(proposer, agreement))?.ok_or_else(corrupt)?;
                    let listed = tx.load::<MerchantId>(&layout::agreement_proposed(found.partner, agreement))?;
                    let is_listed = listed == Some(found.proposer) && found.id == agreement;
                    Ok((agreement, balance_of(tx, id, &found)?, is_listed))
                },
                |check, (agreement, balance, is_listed)| {
                    seen.insert(agreement, balance);
                    if !is_listed {
                        check.findings.push(format!("{agreement} is not there for both of its merchants"));
                    }
                },
            )?;
        }
        if seen.is_empty() {
            return Ok(());
        }
        let mut booked: BTreeMap<AgreementId, i64> = BTreeMap::new();
        self.gather(
            &layout::postings(id),
            |_, key, bytes| {
                let posting = decode::<Posting>(key, bytes)?;
                let owed = posting.entries.into_iter().filter_map(|entry| match entry.wanted {
                    Move::Owe { agreement, amount, to_us, .. } => {
                        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
                        Some((agreement, if to_us { amount } else { -amount }))
                    }
                    _ => None,
                });
                Ok(owed.collect::<Vec<_>>())
            },
            |_, owed| {
                for (agreement, amount) in owed {
                    let sum = booked.entry(agreement).or_default();
                    *sum = sum.saturating_add(amount);
                }
            },
        )?;
        for agreement in booked.keys().chain(seen.keys()).copied().collect::<BTreeSet<_>>() {
            let (ledger, counted) = (booked.get(&agreement).copied().unwrap_or(0), seen.get(&agreement).copied());
            if counted != Some(ledger) {
                self.findings.push(format!(
                    "under {agreement} the partner owes {ledger} by the ledger, and {counted:?} by the agreement"
                ));
            }
        }
        Ok(())
    }
}
