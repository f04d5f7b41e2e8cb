//! Large values, and what is beside them.

use super::*;

fn state(dir: &Path) -> State {
    State::open(&dir.join("sled"), 16 * 1024 * 1024).expect("opens")
}

fn put(state: &State, key: &str, value: Option<&[u8]>) {
    state.put(Writes::from([(key.into(), value.map(IVec::from))])).expect("writes");
}

fn all(state: &State, direction: Direction) -> Vec<(String, usize)> {
    let found = state.scan(&KeyRange::prefix(b""), direction, usize::MAX).expect("reads");
    let told = |(key, value): (Key, Value)| (String::from_utf8(key).expect("is text"), value.len());
    found.into_iter().map(told).collect()
}

#[test]
fn a_large_value_is_a_value_like_any_other() {
    let dir = tempfile::TempDir::new().expect("directory");
    let large = vec![b'x'; LARGE_FROM];
    let sizes = |sizes: [(&str, usize); 3]| sizes.map(|(key, size)| (key.to_owned(), size)).to_vec();
    {
        let state = state(dir.path());
        put(&state, "a", Some(b"small"));
        put(&state, "b", Some(&large));
        put(&state, "c", Some(IS_LARGE));
        let expected = sizes([("a", 5), ("b", LARGE_FROM), ("c", IS_LARGE.len())]);
        assert_eq!(all(&state, Direction::Forward), expected);
        assert_eq!(all(&state, Direction::Backward), expected.into_iter().rev().collect::<Vec<_>>());
        state.flush().expect("flushes");
    }
    let state = state(dir.path());
    assert_eq!(state.get(b"b").expect("reads").as_deref(), Some(large.as_slice()));
    assert_eq!(state.get(b"c").expect("reads").as_deref(), Some(IS_LARGE));
    put(&state, "a", Some(&large));
    put(&state, "b", Some(b"small again"));
    put(&state, "c", None);
    assert_eq!(all(&state, Direction::Forward), [("a".to_owned(), LARGE_FROM), ("b".to_owned(), 11)]);
    assert_eq!(state.large.len(), 1, "what is not large any more is not left there");
    put(&state, "a", None);
    assert_eq!(state.get(b"a").expect("reads"), None);
    assert_eq!(state.large.len(), 0);
}

#[test]
fn a_large_value_that_is_missing_is_damage() {
    let dir = tempfile::TempDir::new().expect("directory");
    let state = state(dir.path());
    put(&state, "a", Some(&vec![b'x'; LARGE_FROM]));
    state.large.clear().expect("clears");
    assert!(state.get(b"a").expect_err("is damage").to_string().contains("large value of the state"));
}

#[test]
fn a_value_that_changes_all_the_time_does_not_drag_large_ones_along() {
    let dir = tempfile::TempDir::new().expect("directory");
    let state = state(dir.path());
    for part in 0..6 {
        put(&state, &format!("part-{part}"), Some(&vec![b'x'; 64 * 1024]));
    }
    state.flush().expect("flushes");
    let blobs = || fs::read_dir(&state.blobs_dir).expect("lists").count();
    let (size, before) = (state.db.size_on_disk().expect("is told"), blobs());
    for n in 0..2000_u32 {
        put(&state, "part-count", Some(&n.to_be_bytes()));
    }
    state.flush().expect("flushes");
    let grown = state.db.size_on_disk().expect("is told").saturating_sub(size);
    assert!(grown < 4 * 1024 * 1024 && blobs() <= before + 1, "{grown} bytes, {before} and {} blobs", blobs());
}
