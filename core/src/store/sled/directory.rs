//! What lies in a data directory.
//!
//! | name | what |
//! |---|---|
//! | `FORMAT` | one line that says what this directory is, and in which version of this layout |
//! | `LOCK` | locked by the process that has the directory open |
//! | `journal/` | the journal: what is acknowledged is here |
//! | `snapshots/` | all that the store held at some record of the journal: see `store/snapshot` |
//! | `sled/` | the state that the journal builds: can be built again from the newest snapshot and the journal |
//! | `sled.new/`, `sled.old/` | a state that is being built; one that it has replaced, and that is being removed |
//! | `sled.aside-1` … | states that could not be used, kept for inspection |

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::store::error::StoreError;
use crate::store::journal::{Disk as _, SystemDisk};
use crate::store::snapshot::SNAPSHOT_DIR;

/// The file that says what the directory is.
pub const FORMAT_FILE: &str = "FORMAT";
/// The file that is locked while a process has the directory open.
pub(super) const LOCK_FILE: &str = "LOCK";
/// The directory of the journal.
pub const JOURNAL_DIR: &str = "journal";
/// The directory of the state.
pub(super) const STATE_DIR: &str = "sled";
/// The directory of a state that is being built.
pub(super) const BUILDING_DIR: &str = "sled.new";
/// The directory of a state that a new one has replaced.
pub(super) const OLD_DIR: &str = "sled.old";

/// What [`FORMAT_FILE`] holds.
const FORMAT: &str = "punchcard data 1\n";
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Makes the directory if it is new, checks that it is one of this version, and locks it for as long as the returned
/// file is open. A lock that a process has left behind a moment ago is waited for.
pub(super) fn claim(dir: &Path, patience: Duration) -> Result<File, StoreError> {
    fs::create_dir_all(dir).map_err(StoreError::io(format!("make {}", dir.display())))?;
    let path = dir.join(LOCK_FILE);
    let open = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = open.map_err(StoreError::io(format!("open {}", path.display())))?;
    let mut waited = Duration::ZERO;
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if waited < patience => {
                thread::sleep(LOCK_PAUSE);
                waited += LOCK_PAUSE;
            }
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked { path }),
            Err(TryLockError::Error(error)) => return Err(StoreError::io(format!("lock {}", path.display()))(error)),
        }
    }
    make_directory(dir)?;
    Ok(lock)
}

/// Makes what a data directory has, and checks that it is one of this version.
fn make_directory(dir: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(dir).map_err(StoreError::io(format!("make {}", dir.display())))?;
    check_format(dir)?;
    make_inner(dir)
}

/// Makes a directory in which something was prepared a data directory. Before that it is none, and is refused as one.
pub(in crate::store) fn declare(dir: &Path) -> Result<(), StoreError> {
    make_inner(dir)?;
    write_format(dir).map_err(StoreError::io(format!("write {}", dir.join(FORMAT_FILE).display())))
}

fn make_inner(dir: &Path) -> Result<(), StoreError> {
    for inner in [JOURNAL_DIR, SNAPSHOT_DIR] {
        let inner = dir.join(inner);
        let made = fs::create_dir_all(&inner).and_then(|()| SystemDisk.sync_dir(dir));
        made.map_err(StoreError::io(format!("make {}", inner.display())))?;
    }
    Ok(())
}

fn check_format(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(FORMAT_FILE);
    let unsuitable = |what: &str| StoreError::Unsuitable { path: dir.to_owned(), what: what.to_owned() };
    match fs::read_to_string(&path) {
        Ok(format) if format == FORMAT => Ok(()),
        Ok(format) => {
            Err(unsuitable(&format!("its format is {:?}, this version reads {:?}", format.trim(), FORMAT.trim())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if [JOURNAL_DIR, STATE_DIR, SNAPSHOT_DIR].iter().any(|inner| dir.join(inner).exists()) {
                return Err(unsuitable("it holds data, but no file FORMAT"));
            }
            write_format(dir).map_err(StoreError::io(format!("write {}", path.display())))
        }
        Err(error) => Err(StoreError::io(format!("read {}", path.display()))(error)),
    }
}

fn write_format(dir: &Path) -> io::Result<()> {
    let path_new = dir.join("FORMAT.new");
    let mut file = File::create(&path_new)?;
    file.write_all(FORMAT.as_bytes())?;
    file.sync_all()?;
    fs::rename(path_new, dir.join(FORMAT_FILE))?;
    SystemDisk.sync_dir(dir)
}
