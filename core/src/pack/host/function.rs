//! The host functions of the contract by their names, with the types of what they take and answer: so that a call of one
//! can be recorded, answered from a recording, and shown to people.
//!
//! A function is in here once, and its implementation names it: what it takes and answers there has to be what it says here.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::IdSource;
use crate::pack::bindings::punchcard::pack::{
    agreements, assets, events, kv, log, members, messages, orders, stores, timers, types,
};

/// A function that takes `A` (its arguments as a tuple) and answers `T`.
pub(in crate::pack) struct Function<A, T> {
    pub(in crate::pack) name: &'static str,
    writes: bool,
    /// What it answers when it does its work, where that follows from nothing but that it does.
    usual: Option<fn(&mut IdSource) -> T>,
    types: PhantomData<fn(A) -> T>,
}

/// What the host answered to a call of a function. Recordings hold it, so variants stay in their places.
#[derive(Serialize, Deserialize)]
pub(in crate::pack) enum Answered<T> {
    /// It did its work.
    Done(T),
    /// It did not.
    Refused(types::HostError),
    /// It ended the call, as more was answered and written than a call may.
    TooMuchMoved,
    /// It ended the call, as more was written than a call may.
    TooMuchWritten,
    /// It ended the call, as more was read than a call may.
    TooMuchRead,
}

/// A function without its types.
pub(in crate::pack) trait Described: Sync {
    /// Its name in the contract, such as `members.get`.
    fn name(&self) -> &'static str;

    /// Whether a call that is kept changes something.
    fn writes(&self) -> bool;

    /// Its arguments for people and programs; none when these are not the bytes of such.
    fn arguments(&self, bytes: &[u8]) -> Option<Value>;

    /// Its answer for people and programs; none when these are not the bytes of one.
    fn answer(&self, bytes: &[u8]) -> Option<Value>;

    /// The bytes of what it answers when it does its work, where that follows from nothing else.
    fn usual(&self, ids: &mut IdSource) -> Option<Vec<u8>>;
}

impl<A, T> Described for Function<A, T>
where
    A: Serialize + DeserializeOwned,
    T: Serialize + DeserializeOwned,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn writes(&self) -> bool {
        self.writes
    }

    fn arguments(&self, bytes: &[u8]) -> Option<Value> {
        let arguments = serde_json::to_value(whole::<A>(bytes)?).ok()?;
        // A function without arguments takes the unit, which is no list.
        Some(texts(if arguments.is_array() { arguments } else { Value::Array(Vec::new()) }))
    }

    fn answer(&self, bytes: &[u8]) -> Option<Value> {
        let of =
            |outcome: &str, value: Value| Value::Object([(outcome.to_owned(), texts(value))].into_iter().collect());
        Some(match whole::<Answered<T>>(bytes)? {
            Answered::Done(value) => of("ok", serde_json::to_value(value).ok()?),
            Answered::Refused(error) => of("error", serde_json::to_value(error).ok()?),
            Answered::TooMuchMoved => of("ended", "moved-exceeded".into()),
            Answered::TooMuchWritten => of("ended", "written-exceeded".into()),
            Answered::TooMuchRead => of("ended", "read-exceeded".into()),
        })
    }

    fn usual(&self, ids: &mut IdSource) -> Option<Vec<u8>> {
        self.usual.and_then(|usual| postcard::to_stdvec(&Answered::Done(usual(ids))).ok())
    }
}

/// How many bytes an answer has.
pub(super) fn size<T: Serialize>(answer: &T) -> usize {
    postcard::serialize_with_flavor(answer, postcard::ser_flavors::Size::default()).unwrap_or(usize::MAX)
}

/// The value in these bytes, if they are exactly that.
pub(in crate::pack) fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::take_from_bytes(bytes).ok().filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// Lists of bytes that are text, as text: values of a pack's storage mostly are.
fn texts(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let bytes: Option<Vec<u8>> =
                items.iter().map(|item| item.as_u64().and_then(|item| u8::try_from(item).ok())).collect();
            let text = bytes.filter(|bytes| !bytes.is_empty()).and_then(|bytes| String::from_utf8(bytes).ok());
            match text.filter(|text| !text.contains(char::is_control)) {
                Some(text) => Value::String(text),
                None => items.into_iter().map(texts).collect(),
            }
        }
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, texts(value))).collect(),
        other => other,
    }
}

/// The function of this name.
pub(in crate::pack) fn find(name: &str) -> Option<&'static dyn Described> {
    ALL.iter().copied().find(|function| function.name() == name)
}

/// Declares the functions: whether each `reads` or `writes`, its name, what it takes and answers, and for one that writes
/// what it answers when it does, if nothing but that can be said.
macro_rules! functions {
    ($($kind:ident $constant:ident $name:literal ($($argument:ty),*) -> $answer:ty $(= $usual:expr)?;)*) => {
        $(pub(in crate::pack) static $constant: Function<($($argument,)*), $answer> = Function {
            name: $name,
            writes: functions!(@ $kind),
            usual: functions!(@usual $($usual)?),
            types: PhantomData,
        };)*

        static ALL: &[&dyn Described] = &[$(&$constant),*];
    };
    (@ reads) => { false };
    (@ writes) => { true };
    (@usual $usual:expr) => { Some($usual) };
    (@usual) => { None };
}

