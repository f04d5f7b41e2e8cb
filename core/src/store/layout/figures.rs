//! The keys of what is counted by day and store, of goals, and of the days on which members bought.

use jiff::civil::Date;

use super::{Code, Key, KeyRange, Label, MemberId, MerchantId, Name, Side, StoreId, Ware};

/// The store of what happened in none.
const NO_STORE: [u8; 16] = [0; 16];

pub(super) fn day_bytes(day: Date) -> [u8; 4] {
    // Years run from -9999 to 9999 in the calendar that we use; orders are younger than the year 0.
    let [high, low] = u16::try_from(day.year()).unwrap_or(0).to_be_bytes();
    [high, low, day.month().unsigned_abs(), day.day().unsigned_abs()]
}

pub(super) fn day_of(bytes: [u8; 4]) -> Option<Date> {
    let [high, low, month, day] = bytes;
    let year = i16::try_from(u16::from_be_bytes([high, low])).ok()?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

pub(super) fn store_bytes(store: Option<StoreId>) -> [u8; 16] {
    store.map_or(NO_STORE, |store| *store.as_bytes())
}

pub(super) fn store_of(bytes: [u8; 16]) -> Option<StoreId> {
    (bytes != NO_STORE).then_some(StoreId::from_bytes(bytes))
}

fn on(table: u8, merchant: MerchantId, day: Date) -> Name {
    Name::of(table, merchant).bytes(&day_bytes(day))
}

fn days(table: u8, merchant: MerchantId, from: Date, to: Date) -> KeyRange {
    KeyRange { start: on(table, merchant, from).0, end: on(table, merchant, to).range().end }
}

/// Day, store and the rest of a key that has them after the merchant.
fn dated(key: &[u8]) -> Option<(Date, Option<StoreId>, &[u8])> {
    let (day, rest) = key.get(17..)?.split_first_chunk::<4>()?;
    let (store, rest) = rest.split_first_chunk::<16>()?;
    Some((day_of(*day)?, store_of(*store), rest))
}

/// A figure of a store's day; `figure` is its letter.
pub fn figure(merchant: MerchantId, day: Date, store: Option<StoreId>, figure: u8) -> Key {
    on(b'f', merchant, day).bytes(&store_bytes(store)).bytes(&[figure]).0
}

/// The figures of a merchant from one day to another, both included.
pub fn figures(merchant: MerchantId, from: Date, to: Date) -> KeyRange {
    days(b'f', merchant, from, to)
}

/// Day, store and letter of a figure's key.
pub fn figure_parts(key: &[u8]) -> Option<(Date, Option<StoreId>, u8)> {
    let (day, store, rest) = dated(key)?;
    let [figure] = rest.try_into().ok()?;
    Some((day, store, figure))
}

/// A figure of an hour of a store's day.
pub fn hour_figure(merchant: MerchantId, day: Date, store: Option<StoreId>, hour: u8, figure: u8) -> Key {
    on(b'8', merchant, day).bytes(&store_bytes(store)).bytes(&[hour, figure]).0
}

/// The figures of hours from one day to another, both included.
pub fn hour_figures(merchant: MerchantId, from: Date, to: Date) -> KeyRange {
    days(b'8', merchant, from, to)
}

/// Day, store, hour and letter of the key of an hour's figure.
pub fn hour_figure_parts(key: &[u8]) -> Option<(Date, Option<StoreId>, u8, u8)> {
    let (day, store, rest) = dated(key)?;
    let [hour, figure] = rest.try_into().ok()?;
    Some((day, store, hour, figure))
}

/// What went through a house account: its letter, which way, and of what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// The account's letter.
    pub house: u8,
    /// Which way.
    pub side: Side,
    /// Of what.
    pub unit: Code,
}

/// What went through a house account on a day, for what was done in a store.
pub fn flow(merchant: MerchantId, day: Date, store: Option<StoreId>, house: u8, side: Side, unit: &Code) -> Key {
    let name = on(b'7', merchant, day).bytes(&store_bytes(store)).bytes(&[house, side.letter()]);
    name.bytes(unit.as_str().as_bytes()).0
}

/// What went through house accounts from one day to another, both included.
pub fn flows(merchant: MerchantId, from: Date, to: Date) -> KeyRange {
    days(b'7', merchant, from, to)
}

/// Day, store and flow of such a key.
pub fn flow_parts(key: &[u8]) -> Option<(Date, Option<StoreId>, Flow)> {
    let (day, store, rest) = dated(key)?;
    let ([house, side], unit) = rest.split_first_chunk()?;
    let unit = Code::new(std::str::from_utf8(unit).ok()?).ok()?;
    Some((day, store, Flow { house: *house, side: Side::of(*side)?, unit }))
}

/// Whose sales are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selling {
    /// Those of a SKU.
    Sku,
    /// Those of a category.
    Category,
}

