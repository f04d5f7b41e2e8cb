//! The journal on its own: rotation, torn tails, damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::record::Tip;
use super::recover::Reached;
use super::*;
use crate::store::error::StoreError;

const ALL: Reached =
    Reached { applied: Tip { number: 0, hash: [0; 32] }, checkpoint: 0, in_snapshot: false, rebuilt: false };

fn open(dir: &Path, segment_bytes_max: u64, reached: Reached) -> Result<(Journal, Vec<String>), StoreError> {
    let recovered = recover(&SystemDisk, dir, reached)?;
    let mut replayed = Vec::new();
    recovered.replay(|tip, payload| {
        replayed.push(format!("{} {}", tip.number, String::from_utf8_lossy(payload)));
        Ok(())
    })?;
    let Recovered { tip, tail, .. } = recovered;
    let limits = JournalLimits { segment_bytes_max, room_bytes_min: 0 };
    Ok((Journal::resume(Arc::new(SystemDisk), dir.to_owned(), limits, tip, tail)?, replayed))
}

fn write(journal: &mut Journal, text: &str) -> Tip {
    journal.append(|buffer| buffer.extend_from_slice(text.as_bytes())).expect("appends").tip
}

/// A journal with these records, one segment for every three, and where each record ends.
fn journal_of(texts: &[&str]) -> (TempDir, Vec<Tip>) {
    let dir = TempDir::new().expect("directory");
    let (mut journal, _) = open(dir.path(), 64 + 3 * 50, ALL).expect("opens");
    let tips = texts.iter().map(|text| write(&mut journal, text)).collect();
    (dir, tips)
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).expect("lists").map(|entry| entry.expect("entry").path()).collect();
    paths.sort();
    paths
}

fn newest(dir: &Path) -> PathBuf {
    segments(dir).pop().expect("a segment")
}

#[track_caller]
fn refusal(dir: &Path, reached: Reached) -> String {
    let before: Vec<_> = segments(dir).iter().map(|path| fs::read(path).expect("reads")).collect();
    let error = open(dir, 1000, reached).err().expect("refused");
    let after: Vec<_> = segments(dir).iter().map(|path| fs::read(path).expect("reads")).collect();
    assert_eq!(before, after, "a refused start changes nothing");
    let message = error.to_string();
    message.replace(&format!("{}", dir.display()), "DIR")
}

#[test]
fn records_come_back_across_segments_and_the_journal_goes_on() {
    let (dir, tips) = journal_of(&["aa", "bb", "cc", "dd"]);
    assert_eq!(segments(dir.path()).len(), 2);
    let (mut journal, replayed) = open(dir.path(), 1000, ALL).expect("opens");
    assert_eq!(replayed, ["1 aa", "2 bb", "3 cc", "4 dd"]);
    assert_eq!(journal.tip(), tips[3]);
    write(&mut journal, "ee");
    let (_, replayed) =
        open(dir.path(), 1000, Reached { applied: tips[3], checkpoint: 3, in_snapshot: false, rebuilt: false })
            .expect("opens");
    assert_eq!(replayed, ["4 dd", "5 ee"]);
    let report = verify_journal(dir.path()).expect("is whole");
    assert_eq!((report.segments, report.first, report.tip.number, report.torn_bytes), (2, 1, 5, 0));
}

#[test]
fn a_state_that_ends_where_a_segment_begins_is_led_on() {
    let (dir, tips) = journal_of(&["aa", "bb", "cc", "dd"]);
    fs::remove_file(&segments(dir.path())[0]).expect("removes");
    let (_, replayed) =
        open(dir.path(), 1000, Reached { applied: tips[2], checkpoint: 3, in_snapshot: false, rebuilt: false })
            .expect("opens");
    assert_eq!(replayed, ["4 dd"]);
}

#[test]
fn a_last_record_cut_at_any_byte_is_removed_and_all_before_it_stays() {
    let (dir, tips) = journal_of(&["first", "second"]);
    let path = newest(dir.path());
    let whole = fs::read(&path).expect("reads");
    let kept = whole.len() - 48 - "second".len();
    for length in kept..whole.len() {
        fs::write(&path, &whole[..length]).expect("writes");
        let torn = verify_journal(dir.path()).expect("a torn tail is no damage").torn_bytes;
        assert_eq!(torn, (length - kept) as u64);
        let (mut journal, replayed) =
            open(dir.path(), 1000, Reached { applied: tips[0], checkpoint: 0, in_snapshot: false, rebuilt: false })
                .expect("opens");
        assert_eq!(replayed, ["1 first"], "cut to {length}");
        assert_eq!(fs::read(&path).expect("reads").len(), kept);
        assert_eq!(write(&mut journal, "second"), tips[1], "the same record again");
    }
}

