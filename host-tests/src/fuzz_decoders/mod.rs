//! Bytes that nobody wrote, wherever the host reads its own: records of the store, its journal and snapshots, the file of the
//! master keys, signatures of components, recordings of calls; and rows of files that are brought in. They are those of a real
//! data directory with bits flipped, parts cut out, doubled or exchanged. Whatever reads them says what is wrong, or takes them
//! for what they are, and never panics.

mod recordings;
mod rows;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use punchcard::clock::Entropy;
use punchcard::domain::{Code, IdSource};
use punchcard::pack::{SigningKey, Trust, VendorKey, sign};
use punchcard::store::journal::verify_journal;
use punchcard::store::snapshot::verify_snapshot;
use punchcard::store::{Direction, DurableEngine, DurableOptions, KEY_BYTES_MAX, KeyRange, Store, StoreError};
use punchcard::usecase::verify;
use punchcard::vault::{KEY_FILE, Vault, read_key_file};

use self::recordings::Recorded;
use self::rows::Rows;
use crate::fuzz_packs::{below, mutated};
use crate::{open_store, pack};

/// What is to be read.
#[derive(Clone, Debug)]
pub struct FuzzDecoders {
    /// For how long.
    pub lasting: Duration,
    /// What everything random follows from.
    pub seed: u64,
    /// A data directory whose files are taken; it is not changed.
    pub data: PathBuf,
    /// A folder to work in; what was read last is in it, in case the process ends with it.
    pub scratch: PathBuf,
}

/// How often each was read.
pub type Tally = BTreeMap<&'static str, Read>;

/// What came of reading one kind of bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Read {
    /// How often it was read.
    pub tried: u64,
    /// How often it was refused, or something in it was told as wrong.
    pub refused: u64,
}

/// Reads until the time is over.
///
/// # Errors
/// What did not hold, with the seed and where the bytes are.
#[expect(clippy::disallowed_methods, reason = "it goes on for as long as its user says")]
pub fn run(plan: &FuzzDecoders) -> Result<Tally, String> {
    let corpus = Corpus::read(&plan.data, &plan.scratch)?;
    let mut random = IdSource::new(Timestamp::UNIX_EPOCH, plan.seed);
    let (began, mut tally) = (Instant::now(), Tally::new());
    while began.elapsed() < plan.lasting {
        let (name, read) = KINDS[below(&mut random, KINDS.len())];
        let told = catch_unwind(AssertUnwindSafe(|| read(&corpus, &mut random)));
        let Ok(told) = told else {
            let (seed, place) = (plan.seed, plan.scratch.display());
            return Err(format!("{name} panic, by seed {seed}; what was read is in {place}"));
        };
        let kind = tally.entry(name).or_default();
        kind.tried += 1;
        kind.refused += u64::from(told?);
    }
    corpus.rows.verify()?;
    // What is never refused was not read.
    match tally.iter().find(|(_, read)| read.tried > 20 && read.refused == 0) {
        Some((name, read)) => Err(format!("this is no test of {name}: {read:?}")),
        None => Ok(tally),
    }
}

/// Reads something with a few things wrong; whether that was noticed.
type Reading = fn(&Corpus, &mut IdSource) -> Result<bool, String>;

const KINDS: [(&str, Reading); 8] = [
    ("records", Corpus::records),
    ("journals", Corpus::journal),
    ("snapshots", Corpus::snapshot),
    ("key files", Corpus::key_file),
    ("signatures", Corpus::signature),
    ("recordings", |corpus, random| corpus.recorded.read(random, &corpus.scratch)),
    ("sealed recordings", |corpus, random| corpus.recorded.open(random, &corpus.scratch)),
    ("rows", |corpus, random| corpus.rows.bring(random, &corpus.scratch)),
];

/// What is read, before anything is wrong with it.
struct Corpus {
    /// All keys and values of the store.
    records: Vec<(Vec<u8>, Vec<u8>)>,
    vault: Vault,
    /// The journal's files, by name.
    journal: Vec<(String, Vec<u8>)>,
    snapshot: Vec<u8>,
    key_file: Vec<u8>,
    signed: Vec<u8>,
    trust: Trust,
    recorded: Recorded,
    rows: Rows,
    scratch: PathBuf,
}

