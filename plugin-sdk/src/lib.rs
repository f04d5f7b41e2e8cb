//! Everything that the author of a Punchcard pack sees.
//!
//! A pack is a WebAssembly component that the host calls: when a basket is quoted, when an order settles, when somebody
//! runs one of its commands or looks at one of its pages, after something has happened, at a time that it asked for, when
//! a partner of the merchant asks. Every call runs in a fresh instance inside one transaction of the host. What the pack
//! writes is kept when it returns `Ok`, and nothing of it otherwise, so a pack needs no clean-up code and keeps no state
//! but in [`kv`] and [`assets`]. It has no clock, randomness or network: time, wall clock, language and random bits come in
//! the [`CallContext`].
//!
//! # A whole pack
//!
//! Stamps for coffees, and a command that trades ten of them for a free one:
//!
//! ```
//! use punchcard_sdk::prelude::*;
//!
//! struct Stamps;
//!
//! impl Pack for Stamps {
//!     fn manifest() -> Manifest {
//!         Manifest::new("stamps", env!("CARGO_PKG_VERSION"))
//!             .title(Text::new("Stamp card", "集章卡"))
//!             .summary(Text::new("A stamp for each coffee, a coffee for a full card", "每杯咖啡一枚章，集满换一杯"))
//!             .unit("stamps", Text::new("stamps", "枚章"))
//!             .grant(Capability::AssetsWriteOwnUnits, Text::new("to give and take stamps", "用于发放和兑换集章"))
//!             .settings::<Settings>()
//!             .commands(Self::ALL)
//!     }
//! }
//!
//! /// What the merchant can set. The comments and defaults end up in the settings form.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(default, deny_unknown_fields)]
//! struct Settings {
//!     /// The category that earns stamps.
//!     category: String,
//!     /// Stamps for a free coffee.
//!     full_card: std::num::NonZeroU64,
//! }
//!
//! impl Default for Settings {
//!     fn default() -> Self {
//!         Self { category: "coffee".to_owned(), full_card: std::num::NonZeroU64::new(10).unwrap() }
//!     }
//! }
//!
//! impl Checkout for Stamps {
//!     fn decide(ctx: &CallContext, order: &Order) -> Result<Decision, Refusal> {
//!         Ok(stamps_for(&settings()?, Language::of(ctx), order))
//!     }
//! }
//!
//! /// The rule itself: without the host, so that a plain unit test can check it.
//! fn stamps_for(settings: &Settings, language: Language, order: &Order) -> Decision {
//!     let amount =
//!         order.lines.iter().filter(|line| line.category == settings.category).map(|line| u64::from(line.quantity)).sum();
//!     if order.buyer.is_none() || amount == 0 {
//!         let why = Text::new("no member, or nothing that earns stamps", "没有会员，或没有可集章的商品");
//!         return Decision { earnings: vec![], findings: vec![Finding::skipped("stamps", why.wording(language))] };
//!     }
//!     Decision {
//!         earnings: vec![Earning { unit: "stamps".to_owned(), amount, expires: Expiry::Never }],
//!         findings: vec![Finding::applied("stamps", Text::new("a stamp for each", "每杯一枚").wording(language))],
//!     }
//! }
//!
//! /// Trades a full card for a coffee.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Trade {
//!     member: String,
//! }
//!
//! #[derive(Serialize)]
//! struct Traded {
//!     posting: String,
//! }
//!
//! impl Command for Trade {
//!     const NAME: &'static str = "trade";
//!     const TITLE: Text = Text::new("Trade a full card", "集满兑换");
//!     type Output = Traded;
//!
//!     fn run(self, ctx: &CallContext) -> Result<Traded, Refusal> {
//!         let amount = settings::<Settings>()?.full_card.get();
//!         let debit = Debit { member: self.member, unit: "stamps".to_owned(), amount, reason: "free coffee".to_owned() };
//!         match assets::spend(&debit) {
//!             Ok(posting) => Ok(Traded { posting }),
//!             Err(HostError::Insufficient(_)) => {
//!                 let why = Text::new("the card is not full yet", "集章卡尚未集满");
//!                 Err(Refusal::refused("card-not-full", why.wording(Language::of(ctx))))
//!             }
//!             Err(error) => Err(error.into()),
//!         }
//!     }
//! }
//!
//! impl Commands for Stamps {
//!     const ALL: &'static [Operation] = &[Operation::of::<Trade>()];
//! }
//!
//! punchcard_sdk::pack!(Stamps: checkout, commands);
//! # fn main() {}
//! ```
//!
//! Its `Cargo.toml` asks for `crate-type = ["cdylib", "rlib"]`: the first is the pack, the second lets tests use it.