#[test]
fn a_last_record_with_pages_missing_is_removed() {
    let (dir, _) = journal_of(&["first", "second"]);
    let path = newest(dir.path());
    let whole = fs::read(&path).expect("reads");
    for hole in whole.len() - 54..whole.len() {
        let mut bytes = whole.clone();
        bytes[hole..].fill(0);
        bytes.extend_from_slice(&[0; 4096]);
        fs::write(&path, bytes).expect("writes");
        let (_, replayed) = open(dir.path(), 1000, ALL).expect("opens");
        assert_eq!(replayed, ["1 first"], "zeros from {hole}");
    }
}

#[test]
fn a_flipped_bit_before_the_last_record_is_refused() {
    let (dir, _) = journal_of(&["aa", "bb", "cc", "dd", "ee"]);
    for path in segments(dir.path()) {
        let whole = fs::read(&path).expect("reads");
        let last_record = if path == newest(dir.path()) { 50 } else { 0 };
        for place in 0..whole.len() - last_record {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            fs::write(&path, &bytes).expect("writes");
            let message = refusal(dir.path(), ALL);
            assert!(message.starts_with("journal DIR/0000000000000000"), "byte {place}: {message}");
            assert!(verify_journal(dir.path()).is_err(), "byte {place}");
        }
        fs::write(&path, &whole).expect("writes");
    }
    assert!(open(dir.path(), 1000, ALL).is_ok());
}

#[test]
fn a_torn_record_that_the_state_contains_is_refused() {
    let (dir, tips) = journal_of(&["aa", "bb"]);
    let path = newest(dir.path());
    let whole = fs::read(&path).expect("reads");
    fs::write(&path, &whole[..whole.len() - 1]).expect("writes");
    assert_eq!(
        refusal(dir.path(), Reached { applied: tips[1], checkpoint: 0, in_snapshot: false, rebuilt: false }),
        "journal DIR/00000000000000000001.journal is damaged at byte 114: it ends with record 1, but the state \
         contains 2; restore a backup with `punchcard restore`, and keep this directory for inspection"
    );
}

#[test]
fn a_journal_that_does_not_lead_on_from_the_state_is_refused() {
    let (dir, tips) = journal_of(&["aa", "bb", "cc", "dd"]);
    let other = Tip { hash: [7; 32], ..tips[2] };
    let message = refusal(dir.path(), Reached { applied: other, checkpoint: 2, in_snapshot: false, rebuilt: false });
    assert!(message.contains("record 3 is not the one that the state contains"), "{message}");
    let middle = Reached { applied: tips[1], checkpoint: 1, in_snapshot: false, rebuilt: false };
    fs::remove_file(&segments(dir.path())[0]).expect("removes");
    let message = refusal(dir.path(), middle);
    assert!(message.contains("the journal begins with record 4, but the state ends with 1"), "{message}");
    fs::remove_file(&segments(dir.path())[0]).expect("removes");
    let message = refusal(dir.path(), middle);
    assert!(message.contains("it ends with record 0, but the state contains 2"), "{message}");
}

#[test]
fn a_missing_segment_in_the_middle_is_refused() {
    let (dir, _) = journal_of(&["aa", "bb", "cc", "dd", "ee", "ff", "gg"]);
    fs::remove_file(&segments(dir.path())[1]).expect("removes");
    let message = refusal(dir.path(), ALL);
    assert!(message.contains("it follows record 6, not 3"), "{message}");
}

#[test]
fn a_stored_record_inside_a_record_is_not_taken_for_one() {
    let (dir, _) = journal_of(&["aa"]);
    let segment = fs::read(newest(dir.path())).expect("reads");
    // Someone stores a copy of what is record 2 in a journal of another salt.
    let mut copy = Vec::new();
    record::write(&mut copy, 1, Tip { number: 1, hash: [0; 32] }, |buffer| buffer.push(b'x'));
    let (mut journal, _) = open(dir.path(), 1000, ALL).expect("opens");
    journal
        .append(|buffer| {
            buffer.extend_from_slice(&copy);
            buffer.extend_from_slice(b"and more");
        })
        .expect("appends");
    let whole = fs::read(newest(dir.path())).expect("reads");
    fs::write(newest(dir.path()), &whole[..whole.len() - 1]).expect("writes");
    let (_, replayed) = open(dir.path(), 1000, ALL).expect("opens");
    assert_eq!(replayed, ["1 aa"]);
    assert_eq!(fs::read(newest(dir.path())).expect("reads"), segment);
}
