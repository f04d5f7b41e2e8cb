//! The tape of a call: its host calls one after the other, written while it runs, and read to answer when it is played.
//!
//! On it each call is: the place of its function's name among the names, the length of the arguments and these, the length
//! of the answer and that. Lengths have four bytes, the least first.

use std::collections::{BTreeMap, HashMap};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Departure;
use super::play::Way;
use crate::domain::IdSource;
use crate::pack::host::function::{self, Answered, Function, whole};

/// Bytes up to a number; what is longer is dropped and remembered as too long.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_full: bool,
}

impl Extend<u8> for Bounded {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, items: I) {
        let items = items.into_iter();
        if self.bytes.len() + items.size_hint().0 > self.bytes_max {
            self.is_full = true;
        }
        if !self.is_full {
            self.bytes.extend(items);
        }
    }
}

/// Writes a tape, and before it what the call is given.
pub(in crate::pack) struct Recorder {
    names: Vec<&'static str>,
    tape: Bounded,
    /// Where the tape begins, behind the input.
    begin: usize,
    /// Where the last call begins that is whole or has begun.
    last: usize,
}

impl Recorder {
    /// Begins with what the call is given. All that is written may have so many bytes.
    pub(in crate::pack) fn begin(input: &impl Serialize, bytes_max: usize) -> Self {
        let tape = Bounded { bytes: Vec::with_capacity(1 << 10), bytes_max, is_full: false };
        let mut recorder = Self { names: Vec::new(), tape, begin: 0, last: 0 };
        recorder.put(input);
        if recorder.tape.is_full {
            recorder.tape.bytes.clear();
        }
        recorder.begin = recorder.tape.bytes.len();
        recorder.last = recorder.begin;
        recorder
    }

    /// A function is called.
    pub(in crate::pack) fn asked(&mut self, name: &'static str, arguments: &impl Serialize) {
        if self.tape.is_full {
            return;
        }
        self.last = self.tape.bytes.len();
        let place = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        self.tape.extend([u8::try_from(place).unwrap_or(u8::MAX)]);
        self.put_measured(arguments);
    }

    /// It answers.
    pub(in crate::pack) fn answered(&mut self, answer: &impl Serialize) {
        self.put_measured(answer);
    }

    fn put_measured(&mut self, value: &impl Serialize) {
        let at = self.tape.bytes.len();
        self.tape.extend([0; 4]);
        self.put(value);
        if self.tape.is_full {
            self.tape.bytes.truncate(self.last);
        } else {
            let length = self.tape.bytes.len() - at - 4;
            let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
            self.tape.bytes[at..at + 4].copy_from_slice(&length);
        }
    }

    fn put(&mut self, value: &impl Serialize) {
        let empty = Bounded { bytes: Vec::new(), bytes_max: self.tape.bytes_max, is_full: self.tape.is_full };
        let tape = std::mem::replace(&mut self.tape, empty);
        match postcard::to_extend(value, tape) {
            Ok(tape) => self.tape = tape,
            // No type of the contract ends here: what is lost makes the recording a cut one.
            Err(_) => (self.tape.is_full, self.begin, self.last) = (true, 0, 0),
        }
    }

    /// The input, the host calls, and whether something is missing.
    pub(in crate::pack) fn end(self) -> (Vec<u8>, HostCalls, bool) {
        let Self { names, tape, begin, .. } = self;
        let mut input = tape.bytes;
        let bytes = input.split_off(begin);
        let names = names.into_iter().map(str::to_owned).collect();
        (input, HostCalls { names, bytes }, tape.is_full)
    }
}

/// The host calls of a recorded call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::pack) struct HostCalls {
    names: Vec<String>,
    bytes: Vec<u8>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taped<'t> {
    pub(super) name: &'t str,
    pub(super) arguments: &'t [u8],
    pub(super) answer: &'t [u8],
}