#[doc(hidden)]
#[expect(unsafe_code, reason = "a global allocator is unsafe to implement")]
pub mod allocation;
mod calendar;
mod command;
#[doc(hidden)]
#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code calls and is called through raw pointers, and has the shape that its generator gave it"
)]
pub mod contract;
mod manifest;
mod panics;
mod refusal;
mod settings;
mod text;

pub mod agreements;
pub mod assets;
pub mod events;
pub mod kv;
pub mod lifecycle;
pub mod log;
pub mod members;
pub mod messages;
pub mod order;
pub mod orders;
pub mod page;
pub mod stores;
pub mod testing;
pub mod timers;

pub use calendar::{Clock, Expiry, LocalDate, LocalTime, NotInCalendar, Weekday, minutes_between};
pub use command::{Command, Commands, Operation};
pub use manifest::{Capability, Limits, Manifest};
pub use settings::settings;
pub use text::{Language, Text, shortened};

use agreements::Question;
#[doc(inline)]
pub use contract::imports::punchcard::pack::types::{CallContext, HostError, Problem, Refusal};
use events::Event;
use lifecycle::{Migration, Progress};
use order::{Decision, Offer, Order, Refund};
use page::View;
use timers::Firing;

/// What nearly every pack uses.
pub mod prelude {
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};

    pub use crate::{
        CallContext, Capability, Checkout, Command, Commands, Expiry, HostError, Language, Lifecycle, Manifest,
        OnEvent, OnPartner, OnTimer, Operation, Pack, Pages, Pricing, Refusal, Text,
        agreements::{self, Question},
        assets::{self, Credit, Debit},
        events::{self, Event},
        kv,
        lifecycle::{Migration, Progress},
        log, members, messages,
        order::{Decision, Discount, Earning, Finding, Offer, Order, Refund},
        orders,
        page::{Block, Cell, Page, PageView, View},
        settings, stores,
        timers::{self, Firing, Rule, Timer},
    };
}

/// A pack. Every pack says what it is.
pub trait Pack {
    /// Asked once, when the pack is installed. No host function answers then.
    fn manifest() -> Manifest;
}

/// Taking part in orders: the hot path.
pub trait Checkout {
    /// What an order gives its buyer, and why. Quoting and settling both ask this, so that what was promised is what
    /// happens.
    ///
    /// # Errors
    /// A refusal leaves the order standing without this pack.
    fn decide(ctx: &CallContext, order: &Order) -> Result<Decision, Refusal>;

    /// What a basket would get now. Whatever is written here is dropped.
    ///
    /// # Errors
    /// As [`Checkout::decide`].
    fn quote(ctx: &CallContext, order: &Order) -> Result<Decision, Refusal> {
        Self::decide(ctx, order)
    }

    /// An order is being recorded, in the same transaction. For packs that write something besides their decision.
    ///
    /// One that was recorded without a buyer and is claimed by a member later is told once more, with the same id and now
    /// with a buyer: write by the order's id, so that the second time replaces the first.
    ///
    /// # Errors
    /// As [`Checkout::decide`].
    fn settled(ctx: &CallContext, order: &Order) -> Result<Decision, Refusal> {
        Self::decide(ctx, order)
    }

