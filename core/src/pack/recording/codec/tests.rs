use std::sync::Arc;

use jiff::Timestamp;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::super::{FailureKind, Outcome, Recorder};
use super::*;
use crate::domain::{Code, MerchantId};
use crate::pack::host::function::Answered;
use crate::pack::{Grant, Limits};

/// A host call: which function, with which argument, and the answer.
type Asked = (usize, Vec<u8>, Option<Vec<u8>>);

/// Host calls as a pack could make them.
fn calls() -> impl Strategy<Value = Vec<Asked>> {
    vec((0..3_usize, vec(any::<u8>(), 0..40), proptest::option::of(vec(any::<u8>(), 0..40))), 0..20)
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    let kinds = [FailureKind::Refusal, FailureKind::Inability, FailureKind::Fault, FailureKind::Denial];
    prop_oneof![
        vec(any::<u8>(), 0..60).prop_map(Outcome::Returned),
        (proptest::sample::select(kinds.to_vec()), "[a-z]{1,9}", ".{0,40}")
            .prop_map(|(kind, code, message)| Outcome::Failed { kind, code, message }),
    ]
}

const NAMES: [&str; 3] = ["kv.get", "kv.put", "members.get"];

fn recordings() -> impl Strategy<Value = (Recording, Vec<Asked>)> {
    let grants = btree_set(proptest::sample::select(vec![Grant::ReadMembers, Grant::WriteOwnUnits]), 0..3);
    (calls(), outcomes(), ".{0,80}", grants, any::<[u8; 32]>(), any::<u32>(), any::<bool>()).prop_map(
        |(asked, outcome, settings, grants, component, number, is_cut)| {
            let mut recorder = Recorder::begin(&("input", number), Recording::BYTES_MAX);
            for (function, argument, answer) in &asked {
                recorder.asked(NAMES[*function], &(argument,));
                recorder.answered(&Answered::Done(answer));
            }
            let (input, calls, was_cut) = recorder.end();
            assert!(!was_cut);
            let recording = Recording {
                contract: "0.1.1".to_owned(),
                pack: Code::new("points").unwrap(),
                version: semver::Version::new(1, 2, number.into()),
                component,
                merchant: MerchantId::from_bytes([7; 16]),
                at: Timestamp::from_millisecond(i64::from(number)).unwrap(),
                export: "commands.run".to_owned(),
                input,
                settings: settings.into(),
                grants: Arc::new(grants),
                limits: Limits::DEFAULT,
                calls,
                outcome,
                fuel: u64::from(number) << 20,
                host_calls: u64::from(number),
                moved_bytes: 9,
                is_cut,
            };
            (recording, asked)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_recording_reads_back_from_its_file_with_every_host_call((recording, asked) in recordings()) {
        let read = Recording::from_file(&recording.to_file()).unwrap();
        prop_assert_eq!(&read, &recording);
        let calls = read.calls.read().unwrap();
        prop_assert_eq!(calls.len(), asked.len());
        for (call, (function, argument, answer)) in calls.iter().zip(&asked) {
            prop_assert_eq!(call.name, NAMES[*function]);
            prop_assert_eq!(call.arguments, &postcard::to_stdvec(&(argument,)).unwrap()[..]);
            prop_assert_eq!(call.answer, &postcard::to_stdvec(&Answered::Done(answer)).unwrap()[..]);
        }
    }

    #[test]
    fn a_file_that_was_cut_off_or_changed_anywhere_is_refused(
        (recording, _) in recordings(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let file = recording.to_file();
        let at = at.index(file.len());
        prop_assert!(Recording::from_file(&file[..at]).is_err());
        let mut changed = file.clone();
        changed[at] ^= 1 << bit;
        prop_assert!(Recording::from_file(&changed).is_err());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(Recording::from_file(&bytes).is_err());
        let whole = [MAGIC, &[VERSION], bytes.as_slice()].concat();
        let digest = Sha256::digest(&whole);
        let _ = Recording::from_file(&[whole, digest.to_vec()].concat());
    }
}

#[test]
fn what_is_too_long_is_cut_before_the_call_that_does_not_fit_and_says_so() {
    let mut recorder = Recorder::begin(&"input", 100);
    recorder.asked("kv.get", &("key",));
    recorder.answered(&Answered::Done(Some(b"value".to_vec())));
    recorder.asked("kv.get", &("other",));
    recorder.answered(&Answered::Done(Some(vec![7; 100])));
    recorder.asked("kv.get", &("key",));
    recorder.answered(&Answered::Done(Some(b"value".to_vec())));
    let (input, calls, is_cut) = recorder.end();
    assert_eq!((input.as_slice(), is_cut), (&b"\x05input"[..], true));
    let calls = calls.read().unwrap();
    assert_eq!((calls.len(), calls[0].name), (1, "kv.get"));

    let (input, calls, is_cut) = Recorder::begin(&"x".repeat(200), 100).end();
    assert_eq!((input.len(), calls.read().unwrap().len(), is_cut), (0, 0, true));
}

#[test]
fn files_of_others_and_of_later_hosts_are_told_apart_from_damaged_ones() {
    assert_eq!(Recording::from_file(b"\0asm").unwrap_err(), RecordingError::Foreign);
    assert_eq!(Recording::from_file(MAGIC).unwrap_err(), RecordingError::Damaged);
    assert_eq!(Recording::from_file(&[MAGIC, &[9]].concat()).unwrap_err(), RecordingError::Newer(9));
}