impl HostCalls {
    pub(in crate::pack) fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of them in order; none when the bytes are not a tape.
    pub(super) fn read(&self) -> Option<Vec<Taped<'_>>> {
        let mut rest = self.bytes.as_slice();
        let mut calls = Vec::new();
        while let Some((place, after)) = rest.split_first() {
            let name = self.names.get(usize::from(*place))?;
            let (arguments, after) = measured(after)?;
            let (answer, after) = measured(after)?;
            calls.push(Taped { name, arguments, answer });
            rest = after;
        }
        Some(calls)
    }
}

/// What is behind its length, and what is behind that.
fn measured(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// Plays a tape: answers as the host has answered then.
pub(in crate::pack) struct Player {
    calls: Vec<Owned>,
    way: Way,
    /// How many calls were asked for.
    asked: usize,
    /// By function and arguments: where they are on the tape, and how many of these were given.
    places: HashMap<(String, Vec<u8>), (Vec<usize>, usize)>,
    /// What was written into the pack's storage otherwise than on the tape.
    written: HashMap<String, Option<Vec<u8>>>,
    ids: IdSource,
    /// Where the call has left the tape.
    departure: Option<Departure>,
}

struct Owned {
    name: String,
    arguments: Vec<u8>,
    answer: Vec<u8>,
}

/// The trap that ends a call which asks for what is not on the tape; what it was is in [`Player::departure`].
#[derive(Debug, thiserror::Error)]
#[error("the call asks for what was not recorded")]
struct Departed;

impl Player {
    pub(super) fn new(calls: &HostCalls, way: Way, ids: IdSource) -> Option<Self> {
        let calls: Vec<_> = calls.read()?.into_iter().map(Owned::of).collect();
        let mut places: HashMap<_, (Vec<usize>, usize)> = HashMap::new();
        if way == Way::Loose {
            for (place, call) in calls.iter().enumerate() {
                places.entry((call.name.clone(), call.arguments.clone())).or_default().0.push(place);
            }
        }
        Some(Self { calls, way, asked: 0, places, written: HashMap::new(), ids, departure: None })
    }

    /// Where the call has left the tape, if it has; when it ended well, calls that are left on a tape that is to be followed
    /// exactly are a departure too.
    pub(super) fn departure(self) -> Option<Departure> {
        let left = || {
            let next = self.calls.get(self.asked).filter(|_| self.way == Way::Exact)?;
            Some(Departure { number: self.asked + 1, asked: None, recorded: Some(next.shown()) })
        };
        self.departure.clone().or_else(left)
    }

    /// Whether the call has left the tape.
    pub(in crate::pack) fn has_departed(&self) -> bool {
        self.departure.is_some()
    }

    /// What the host has answered to this then.
    pub(in crate::pack) fn answer<A, T>(
        &mut self,
        function: &Function<A, T>,
        arguments: &A,
    ) -> wasmtime::Result<Answered<T>>
    where
        A: Serialize,
        T: Serialize + DeserializeOwned,
    {
        let arguments = postcard::to_stdvec(arguments)?;
        self.asked += 1;
        let answer = match self.way {
            Way::Exact => self.next(function.name, &arguments),
            Way::Loose => self.find(function.name, &arguments),
        };
        match answer.as_deref().and_then(whole) {
            Some(answer) => Ok(answer),
            None => {
                let recorded = self.calls.get(self.asked - 1).filter(|_| self.way == Way::Exact).map(Owned::shown);
                let asked = super::HostCall::of(function.name, &arguments, &[]);
                self.departure = Some(Departure { number: self.asked, asked: Some(asked), recorded });
                Err(Departed.into())
            }
        }
    }

    fn next(&self, name: &str, arguments: &[u8]) -> Option<Vec<u8>> {
        let next = self.calls.get(self.asked - 1)?;
        (next.name == name && next.arguments == arguments).then(|| next.answer.clone())
    }

    /// The answer to the same question, of as many as were asked so; a question that is asked more often gets the last one.
    /// What was not asked has an answer where that follows: the pack reads its own writes, and what has nothing to say but
    /// that it is done says so.
    fn find(&mut self, name: &str, arguments: &[u8]) -> Option<Vec<u8>> {
        if let Some(own) = self.own_write(name, arguments) {
            return Some(own);
        }
        if let Some((places, given)) = self.places.get_mut(&(name.to_owned(), arguments.to_vec())) {
            let place = places.get(*given).or(places.last())?;
            *given += 1;
            let answer = self.calls[*place].answer.clone();
            self.forget_write(name, arguments);
            return Some(answer);
        }
        let function = function::find(name)?;
        match name {
            "kv.put" => {
                let (key, value) = whole::<(String, Vec<u8>)>(arguments)?;
                self.written.insert(key, Some(value));
            }
            "kv.delete" => {
                let (key,) = whole::<(String,)>(arguments)?;
                self.written.insert(key, None);
            }
            // What is local to the call.
            "settings.get" | "log.write" => return postcard::to_stdvec(&Answered::Done(())).ok(),
            _ => {}
        }
        function.usual(&mut self.ids)
    }

    /// What the pack reads of what it has written otherwise than on the tape.
    fn own_write(&mut self, name: &str, arguments: &[u8]) -> Option<Vec<u8>> {
        if self.written.is_empty() {
            return None;
        }
        match name {
            "kv.get" => {
                let (key,) = whole::<(String,)>(arguments)?;
                let value = self.written.get(&key)?;
                postcard::to_stdvec(&Answered::Done(value)).ok()
            }
            "kv.get-many" => {
                let (keys,) = whole::<(Vec<String>,)>(arguments)?;
                if !keys.iter().any(|key| self.written.contains_key(key)) {
                    return None;
                }
                let taped = self.taped::<Vec<Option<Vec<u8>>>>(name, arguments);
                let Some(Answered::Done(mut values)) = taped else { return None };
                for (key, value) in keys.iter().zip(&mut values) {
                    if let Some(own) = self.written.get(key) {
                        value.clone_from(own);
                    }
                }
                postcard::to_stdvec(&Answered::Done(values)).ok()
            }
            "kv.scan" => {
                let (start, end, limit) = whole::<(String, String, u32)>(arguments)?;
                let own = |key: &&String| **key >= start && **key < end;
                if !self.written.keys().any(|key| own(&key)) {
                    return None;
                }
                let Some(Answered::Done(entries)) = self.taped::<Vec<(String, Vec<u8>)>>(name, arguments) else {
                    return None;
                };
                // What is behind a full page is not known.
                let limit = usize::try_from(limit).ok().filter(|limit| entries.len() < *limit)?;
                let mut entries: BTreeMap<_, _> = entries.into_iter().collect();
                for (key, value) in self.written.iter().filter(|(key, _)| own(key)) {
                    match value {
                        Some(value) => drop(entries.insert(key.clone(), value.clone())),
                        None => drop(entries.remove(key)),
                    }
                }
                let entries: Vec<_> = entries.into_iter().take(limit).collect();
                postcard::to_stdvec(&Answered::Done(entries)).ok()
            }
            _ => None,
        }
    }

    /// The answer on the tape that comes next for this question.
    fn taped<T: DeserializeOwned>(&self, name: &str, arguments: &[u8]) -> Option<Answered<T>> {
        let (places, given) = self.places.get(&(name.to_owned(), arguments.to_vec()))?;
        let place = *places.get(*given).or(places.last())?;
        whole(&self.calls[place].answer)
    }

    /// A write that is on the tape stands for what it has written.
    fn forget_write(&mut self, name: &str, arguments: &[u8]) {
        if self.written.is_empty() {
            return;
        }
        let key = match name {
            "kv.put" => whole::<(String, Vec<u8>)>(arguments).map(|(key, _)| key),
            "kv.delete" => whole::<(String,)>(arguments).map(|(key,)| key),
            _ => None,
        };
        if let Some(key) = key {
            self.written.remove(&key);
        }
    }
}

impl Owned {
    fn of(taped: Taped<'_>) -> Self {
        Self { name: taped.name.to_owned(), arguments: taped.arguments.to_vec(), answer: taped.answer.to_vec() }
    }

    fn shown(&self) -> super::HostCall {
        super::HostCall::of(&self.name, &self.arguments, &self.answer)
    }
}
