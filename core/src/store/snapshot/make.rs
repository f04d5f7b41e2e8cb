//! Making a snapshot, in a data directory or as the beginning of another one.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::file::{LEVEL_KEPT, LEVEL_RUN, SnapshotReader, SnapshotSummary, SnapshotWriter};
use super::merge::{Merge, Run, Source};
use super::{Begins, ENDING, SNAPSHOT_DIR, list_snapshots, read_summary, verify_snapshot};
use crate::store::error::StoreError;
use crate::store::journal::{Disk, Payload, SystemDisk, Tip, follow, list};
use crate::store::key::{Key, Value};
use crate::store::sled::{JOURNAL_DIR, declare};

/// Up to where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// The newest record of the journal.
    #[default]
    Now,
    /// This record.
    Record(u64),
    /// The last record that was written at this instant or before.
    Moment(Timestamp),
}

/// How a snapshot is made.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotPlan {
    /// Up to where.
    pub until: Until,
    /// How much of the journal is held in memory, in bytes; the rest waits on disk.
    pub memory_bytes: usize,
    /// With less than this left on the disk, in bytes, it is given up: others need the room more.
    pub room_bytes_min: u64,
}

impl Default for SnapshotPlan {
    fn default() -> Self {
        Self { until: Until::Now, memory_bytes: 128 * 1024 * 1024, room_bytes_min: 64 * 1024 * 1024 }
    }
}

/// What a key takes in memory besides its bytes, about.
const ENTRY_BYTES: usize = 120;

/// Makes a snapshot in the data directory `dir`, of what is on disk in its journal, and reads it back. Somebody may have
/// the directory open and write. When nothing came after the newest snapshot, that one is the answer. `progress` hears of
/// every record read and every key written.
///
/// # Errors
/// [`StoreError::Locked`] when another snapshot is being made there; [`StoreError::JournalCorrupt`],
/// [`StoreError::SnapshotCorrupt`] for damage in what it is made of; [`StoreError::Io`], also when there is too little
/// room. No snapshot is there then that was not there before.
pub fn take(dir: &Path, plan: SnapshotPlan, progress: impl FnMut()) -> Result<SnapshotSummary, StoreError> {
    let snapshots = dir.join(SNAPSHOT_DIR);
    let _lock = lock(&snapshots)?;
    make(dir, &snapshots, plan, progress)
}

/// Begins a new data directory, `into`, with what the store in `from` held at some point. `from` is a data directory or
/// a copy of its `snapshots/` and `journal/`; it is only read. The new directory goes on from there by itself.
///
/// # Errors
/// As [`take`], and [`StoreError::Unsuitable`] when `into` is there and not empty, or nothing reaches back to the point.
pub fn restore(
    from: &Path,
    into: &Path,
    plan: SnapshotPlan,
    progress: impl FnMut(),
) -> Result<SnapshotSummary, StoreError> {
    let occupied = fs::read_dir(into).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        let what = "it is there and not empty; name a new directory".to_owned();
        return Err(StoreError::Unsuitable { path: into.to_owned(), what });
    }
    if list_snapshots(from)?.is_empty() && list(&from.join(JOURNAL_DIR))?.is_empty() {
        let what = "it has neither `snapshots` nor `journal` with anything in it".to_owned();
        return Err(StoreError::Unsuitable { path: from.to_owned(), what });
    }
    let snapshots = into.join(SNAPSHOT_DIR);
    let _lock = lock(&snapshots)?;
    let summary = make(from, &snapshots, plan, progress)?;
    // Only now: what is half restored must not be taken for an empty store.
    declare(into)?;
    Ok(summary)
}

fn make(from: &Path, into: &Path, plan: SnapshotPlan, progress: impl FnMut()) -> Result<SnapshotSummary, StoreError> {
    clear(into)?;
    let made = try_to_make(from, into, plan, progress);
    // Also when there was no room for it: then others need the room.
    clear(into)?;
    made
}