impl Selling {
    const fn letter(self) -> u8 {
        match self {
            Self::Sku => b's',
            Self::Category => b'c',
        }
    }

    fn of(letter: u8) -> Option<Self> {
        [Self::Sku, Self::Category].into_iter().find(|kind| kind.letter() == letter)
    }
}

/// A figure of what was sold of a SKU or a category in a store on a day.
pub fn selling(
    merchant: MerchantId,
    day: Date,
    store: Option<StoreId>,
    kind: Selling,
    name: &Label,
    figure: u8,
) -> Key {
    let key = on(b'9', merchant, day).bytes(&store_bytes(store)).bytes(&[kind.letter()]);
    key.text(name.as_str()).bytes(&[figure]).0
}

/// What was sold from one day to another, both included.
pub fn sellings(merchant: MerchantId, from: Date, to: Date) -> KeyRange {
    days(b'9', merchant, from, to)
}

/// Day, store, kind, name and letter of such a key.
pub fn selling_parts(key: &[u8]) -> Option<(Date, Option<StoreId>, Selling, Label, u8)> {
    let (day, store, rest) = dated(key)?;
    let (kind, rest) = rest.split_first()?;
    let (figure, name) = rest.split_last()?;
    let name = Label::new(std::str::from_utf8(name.strip_suffix(&[0])?).ok()?).ok()?;
    Some((day, store, Selling::of(*kind)?, name, *figure))
}

/// A goal for a month: `day` is its first.
pub fn goal(merchant: MerchantId, day: Date, store: Option<StoreId>, figure: u8) -> Key {
    on(b'2', merchant, day).bytes(&store_bytes(store)).bytes(&[figure]).0
}

/// The goals for the month whose first day this is.
pub fn goals(merchant: MerchantId, day: Date) -> KeyRange {
    on(b'2', merchant, day).range()
}

/// The goals for the months from a day on.
pub fn goals_since(merchant: MerchantId, day: Date) -> KeyRange {
    days(b'2', merchant, day, Date::MAX)
}

/// When a member has bought.
pub fn visits_of(merchant: MerchantId, member: MemberId) -> Key {
    Name::of(b'u', merchant).bytes(member.as_bytes()).0
}

/// When all members of a merchant have bought, and what by kinds of goods: each member's are beside each other.
pub fn purchases(merchant: MerchantId) -> KeyRange {
    Name::of(b'u', merchant).range()
}

/// That a member has bought on a day.
pub fn visit(merchant: MerchantId, day: Date, member: MemberId) -> Key {
    on(b'3', merchant, day).bytes(member.as_bytes()).0
}

/// The members who have bought from one day to another, both included, by day.
pub fn visits_between(merchant: MerchantId, from: Date, to: Date) -> KeyRange {
    days(b'3', merchant, from, to)
}

/// Day and member of the key that says that a member has bought on a day.
pub fn visit_parts(key: &[u8]) -> Option<(Date, MemberId)> {
    let (day, member) = key.get(17..)?.split_first_chunk::<4>()?;
    Some((day_of(*day)?, MemberId::from_bytes(member.try_into().ok()?)))
}

/// What a member has bought of a kind of goods. It is beside when they have, so that an order which changes both finds them
/// in one place.
pub fn bought_of(merchant: MerchantId, member: MemberId, ware: &Ware) -> Key {
    let kind = match ware {
        Ware::Category(_) => b'c',
        Ware::Brand(_) => b'b',
    };
    Name::of(b'u', merchant).bytes(member.as_bytes()).bytes(&[kind]).bytes(ware.name().as_str().as_bytes()).0
}

/// What a member has bought, by kinds of goods.
pub fn bought_of_member(merchant: MerchantId, member: MemberId) -> KeyRange {
    let all = Name::of(b'u', merchant).bytes(member.as_bytes());
    let own = visits_of(merchant, member);
    all.range().after(&own)
}

/// Member and kind of goods of such a key; no kind for when they have bought.
pub fn purchases_parts(key: &[u8]) -> Option<(MemberId, Option<Ware>)> {
    let (member, rest) = key.get(17..)?.split_first_chunk::<16>()?;
    let member = MemberId::from_bytes(*member);
    let Some((kind, name)) = rest.split_first() else { return Some((member, None)) };
    let name = Label::new(std::str::from_utf8(name).ok()?).ok()?;
    let ware = match kind {
        b'c' => Ware::Category(name),
        b'b' => Ware::Brand(name),
        _ => return None,
    };
    Some((member, Some(ware)))
}

/// Where stores of version 7 had what members have bought by kinds of goods.
pub fn bought_of_apart() -> KeyRange {
    Name::new(b'=').range()
}

/// Where it is that was there.
pub fn bought_of_moved(key: &[u8]) -> Key {
    Name::new(b'u').bytes(key.get(1..).unwrap_or_default()).0
}
