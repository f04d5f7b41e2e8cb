use std::time::Duration;

use super::*;

/// The smallest component, and others of no more use.
fn components() -> [Vec<u8>; 4] {
    let empty = b"\0asm\x0d\0\x01\0".to_vec();
    [b'a', b'b', b'c', b'd'].map(|name| [empty.as_slice(), &[0, 2, 1, name]].concat())
}

struct Place {
    dir: tempfile::TempDir,
    engine: Engine,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), engine: Engine::default() }
    }

    fn cache(&self) -> Cache {
        Cache::new(self.dir.path().join("compiled"), SecretKey::from_bytes([7; 32]))
    }

    /// Compiles a component and keeps it; its name.
    fn kept(&self, cache: &Cache, wasm: &[u8]) -> Name {
        let name = Name::of(&self.engine, wasm);
        cache.keep(name, &Component::from_binary(&self.engine, wasm).unwrap());
        name
    }

    fn files(&self) -> usize {
        fs::read_dir(self.dir.path().join("compiled")).unwrap().count()
    }
}

fn tally(hits: u64, misses: u64, refused: u64) -> CacheTally {
    CacheTally { hits, misses, refused }
}

/// When a file was last used, as the tests want it.
fn used_at(path: &Path, seconds: u64) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
}

#[test]
fn what_is_kept_is_found_by_who_has_the_key() {
    let place = Place::new();
    let [wasm, other, ..] = components();
    let cache = place.cache();
    assert!(cache.find(&place.engine, Name::of(&place.engine, &wasm)).is_none());
    let name = place.kept(&cache, &wasm);
    assert!(cache.find(&place.engine, name).is_some());
    assert!(place.cache().find(&place.engine, name).is_some(), "after another start");
    assert!(cache.find(&place.engine, Name::of(&place.engine, &other)).is_none());
    assert_eq!(cache.tally(), tally(1, 2, 0));
    let stranger = Cache { key: SecretKey::from_bytes([8; 32]), ..place.cache() };
    assert!(stranger.find(&place.engine, name).is_none());
    assert_eq!(stranger.tally(), tally(0, 0, 1));
}

#[test]
fn no_bit_of_what_is_kept_can_be_changed_and_nothing_cut_off() {
    let place = Place::new();
    let cache = place.cache();
    let name = place.kept(&cache, &components()[0]);
    let path = cache.path(name, KEPT);
    let good = fs::read(&path).unwrap();
    let found = |bytes: &[u8]| Authentic::checked(&cache.key, name, bytes.to_vec()).is_some();
    assert!(found(&good));
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(!found(&changed), "byte {at}");
    }
    for length in (0..TAG_BYTES + 8).chain([good.len() / 2, good.len() - 1]) {
        assert!(!found(&good[..length]), "{length} bytes of it");
    }
    assert!(!found(&[&good, b"x".as_slice()].concat()));
    fs::write(&path, &good[..good.len() - 1]).unwrap();
    assert!(cache.find(&place.engine, name).is_none());
    place.kept(&cache, &components()[0]);
    assert!(cache.find(&place.engine, name).is_some(), "it is written anew");
    assert_eq!(cache.tally(), tally(1, 0, 1));
}

#[test]
fn what_is_of_another_component_engine_or_version_is_not_taken_for_this() {
    let place = Place::new();
    let cache = place.cache();
    let [wasm, other, ..] = components();
    let (name, others) = (place.kept(&cache, &wasm), place.kept(&cache, &other));
    fs::copy(cache.path(others, KEPT), cache.path(name, KEPT)).unwrap();
    assert!(cache.find(&place.engine, name).is_none(), "that is the other component");
    let mut config = wasmtime::Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config).unwrap();
    let elsewhere = Name::of(&engine, &other);
    assert_ne!(elsewhere.0, others.0);
    fs::copy(cache.path(others, KEPT), cache.path(elsewhere, KEPT)).unwrap();
    assert!(cache.find(&engine, elsewhere).is_none(), "that was compiled for another engine");
    assert_eq!(cache.tally(), tally(0, 0, 2));
    let names =
        [("48.0.8", 1), ("48.0.9", 1), ("48.0.8", 2)].map(|(version, setup)| Name::with(&setup, version, &wasm).0);
    assert!(names[0] != names[1] && names[0] != names[2]);
}

#[test]
fn what_was_used_longest_ago_goes_and_what_a_crash_has_left() {
    let place = Place::new();
    let cache = Cache { bounds: Bounds { files: 2, ..BOUNDS }, ..place.cache() };
    let [first, second, third, fourth] = components();
    let (first, second) = (place.kept(&cache, &first), place.kept(&cache, &second));
    used_at(&cache.path(first, KEPT), 10);
    used_at(&cache.path(second, KEPT), 20);
    assert!(cache.find(&place.engine, first).is_some(), "it is used now");
    fs::write(cache.path(first, NEW), b"half").unwrap();
    let third = place.kept(&cache, &third);
    assert_eq!(place.files(), 2);
    assert!(cache.find(&place.engine, second).is_none());
    assert!(cache.find(&place.engine, first).is_some() && cache.find(&place.engine, third).is_some());
    let bytes = fs::metadata(cache.path(first, KEPT)).unwrap().len();
    let small = Cache { bounds: Bounds { bytes: bytes + bytes / 2, ..BOUNDS }, ..place.cache() };
    let fourth = place.kept(&small, &fourth);
    assert_eq!(place.files(), 1);
    assert!(small.find(&place.engine, fourth).is_some());
    let none = Cache { bounds: Bounds { bytes: 8, ..BOUNDS }, ..place.cache() };
    assert!(none.find(&place.engine, place.kept(&none, &components()[0])).is_none(), "it is larger than all room");
    assert_eq!(place.files(), 1);
}

#[test]
fn a_folder_that_can_not_be_used_is_no_error() {
    let place = Place::new();
    let cache = place.cache();
    fs::write(place.dir.path().join("compiled"), b"a file").unwrap();
    let name = place.kept(&cache, &components()[0]);
    assert!(cache.find(&place.engine, name).is_none());
    assert!(cache.has_complained.load(Ordering::Relaxed));
    let nowhere = Cache { dir: place.dir.path().join("a/b/c"), ..place.cache() };
    let name = place.kept(&nowhere, &components()[0]);
    assert!(nowhere.find(&place.engine, name).is_none());
    let odd = Cache { dir: place.dir.path().join("odd"), ..place.cache() };
    fs::create_dir_all(odd.path(name, KEPT)).unwrap();
    assert!(odd.find(&place.engine, name).is_none(), "a folder where a file should be");
    place.kept(&odd, &components()[0]);
}

#[cfg(unix)]
#[test]
fn what_is_kept_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let cache = place.cache();
    let name = place.kept(&cache, &components()[0]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&cache.dir), mode(&cache.path(name, KEPT))), (0o700, 0o600));
}

#[test]
fn the_version_that_names_cover_is_the_one_that_is_built() {
    let lock = include_str!("../../../../Cargo.lock");
    let built =
        lock.split("\n[[package]]\n").find_map(|package| package.strip_prefix("name = \"wasmtime\"\nversion = "));
    let built = built.and_then(|rest| rest.lines().next());
    assert_eq!(built, Some(format!("\"{WASMTIME_VERSION}\"").as_str()), "WASMTIME_VERSION has to follow Cargo.lock");
}
