//! The proof that a merchant's books balance: all postings folded anew and compared with what the records say.
//!
//! Every table is read once, in the order of its keys. What is kept in memory meanwhile is a few numbers for each
//! account and each lot (under 250 bytes), and 48 bytes for each posting, so that it runs at millions of them. What
//! postings and other records say of each other is compared by sums of hashes; only if those differ, a second reading
//! with look-ups names what contradicts what.
//!
//! What cannot be read is told, and the audit goes on with the rest. What was to be found in it is then missing, and
//! that is told as well.

mod compare;
mod culprits;
mod facts;
mod fold;
mod index;
mod lots;
mod merged;

use std::collections::BTreeSet;
use std::fmt;
use std::hash::RandomState;
use std::iter::Peekable;

use jiff::tz::TimeZone;

use super::Posting;
use super::records::Booked;
use crate::domain::{MerchantId, PostingId};
use crate::store::{
    Direction, Key, KeyRange, LogHead, StoreError, Tx, Value, decode, decode_own, layout, log_entry_number,
};
use facts::{Tallies, of_posting};
use fold::Fold;

/// What an audit looked at and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Postings folded.
    pub postings: u64,
    /// Transfers in them.
    pub transfers: u64,
    /// Members' accounts compared.
    pub accounts: u64,
    /// Lots compared, open and closed.
    pub lots: u64,
    /// Holds compared, open and closed.
    pub holds: u64,
    /// Pending grants compared, waiting and closed.
    pub pending: u64,
    /// All contradictions; none when the books balance.
    pub findings: Vec<Finding>,
    /// Records and keys that can not be read, each told once; none when the books balance.
    pub unreadable: BTreeSet<String>,
}

/// A contradiction in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding(String);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many entries one read takes.
const PAGE: usize = 1000;

impl Audit {
    /// Audits a merchant's ledger; `zone` is where its months begin and end. Reads all of it; `progress` hears of each
    /// posting.
    ///
    /// # Errors
    /// When the store fails. Contradictions and what can not be read are no errors: they are told in the audit.
    pub fn run(
        tx: &mut Tx,
        merchant: MerchantId,
        zone: &TimeZone,
        mut progress: impl FnMut(),
    ) -> Result<Self, StoreError> {
        let mut audit = Self::default();
        // Random keys: nobody can make up records whose hashes add up to the right sum.
        let keys = RandomState::new();
        let survivors = audit.read_merged(tx, merchant)?;
        let (mut fold, mut tallies) = (Fold::new(keys.clone(), survivors.clone()), Tallies::new(keys));
        let mut digests = audit.read_log(tx, merchant)?.into_iter().peekable();
        each(tx, &layout::postings(merchant), |_, key, bytes| {
            progress();
            audit.postings = audit.postings.saturating_add(1);
            let id = layout::posting_id(key).ok_or_else(|| StoreError::corrupt("key of a posting", key));
            let Some(id) = audit.legible(id)? else { return Ok(()) };
            audit.compare_digest(&mut digests, id, &bytes);
            let posting = decode_own(key, &bytes, |posting: &Posting| layout::posting(merchant, posting.id));
            let Some(posting) = audit.legible(posting)? else { return Ok(()) };
            audit.transfers = audit.transfers.saturating_add(fold.posting(&posting, &mut audit.findings));
            of_posting(&posting, &survivors, |fact| tallies.told_by_posting(&fact));
            Ok(())
        })?;
        for missing in digests {
            audit.find(format!("{} is in the log of postings, but missing", missing.posting));
        }
        fold.keep_issued_of_coupons();
        audit.compare(tx, merchant, zone, fold, tallies)?;
        Ok(audit)
    }

    /// Whether nothing contradicts anything, and all can be read.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty() && self.unreadable.is_empty()
    }

    fn find(&mut self, what: String) {
        self.findings.push(Finding(what));
    }

    /// What was read. What can not be is told, once for each record.
    fn legible<T>(&mut self, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error) => {
                self.unreadable.insert(error.corruption()?);
                Ok(None)
            }
        }
    }

    /// Compares a stored posting with the log's entries, which come in the same order.
    fn compare_digest(&mut self, log: &mut Peekable<impl Iterator<Item = Booked>>, id: PostingId, bytes: &[u8]) {
        while let Some(missing) = log.next_if(|booked| booked.posting < id) {
            self.find(format!("{} is in the log of postings, but missing", missing.posting));
        }
        match log.next_if(|booked| booked.posting == id) {
            Some(booked) if booked == Booked::of(id, bytes) => {}
            Some(_) => self.find(format!("{id} is not what was booked: its digest is another")),
            None => self.find(format!("{id} is not in the log of postings")),
        }
    }

    /// The log of postings by posting, with its chain followed from the first entry to the head.
    fn read_log(&mut self, tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Booked>, StoreError> {
        let log = layout::ledger_log(merchant);
        let mut head = LogHead::default();
        let mut entries: Vec<Booked> = Vec::new();
        each(tx, &KeyRange::prefix(&log), |_, key, bytes| {
            let number = log_entry_number(&log, key).ok_or_else(|| StoreError::corrupt("entry of a log", key));
            if self.legible(number)?.is_some() {
                head = head.followed_by(&bytes);
                entries.extend(self.legible(decode::<Booked>(key, &bytes))?);
            }
            Ok(())
        })?;
        let told = tx.log_head(&log);
        if self.legible(told)?.is_some_and(|told| told != head) {
            self.find("the log of postings is not the one that its head was computed from".to_owned());
        }
        entries.sort_unstable_by_key(|booked| booked.posting);
        let mut last: Option<PostingId> = None;
        for booked in &entries {
            if last == Some(booked.posting) {
                self.find(format!("{} is in the log of postings more than once", booked.posting));
            }
            last = Some(booked.posting);
        }
        entries.dedup_by_key(|booked| booked.posting);
        Ok(entries)
    }
}

/// Hands every entry of a range to `take`, in the order of the keys.
fn each(
    tx: &mut Tx,
    range: &KeyRange,
    mut take: impl FnMut(&mut Tx, &Key, Value) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut rest = range.clone();
    loop {
        let page = tx.scan(&rest, Direction::Forward, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        rest = rest.after(last);
        for (key, value) in page {
            take(tx, &key, value)?;
        }
    }
}