fn try_to_make(
    from: &Path,
    into: &Path,
    plan: SnapshotPlan,
    mut progress: impl FnMut(),
) -> Result<SnapshotSummary, StoreError> {
    let mut contents = Contents::gather(from, into, plan, &mut progress)?;
    let path = into.join(format!("{:020}.{ENDING}", contents.begins.tip.number));
    if path.exists() {
        return verify_snapshot(&path);
    }
    let path_new = path.with_extension("new");
    let step = || format!("write {}", path_new.display());
    let mut writer = SnapshotWriter::create(&path_new, contents.begins, LEVEL_KEPT, plan.room_bytes_min)
        .map_err(StoreError::io(step()))?;
    while let Some((key, value)) = contents.next()? {
        writer.put(&key, Some(&value)).map_err(StoreError::io(step()))?;
        progress();
    }
    let file = writer.finish().map_err(StoreError::io(step()))?;
    file.sync_all().map_err(StoreError::io(step()))?;
    let summary = verify_snapshot(&path_new)?;
    let named = SystemDisk.rename(&path_new, &path).and_then(|()| SystemDisk.sync_dir(into));
    named.map_err(StoreError::io(format!("name {}", path.display())))?;
    Ok(summary)
}

/// All that a store holds at some point, in the order of keys, as the newest snapshot and the journal after it say.
pub(in crate::store) struct Contents {
    pub(in crate::store) begins: Begins,
    merge: Merge,
}

impl Contents {
    /// Reads the journal in `from` since the newest snapshot there. What does not fit in memory waits in files in
    /// `aside`.
    pub(in crate::store) fn gather(
        from: &Path,
        aside: &Path,
        plan: SnapshotPlan,
        progress: &mut impl FnMut(),
    ) -> Result<Self, StoreError> {
        let base = base(from, plan.until)?;
        if base.is_none() {
            check_beginning(from)?;
        }
        Self::gather_from(base.as_deref(), from, aside, plan, progress)
    }

    /// The same, from a snapshot that the caller has chosen, or from the beginning.
    pub(in crate::store) fn gather_from(
        base: Option<&Path>,
        from: &Path,
        aside: &Path,
        plan: SnapshotPlan,
        progress: &mut impl FnMut(),
    ) -> Result<Self, StoreError> {
        let begins = match base {
            Some(path) => SnapshotReader::open(path)?.begins,
            None => Begins { tip: Tip::default(), dated_at: Timestamp::UNIX_EPOCH },
        };
        let SnapshotPlan { room_bytes_min, .. } = plan;
        let (runs, run) = (Vec::new(), Run::new());
        let mut gathered = Gathered { runs, run, bytes: 0, reached: begins, into: aside, room_bytes_min };
        let begins = gather(from, plan, &mut gathered, progress)?;
        if let Until::Record(wanted) = plan.until
            && begins.tip.number != wanted
        {
            let what = format!("it ends with record {}, there is no record {wanted}", begins.tip.number);
            return Err(StoreError::Unsuitable { path: from.to_owned(), what });
        }
        let Gathered { runs, run, .. } = gathered;
        let mut sources = Vec::with_capacity(runs.len() + 2);
        for path in base.into_iter().chain(runs.iter().map(PathBuf::as_path)) {
            sources.push(Source::File(Box::new(SnapshotReader::open(path)?)));
        }
        sources.push(Source::Memory(run.into_iter()));
        Ok(Self { begins, merge: Merge::new(sources)? })
    }

    /// The next key with its value.
    pub(in crate::store) fn next(&mut self) -> Result<Option<(Key, Value)>, StoreError> {
        self.merge.next()
    }
}

/// The newest snapshot that does not go too far.
fn base(from: &Path, until: Until) -> Result<Option<PathBuf>, StoreError> {
    for snapshot in list_snapshots(from)?.into_iter().rev() {
        let begins = SnapshotReader::open(&snapshot.path)?.begins;
        let fits = match until {
            Until::Now => true,
            Until::Record(number) => begins.tip.number <= number,
            Until::Moment(moment) => begins.dated_at <= moment,
        };
        if fits {
            return Ok(Some(snapshot.path));
        }
    }
    Ok(None)
}