impl Corpus {
    fn read(data: &Path, scratch: &Path) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", data.display());
        let own = scratch.join("data");
        let _ = fs::remove_dir_all(&own);
        copy(data, &own)?;
        let store = open_store(&own);
        let records = store
            .read(|tx| tx.scan(&KeyRange::prefix(&[]), Direction::Forward, usize::MAX))
            .map_err(|error: StoreError| told(&error))?;
        store.close().map_err(|error| told(&error))?;
        let files = |folder: &str| -> Result<Vec<(String, Vec<u8>)>, String> {
            let entries = fs::read_dir(own.join(folder)).map_err(|error| told(&error))?;
            let mut files = Vec::new();
            for entry in entries {
                let entry = entry.map_err(|error| told(&error))?;
                if entry.path().is_file() {
                    let bytes = fs::read(entry.path()).map_err(|error| told(&error))?;
                    files.push((entry.file_name().to_string_lossy().into_owned(), bytes));
                }
            }
            files.sort();
            Ok(files)
        };
        let snapshot = files("snapshots")?.pop().ok_or("the data directory has no snapshot")?.1;
        let key_file = fs::read(own.join(KEY_FILE)).map_err(|error| told(&error))?;
        let vault = read_key_file(&own.join(KEY_FILE)).map_err(|error| told(&error))?.ok_or("there is no key file")?;
        let key = SigningKey::new(Code::new("acme").expect("a word is a code"), &Entropy::seeded(1));
        let vendor: VendorKey = key.vendor_key();
        let signed = sign(pack("points"), &key).map_err(|error| told(&error))?;
        Ok(Self {
            records,
            vault,
            journal: files("journal")?,
            snapshot,
            key_file,
            signed,
            trust: Trust::new(vec![vendor]),
            recorded: Recorded::make(&scratch.join("recordings"))?,
            rows: Rows::new(),
            scratch: scratch.to_owned(),
        })
    }

    /// A store in which some values are not what was written, checked as `punchcard verify --deep` does. The store's own
    /// records can not be put into it, so that it is always told that logs have no heads.
    fn records(&self, random: &mut IdSource) -> Result<bool, String> {
        let mut records = self.records.clone();
        for _ in 0..=random.bits() % 8 {
            let at = below(random, records.len());
            let (key, value) = &mut records[at];
            let broken = if random.bits().is_multiple_of(8) { &mut *key } else { value };
            if !broken.is_empty() {
                *broken = mutated(random, broken);
            }
        }
        let store = Store::in_memory();
        let put = |tx: &mut punchcard::store::Tx| {
            records.iter().filter(|(key, _)| is_free(key)).try_for_each(|(key, value)| tx.put(key, value.clone()))
        };
        // Values that are too long are refused at once.
        if store.write::<_, StoreError>(put).is_err() {
            return Ok(true);
        }
        match verify(&store, Some(&self.vault), || {}) {
            Ok(verified) => Ok(!verified.is_sound()),
            Err(_) => Ok(true),
        }
    }

    fn journal(&self, random: &mut IdSource) -> Result<bool, String> {
        let dir = self.scratch.join("journal-of-last");
        let _ = fs::remove_dir_all(&dir);
        let broken = below(random, self.journal.len());
        for (number, (name, bytes)) in self.journal.iter().enumerate() {
            let bytes = if number == broken { mutated(random, bytes) } else { bytes.clone() };
            self.write(&format!("journal-of-last/journal/{name}"), &bytes)?;
        }
        if verify_journal(&dir).is_err() {
            return Ok(true);
        }
        // What is cut off at the end is no fault; opening builds the state from what is there.
        self.write("journal-of-last/FORMAT", &fs::read(self.scratch.join("data/FORMAT")).unwrap_or_default())?;
        match DurableEngine::open(&dir, &DurableOptions::default()) {
            Ok(engine) => Ok(Store::new(Arc::new(engine)).close().is_err()),
            Err(_) => Ok(true),
        }
    }

    fn snapshot(&self, random: &mut IdSource) -> Result<bool, String> {
        let file = self.write("snapshot-of-last", &mutated(random, &self.snapshot))?;
        Ok(verify_snapshot(&file).is_err())
    }

    fn key_file(&self, random: &mut IdSource) -> Result<bool, String> {
        let file = self.write("keys-of-last", &mutated(random, &self.key_file))?;
        Ok(read_key_file(&file).is_err())
    }

    fn signature(&self, random: &mut IdSource) -> Result<bool, String> {
        // The last bytes are the signature; a component is long, so that they are hit seldom otherwise.
        const TAIL: usize = 256;
        let start = self.signed.len().saturating_sub(TAIL);
        let bytes = [&self.signed[..start], &mutated(random, &self.signed[start..])].concat();
        self.write("component-of-last", &bytes)?;
        match self.trust.judge(&bytes) {
            Ok(_) if bytes != self.signed => Err("a signature holds for a component that nobody has signed".to_owned()),
            Ok(_) => Ok(false),
            Err(_) => Ok(true),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, String> {
        let file = self.scratch.join(name);
        let told = |error: std::io::Error| format!("{}: {error}", file.display());
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(told)?;
        }
        fs::write(&file, bytes).map_err(told)?;
        Ok(file)
    }
}

/// Whether a key is one that the host may write: the others are the store's own, or too long.
fn is_free(key: &[u8]) -> bool {
    matches!(key, [1..=0xfe, ..]) && key.len() <= KEY_BYTES_MAX - 9
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(told)?;
    for entry in fs::read_dir(from).map_err(told)? {
        let entry = entry.map_err(told)?;
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), place).map_err(told)?;
        }
    }
    Ok(())
}
