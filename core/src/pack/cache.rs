//! Compiled components, kept from one start to the next: compiling takes a second or so of all processors.
//!
//! What is kept is native code, which the process runs with all that it may do itself. So nothing is taken that this host has
//! not written: each file begins with an HMAC-SHA-256, under a key that is not in the folder, over the name of what it is and
//! all of its bytes. The name follows from the component, the version of wasmtime and all that the engine is set up with.
//! Files that do not fit in any way (forged, cut off, of another component, engine, version or key) are as good as none:
//! the component is compiled again, and they are written anew. That there is no folder, or none to write in, is no error.

use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use data_encoding::HEXLOWER;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::private_file;
use crate::vault::SecretKey;

/// The version of wasmtime that compiles. Its own check of what was compiled looks at the major version only.
const WASMTIME_VERSION: &str = "48.0.8";

const TAG_BYTES: usize = 32;

/// How the names of compiled components end, and of those that are being written.
const KEPT: &str = "compiled";
const NEW: &str = "new";

/// How much is kept; what was used longest ago goes.
#[derive(Clone, Copy)]
struct Bounds {
    files: usize,
    bytes: u64,
}

const BOUNDS: Bounds = Bounds { files: 128, bytes: 256 << 20 };

/// What became of looking for compiled components, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheTally {
    /// They were there.
    pub hits: u64,
    /// There was nothing.
    pub misses: u64,
    /// There was something that this host has not written for this component, and it was not used.
    pub refused: u64,
}

/// A folder of compiled components.
pub(super) struct Cache {
    dir: PathBuf,
    key: SecretKey,
    bounds: Bounds,
    writing: Mutex<()>,
    has_complained: AtomicBool,
    hits: AtomicU64,
    misses: AtomicU64,
    refused: AtomicU64,
}

/// What a compiled component is called: another one for each component, version of wasmtime and setup of the engine.
#[derive(Clone, Copy)]
pub(super) struct Name([u8; 32]);

impl Name {
    pub(super) fn of(engine: &Engine, wasm: &[u8]) -> Self {
        Self::with(&engine.precompile_compatibility_hash(), WASMTIME_VERSION, wasm)
    }

    fn with(setup: &impl Hash, version: &str, wasm: &[u8]) -> Self {
        let mut digest = Sha256::new();
        // Each part has one length, or is digested to one.
        for part in [Sha256::digest(wasm), setup_of(setup), Sha256::digest(version)] {
            digest.update(part);
        }
        Self(digest.finalize().into())
    }
}

fn setup_of(setup: &impl Hash) -> sha2::digest::Output<Sha256> {
    let mut hasher = ToSha256(Sha256::new());
    setup.hash(&mut hasher);
    hasher.0.finalize()
}

/// Gathers all that is hashed, which a hash of 64 bits would not keep apart.
struct ToSha256(Sha256);

impl Hasher for ToSha256 {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }
}

impl Cache {
    pub(super) fn new(dir: PathBuf, key: SecretKey) -> Self {
        Self {
            dir,
            key,
            bounds: BOUNDS,
            writing: Mutex::default(),
            has_complained: AtomicBool::default(),
            hits: AtomicU64::default(),
            misses: AtomicU64::default(),
            refused: AtomicU64::default(),
        }
    }

    pub(super) fn tally(&self) -> CacheTally {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        CacheTally { hits: count(&self.hits), misses: count(&self.misses), refused: count(&self.refused) }
    }

