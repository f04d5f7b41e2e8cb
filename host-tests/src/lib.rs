//! Specs against the real host: its real router on a real store, with the real compiled packs.
//!
//! A [`World`] is a host of its own in a directory of its own, with a clock that stands until the spec moves it and
//! randomness that is the same each time. Two merchants live in it: the [`Shop`] that a spec is about, and a rival who
//! must never see anything of it. Actors have verbs (`alice.order("till-1").line("bread", 2400).settle()`), builders
//! default whatever the rule does not mention, and a [`Reply`] is asked for what the rule expects. When a world goes,
//! it proves that the books balance.
//!
//! [`process`] is for the few specs that need the binary itself, [`premises`] is a merchant whose server that is,
//! [`crash`] kills that server again and again, [`fuzz_http`] asks it all that its description allows and forbids,
//! [`fuzz_packs`] loads components that nobody meant, and [`fuzz_decoders`] reads bytes that nobody wrote.
//! The specs are in `tests/`.

mod built;
pub mod crash;
pub mod fuzz_decoders;
pub mod fuzz_http;
pub mod fuzz_packs;
mod mailbox;
mod order;
pub mod premises;
pub mod process;
mod receiver;
mod reply;
mod shop;
mod stream;
mod world;

pub use built::{binary, guest, pack, packs_dir, reworded};
pub use mailbox::{Mail, Mailbox};
pub use order::OrderBuilder;
pub use receiver::{Delivery, Receiver};
pub use reply::{Problem, Reply, masked};
pub use shop::{Enabling, Enrolling, Holding, Member, Request, Shop};
pub use stream::{Message, Streaming};
pub use world::{Running, State, World, open_store};
