//! `punchcard verify`

use clap::Args;

use super::{Failure, data, progress};
use crate::describe::describe;
use crate::store::journal::verify_journal;
use crate::store::snapshot::{list_snapshots, read_summary, verify_snapshot};
use crate::store::{DurableEngine, DurableOptions, JOURNAL_DIR, Store};
use crate::usecase::{self, MerchantReport, Verified};
use crate::vault::{Vault, read_key_file};

#[derive(Args)]
pub(super) struct Verify {
    #[command(flatten)]
    data: data::Existing,
    /// Prove every promise: the journal's chain from its first record, all snapshots, every key of the state, and each
    /// merchant's books, chains, counters and indexes. Reads everything
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    keys: data::Keys,
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        let dir = self.data.dir()?;
        let engine = data::open_engine(dir, &DurableOptions::default())?;
        let store = Store::new(std::sync::Arc::clone(&engine) as _);
        println!("state     leads on from a whole journal; nothing acknowledged is missing");
        let snapshots = list_snapshots(dir).map_err(|error| describe(&error))?;
        for snapshot in &snapshots {
            let checked = if self.deep { verify_snapshot(&snapshot.path) } else { read_summary(&snapshot.path) };
            let summary = checked.map_err(|error| describe(&error))?;
            let how = if self.deep { "whole" } else { "its header is whole" };
            println!("snapshot  of record {} at {}, {} keys: {how}", summary.number, summary.dated_at, summary.keys);
        }
        if !self.deep {
            store.close().map_err(|error| describe(&error))?;
            println!("what every start checks is sound; --deep proves the rest");
            return Ok(());
        }
        let journal = verify_journal(&dir.join(JOURNAL_DIR)).map_err(|error| describe(&error))?;
        println!(
            "journal   {} segments, records {} to {}, {} bytes, every record follows from the one before",
            journal.segments, journal.first, journal.tip.number, journal.bytes
        );
        check_state(&engine)?;
        let file = self.keys.file(dir);
        let vault = read_key_file(&file).map_err(|error| describe(&error))?;
        if vault.is_none() {
            println!("sealed    not opened: there is no key file {}; name it with --key-file", file.display());
        }
        let verified = check(&store, vault.as_ref())?;
        store.close().map_err(|error| describe(&error))?;
        for report in &verified.merchants {
            show(report);
        }
        for finding in &verified.unreadable {
            println!("  {finding}");
        }
        if verified.is_sound() {
            println!("the books balance");
            Ok(())
        } else {
            Err("the books do not balance; what contradicts what is listed above".into())
        }
    }
}

fn check_state(engine: &DurableEngine) -> Result<(), Failure> {
    let bar = progress::counting("records and keys compared");
    let report = engine.verify_state(|| bar.inc(1)).map_err(|error| describe(&error));
    bar.finish_and_clear();
    let report = report?;
    for finding in &report.findings {
        println!("  state: {finding}");
    }
    if report.findings.is_empty() {
        println!("state     {} keys, each as snapshot and journal say up to record {}", report.keys, report.number);
        return Ok(());
    }
    Err("the state is not what the journal says; move its folder `sled` away, and the next start builds it again"
        .into())
}

/// Checks all merchants, showing progress.
pub(super) fn check(store: &Store, vault: Option<&Vault>) -> Result<Verified, Failure> {
    let bar = progress::counting("records checked");
    let verified = usecase::verify(store, vault, || bar.inc(1)).map_err(|error| describe(&error));
    bar.finish_and_clear();
    verified
}

fn show(report: &MerchantReport) {
    println!(
        "merchant  {}  {}: {} members, {} orders, {} postings with {} transfers, {} accounts, {} lots, {} holds, {} \
         pending grants, {} idempotency records, of which {} do not say what they are about",
        report.merchant.id,
        report.merchant.name,
        report.members,
        report.orders,
        report.audit.postings,
        report.audit.transfers,
        report.audit.accounts,
        report.audit.lots,
        report.audit.holds,
        report.audit.pending,
        report.requests,
        report.requests_silent,
    );
    for finding in report.findings() {
        println!("  {finding}");
    }
}
