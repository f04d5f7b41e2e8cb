//! The exports of the contract by their names, with the types of what they are given and return: so that a call can be
//! recorded, played, and shown to people.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::pack::bindings::exports::punchcard::pack::{checkout, lifecycle, on_event, on_partner, on_timer, pricing};
use crate::pack::bindings::punchcard::pack::types::{CallContext, Order, Refusal};
use crate::pack::host::function::whole;

/// An export that is given `I` (its parameters as a tuple) and returns `O`.
pub(in crate::pack) struct Export<I, O> {
    pub(in crate::pack) name: &'static str,
    types: PhantomData<fn(I) -> O>,
}

/// An export without its types.
pub(in crate::pack) trait Described: Sync {
    /// Its name in the contract, such as `checkout.settled`.
    fn name(&self) -> &'static str;

    /// What it is given, for people and programs; none when these are not the bytes of such.
    fn input(&self, bytes: &[u8]) -> Option<Value>;

    /// What it returns, for people and programs; none when these are not the bytes of such.
    fn reply(&self, bytes: &[u8]) -> Option<Value>;
}

impl<I, O> Described for Export<I, O>
where
    I: Serialize + DeserializeOwned,
    O: Serialize + DeserializeOwned,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn input(&self, bytes: &[u8]) -> Option<Value> {
        serde_json::to_value(whole::<I>(bytes)?).ok()
    }

    /// What a `result` holds when it is `ok`.
    fn reply(&self, bytes: &[u8]) -> Option<Value> {
        let reply = serde_json::to_value(whole::<O>(bytes)?).ok()?;
        Some(reply.get("Ok").cloned().unwrap_or(reply))
    }
}

macro_rules! exports {
    ($($constant:ident $name:literal ($($parameter:ty),*) -> $reply:ty;)*) => {
        $(pub(in crate::pack) static $constant: Export<($($parameter,)*), $reply> =
            Export { name: $name, types: PhantomData };)*

        static ALL: &[&dyn Described] = &[$(&$constant),*];
    };
}

exports! {
    QUOTE "checkout.quote" (CallContext, Order) -> Result<checkout::Decision, Refusal>;
    SETTLED "checkout.settled" (CallContext, Order) -> Result<checkout::Decision, Refusal>;
    REFUNDED "checkout.refunded" (CallContext, checkout::Refund) -> Result<(), Refusal>;
    PRICE "pricing.price" (CallContext, Order) -> Result<pricing::Offer, Refusal>;
    COMMAND "commands.run" (CallContext, String, String) -> Result<String, Refusal>;
    EVENT "on-event.handle" (CallContext, on_event::Event) -> Result<(), Refusal>;
    TIMER "on-timer.fire" (CallContext, on_timer::Firing) -> Result<(), Refusal>;
    PARTNER "on-partner.answer" (CallContext, on_partner::Question) -> Result<String, Refusal>;
    PAGE "pages.render" (CallContext, String, String) -> Result<String, Refusal>;
    ENABLED "lifecycle.enabled" (CallContext) -> Result<(), Refusal>;
    DISABLED "lifecycle.disabled" (CallContext) -> Result<(), Refusal>;
    MIGRATE "lifecycle.migrate" (CallContext, lifecycle::Migration) -> Result<lifecycle::Progress, Refusal>;
}

/// The export of this name.
pub(super) fn find(name: &str) -> Option<&'static dyn Described> {
    ALL.iter().copied().find(|export| export.name() == name)
}
