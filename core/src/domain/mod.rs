//! Values and rules of a membership programme: ids, money, units, members, orders, events, staff.
//!
//! Everything here is checked when it is made and can not be wrong afterwards. Nothing here reads a clock, a file or a
//! store; instants and randomness come in as arguments.

mod attribute;
mod behaviour;
mod benefit;
mod calendar_rule;
mod card;
mod coupon;
mod event;
mod ids;
mod item;
mod member;
mod merchant;
mod message;
mod money;
mod order;
mod personal;
mod reach;
mod segment;
mod share;
mod staff;
mod stored_value;
mod text;
mod unit;
mod user;
mod webhook;

pub use attribute::{AttributeFault, AttributeKind, AttributeType, AttributeValue};
pub use behaviour::Behaviour;
pub use benefit::{Period, ServiceBenefit};
pub use calendar_rule::{CalendarRule, ClockTime, DayOfMonth, DayOfWeek, RuleFault};
pub use card::card_number;
pub use coupon::{
    Benefit, CouponFault, CouponType, Discount, Inapplicable, NotStackable, Passed, Scope, Validity, best,
    check_stacking, discounts, in_turn,
};
pub use event::{Event, LoggedEvent};
pub use ids::{
    AgreementId, CallId, ChangeId, HoldId, IdSource, JoinCodeId, LotId, MemberId, MerchantId, MessageId, NoteId,
    OrderId, ParseIdError, PostingId, RecordingId, RevisionId, SessionId, StaffId, StoreId, WebhookId,
};
pub use item::Item;
pub use member::{ExternalId, Member, Source, Standing, Tag, Tier, Way};
pub use merchant::{Merchant, Store, ZoneName};
pub(crate) use message::RESERVED;
pub use message::{
    Channel, Locale, MessageCap, MessagePolicy, MessageTemplate, MessageText, MessageValue, MessageValues, NotALocale,
    NotAPlaceholder, Placeholder, PlaceholderKind, PlaceholderName, QuietHours,
};
pub use money::{Currency, Minor, MoneyError};
pub use order::{
    CouponDiscount, Line, LineFault, Order, OrderState, PackDiscount, PackOutcome, PackResult, Payment, Refund,
    RefundedLine, Served, UsedCoupons,
};
pub use personal::{Birthday, Email, Personal, PersonalError, Phone, name_begins_with, name_starts, sought_start};
pub use reach::{Reach, is_public};
pub use segment::{Bought, BoughtOf, BoughtWithin, Condition, ConditionFault, Portrait, Segment, Test, Ware, Within};
pub use share::shares;
pub use staff::{Action, Actor, Role, Seller, StoreScope};
pub use stored_value::{SpendingOrder, Split};
pub use text::{Code, Label, Reference, Remark, TextError};
pub use unit::{STORED_VALUE, STORED_VALUE_BONUS, Shortfall, Unit, UnitKind, UnitRules};
pub use user::{Password, PasswordError, SignInName, SignInNameError};
pub use webhook::{WebhookUrl, WebhookUrlError};
