//! Values and rules of a membership programme: ids, money, units, members, orders, events, staff.
//!
//! Everything here is checked when it is made and can not be wrong afterwards. Nothing here reads a clock, a file or a
//! store; instants and randomness come in as arguments.

mod coupon;
mod event;
mod ids;
mod member;
mod merchant;
mod money;
mod order;
mod reach;
mod share;
mod staff;
mod stored_value;
mod text;
mod unit;
mod webhook;

pub use coupon::{
    Benefit, CouponFault, CouponType, Discount, Inapplicable, NotStackable, Scope, Validity, check_stacking, discounts,
};
pub use event::Event;
pub use ids::{
    HoldId, IdSource, KeyId, LotId, MemberId, MerchantId, OrderId, ParseIdError, PostingId, RevisionId, StoreId,
    WebhookId,
};
pub use member::Member;
pub use merchant::{Merchant, Store, ZoneName};
pub use money::{Currency, Minor, MoneyError};
pub use order::{Line, LineFault, Order, OrderState, PackOutcome, PackResult};
pub use reach::{Reach, is_public};
pub use share::shares;
pub use staff::{Action, Actor, Role, StoreScope};
pub use stored_value::{SpendingOrder, Split};
pub use text::{Code, Label, Reference, TextError};
pub use unit::{STORED_VALUE, STORED_VALUE_BONUS, Shortfall, Unit, UnitKind, UnitRules};
pub use webhook::{WebhookUrl, WebhookUrlError};