functions! {
    reads MEMBERS_GET "members.get" (String) -> members::Member;
    reads MEMBERS_GET_MANY "members.get-many" (Vec<String>) -> Vec<Option<members::Member>>;
    reads MEMBERS_PROFILE "members.profile" (String) -> members::MemberProfile;
    reads MEMBERS_CONTACT "members.contact" (String) -> members::MemberContact;
    reads MEMBERS_FIND_BY "members.find-by" (members::Lead) -> Option<String>;
    writes MEMBERS_TAG "members.tag" (String, String, types::Expiry) -> () = nothing;
    writes MEMBERS_UNTAG "members.untag" (String, String) -> () = nothing;
    writes MEMBERS_SET_TIER "members.set-tier" (String, Option<String>, types::Expiry, String) -> () = nothing;
    reads ASSETS_BALANCE_OF "assets.balance-of" (String, String) -> assets::Balance;
    writes ASSETS_EARN "assets.earn" (assets::Credit) -> String = |ids| ids.posting().to_string();
    writes ASSETS_SPEND "assets.spend" (assets::Debit) -> String;
    writes ASSETS_REVERSE "assets.reverse" (String, String) -> String;
    reads ASSETS_LOTS_OF "assets.lots-of" (String, String, Option<String>, u32) -> assets::LotPage;
    writes ASSETS_HOLD "assets.hold" (assets::Reservation) -> String;
    writes ASSETS_POST_HOLD "assets.post-hold" (String, Option<u64>, String) -> String;
    writes ASSETS_VOID_HOLD "assets.void-hold" (String, String) -> String;
    reads ORDERS_GET "orders.get" (String) -> orders::RecordedOrder;
    reads ORDERS_OF "orders.orders-of" (String, Option<String>, u32) -> Vec<orders::RecordedOrder>;
    reads STORES_GET "stores.get" (String) -> stores::Store;
    reads STORES_ALL "stores.all" (Option<String>, u32) -> Vec<stores::Store>;
    writes MESSAGES_SEND "messages.send" (messages::Message) -> messages::Outcome
        = |ids| messages::Outcome::Queued(ids.message().to_string());
    reads KV_GET "kv.get" (String) -> Option<Vec<u8>>;
    reads KV_GET_MANY "kv.get-many" (Vec<String>) -> Vec<Option<Vec<u8>>>;
    writes KV_PUT "kv.put" (String, Vec<u8>) -> () = nothing;
    writes KV_DELETE "kv.delete" (String) -> () = nothing;
    reads KV_SCAN "kv.scan" (String, String, u32) -> Vec<kv::Entry>;
    writes EVENTS_EMIT "events.emit" (events::Fact) -> () = nothing;
    writes TIMERS_SET "timers.set" (timers::Timer) -> () = nothing;
    writes TIMERS_CANCEL "timers.cancel" (String) -> bool;
    reads TIMERS_GET "timers.get" (String) -> Option<timers::Timer>;
    reads AGREEMENTS_GET "agreements.get" (String) -> agreements::Agreement;
    reads AGREEMENTS_ALL "agreements.all" (Option<String>, u32) -> Vec<agreements::Agreement>;
    reads AGREEMENTS_ALIAS_OF "agreements.alias-of" (String, String) -> String;
    reads AGREEMENTS_MEMBER_OF "agreements.member-of" (String, String) -> Option<String>;
    writes AGREEMENTS_ASK "agreements.ask" (String, String) -> agreements::Reply;
    writes AGREEMENTS_OWE "agreements.owe" (agreements::Obligation) -> String = |ids| ids.posting().to_string();
    reads SETTINGS_GET "settings.get" () -> ();
    reads LOG_WRITE "log.write" (log::Level, String) -> ();
}

/// What a function answers that has nothing to say.
fn nothing(_: &mut IdSource) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_there_once_and_shows_what_it_is_given() {
        let mut names: Vec<_> = ALL.iter().map(|function| function.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        let put = find("kv.put").unwrap();
        let bytes = postcard::to_stdvec(&("mark", b"\x7b\x7d".to_vec())).unwrap();
        assert_eq!(put.arguments(&bytes).unwrap().to_string(), r#"["mark","{}"]"#);
        assert_eq!(put.arguments(&bytes[1..]), None);
        let usual = put.usual(&mut IdSource::new(jiff::Timestamp::UNIX_EPOCH, 1)).unwrap();
        assert_eq!(put.answer(&usual).unwrap().to_string(), r#"{"ok":null}"#);
        assert!(
            put.writes()
                && find("timers.cancel").unwrap().usual(&mut IdSource::new(jiff::Timestamp::UNIX_EPOCH, 1)).is_none()
        );
        assert_eq!(find("settings.get").unwrap().arguments(&[]).unwrap().to_string(), "[]");
    }
}