/// Checks that the journal begins with the first record, for what no snapshot reaches back to.
fn check_beginning(from: &Path) -> Result<(), StoreError> {
    let journal = list(&from.join(JOURNAL_DIR))?;
    let Some(first) = journal.first().map(|oldest| oldest.first).filter(|first| *first > 1) else { return Ok(()) };
    let from_where = match list_snapshots(from)?.first() {
        Some(oldest) => {
            let SnapshotSummary { number, dated_at, .. } = read_summary(&oldest.path)?;
            format!("the oldest snapshot ends with record {number} of {dated_at}")
        }
        None => "there is no snapshot".to_owned(),
    };
    let what = format!("nothing in it reaches back so far: {from_where}, and the journal begins with record {first}");
    Err(StoreError::Unsuitable { path: from.to_owned(), what })
}

/// What was gathered from the journal: runs on disk, oldest first, and the newest one in memory.
struct Gathered<'a> {
    runs: Vec<PathBuf>,
    run: Run,
    bytes: usize,
    reached: Begins,
    into: &'a Path,
    room_bytes_min: u64,
}

impl Gathered<'_> {
    fn put_aside(&mut self) -> Result<(), StoreError> {
        let path = self.into.join(format!("{}.run", self.runs.len()));
        let step = || format!("write {}", path.display());
        let mut writer = SnapshotWriter::create(&path, self.reached, LEVEL_RUN, self.room_bytes_min)
            .map_err(StoreError::io(step()))?;
        for (key, value) in std::mem::take(&mut self.run) {
            writer.put(&key, value.as_deref()).map_err(StoreError::io(step()))?;
        }
        writer.finish().map_err(StoreError::io(step()))?;
        self.runs.push(path);
        self.bytes = 0;
        Ok(())
    }
}

/// Reads the journal from where the base ends. Returns with which record it ends.
fn gather(
    from: &Path,
    plan: SnapshotPlan,
    gathered: &mut Gathered<'_>,
    progress: &mut impl FnMut(),
) -> Result<Begins, StoreError> {
    if plan.until == Until::Record(gathered.reached.tip.number) {
        return Ok(gathered.reached);
    }
    let journal = from.join(JOURNAL_DIR);
    let beyond = |tip: Tip, dated_at: Timestamp| match plan.until {
        Until::Now => false,
        Until::Record(number) => tip.number > number,
        Until::Moment(moment) => dated_at > moment,
    };
    follow(&journal, gathered.reached.tip, |tip, payload| {
        let unreadable = |_| StoreError::JournalCorrupt {
            file: journal.clone(),
            offset: 0,
            what: format!("record {} is whole, but written in an unknown way", tip.number),
            remedy: "use the version of punchcard that wrote it",
        };
        let mut payload = Payload::new(payload).map_err(unreadable)?;
        let dated_at = payload.dated_at.unwrap_or(gathered.reached.dated_at);
        if beyond(tip, dated_at) {
            return Ok(ControlFlow::Break(()));
        }
        while let Some((key, value)) = payload.next().map_err(unreadable)? {
            gathered.bytes += key.len() + value.map_or(0, <[u8]>::len) + ENTRY_BYTES;
            gathered.run.insert(key.to_vec(), value.map(<[u8]>::to_vec));
        }
        gathered.reached = Begins { tip, dated_at };
        progress();
        if gathered.bytes > plan.memory_bytes {
            gathered.put_aside()?;
        }
        // What comes after the last wanted record is not looked at: it may be damaged, and the reason to restore.
        let enough = plan.until == Until::Record(tip.number);
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(gathered.reached)
}

/// Keeps others from making a snapshot in the same place.
pub(in crate::store) fn lock(dir: &Path) -> Result<File, StoreError> {
    fs::create_dir_all(dir).map_err(StoreError::io(format!("make {}", dir.display())))?;
    let path = dir.join("LOCK");
    let open = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = open.map_err(StoreError::io(format!("open {}", path.display())))?;
    lock.try_lock().map_err(|_| StoreError::Locked { path })?;
    Ok(lock)
}

/// Removes what an attempt that was cut short has left.
pub(in crate::store) fn clear(dir: &Path) -> Result<(), StoreError> {
    let step = || format!("clear {}", dir.display());
    for entry in fs::read_dir(dir).map_err(StoreError::io(step()))? {
        let path = entry.map_err(StoreError::io(step()))?.path();
        if path.extension().is_some_and(|ending| ending == "new" || ending == "run") {
            fs::remove_file(&path).map_err(StoreError::io(step()))?;
        }
    }
    Ok(())
}
