//! The versions of the domain's records on disk, and reading many of them.

use super::{Direction, KeyRange, Record, StoreError, Tx, older};
use crate::domain::{
    AttributeType, Behaviour, BoughtOf, Code, CouponType, Event, Item, LoggedEvent, Member, MemberId, Merchant,
    MerchantId, Order, OrderId, Personal, Segment, ServiceBenefit, StaffId, Store, StoreId, Unit,
};
use crate::vault::{Sealed, SealedSecret};

/// Makes records of types: the version of each, what it is called, and how older versions are read, if there are any.
macro_rules! records {
    ($($type:ty, $version:literal, $name:literal $(, $older:path)?;)*) => {$(
        impl $crate::store::Record for $type {
            const VERSION: u8 = $version;
            const NAME: &'static str = $name;

            $(fn from_older(version: u8, body: &[u8]) -> Option<Self> {
                $older(version, body)
            })?
        }
    )*};
}

pub(crate) use records;

records! {
    Merchant, 2, "merchant", older::merchant;
    Store, 1, "store";
    StoreId, 1, "store id";
    MerchantId, 1, "merchant id";
    Code, 1, "code";
    StaffId, 1, "id of somebody of the staff";
    Unit, 2, "unit", older::unit;
    AttributeType, 1, "definition of an attribute";
    Personal, 1, "personal data";
    Sealed, 1, "sealed data";
    SealedSecret, 1, "merchant's secret";
    CouponType, 2, "type of coupon", older::coupon_type;
    Member, 2, "member", older::member;
    MemberId, 1, "member id";
    ServiceBenefit, 1, "service benefit";
    Segment, 1, "segment";
    BoughtOf, 1, "what a member has bought of a kind of goods";
    Behaviour, 1, "kind of behaviour";
    Item, 1, "item of the catalogue";
    Order, 5, "order", older::order;
    OrderId, 1, "order id";
    Event, 2, "event", older::event;
    // Beside those without a step before them, which lie in the log as events: their versions are not to meet.
    LoggedEvent, 3, "event", older::logged_event;
}

impl Tx {
    /// Hands every record of a range to `take`, in the order of the keys, some at a time: for jobs that go through
    /// all of something, such as `verify`. Everything is remembered as read.
    ///
    /// # Errors
    /// As [`Tx::load_scan`].
    pub fn each<T: Record>(&mut self, range: &KeyRange, mut take: impl FnMut(&[u8], T)) -> Result<(), StoreError> {
        const PAGE: usize = 1000;
        let mut rest = range.clone();
        loop {
            let page = self.load_scan::<T>(&rest, Direction::Forward, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            rest = rest.after(last);
            for (key, record) in page {
                take(&key, record);
            }
        }
    }
}