    /// An order is being given back as a whole. The host has reversed what the decision gave; this is for what the pack
    /// itself wrote.
    ///
    /// # Errors
    /// Whatever the pack refuses.
    fn refunded(ctx: &CallContext, refund: &Refund) -> Result<(), Refusal> {
        let _ = (ctx, refund);
        Ok(())
    }
}

/// Making orders cheaper: member days, happy hours, the second piece at half.
///
/// Asked before coupons count and before [`Checkout`], which sees what is left. Needs [`Capability::OrdersDiscount`].
///
/// ```
/// use punchcard_sdk::{prelude::*, testing};
///
/// /// A tenth off for members.
/// fn price(order: &Order) -> Offer {
///     if order.buyer.is_none() {
///         return Offer::none("member-price", "for members");
///     }
///     let off = order.lines.iter().map(|line| line.percent(10));
///     let discount = Discount::of("member-price", "Member price: 10% off", off);
///     Offer { discounts: discount.into_iter().collect(), skipped: vec![] }
/// }
///
/// let offer = price(&testing::order(&[("bread", 5), ("cakes", 1_205)]));
/// let reductions = &offer.discounts[0].reductions;
/// assert_eq!((reductions.len(), reductions[0].line, reductions[0].amount), (1, 1, 120));
/// ```
pub trait Pricing {
    /// What an order costs less, and which rules take nothing off. In a quote `order.id` is empty, and whatever is written
    /// here is dropped at its end; when the order is being recorded at the price of a quote, what is written is kept with it.
    ///
    /// # Errors
    /// A refusal takes nothing off.
    fn price(ctx: &CallContext, order: &Order) -> Result<Offer, Refusal>;
}

/// Following what happens, after the commit of what happened.
pub trait OnEvent {
    /// Does what follows from an event that the manifest says the pack follows. Called once for each, those of one member in
    /// order; what it writes is kept together with the note that it was called.
    ///
    /// # Errors
    /// A refusal keeps nothing; the call is made again, later and later, and parked for people to look at in the end.
    fn handle(ctx: &CallContext, event: &Event) -> Result<(), Refusal>;
}

/// Doing things at a time.
pub trait OnTimer {
    /// Does what is due: a timer that was set, or one of the manifest's.
    ///
    /// # Errors
    /// A refusal keeps nothing; the call is made again, later and later, and parked for people to look at in the end.
    fn fire(ctx: &CallContext, firing: &Firing) -> Result<(), Refusal>;
}

/// Answering the pack of the same name at a partner, under an agreement.
pub trait OnPartner {
    /// Answers a question, in the transaction of whoever asks. What is written here is kept together with what they write,
    /// or not at all.
    ///
    /// # Errors
    /// A refusal keeps nothing of this; its code and message are told to the partner's pack, so nothing of the own merchant
    /// belongs into them.
    fn answer(ctx: &CallContext, question: &Question) -> Result<String, Refusal>;
}

/// Having something to show to people.
pub trait Pages {
    /// Each page once: `&[View::of::<Today>(), View::of::<Calendar>()]`.
    const ALL: &'static [View];
}

/// Taking part in what happens to the pack itself at a merchant.
pub trait Lifecycle {
    /// The pack is being switched on in its first store.
    ///
    /// # Errors
    /// A refusal leaves all as it was.
    fn enabled(ctx: &CallContext) -> Result<(), Refusal> {
        let _ = ctx;
        Ok(())
    }

    /// The pack is being switched off in its last store.
    ///
    /// # Errors
    /// A refusal is noted and stops nothing.
    fn disabled(ctx: &CallContext) -> Result<(), Refusal> {
        let _ = ctx;
        Ok(())
    }

    /// Brings a part of what another version has stored to this one's form.
    ///
    /// # Errors
    /// A refusal puts back the earlier revision, with the storage as it was.
    fn migrate(ctx: &CallContext, migration: &Migration) -> Result<Progress, Refusal> {
        let _ = (ctx, migration);
        Ok(Progress::Done)
    }
}

