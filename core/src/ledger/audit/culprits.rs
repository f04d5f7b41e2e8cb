//! Which postings and records contradict each other, once it is known that some do: what each one says is looked up at
//! the other.

use std::collections::BTreeSet;

use super::facts::{Fact, Kind, of_posting};
use super::merged::Survivors;
use super::{Audit, each};
use crate::domain::MerchantId;
use crate::ledger::Posting;
use crate::store::{Key, StoreError, Tx, decode, layout};

impl Audit {
    /// Tells what contradicts what in these kinds of facts. A record that is named for what a posting says of it is not
    /// named again for what it says itself.
    pub(super) fn name_culprits(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        kinds: &[Kind],
        survivors: &Survivors,
    ) -> Result<(), StoreError> {
        let (before, mut named) = (self.findings.len(), BTreeSet::new());
        if !kinds.is_empty() {
            self.look_up_records(tx, merchant, kinds, survivors, &mut named)?;
        }
        for kind in kinds {
            self.look_up_postings(tx, merchant, *kind, survivors, &named)?;
        }
        // What can not be read says nothing, and is told already. The rest is never silent: a fact may be told twice.
        if self.findings.len() == before && self.unreadable.is_empty() && !kinds.is_empty() {
            self.find(format!(
                "what postings say, and what records of these kinds say of postings, differs: {kinds:?}"
            ));
        }
        Ok(())
    }

    /// Whether the records say what the postings do.
    fn look_up_records(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        kinds: &[Kind],
        survivors: &Survivors,
        named: &mut BTreeSet<Key>,
    ) -> Result<(), StoreError> {
        each(tx, &layout::postings(merchant), |tx, key, bytes| {
            let Some(posting) = self.legible(decode::<Posting>(key, &bytes))? else { return Ok(()) };
            let mut facts = Vec::new();
            of_posting(&posting, survivors, |fact| facts.extend(kinds.contains(&fact.kind()).then_some(fact)));
            for fact in facts {
                let key = fact.key(merchant);
                let told = match tx.get(&key)? {
                    Some(bytes) => self.legible(fact.kind().facts(merchant, &key, &bytes))?,
                    None => Some(Vec::new()),
                };
                if told.is_some_and(|told| !told.contains(&fact)) {
                    self.find(format!("{fact}, but no record says so"));
                    named.insert(key);
                }
            }
            Ok(())
        })
    }

    /// Whether the postings say what the records of a kind do.
    fn look_up_postings(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        kind: Kind,
        survivors: &Survivors,
        named: &BTreeSet<Key>,
    ) -> Result<(), StoreError> {
        each(tx, &kind.range(merchant), |tx, key, bytes| {
            let facts = if named.contains(key) { None } else { self.legible(kind.facts(merchant, key, &bytes))? };
            for fact in facts.unwrap_or_default() {
                if self.is_told_by_posting(tx, merchant, survivors, &fact)? == Some(false) {
                    self.find(format!("a record says that {fact}, but no posting does"));
                }
            }
            Ok(())
        })
    }

    /// Whether the posting that should tell a fact does; `None` when it can not be read.
    fn is_told_by_posting(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        survivors: &Survivors,
        fact: &Fact,
    ) -> Result<Option<bool>, StoreError> {
        let Some(posting) = fact.posting() else { return Ok(Some(false)) };
        let posting = tx.load::<Posting>(&layout::posting(merchant, posting));
        let Some(posting) = self.legible(posting)? else { return Ok(None) };
        let mut is_told = false;
        if let Some(posting) = posting {
            of_posting(&posting, survivors, |told| is_told |= told == *fact);
        }
        Ok(Some(is_told))
    }
}
