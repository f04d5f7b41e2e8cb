//! What every script of the demonstration does: a clock that it sets, lines that it tells, and steps that happen once. Every
//! step has an idempotency key of its own, so that a script can be played again on the same data directory and changes
//! nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::setup::Stage;
use super::texts::Texts;
use crate::cli::Failure;
use crate::describe::describe;
use crate::domain::{Code, MemberId, Reference, Store};
use crate::pack::{CallError, RefusalKind};
use crate::usecase::{CommandError, EnrolMember, Host, OnceError, RunCommand, enrol_member, run_command};

/// Where the merchants of the scripts live.
pub(super) const ZONE: &str = "Asia/Shanghai";

/// A merchant's script while it is played.
pub(super) struct Script<'a> {
    pub(super) host: &'a Host,
    pub(super) texts: &'a Texts,
    pub(super) stage: &'a Stage,
    pub(super) day: Date,
    pub(super) time: &'static str,
}

/// Somebody in the script.
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) reference: &'static str,
    pub(super) id: MemberId,
}

impl Script<'_> {
    /// Moves the clock to a time of the script's day.
    pub(super) fn at(&mut self, time: &'static str) {
        self.time = time;
        self.host.clock.set(instant(self.day, time));
    }

    /// Prints a text with the time.
    pub(super) fn tell(&self, id: &str, values: &[(&str, String)]) {
        let mut all = vec![("time", self.time.to_owned())];
        all.extend(values.iter().cloned());
        println!("{}", self.texts.say(id, &all));
    }

    pub(super) fn money(&self, minor: u64) -> String {
        self.stage.merchant.currency.show(minor)
    }

    pub(super) fn store(&self, index: usize) -> &Store {
        &self.stage.stores[index]
    }

    /// Somebody becomes a member.
    pub(super) fn join(
        &self,
        name: &'static str,
        reference: &'static str,
        store: usize,
        vip: bool,
    ) -> Result<Person, Failure> {
        let new = EnrolMember {
            reference: Some(reference_of(reference)),
            tags: if vip { BTreeSet::from([code_of("vip")]) } else { BTreeSet::new() },
            home_store: Some(self.store(store).id),
            channel: Some(code_of("till")),
            ..EnrolMember::default()
        };
        let enrolled = self.once(reference, |tx, act| enrol_member(tx, act, &new))?;
        let id = if vip { "joined-vip" } else { "joined" };
        self.tell(id, &[("name", name.to_owned()), ("store", self.store(store).name.to_string())]);
        Ok(Person { name, reference, id: enrolled.member })
    }

    /// Runs a pack's command: what it answers, or what it refuses.
    pub(super) fn command(
        &self,
        key: &str,
        pack: &str,
        command: &str,
        store: usize,
        input: Value,
    ) -> Result<Result<Value, Refused>, Failure> {
        let run =
            RunCommand { pack: code_of(pack), command: code_of(command), store: Some(self.store(store).id), input };
        let content = run.input.to_string();
        let done = self.host.act_once(
            &self.stage.actor,
            &reference_of(&format!("demo-{key}")),
            content.as_bytes(),
            |tx, act| run_command(tx, act, &run),
        );
        match done {
            Ok(reply) => serde_json::from_str(&reply.result).map(Ok).map_err(|error| describe(&error)),
            Err(OnceError::Refused(CommandError::Call(CallError::Refused(refusal))))
                if refusal.kind == RefusalKind::Refused =>
            {
                Ok(Err(Refused { code: refusal.code, message: refusal.message }))
            }
            Err(error) => Err(format!("{pack} {command}: {error}")),
        }
    }

    /// Does a use case, once for its key.
    pub(super) fn once<T, E>(
        &self,
        key: &str,
        use_case: impl FnMut(&mut crate::store::Tx, &mut crate::usecase::Act<'_>) -> Result<T, E>,
    ) -> Result<T, Failure>
    where
        T: crate::usecase::Reply,
        E: From<crate::store::StoreError> + std::fmt::Display,
    {
        let key = reference_of(&format!("demo-{key}"));
        self.host
            .act_once(&self.stage.actor, &key, key.as_str().as_bytes(), use_case)
            .map_err(|error| format!("step {key}: {error}"))
    }
}

/// A time of a day in the script's zone.
pub(super) fn instant(day: Date, time: &str) -> Timestamp {
    let zone = TimeZone::get(ZONE).expect("the zone of the script exists");
    let time = time.parse::<jiff::civil::Time>().expect("a time of the script is well-formed");
    zone.to_timestamp(day.to_datetime(time)).expect("the day of the script exists")
}

/// What a pack refused.
pub(super) struct Refused {
    pub(super) code: String,
    pub(super) message: String,
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        format!("the pack refused ({}): {}", refused.code, refused.message)
    }
}

/// The message of the refusal that the script is about.
pub(super) fn expect_refusal(result: Result<Value, Refused>, code: &str) -> Result<String, Failure> {
    match result {
        Err(refused) if refused.code == code => Ok(refused.message),
        Err(other) => Err(other.into()),
        Ok(value) => Err(format!("expected the refusal {code}, not {value}")),
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn code_of(text: &str) -> Code {
    Code::new(text).expect("a code of the script is well-formed")
}

pub(super) fn reference_of(text: &str) -> Reference {
    Reference::new(text).expect("a reference of the script is well-formed")
}