/// Makes a type the pack of this crate: `pack!(Points: checkout, commands)`, with what it takes part in of `checkout`,
/// `pricing`, `commands`, `on_event`, `on_timer`, `on_partner`, `pages` and `lifecycle`.
///
/// The type implements [`Pack`], and [`Checkout`], [`Pricing`], [`Commands`], [`OnEvent`], [`OnTimer`], [`OnPartner`],
/// [`Pages`] or [`Lifecycle`] for what is named. Once in a crate.
#[macro_export]
macro_rules! pack {
    ($pack:ident) => {
        $crate::pack!(@export describing export_describe $pack);
        #[cfg(target_arch = "wasm32")]
        #[global_allocator]
        static ALLOCATOR: $crate::allocation::ReserveFirst = $crate::allocation::ReserveFirst::new();
    };
    ($pack:ident : $($interface:ident),+ $(,)?) => {
        $crate::pack!($pack);
        $($crate::pack!(@$interface $pack);)+
    };
    (@checkout $pack:ident) => {
        const _: fn() = $crate::takes_part_in_checkout::<$pack>;
        $crate::pack!(@export checking_out export_checkout $pack);
    };
    (@pricing $pack:ident) => {
        const _: fn() = $crate::takes_part_in_pricing::<$pack>;
        $crate::pack!(@export pricing_orders export_pricing $pack);
    };
    (@commands $pack:ident) => {
        const _: fn() = $crate::takes_commands::<$pack>;
        $crate::pack!(@export commanding export_commands $pack);
    };
    (@on_event $pack:ident) => {
        const _: fn() = $crate::takes_events::<$pack>;
        $crate::pack!(@export following export_on_event $pack);
    };
    (@on_timer $pack:ident) => {
        const _: fn() = $crate::takes_timers::<$pack>;
        $crate::pack!(@export timing export_on_timer $pack);
    };
    (@on_partner $pack:ident) => {
        const _: fn() = $crate::takes_questions::<$pack>;
        $crate::pack!(@export partnering export_on_partner $pack);
    };
    (@pages $pack:ident) => {
        const _: fn() = $crate::has_pages::<$pack>;
        $crate::pack!(@export showing export_pages $pack);
    };
    (@lifecycle $pack:ident) => {
        const _: fn() = $crate::has_a_life::<$pack>;
        $crate::pack!(@export living export_lifecycle $pack);
    };
    // Natively the exports would only be names that clash when two packs are linked into one test.
    (@export $world:ident $export:ident $pack:ident) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "what the host calls by name is generated")]
        const _: () = {
            $crate::contract::$world::$export!($pack with_types_in $crate::contract::$world);
        };
        const _: fn() -> $crate::Manifest = <$pack as $crate::Pack>::manifest;
    };
}

/// Fails to compile for a type that does not implement [`Checkout`], on every target.
#[doc(hidden)]
pub fn takes_part_in_checkout<T: Checkout>() {}

/// Fails to compile for a type that does not implement [`Pricing`], on every target.
#[doc(hidden)]
pub fn takes_part_in_pricing<T: Pricing>() {}

/// Fails to compile for a type that does not implement [`Commands`], on every target.
#[doc(hidden)]
pub fn takes_commands<T: Commands>() {}

/// Fails to compile for a type that does not implement [`OnEvent`], on every target.
#[doc(hidden)]
pub fn takes_events<T: OnEvent>() {}

/// Fails to compile for a type that does not implement [`OnTimer`], on every target.
#[doc(hidden)]
pub fn takes_timers<T: OnTimer>() {}

/// Fails to compile for a type that does not implement [`OnPartner`], on every target.
#[doc(hidden)]
pub fn takes_questions<T: OnPartner>() {}

/// Fails to compile for a type that does not implement [`Pages`], on every target.
#[doc(hidden)]
pub fn has_pages<T: Pages>() {}

/// Fails to compile for a type that does not implement [`Lifecycle`], on every target.
#[doc(hidden)]
pub fn has_a_life<T: Lifecycle>() {}
