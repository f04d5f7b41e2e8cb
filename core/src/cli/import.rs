//! `punchcard import orders`

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::orders_file::{self, Format};
use super::{Failure, data};
use crate::clock::Clock;
use crate::describe::describe;
use crate::domain::{Merchant, MerchantId, StoreId};
use crate::usecase::{Host, ImportPlan, ImportProgress, ImportSummary, import_orders};

/// Rows that are under way at once. They share the journal's syncs.
const WORKERS: usize = 64;

#[derive(Subcommand)]
pub(super) enum Import {
    /// Bring in orders from a file. All rows are checked before the first is recorded; run again, it changes nothing
    Orders(Orders),
}

#[derive(Args)]
pub(super) struct Orders {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// `cdnow`: customer, date (YYYYMMDD), quantity and amount, by blanks. `csv`: a header with reference, customer,
    /// ordered_at, sku, category, quantity, amount; rows of one reference that follow each other are one order
    #[arg(long, value_enum)]
    format: Format,
    /// The merchant; needed when there are several
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// The store's code; needed when there are several
    #[arg(long, value_name = "CODE")]
    store: Option<String>,
    #[command(flatten)]
    keys: data::Keys,
    /// The file
    file: PathBuf,
}

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self::Orders(orders) = self;
        let host = data::host(&orders.data, data::open_existing(&orders.data)?, &orders.keys, Clock::System)?;
        let merchant = data::pick_merchant(&host.store, orders.merchant)?;
        let store = data::pick_store(&host.store, merchant.id, orders.store.as_deref())?;
        let summary = bring_in(&host, &merchant, store, orders.format, &orders.file)?;
        println!(
            "{} orders recorded, {} were there before; {} members enrolled; {} in all",
            summary.orders_new,
            summary.orders_known,
            summary.members_new,
            merchant.currency.show(summary.total_minor),
        );
        host.store.close().map_err(|error| describe(&error))
    }
}

/// Brings in a file of orders, showing progress.
pub(super) fn bring_in(
    host: &Host,
    merchant: &Merchant,
    store: StoreId,
    format: Format,
    file: &Path,
) -> Result<ImportSummary, Failure> {
    let rows = orders_file::read(file, format, merchant)?;
    let bar = ProgressBar::new(u64::try_from(rows.len()).unwrap_or(u64::MAX)).with_style(
        ProgressStyle::with_template("{wide_bar} {pos}/{len} orders, {per_sec}, {eta} left").expect("a template"),
    );
    let progress = ImportProgress::default();
    let plan = ImportPlan { merchant: merchant.id, store, workers: WORKERS };
    let imported = std::thread::scope(|scope| {
        let work = scope.spawn(|| import_orders(host, &plan, rows, &progress));
        while !work.is_finished() {
            bar.set_position(progress.done.load(Ordering::Relaxed));
            std::thread::sleep(Duration::from_millis(50));
        }
        work.join().expect("an import does not panic")
    });
    bar.finish_and_clear();
    imported
        .map_err(|error| format!("{}: {error}; what came before is recorded, run it again to go on", file.display()))
}
