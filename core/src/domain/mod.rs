//! Values and rules of a membership programme: ids, money, units, members, orders, events, staff.
//!
//! Everything here is checked when it is made and can not be wrong afterwards. Nothing here reads a clock, a file or a
//! store; instants and randomness come in as arguments.

mod event;
mod ids;
mod member;
mod merchant;
mod money;
mod order;
mod staff;
mod text;
mod unit;

pub use event::Event;
pub use ids::{IdSource, KeyId, LotId, MemberId, MerchantId, OrderId, ParseIdError, PostingId, RevisionId, StoreId};
pub use member::Member;
pub use merchant::{Merchant, Store, ZoneName};
pub use money::{Currency, Minor, MoneyError};
pub use order::{Line, LineFault, Order, OrderState, PackOutcome, PackResult};
pub use staff::{Action, Actor, Role};
pub use text::{Code, Label, Reference, TextError};
pub use unit::{STORED_VALUE, Unit, UnitKind};
