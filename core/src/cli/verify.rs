//! `punchcard verify`

use std::path::PathBuf;

use clap::Args;

use super::{Failure, data};
use crate::store::JOURNAL_DIR;
use crate::store::journal::verify_journal;
use crate::usecase::{self, MerchantReport};

#[derive(Args)]
pub(super) struct Verify {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        let store = data::open_existing(&self.data)?;
        let journal = verify_journal(&self.data.join(JOURNAL_DIR)).map_err(|error| error.to_string())?;
        println!(
            "journal   {} segments, records {} to {}, {} bytes, every record follows from the one before",
            journal.segments, journal.first, journal.tip.number, journal.bytes
        );
        let reports = check(&store)?;
        store.close().map_err(|error| error.to_string())?;
        for report in &reports {
            show(report);
        }
        if reports.iter().all(MerchantReport::is_sound) {
            println!("the books balance");
            Ok(())
        } else {
            Err("the books do not balance; what contradicts what is listed above".into())
        }
    }
}

/// Checks all merchants, showing progress.
pub(super) fn check(store: &crate::store::Store) -> Result<Vec<MerchantReport>, Failure> {
    let bar = indicatif::ProgressBar::new_spinner().with_style(
        indicatif::ProgressStyle::with_template("{spinner} {pos} records checked, {elapsed}").expect("a template"),
    );
    let reports = usecase::verify(store, || bar.inc(1)).map_err(|error| error.to_string());
    bar.finish_and_clear();
    reports
}

fn show(report: &MerchantReport) {
    println!(
        "merchant  {}  {}: {} members, {} orders, {} postings with {} transfers, {} accounts, {} lots",
        report.merchant.id,
        report.merchant.name,
        report.members,
        report.orders,
        report.audit.postings,
        report.audit.transfers,
        report.audit.accounts,
        report.audit.lots,
    );
    for finding in &report.audit.findings {
        println!("  ledger: {finding}");
    }
    for finding in &report.index_findings {
        println!("  index: {finding}");
    }
}