    /// The compiled component of this name, if this host has kept it.
    pub(super) fn find(&self, engine: &Engine, name: Name) -> Option<Component> {
        let path = self.path(name, KEPT);
        let (outcome, of, found) = match self.read(&path, name) {
            Ok(Some(artefact)) => match component(engine, &artefact) {
                Some(component) => ("hit", &self.hits, Some(component)),
                None => ("refused", &self.refused, None),
            },
            Ok(None) => ("refused", &self.refused, None),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    self.complain("a compiled pack can not be read", &error);
                }
                ("miss", &self.misses, None)
            }
        };
        of.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("punchcard_pack_cache_total", "outcome" => outcome).increment(1);
        if found.is_none() && outcome == "refused" {
            tracing::warn!(file = %path.display(), "this is not what the host has compiled, and is not used");
        }
        found
    }

    /// What was compiled under this name; `None` when the file is not what this host has written for it.
    fn read(&self, path: &Path, name: Name) -> io::Result<Option<Authentic>> {
        let about = fs::metadata(path)?;
        if !about.is_file() || about.len() > self.bounds.bytes {
            return Ok(None);
        }
        let mut file = File::open(path)?;
        let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
        file.by_ref().take(self.bounds.bytes).read_to_end(&mut bytes)?;
        touch(&file);
        Ok(Authentic::checked(&self.key, name, bytes))
    }

    /// Keeps a component that was compiled under this name. What goes wrong costs the next start some time, and is told
    /// once.
    pub(super) fn keep(&self, name: Name, component: &Component) {
        let kept = component.serialize().map_err(|error| io::Error::other(format!("{error:#}"))).and_then(|artefact| {
            let tag = self.key.tag(&[&name.0, &artefact]);
            self.write(name, &[tag.as_slice(), &artefact].concat())
        });
        if let Err(error) = kept {
            self.complain("compiled packs can not be kept, so each start compiles them again", &error);
        }
    }

    fn write(&self, name: Name, bytes: &[u8]) -> io::Result<()> {
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > self.bounds.bytes {
            return Ok(());
        }
        let _turn = self.writing.lock();
        self.make_dir()?;
        let new = self.path(name, NEW);
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let path = self.path(name, KEPT);
        let written = private_file::create(&new, bytes).and_then(|()| fs::rename(&new, &path));
        if let Err(error) = written {
            // What is left of it would be swept the next time.
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        private_file::sync_parent(&path)?;
        self.sweep(&path)
    }

    fn make_dir(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.dir.is_dir() => Ok(()),
            made => made,
        }
    }

    /// Removes what was used longest ago until the rest is within bounds, and what a crash has left half written. The newest
    /// stays, whatever the clock says.
    fn sweep(&self, newest: &Path) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let (path, about) = (entry.path(), entry.metadata()?);
            match path.extension().and_then(|end| end.to_str()) {
                Some(NEW) => fs::remove_file(&path)?,
                Some(KEPT) => {
                    let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    kept.push((path == newest, used, about.len(), path));
                }
                _ => {}
            }
        }
        kept.sort_by(|a, b| b.cmp(a));
        let (mut files, mut bytes) = (0, 0_u64);
        for (_, _, length, path) in kept {
            files += 1;
            bytes = bytes.saturating_add(length);
            if files > self.bounds.files || bytes > self.bounds.bytes {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn path(&self, name: Name, end: &str) -> PathBuf {
        self.dir.join(format!("{}.{end}", HEXLOWER.encode(&name.0)))
    }

    fn complain(&self, what: &str, error: &io::Error) {
        if !self.has_complained.swap(true, Ordering::Relaxed) {
            tracing::warn!(dir = %self.dir.display(), %error, "{what}");
        }
    }
}

/// Bytes that this host has written into its cache, with their tag before them.
struct Authentic(Vec<u8>);

impl Authentic {
    /// The only way to one.
    fn checked(key: &SecretKey, name: Name, bytes: Vec<u8>) -> Option<Self> {
        let (tag, artefact) = bytes.split_at_checked(TAG_BYTES)?;
        key.has_tagged(&[&name.0, artefact], tag).then_some(Self(bytes))
    }

    fn artefact(&self) -> &[u8] {
        &self.0[TAG_BYTES..]
    }
}

/// The component that was compiled, if this engine still takes it.
#[expect(
    unsafe_code,
    reason = "native code is run by what it is: this is the one place, and takes what the host has made"
)]
fn component(engine: &Engine, kept: &Authentic) -> Option<Component> {
    // SAFETY: the bytes are what `Component::serialize` has given in this host, under a name that covers the version of
    // wasmtime and the engine's setup: nobody without the key has made their tag.
    unsafe { Component::deserialize(engine, kept.artefact()) }.ok()
}

/// Notes that a file was used just now. Where that can not be noted, what was written longest ago goes first.
#[cfg(unix)]
fn touch(file: &File) {
    use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};
    let nanos = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    let _ = futimens(file, &Timestamps { last_access: nanos(UTIME_OMIT), last_modification: nanos(UTIME_NOW) });
}

#[cfg(not(unix))]
fn touch(_: &File) {}

#[cfg(test)]
mod tests;
