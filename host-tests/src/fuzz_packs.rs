//! Components that nobody meant: real ones with bits flipped, parts cut out, doubled or exchanged, and ones made up by
//! wasm-smith. Each is loaded as a vendor's upload is. None may stop the host, and memory returns to where it was.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use punchcard::domain::IdSource;
use punchcard::pack::{LoadError, Packs};
use wasm_smith::Config;

use crate::process::resident;
use crate::{guest, pack};

/// How much memory may be kept when all is done, in bytes: what the allocators hold back.
const KEPT_MAX: u64 = 256 << 20;
/// After so many loads the process is as large as it is to stay.
const WARM_UP: u64 = 100;

/// What is to be loaded.
#[derive(Clone, Debug)]
pub struct FuzzPacks {
    /// For how long.
    pub lasting: Duration,
    /// What everything random follows from.
    pub seed: u64,
    /// Where the component lies that is being loaded, in case the process ends with it.
    pub last: PathBuf,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fuzzed {
    /// How many components were loaded, or refused.
    pub tried: u64,
    /// How many of them were packs all the same.
    pub packs: u64,
    /// How many were refused with the first error that a component can have, as they are none.
    pub no_components: u64,
    /// How much more memory is held than after the first hundred, in bytes.
    pub kept: u64,
}

/// Loads components until the time is over.
///
/// # Errors
/// What did not hold, with the seed and where the component is.
#[expect(clippy::disallowed_methods, reason = "it goes on for as long as its user says")]
pub fn run(plan: &FuzzPacks) -> Result<Fuzzed, String> {
    let packs = Packs::new().map_err(|error| error.to_string())?;
    let mut random = IdSource::new(Timestamp::UNIX_EPOCH, plan.seed);
    let seeds = [pack("points"), guest("echo")];
    let (began, mut fuzzed, mut before) = (Instant::now(), Fuzzed::default(), 0);
    while began.elapsed() < plan.lasting {
        let component = match random.bits() % 4 {
            0 => made_up(&mut random),
            _ => {
                let seed = seeds[below(&mut random, seeds.len())];
                mutated(&mut random, seed)
            }
        };
        fs::write(&plan.last, &component).map_err(|error| format!("{}: {error}", plan.last.display()))?;
        let loaded = catch_unwind(AssertUnwindSafe(|| packs.load(&component).map(drop)));
        fuzzed.tried += 1;
        match loaded {
            Ok(Ok(())) => fuzzed.packs += 1,
            Ok(Err(LoadError::NotAComponent(_))) => fuzzed.no_components += 1,
            Ok(Err(_)) => {}
            Err(_) => {
                let last = plan.last.display();
                return Err(format!("component {} of seed {} panics; it is in {last}", fuzzed.tried, plan.seed));
            }
        }
        if fuzzed.tried == WARM_UP {
            before = resident("self");
        }
    }
    // What is no pack any more must not be what all of them are: then nothing was tried.
    if fuzzed.tried > WARM_UP && (fuzzed.packs == 0 || fuzzed.no_components > fuzzed.tried / 2) {
        return Err(format!("this is no test: {fuzzed:?}"));
    }
    fuzzed.kept = if before == 0 { 0 } else { resident("self").saturating_sub(before) };
    if fuzzed.kept > KEPT_MAX {
        return Err(format!("{} MB more are held than after {WARM_UP} components", fuzzed.kept >> 20));
    }
    Ok(fuzzed)
}

/// A component that is valid, and has nothing to do with packs.
fn made_up(random: &mut IdSource) -> Vec<u8> {
    let bytes: Vec<u8> = (0..512).flat_map(|_| random.bits().to_le_bytes()).collect();
    let mut source = arbitrary::Unstructured::new(&bytes);
    let config = Config { max_memories: 3, max_tables: 3, ..Config::default() };
    wasm_smith::Component::new(config, &mut source).map(|component| component.to_bytes()).unwrap_or_default()
}

/// Bytes with a few things wrong.
pub(crate) fn mutated(random: &mut IdSource, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.bits() % 3 {
        if bytes.is_empty() {
            break;
        }
        let (at, length) = (below(random, bytes.len()), 1 + below(random, 64));
        let end = (at + length).min(bytes.len());
        match random.bits() % 6 {
            0 | 1 => bytes[at] ^= 1 << (random.bits() % 8),
            2 => bytes[at] = random.bits().to_le_bytes()[0],
            3 => drop(bytes.drain(at..end)),
            4 => {
                let doubled = bytes[at..end].to_vec();
                bytes.splice(at..at, doubled);
            }
            _ => {
                let from = below(random, bytes.len() - length.min(bytes.len() - 1));
                let other = bytes[from..(from + length).min(bytes.len())].to_vec();
                bytes.splice(at..end, other);
            }
        }
    }
    bytes
}

/// A number below `end`, which is not 0.
pub(crate) fn below(random: &mut IdSource, end: usize) -> usize {
    usize::try_from(random.bits() % u64::try_from(end).unwrap_or(1)).unwrap_or(0)
}
