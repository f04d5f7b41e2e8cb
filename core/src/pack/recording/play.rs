//! A recorded call is made again: by the same component, which has to do the very same, or by another one.

use super::export::{self, Export};
use super::{HostCall, Outcome, Player, Recorder, Recording};
use crate::domain::{IdSource, ZoneName};
use crate::pack::bindings::punchcard::pack::types::CallContext;
use crate::pack::host::Call;
use crate::pack::host::function::whole;
use crate::pack::pricing::{Costs, check_offer};
use crate::pack::replies::{check_answer, check_progress, check_reply, refused};
use crate::pack::scene::Terms;
use crate::pack::{CallError, Limits, LoadedPack};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Lift, Lower};

/// How a call follows its tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Each question has to be the one that comes next. For the component that was recorded: under the recorded limits, but
    /// for the wall clock, which differs from machine to machine.
    Exact,
    /// Questions may come in another order, and what is written may be other things. For another component: under its own
    /// limits.
    Loose,
}

/// A call that was made again.
#[derive(Clone, Debug)]
pub struct Played {
    /// What came of it. Its component is the one that was played, all that was given is the recorded call's.
    pub recording: Recording,
    /// Where it has left its tape: what comes then is not what the recorded call was about.
    pub departure: Option<Departure>,
}

/// Where a call asks for what is not on its tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// The how manyeth host call it is, from 1.
    pub number: usize,
    /// What it asks for; none when it has ended instead.
    pub asked: Option<HostCall>,
    /// What comes next on the tape, if the tape is to be followed exactly and has not ended.
    pub recorded: Option<HostCall>,
}

/// Why a recorded call can not be made again.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// Parts of it are missing.
    #[error(
        "the recording was cut, as the call was longer than {} bytes, so it can not be played",
        Recording::BYTES_MAX
    )]
    Cut,
    /// It is of another pack.
    #[error("this is a call of `{recorded}`, but the component is `{given}`")]
    OtherPack {
        /// The pack that was recorded.
        recorded: String,
        /// The component's.
        given: String,
    },
    /// It has parts that this host does not know.
    #[error("the recording is of version {contract} of the contract, of which this host does not know {what}")]
    Unknown {
        /// The version of the contract of the recording.
        contract: String,
        /// What is not known.
        what: String,
    },
    /// The host can not run anything.
    #[error(transparent)]
    Call(CallError),
}

/// For how long a call that is played exactly may run: fuel ends it, on however slow a machine.
const WALL_MAX_MS: u64 = 120_000;

