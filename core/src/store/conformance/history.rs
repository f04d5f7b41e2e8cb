//! Random interleaved transactions, compared with a plain map to which the committed ones are applied one after the
//! other.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::{Direction, Key, KeyRange, Savepoint, Store, StoreError, Tx, Value, log_entry_key};

/// Where a history's keys begin, so that many histories fit in one store.
type Prefix = [u8; 4];
const LOG: u8 = b'L';
/// How many transactions are open at a time.
const SLOTS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Get(u8),
    Scan { start: u8, end: u8, backward: bool, limit: usize },
    LogScan { after: u64, limit: usize },
    LogHead,
    Put(u8, u8),
    Delete(u8),
    Add(u8, i64),
    Append(u8),
    Savepoint,
    Rollback,
}

#[derive(Clone, Debug)]
enum Action {
    Step(Step),
    Commit,
    Abandon,
}

/// What a step has returned; compared with what the model returns.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Value(Option<Value>),
    Entries(Vec<(Key, Value)>),
    Head(u64),
    /// The model's answer is allowed to be longer: that a log's end was reached is not protected.
    Log(Vec<(u64, Value)>),
    Nothing,
}

fn step() -> impl Strategy<Value = Step> {
    // Counters lie at other keys than texts.
    let (text, counter) = (0..6_u8, 6..9_u8);
    prop_oneof![
        4 => (0..9_u8).prop_map(Step::Get),
        3 => (0..9_u8, 1..10_u8, any::<bool>(), prop_oneof![Just(1), Just(2), Just(9)])
            .prop_map(|(start, length, backward, limit)| Step::Scan { start, end: start + length, backward, limit }),
        1 => (0..4_u64, 1..4_usize).prop_map(|(after, limit)| Step::LogScan { after, limit }),
        1 => Just(Step::LogHead),
        3 => (text.clone(), any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
        2 => text.prop_map(Step::Delete),
        2 => (counter, -5..5_i64).prop_map(|(key, delta)| Step::Add(key, delta)),
        1 => any::<u8>().prop_map(Step::Append),
        1 => Just(Step::Savepoint),
        1 => Just(Step::Rollback),
    ]
}

fn actions() -> impl Strategy<Value = Vec<(usize, Action)>> {
    let action = prop_oneof![8 => step().prop_map(Action::Step), 2 => Just(Action::Commit), 1 => Just(Action::Abandon)];
    vec((0..SLOTS, action), 1..80)
}

fn key(prefix: Prefix, byte: u8) -> Key {
    [prefix.as_slice(), &[byte]].concat()
}

fn log(prefix: Prefix) -> Key {
    key(prefix, LOG)
}

struct Open {
    tx: Tx,
    savepoints: Vec<Savepoint>,
    steps: Vec<(Step, Seen)>,
}

impl Open {
    fn run(&mut self, prefix: Prefix, step: Step) -> Result<(), StoreError> {
        let tx = &mut self.tx;
        let seen = match &step {
            Step::Get(byte) => Seen::Value(tx.get(&key(prefix, *byte))?),
            Step::Scan { start, end, backward, limit } => {
                let direction = if *backward { Direction::Backward } else { Direction::Forward };
                let range = KeyRange::new(key(prefix, *start), key(prefix, *end));
                Seen::Entries(tx.scan(&range, direction, *limit)?)
            }
            Step::LogScan { after, limit } => Seen::Log(tx.log_scan(&log(prefix), *after, *limit)?),
            Step::LogHead => Seen::Head(tx.log_head(&log(prefix))?.sequence),
            Step::Put(byte, value) => {
                tx.put(&key(prefix, *byte), [*value])?;
                Seen::Nothing
            }
            Step::Delete(byte) => {
                tx.delete(&key(prefix, *byte));
                Seen::Nothing
            }
            Step::Add(byte, delta) => {
                tx.add(&key(prefix, *byte), *delta)?;
                Seen::Nothing
            }
            Step::Append(value) => {
                tx.append(&log(prefix), [*value])?;
                Seen::Nothing
            }
            Step::Savepoint => {
                self.savepoints.push(tx.savepoint());
                Seen::Nothing
            }
            Step::Rollback => {
                if let Some(savepoint) = self.savepoints.pop() {
                    tx.rollback_to(savepoint);
                }
                Seen::Nothing
            }
        };
        self.steps.push((step, seen));
        Ok(())
    }
}

/// The state as a plain map, its log as a list.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    map: BTreeMap<Key, Value>,
    log: Vec<Value>,
}

