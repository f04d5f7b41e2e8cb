//! The folder of recordings: a folder for each merchant in it, one for each pack in that, and a file for each recording.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use super::RecordingSummary;
use super::rings::{Body, Kept};
use super::sealed::Envelope;
use crate::domain::{Code, MerchantId, RecordingId};
use crate::private_file;

/// How the names of sealed recordings end, and of those that are being written.
const KEPT: &str = "sealed";
const NEW: &str = "new";

/// The longest file that is read.
const FILE_BYTES_MAX: u64 = 2 << 20;

/// The folder of recordings.
pub(super) struct Files {
    dir: PathBuf,
    has_complained: AtomicBool,
}

impl Files {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, has_complained: AtomicBool::default() }
    }

    fn folder(&self, merchant: MerchantId, pack: &Code) -> PathBuf {
        self.dir.join(merchant.to_string()).join(pack.as_str())
    }

    /// What is there of a pack at a merchant. What is something else, or damaged, is told and left where it is.
    pub(super) fn list(&self, merchant: MerchantId, pack: &Code) -> Vec<Kept> {
        let paths = entries(&self.folder(merchant, pack)).into_iter().filter(|path| ends(path, KEPT));
        let read = paths.filter_map(|path| {
            let envelope = self.read(&path).filter(|envelope| {
                let summary = &envelope.summary;
                (summary.merchant, &summary.pack) == (merchant, pack) && Some(summary.id) == id_of(&path)
            });
            match envelope {
                Some(Envelope { summary, members, .. }) => {
                    Some(Kept { summary, body: Body::File(path, Arc::new(members)) })
                }
                None => {
                    tracing::warn!(file = %path.display(), "this is no recording of this pack, and is not used");
                    None
                }
            }
        });
        read.collect()
    }

    /// What is in a file; none when that is no envelope, or the file is gone.
    pub(super) fn read(&self, path: &Path) -> Option<Envelope> {
        let about = fs::metadata(path).ok().filter(|about| about.is_file() && about.len() <= FILE_BYTES_MAX);
        about.and_then(|_| fs::read(path).ok()).and_then(|bytes| Envelope::from_file(&bytes))
    }

    /// Writes an envelope. It need not be on disk when this is over: what is torn is found out when it is read.
    pub(super) fn write(&self, envelope: &Envelope) -> Option<PathBuf> {
        let summary = &envelope.summary;
        let written = self.write_file(summary, &envelope.to_file());
        written.map_err(|error| self.complain(&error)).ok()
    }

    fn write_file(&self, summary: &RecordingSummary, bytes: &[u8]) -> io::Result<PathBuf> {
        let folder = self.folder(summary.merchant, &summary.pack);
        private_file::create_dirs(&folder)?;
        let (new, path) = (named(&folder, summary.id, NEW), named(&folder, summary.id, KEPT));
        let written = private_file::write(&new, bytes).and_then(|()| fs::rename(&new, &path));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written.map(|()| path)
    }

    pub(super) fn remove(&self, path: &Path) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.complain(&error),
            _ => {}
        }
    }

    /// Removes what is older, by the names, and what a crash has left half written.
    pub(super) fn sweep(&self, before: Timestamp) {
        for path in self.merchants().iter().flat_map(|(_, dir)| entries(dir)).flat_map(|dir| entries(&dir)) {
            let is_old = || id_of(&path).is_some_and(|id| made_at(id) < before);
            if ends(&path, NEW) || (ends(&path, KEPT) && is_old()) {
                self.remove(&path);
            }
        }
    }

    /// The packs of a merchant of which there may be recordings.
    pub(super) fn packs(&self, merchant: MerchantId) -> Vec<Code> {
        entries(&self.dir.join(merchant.to_string())).iter().filter_map(|dir| Code::new(name(dir)?).ok()).collect()
    }

    /// The merchants of whom there may be recordings.
    pub(super) fn merchants(&self) -> Vec<(MerchantId, PathBuf)> {
        let dirs = entries(&self.dir).into_iter();
        dirs.filter_map(|dir| Some((MerchantId::from_str(name(&dir)?).ok()?, dir))).collect()
    }

    fn complain(&self, error: &io::Error) {
        super::lost("not-written", 1);
        if !self.has_complained.swap(true, Ordering::Relaxed) {
            tracing::warn!(dir = %self.dir.display(), %error, "recordings of packs' calls can not be kept");
        }
    }
}

/// What is in a folder; nothing when there is none.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(dir).into_iter().flatten();
    found.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()
}

fn name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

fn ends(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|own| own == end)
}

fn id_of(path: &Path) -> Option<RecordingId> {
    path.file_stem().and_then(|stem| stem.to_str()?.parse().ok())
}

/// When it was made: ids begin with the instant of their making, in milliseconds since 1970 (RFC 9562, 5.7).
fn made_at(id: RecordingId) -> Timestamp {
    let millis = id.as_bytes()[..6].iter().fold(0, |millis, byte| millis << 8 | i64::from(*byte));
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

fn named(folder: &Path, id: RecordingId, end: &str) -> PathBuf {
    folder.join(format!("{id}.{end}"))
}
