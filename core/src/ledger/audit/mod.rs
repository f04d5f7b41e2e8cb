//! The proof that a merchant's books balance: all postings folded anew and compared with what the records say.
//!
//! Every table is read once, in the order of its keys. What is kept in memory meanwhile is a few numbers for each
//! account and each lot (under 200 bytes), and 48 bytes for each posting, so that it runs at millions of them.

mod compare;
mod fold;
mod index;

use std::fmt;

use jiff::tz::TimeZone;

use super::Posting;
use super::records::Booked;
use crate::domain::{MerchantId, PostingId};
use crate::store::{Direction, Key, KeyRange, LogHead, StoreError, Tx, Value, decode, layout};
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
    /// When the store can not be read. Contradictions are no errors: they are in the findings.
    pub fn run(
        tx: &mut Tx,
        merchant: MerchantId,
        zone: &TimeZone,
        mut progress: impl FnMut(),
    ) -> Result<Self, StoreError> {
        let mut audit = Self::default();
        let mut fold = Fold::default();
        let mut digests = audit.read_log(tx, merchant)?.into_iter().peekable();
        each(tx, &layout::postings(merchant), |key, bytes| {
            let posting: Posting = decode(key, &bytes)?;
            audit.postings = audit.postings.saturating_add(1);
            audit.transfers = audit.transfers.saturating_add(fold.posting(&posting, &mut audit.findings));
            while let Some(missing) = digests.next_if(|booked| booked.posting < posting.id) {
                audit.find(format!("{} is in the log of postings, but missing", missing.posting));
            }
            match digests.next_if(|booked| booked.posting == posting.id) {
                Some(booked) if booked == Booked::of(posting.id, &bytes) => {}
                Some(_) => audit.find(format!("{} is not what was booked: its digest is another", posting.id)),
                None => audit.find(format!("{} is not in the log of postings", posting.id)),
            }
            progress();
            Ok(())
        })?;
        for missing in digests {
            audit.find(format!("{} is in the log of postings, but missing", missing.posting));
        }
        fold.keep_issued_of_coupons();
        audit.compare(tx, merchant, zone, fold)?;
        Ok(audit)
    }

    fn find(&mut self, what: String) {
        self.findings.push(Finding(what));
    }

    /// The log of postings by posting, with its chain followed from the first entry to the head.
    fn read_log(&mut self, tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Booked>, StoreError> {
        let log = layout::ledger_log(merchant);
        let mut head = LogHead::default();
        let mut entries: Vec<Booked> = Vec::new();
        loop {
            let page = tx.log_scan(&log, head.sequence, PAGE)?;
            let full = page.len() == PAGE;
            for (_, bytes) in page {
                head = head.followed_by(&bytes);
                entries.push(decode(&log, &bytes)?);
            }
            if !full {
                break;
            }
        }
        if tx.log_head(&log)? != head {
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
    mut take: impl FnMut(&Key, Value) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut rest = range.clone();
    loop {
        let page = tx.scan(&rest, Direction::Forward, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        rest = rest.after(last);
        for (key, value) in page {
            take(&key, value)?;
        }
    }
}
