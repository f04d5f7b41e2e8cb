//! Components that nobody meant: real ones with bits flipped, parts cut out, doubled or exchanged, and ones made up by
//! wasm-smith; and manifests of real ones in which something is not what it was. Each is loaded as a vendor's upload is. None may stop the host, and memory returns to where it was.

use std::fmt::Write as _;
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
    let manifests = manifests(&packs)?;
    let (began, mut fuzzed, mut before) = (Instant::now(), Fuzzed::default(), 0);
    while began.elapsed() < plan.lasting {
        let component = match random.bits() % 8 {
            0 | 1 => made_up(&mut random),
            2 | 3 => {
                let manifest = &manifests[below(&mut random, manifests.len())];
                let manifest = mutated(&mut random, manifest.as_bytes());
                telling(&String::from_utf8_lossy(&manifest))
            }
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

/// What some packs say of themselves.
fn manifests(packs: &Packs) -> Result<Vec<String>, String> {
    let told = |name| {
        let loaded = packs.load(pack(name)).map_err(|error| format!("{name}: {error}"))?;
        serde_json::to_string(&loaded.manifest).map_err(|error| error.to_string())
    };
    ["points", "bakery", "training", "alliance"].into_iter().map(told).collect()
}

/// A component that says this of itself, and does nothing.
fn telling(manifest: &str) -> Vec<u8> {
    let data: String = manifest.bytes().fold(String::new(), |mut data, byte| {
        let _ = write!(data, "\\{byte:02x}");
        data
    });
    let text = format!(
        r#"(component
            (core module $module
                (memory (export "memory") 8)
                (data (i32.const 16) "{data}")
                (func (export "manifest") (result i32)
                    (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const {length})) (i32.const 0)))
            (core instance $main (instantiate $module))
            (func $manifest (result string)
                (canon lift (core func $main "manifest") (memory (core memory $main "memory"))))
            (instance $describe (export "manifest" (func $manifest)))
            (export "punchcard:pack/describe@0.1.0" (instance $describe)))"#,
        length = manifest.len()
    );
    wat::parse_str(text).unwrap_or_default()
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
