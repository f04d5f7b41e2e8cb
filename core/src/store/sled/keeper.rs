//! What is kept of journal and snapshots, and what goes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SledOptions;
use super::directory::JOURNAL_DIR;
use crate::describe::describe;
use crate::store::error::StoreError;
use crate::store::journal::{Disk, remove_up_to};
use crate::store::snapshot::remove_old;

/// Removes what nobody needs: snapshots but the newest few, and the journal that is in the oldest of those.
pub(super) struct Keeper {
    dir: PathBuf,
    kept: Option<usize>,
    disk: Arc<dyn Disk>,
}

impl Keeper {
    pub(super) fn new(dir: &Path, options: &SledOptions) -> Self {
        Self { dir: dir.to_owned(), kept: options.snapshots_kept, disk: Arc::clone(&options.disk) }
    }

    /// Removes it. The state is on disk up to `checkpoint`, and needs the journal after that.
    pub(super) fn clear_up(&self, checkpoint: u64) {
        if let Err(error) = self.try_to_clear_up(checkpoint) {
            tracing::error!(error = describe(&error), "old snapshots and journal segments could not be removed");
        }
    }

    fn try_to_clear_up(&self, checkpoint: u64) -> Result<(), StoreError> {
        let Some(kept) = self.kept else { return Ok(()) };
        let Some(oldest) = remove_old(self.disk.as_ref(), &self.dir, kept)? else { return Ok(()) };
        let removed = remove_up_to(self.disk.as_ref(), &self.dir.join(JOURNAL_DIR), oldest.min(checkpoint))?;
        if removed > 0 {
            tracing::info!(segments = removed, oldest_snapshot = oldest, "old segments of the journal are removed");
        }
        Ok(())
    }
}