impl LoadedPack {
    /// Makes a recorded call again. No store is read or written.
    ///
    /// # Errors
    /// See [`PlayError`]; how the call itself ends is no error.
    pub fn play(&self, recorded: &Recording, way: Way) -> Result<Played, PlayError> {
        if recorded.pack != self.manifest.id {
            let (recorded, given) = (recorded.pack.to_string(), self.manifest.id.to_string());
            return Err(PlayError::OtherPack { recorded, given });
        }
        if recorded.is_cut {
            return Err(PlayError::Cut);
        }
        let (exports, checkout) = (&self.exports, self.exports.checkout.as_ref());
        let run = Run { pack: self, recorded, way };
        match recorded.export.as_str() {
            name if name == export::QUOTE.name => {
                let function = checkout.map(|checkout| &checkout.quote);
                run.play(&export::QUOTE, function, "checkout", |terms, (_, order), decision| {
                    self.check(terms, decision.map_err(refused)?, order.buyer.is_some()).map(drop)
                })
            }
            name if name == export::SETTLED.name => {
                let function = checkout.map(|checkout| &checkout.settled);
                run.play(&export::SETTLED, function, "checkout", |terms, (_, order), decision| {
                    self.check(terms, decision.map_err(refused)?, order.buyer.is_some()).map(drop)
                })
            }
            name if name == export::REFUNDED.name => {
                let function = checkout.map(|checkout| &checkout.refunded);
                run.play(&export::REFUNDED, function, "checkout", |_, _, done| done.map_err(refused))
            }
            name if name == export::PRICE.name => {
                let function = exports.pricing.as_ref();
                run.play(&export::PRICE, function, "pricing", |terms, (_, order), offer| {
                    check_offer(&terms.grants, &Costs::of(order), offer).map(drop)
                })
            }
            name if name == export::COMMAND.name => {
                let function = exports.commands.as_ref();
                run.play(&export::COMMAND, function, "commands", |_, _, reply| check_reply(reply).map(drop))
            }
            name if name == export::EVENT.name => {
                let function = exports.on_event.as_ref();
                run.play(&export::EVENT, function, "on-event", |_, _, done| done.map_err(refused))
            }
            name if name == export::TIMER.name => {
                let function = exports.on_timer.as_ref();
                run.play(&export::TIMER, function, "on-timer", |_, _, done| done.map_err(refused))
            }
            name if name == export::PARTNER.name => {
                let function = exports.on_partner.as_ref();
                run.play(&export::PARTNER, function, "on-partner", |_, _, answer| check_answer(answer).map(drop))
            }
            name if name == export::PAGE.name => {
                let function = exports.pages.as_ref();
                run.play(&export::PAGE, function, "pages", |_, _, page| self.check_page(page).map(drop))
            }
            name if name == export::ENABLED.name => {
                let function = exports.lifecycle.as_ref().map(|lifecycle| &lifecycle.enabled);
                run.play(&export::ENABLED, function, "lifecycle", |_, _, done| done.map_err(refused))
            }
            name if name == export::DISABLED.name => {
                let function = exports.lifecycle.as_ref().map(|lifecycle| &lifecycle.disabled);
                run.play(&export::DISABLED, function, "lifecycle", |_, _, done| done.map_err(refused))
            }
            name if name == export::MIGRATE.name => {
                let function = exports.lifecycle.as_ref().map(|lifecycle| &lifecycle.migrate);
                run.play(&export::MIGRATE, function, "lifecycle", |_, _, progress| check_progress(progress).map(drop))
            }
            name => Err(run.unknown(format!("the export `{name}`"))),
        }
    }
}

/// One playing of a recorded call.
#[derive(Clone, Copy)]
struct Run<'r> {
    pack: &'r LoadedPack,
    recorded: &'r Recording,
    way: Way,
}

/// The input of an export, of which the surroundings are the first.
trait Input {
    fn context(&self) -> &CallContext;
}

impl Input for (CallContext,) {
    fn context(&self) -> &CallContext {
        &self.0
    }
}

impl<A> Input for (CallContext, A) {
    fn context(&self) -> &CallContext {
        &self.0
    }
}

impl<A, B> Input for (CallContext, A, B) {
    fn context(&self) -> &CallContext {
        &self.0
    }
}

