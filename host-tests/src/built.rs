//! What `cargo xtask packs` has built. `cargo xtask test` says where it is; otherwise it is where that leaves it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

/// The bytes of a pack, by the name of its folder in `plugins/`.
pub fn pack(name: &str) -> &'static [u8] {
    component(&packs_dir().join(format!("{name}.wasm")))
}

/// The bytes of a test guest, by the name of its folder in `host-tests/guests/`.
pub fn guest(name: &str) -> &'static [u8] {
    component(&built("PUNCHCARD_GUESTS", "packs/guests").join(format!("{name}.wasm")))
}

/// The same component with other texts in the places of these, each of the length of the one before: a pack of another name,
/// or one that says something wrong.
///
/// # Panics
/// When a text is not in it, or the other one has another length.
pub fn reworded(component: &[u8], texts: &[(&str, &str)]) -> &'static [u8] {
    let mut bytes = component.to_vec();
    for (from, to) in texts {
        assert_eq!(from.len(), to.len(), "`{from}` and `{to}` are not of one length");
        let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
        assert!(!places.is_empty(), "`{from}` is not in the component");
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    bytes.leak()
}

/// The folder of the packs.
pub fn packs_dir() -> PathBuf {
    built("PUNCHCARD_PACKS", "packs/components")
}

/// The host's binary.
pub fn binary() -> PathBuf {
    built("PUNCHCARD_BIN", &format!("release/punchcard{}", std::env::consts::EXE_SUFFIX))
}

fn built(variable: &str, in_target: &str) -> PathBuf {
    std::env::var_os(variable)
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(in_target), PathBuf::from)
}

/// A component's bytes, read once for the process.
fn component(file: &Path) -> &'static [u8] {
    static READ: OnceLock<Mutex<HashMap<PathBuf, &'static [u8]>>> = OnceLock::new();
    let mut read = READ.get_or_init(Mutex::default).lock().expect("reading a file does not panic here");
    if let Some(bytes) = read.get(file) {
        return bytes;
    }
    let bytes = std::fs::read(file).map(Vec::leak);
    match bytes {
        Ok(bytes) => {
            read.insert(file.to_owned(), bytes);
            bytes
        }
        Err(error) => {
            drop(read);
            panic!("{} can not be read: {error}; `cargo xtask packs` builds it", file.display())
        }
    }
}
