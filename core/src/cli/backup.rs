//! `punchcard snapshot`, `restore` and `compact`: what keeps a store safe and small.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::{Failure, data, progress};
use crate::describe::describe;
use crate::store::snapshot::{self, SnapshotPlan, SnapshotSummary, Until};
use crate::store::{self, DurableOptions};

#[derive(Args)]
pub(super) struct Snapshot {
    #[command(flatten)]
    data: data::Existing,
}

impl Snapshot {
    pub(super) fn run(self) -> Result<(), Failure> {
        let bar = progress::counting("records and keys");
        let taken = snapshot::take(self.data.dir()?, SnapshotPlan::default(), || bar.inc(1));
        bar.finish_and_clear();
        println!("snapshot {}, written and read back", said(&taken.map_err(|error| describe(&error))?));
        Ok(())
    }
}

#[derive(Args)]
pub(super) struct Restore {
    /// A data directory, or a copy of the folders `snapshots` and `journal` of one. It is only read
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The data directory to make; it must not be there, or be empty
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Up to this record of the journal, rather than to the newest
    #[arg(long, value_name = "NUMBER", conflicts_with = "to_moment")]
    to_record: Option<u64>,
    /// Up to this moment, such as 2026-03-18T09:30:00+08:00: everything that was recorded until then
    #[arg(long, value_name = "TIME")]
    to_moment: Option<Timestamp>,
}

impl Restore {
    pub(super) fn run(self) -> Result<(), Failure> {
        let until = match (self.to_record, self.to_moment) {
            (Some(number), _) => Until::Record(number),
            (None, Some(moment)) => Until::Moment(moment),
            (None, None) => Until::Now,
        };
        let bar = progress::counting("records and keys");
        let plan = SnapshotPlan { until, ..SnapshotPlan::default() };
        let restored = snapshot::restore(&self.from, &self.into, plan, || bar.inc(1));
        bar.finish_and_clear();
        let restored = restored.map_err(|error| describe(&error))?;
        // Opening it builds the state, and shows that it can be.
        let store = data::open(&self.into)?;
        store.close().map_err(|error| describe(&error))?;
        println!("restored {} into {}", said(&restored), self.into.display());
        println!("`punchcard verify --deep --data {}` proves it", self.into.display());
        Ok(())
    }
}

#[derive(Args)]
pub(super) struct Compact {
    #[command(flatten)]
    data: data::Existing,
}

impl Compact {
    pub(super) fn run(self) -> Result<(), Failure> {
        let bar = progress::counting("records and keys");
        let done = store::compact(self.data.dir()?, &DurableOptions::default(), || bar.inc(1));
        bar.finish_and_clear();
        let (before, after) = done.map_err(|error| describe(&error))?;
        println!("the state had {before} bytes and has {after} now");
        Ok(())
    }
}

fn said(summary: &SnapshotSummary) -> String {
    format!(
        "of record {} at {}: {} keys, {} bytes in {}",
        summary.number, summary.dated_at, summary.keys, summary.logical_bytes, summary.file_bytes
    )
}