impl Model {
    /// Runs a transaction's steps alone, and compares what they return.
    fn replay(&mut self, prefix: Prefix, steps: &[(Step, Seen)]) -> Result<(), TestCaseError> {
        let committed_log = self.log.clone();
        let mut savepoints = Vec::new();
        for (step, seen) in steps {
            let expected = match step {
                Step::Get(byte) => Seen::Value(self.map.get(&key(prefix, *byte)).cloned()),
                Step::Scan { start, end, backward, limit } => {
                    let range = self.map.range(key(prefix, *start)..key(prefix, *end));
                    let own = |(key, value): (&Key, &Value)| (key.clone(), value.clone());
                    Seen::Entries(match backward {
                        false => range.map(own).take(*limit).collect(),
                        true => range.rev().map(own).take(*limit).collect(),
                    })
                }
                Step::LogScan { after, limit } => {
                    let all = (1..).zip(committed_log.iter().cloned());
                    let Seen::Log(seen) = seen else { panic!("a log") };
                    let some = all.filter(|(sequence, _)| sequence > after).take(*limit).take(seen.len());
                    Seen::Log(some.collect())
                }
                Step::LogHead => Seen::Head(committed_log.len() as u64),
                Step::Put(byte, value) => {
                    self.map.insert(key(prefix, *byte), vec![*value]);
                    Seen::Nothing
                }
                Step::Delete(byte) => {
                    self.map.remove(&key(prefix, *byte));
                    Seen::Nothing
                }
                Step::Add(byte, delta) => {
                    let value = self.map.entry(key(prefix, *byte)).or_insert_with(|| vec![0; 8]);
                    let before = i64::from_le_bytes(value.as_slice().try_into().expect("a counter"));
                    *value = (before + delta).to_le_bytes().to_vec();
                    Seen::Nothing
                }
                Step::Append(value) => {
                    self.log.push(vec![*value]);
                    Seen::Nothing
                }
                Step::Savepoint => {
                    savepoints.push(self.clone());
                    Seen::Nothing
                }
                Step::Rollback => {
                    if let Some(before) = savepoints.pop() {
                        *self = before;
                    }
                    Seen::Nothing
                }
            };
            prop_assert_eq!(seen, &expected, "at {:?}", step);
        }
        Ok(())
    }
}

fn check(store: &Store, prefix: Prefix, actions: Vec<(usize, Action)>) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    // What every committed version looked like: a transaction that only reads belongs to the one it began with.
    let mut versions: BTreeMap<u64, Model> = BTreeMap::new();
    let mut slots: [Option<Open>; SLOTS] = Default::default();
    let finish = actions.iter().map(|(slot, _)| (*slot, Action::Commit)).collect::<Vec<_>>();
    for (slot, action) in actions.into_iter().chain(finish) {
        let open = &mut slots[slot];
        match action {
            Action::Abandon => *open = None,
            Action::Step(step) => {
                let begin = || Open { tx: store.begin().expect("begins"), savepoints: vec![], steps: vec![] };
                match open.get_or_insert_with(begin).run(prefix, step) {
                    Ok(()) => {}
                    Err(StoreError::Conflict) => *open = None,
                    Err(error) => panic!("{error}"),
                }
            }
            Action::Commit => {
                let Some(Open { tx, steps, .. }) = open.take() else { continue };
                let writes = tx.writes_len() > 0;
                match tx.commit() {
                    Ok(committed) if writes => {
                        model.replay(prefix, &steps)?;
                        versions.insert(committed.version, model.clone());
                    }
                    Ok(committed) => {
                        let mut seen = versions
                            .range(..=committed.version)
                            .next_back()
                            .map_or_else(Model::default, |(_, model)| model.clone());
                        seen.replay(prefix, &steps)?;
                    }
                    Err(StoreError::Conflict) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    let mut expected = model.map;
    let log = log(prefix);
    expected.extend((1..).zip(model.log).map(|(sequence, value)| (log_entry_key(&log, sequence), value)));
    let all = store.begin().and_then(|mut tx| tx.scan(&KeyRange::prefix(&prefix), Direction::Forward, usize::MAX));
    prop_assert_eq!(all.expect("scans"), expected.into_iter().collect::<Vec<_>>());
    Ok(())
}

pub(in crate::store) fn random_histories_are_serial(store: &Store) {
    let mut history = 0_u32;
    let prefixes = std::cell::RefCell::new(&mut history);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() });
    let result = runner.run(&actions(), |actions| {
        let number = {
            let mut number = prefixes.borrow_mut();
            **number += 1;
            **number
        };
        let [_, b, c, d] = number.to_be_bytes();
        check(store, [b'h', b, c, d], actions)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