impl Run<'_> {
    fn play<I, O>(
        self,
        export: &Export<I, O>,
        function: Option<&ComponentExportIndex>,
        interface: &'static str,
        check: impl FnOnce(&Terms, &I, O) -> Result<(), CallError>,
    ) -> Result<Played, PlayError>
    where
        I: ComponentNamedList + Lower + Serialize + DeserializeOwned + Input + Clone + Send + Sync,
        O: Lift + Serialize + Send + Sync + 'static,
        (O,): ComponentNamedList + Lift,
    {
        let Self { pack, recorded, way } = self;
        let unreadable = |what: &str| self.unknown(format!("{what} of `{}`", export.name));
        let input = whole::<I>(&recorded.input).ok_or_else(|| unreadable("the input"))?;
        let terms = self.terms(input.context()).ok_or_else(|| unreadable("the time zone"))?;
        let limits = self.limits();
        let ids = IdSource::new(recorded.at, input.context().seed);
        let player = Player::new(&recorded.calls, way, ids).ok_or_else(|| unreadable("the host calls"))?;
        let mut call = Call::new(&limits, None, recorded.settings.clone());
        // Whoever asks for more than was recorded may be written down with it.
        call.recorder = Some(Recorder::begin(&input, Recording::BYTES_MAX * 4));
        call.player = Some(player);
        let mut returned = Vec::new();
        let (call, result) = match function {
            Some(function) => {
                let given = input.clone();
                let (call, result) = pack.packs.run::<I, (O,)>(&pack.pre, function, &limits, call, given);
                let result = result.and_then(|(output,)| {
                    returned = postcard::to_stdvec(&output).unwrap_or_default();
                    check(&terms, &input, output)
                });
                (call, result)
            }
            None => (call, Err(CallError::NotExported { interface })),
        };
        let has_departed = call.player.as_ref().is_some_and(Player::has_departed);
        let outcome = match result {
            Ok(()) => Outcome::Returned(returned),
            // What a call does that has left its tape is not told by how it ended.
            Err(_) if has_departed => Outcome::Returned(Vec::new()),
            Err(error) => match Outcome::of(&error) {
                Some(outcome) => outcome,
                None => return Err(PlayError::Call(error)),
            },
        };
        let (fuel, host_calls) = (call.fuel, call.host_calls);
        let departure = call.player.and_then(|player| {
            let has_ended_well = matches!(outcome, Outcome::Returned(_));
            player.departure().filter(|departure| has_ended_well || departure.asked.is_some())
        });
        let Some((input, calls, is_cut)) = call.recorder.map(Recorder::end) else {
            unreachable!("a call keeps its recorder")
        };
        let recording = Recording {
            version: pack.manifest.version.clone(),
            component: pack.component,
            input,
            limits,
            calls,
            outcome,
            fuel,
            host_calls,
            is_cut,
            ..recorded.clone()
        };
        Ok(Played { recording, departure })
    }

    fn unknown(self, what: String) -> PlayError {
        PlayError::Unknown { contract: self.recorded.contract.clone(), what }
    }

    fn terms(self, context: &CallContext) -> Option<Terms> {
        let zone = ZoneName::new(&context.time_zone).ok()?.zone();
        Some(Terms { grants: self.recorded.grants.clone(), zone })
    }

    fn limits(self) -> Limits {
        let recorded = self.recorded.limits;
        match self.way {
            Way::Loose => self.pack.limits,
            Way::Exact if self.recorded.outcome.code() == Some("timed-out") => recorded,
            Way::Exact => Limits { wall_max_ms: WALL_MAX_MS, ..recorded },
        }
    }
}

/// Whether fuel is the same each time for a call that ends so: the wall clock and the depth of the machine's stack end calls
/// at places that are not.
fn has_stable_fuel(outcome: &Outcome) -> bool {
    !matches!(outcome.code(), Some("timed-out" | "stack-exhausted"))
}

impl Played {
    /// What differs from the recorded call, in words; nothing when it did the very same. Fuel is compared when the component
    /// is the same one.
    pub fn departs_in(&self, recorded: &Recording) -> Vec<String> {
        let mut differences = Vec::new();
        let played = &self.recording;
        if let Some(Departure { number, asked, recorded }) = &self.departure {
            let or_end = |call: &Option<HostCall>| call.as_ref().map_or("its end".to_owned(), ToString::to_string);
            differences.push(format!(
                "host call {number}: {} was recorded, and {} comes",
                or_end(recorded),
                or_end(asked)
            ));
            return differences;
        }
        if played.outcome != recorded.outcome {
            differences.push(format!("outcome: {} was recorded, and {} comes", recorded.ending(), played.ending()));
        }
        if has_stable_fuel(&recorded.outcome) {
            if played.calls != recorded.calls {
                differences.push("the host calls are not the recorded ones".to_owned());
            }
            if played.host_calls != recorded.host_calls {
                let (old, new) = (recorded.host_calls, played.host_calls);
                differences.push(format!("host calls: {old} were recorded, and {new} come"));
            }
            if played.component == recorded.component && played.fuel != recorded.fuel {
                differences.push(format!("fuel: {} was recorded, and {} comes", recorded.fuel, played.fuel));
            }
        }
        differences
    }
}
