//! Where each record lives: the one place that knows the form of keys.
//!
//! A key is a table's letter, the merchant's id for all that belongs to a merchant, and the parts of the record's own
//! name. Numbers are big-endian, so that keys sort as the things do. Texts come last, or end with a zero byte (the
//! domain's texts have no control characters), so that no key is the beginning of another one's name.
//!
//! | table | after it | record |
//! |---|---|---|
//! | `V` | | the version of all this |
//! | `M` | merchant | the merchant |
//! | `S` | merchant, store | a store |
//! | `T` | merchant, code | a store's id by its code |
//! | `K` | hash of the secret | an API key |
//! | `6` | merchant, key | an API key in the merchant's list |
//! | `$` | merchant, `u`, user | a user: a person who signs in |
//! | `$` | merchant, `n`, name | a user's id by the name by which they sign in |
//! | `$` | merchant, `s`, user, session | a session |
//! | `$` | merchant, `e`, instant, user, session | nothing: when a session ends at last |
//! | `$` | merchant, `h` | the merchant's handle, by which it is named at the sign-in |
//! | `$` | nobody, `h`, handle | the id of the merchant that has it |
//! | `$` | merchant, `t`, code | a team of staff |
//! | `$` | merchant, `m`, staff | the code of the team that they are in |
//! | `$` | merchant, `f`, day, store, staff or team, figure | counter: what somebody or a team has sold on a day |
//! | `$` | merchant, `g`, month, staff or team, figure | a goal of theirs |
//! | `#` | merchant, `d`, join code | a code by which people join |
//! | `#` | merchant, `n` | counter: join codes of the merchant |
//! | `#` | merchant, `f`, day, store, channel or join code | counter: who joined by it on a day |
//! | `U` | merchant, unit | a unit |
//! | `m` | merchant, member | a member |
//! | `n` | merchant, number | a member's id by reference or number of a card |
//! | `I` | merchant, system, name | a member's id by what another system calls them |
//! | `X` | merchant | the merchant's secret, sealed |
//! | `x` | merchant, member | the member's key, sealed |
//! | `N` | merchant, member | what is personal about the member, sealed |
//! | `b` | merchant, kind, mark | a member's id by the mark of a phone number or an address |
//! | `z` | merchant, mark, member | nothing: members by the marks of beginnings of their names |
//! | `g` | merchant, tag, member | nothing: members by tag |
//! | `4` | merchant, store, member | nothing: members by the store where they joined |
//! | `5` | merchant, tier, member | nothing: members by level |
//! | `1` | merchant, member, change | a level that the member was given |
//! | `Q` | merchant, code | the definition of an attribute |
//! | `0` | merchant, SKU | an item of the catalogue |
//! | `O` | merchant, member, note | a note |
//! | `Z` | merchant, `d`, code | a service benefit |
//! | `Z` | merchant, `u`, member, code, day | counter: uses of a benefit in the period that begins on the day |
//! | `*` | merchant, `d`, code | a segment |
//! | `*` | merchant, `p` | how far the tags of segments are brought up |
//! | `!` | merchant, `d`, code | a kind of behaviour |
//! | `!` | merchant, `n`, day | counter: behaviours that were told on a day of UTC |
//! | `!` | merchant, `m`, member, moment | an event that is told in the member's history, as in the log |
//! | `s` | merchant, member, purpose, change | a receipt of a consent |
//! | `J` | merchant | log: who changed what |
//! | `Y` | merchant, member, change | a change of the member, as in the log |
//! | `o` | merchant, order | an order |
//! | `r` | merchant, reference | an order's id by reference |
//! | `h` | merchant, member, order | nothing: the member's orders |
//! | `a` | merchant, member, unit | an account |
//! | `l` | merchant, member, unit, expiry, lot | an open lot |
//! | `c` | merchant, member, unit, lot | a closed lot |
//! | `t` | merchant, member, unit, instant, kind, hold or lot | nothing: what falls due on the account |
//! | `d` | merchant, instant, kind, and what falls due | nothing: what falls due at the merchant's |
//! | `H` | merchant, hold | a hold |
//! | `P` | merchant, lot | a pending grant |
//! | `w` | merchant, event, lot | nothing: a pending grant that waits for the event |
//! | `C` | merchant, unit | a type of coupon |
//! | `y` | merchant, member, unit | counter: coupons of a type that the member was issued |
//! | `L` | merchant, unit, month | counter: what is left in lots that expire in the month |
//! | `&` | merchant, `i`, member | the id of the one into whom the member was merged |
//! | `&` | merchant, `o`, member, member | nothing: that the second was merged into the first |
//! | `+` | merchant, reference | the posting by which something came in under a name of a file |
//! | `j` | merchant | log: the digests of the postings |
//! | `A` | merchant, house account, side, unit | counter: all that was ever debited or credited |
//! | `p` | merchant, posting | a posting |
//! | `q` | merchant, member, posting | nothing: the member's statement |
//! | `v` | merchant, posting | the posting that reversed it |
//! | `i` | merchant, idempotency key | what an earlier request with this key did |
//! | `e` | merchant | log: the merchant's events |
//! | `f` | merchant, day, store, figure | counter: a figure of a store's day |
//! | `8` | merchant, day, store, hour, figure | counter: a figure of an hour |
//! | `7` | merchant, day, store, house account, side, unit | counter: what went through a house account on a day |
//! | `9` | merchant, day, store, kind, name, figure | counter: what was sold of a SKU or category on a day |
//! | `2` | merchant, month, store, figure | a goal |
//! | `u` | merchant, member | when a member has bought |
//! | `u` | merchant, member, `b` or `c`, name | what the member has bought of a brand or a category |
//! | `3` | merchant, day, member | nothing: that a member has bought on a day |
//! | `=` | merchant, member, `b` or `c`, name | the same in stores up to version 7; it is moved |
//! | `R` | merchant, revision | a pack revision that the merchant has |
//! | `B` | revision, number | a part of its component |
//! | `E` | merchant | the version of its enablements |
//! | `F` | merchant, pack | an enablement |
//! | `k` | merchant, pack, key | a pack's own entry |
//! | `k` | merchant, pack`~`number, key | what it was before the change of revisions with this number |
//! | `@` | merchant, `b`, pack | counter: bytes that a pack has stored |
//! | `@` | merchant, `m`, day, pack, `c`, `f` or `e` | counter: calls of a pack on a day of UTC, their fuel, and facts |
//! | `@` | merchant, `u`, pack | how far a change of revisions has come, and what is to be forgotten |
//! | `~` | merchant, `a`, agreement | an agreement that the merchant has proposed |
//! | `~` | merchant, `p`, agreement | the id of the merchant who has proposed it to this one |
//! | `~` | merchant, `b`, agreement | counter: how much more the partner owes the one who has proposed it than is owed to them |
//! | `~` | merchant, `l`, partner, alias | the id of the member who is known to the partner by the alias |
//! | `@` | merchant, `c`, pack, lane | how far a lane of a pack has come in the log |
//! | `@` | merchant, `w`, pack, subject, event | an event that waits at a pack for another try, or behind one that does |
//! | `@` | merchant, `s`, pack, lane, instant, subject, event | nothing: when the first of a subject is to be tried again |
//! | `@` | merchant, `t`, pack, kind, instant, name | a timer of a pack |
//! | `@` | merchant, `d`, pack, instant, and the timer's place | nothing: when a timer is to fire |
//! | `@` | merchant, `n`, pack | counter: timers of a pack that wait |
//! | `@` | merchant, `x`, pack, call | a call that was parked |
//! | `W` | merchant, webhook | a webhook |
//! | `G` | merchant, webhook, `c` | how far it has come in the log |
//! | `G` | merchant, webhook, `l`, number | an attempt to deliver to it; the last 200 |
//! | `D` | merchant, webhook, `q`, subject, event | an event that waits for its turn |
//! | `D` | merchant, webhook, `t`, instant, subject, event | nothing: when the first of a subject is to be attempted |
//! | `D` | merchant, webhook, `x`, event | an event that was given up |
//! | `%` | merchant, `t`, code | a template of messages |
//! | `%` | merchant, `m`, message | a message |
//! | `%` | merchant, `u`, member, message | nothing: the member's messages |
//! | `%` | merchant, `w`, member, message | nothing: those of them that wait |
//! | `%` | merchant, `d`, channel, instant, message | nothing: when a message is to go out |
//! | `%` | merchant, `c`, channel | by which way the channel's messages leave |
//! | `%` | merchant, `p` | quiet hours and caps |
//! | `%` | merchant, `n`, member, channel, day | counter: messages that count for caps |
//! | `%` | merchant, `a`, trigger | an automatic message |
//! | `%` | merchant, `f` | how far automatic messages have come in the log |

use jiff::Timestamp;

use super::{Key, KeyRange};
use crate::domain::{
    AgreementId, CallId, ChangeId, Code, ExternalId, HoldId, JoinCodeId, Label, LotId, MemberId, MerchantId, NoteId,
    OrderId, PostingId, Reference, RevisionId, SessionId, StaffId, StoreId, Ware, WebhookId,
};

mod agreements;
mod behaviours;
mod figures;
mod joins;
mod ledger;
mod members;
mod messages;
mod pack_calls;
mod packs;
mod segments;
mod staff;
mod webhooks;

pub use agreements::{
    agreement, agreement_alias, agreement_aliases_all, agreement_balance, agreement_proposed, agreements,
    agreements_proposed,
};
pub use behaviours::{
    all_member_events, behaviour, behaviours, behaviours_seen, member_event, member_events, member_of_event,
};
pub use figures::{
    Flow, Selling, bought_of, bought_of_apart, bought_of_member, bought_of_moved, figure, figure_parts, figures, flow,
    flow_parts, flows, goal, goals, goals_since, hour_figure, hour_figure_parts, hour_figures, purchases,
    purchases_parts, selling, selling_parts, sellings, visit, visit_parts, visits_between, visits_of,
};
pub use joins::{join_code, join_code_count, join_codes, joins, joins_between, joins_parts};
pub use ledger::{
    Due, Month, Timed, all_due, coupon_type, coupon_types, coupons_issued, coupons_issued_all, coupons_issued_to, due,
    due_parts, due_until, hold, holds, imported, imported_all, ledger_log, liabilities, liability, liability_parts,
    merged, merged_all, merged_into, merged_parts, pending, pendings, survivor, survivors, timed, timed_all, timed_at,
    timed_of, timed_parts, timed_until, waiting, waiting_all, waiting_for, waiting_lot,
};
pub use messages::{
    MessageKey, automatic, automatics, member_message, message, message_connector, message_connectors, message_count,
    message_counts, message_cursor, message_due, message_dues, message_dues_until, message_key, message_policy,
    message_records, message_template, message_templates, messages, messages_of, messages_waiting_of, waiting_message,
};
pub use staff::{
    handle, handles, merchant_by_handle, seller_figure, seller_figure_parts, seller_figures, seller_goal,
    seller_goal_parts, seller_goals, seller_goals_since, session, session_end, session_ends, session_ends_until,
    session_parts, sessions, sessions_of, staff_in_team, staff_in_teams, team, team_of_staff, teams, user,
    user_by_name, user_names, users,
};
pub use webhooks::{
    Subject, WebhookKey, webhook, webhook_attempt, webhook_attempts, webhook_dead, webhook_dead_all,
    webhook_deliveries, webhook_due, webhook_dues, webhook_dues_until, webhook_key, webhook_progress,
    webhook_progresses, webhook_waiting, webhook_waiting_all, webhook_waiting_of, webhooks,
};

pub use members::{
    Contact, all_at_home, all_consents, all_in_tiers, all_notes, all_tagged, all_tier_changes, at_home, attribute,
    attributes, benefit, benefit_uses, benefit_uses_of, benefits, changes, consent, consents, consents_to, contact,
    contacts, external_ids, in_tier, listed_member, member_by_external_id, member_change, member_changes, member_in,
    member_key, member_keys, members_at_home, members_in_tier, members_named, members_tagged, merchant_secret,
    merchant_secrets, name_start, name_starts, note, notes, personal, personals, tagged, tier_change, tier_changes,
};

pub use pack_calls::{
    PackUse, called_pack, change_of_pack, day_of_usage, pack_due, pack_due_parts, pack_dues, pack_dues_all,
    pack_dues_until, pack_owner, pack_progress, pack_progresses, pack_signer, pack_signers, pack_signers_until,
    pack_timer, pack_timer_count, pack_timer_counts, pack_timer_due, pack_timer_due_parts, pack_timer_dues,
    pack_timer_dues_all, pack_timer_dues_until, pack_timers, pack_timers_all, pack_usage, pack_usage_parts,
    pack_usages_after, pack_usages_on, pack_waiting, pack_waiting_all, pack_waiting_of, pack_waiting_of_pack,
    pack_waiting_parts, parked_call, parked_calls, parked_calls_all,
};
pub use packs::{
    all_pack_entries, component_part, component_parts, enablement, enablements, enablements_version, pack_entries,
    pack_entries_all, pack_entry, pack_entry_parts, pack_entry_prefix_len, pack_stored, pack_stored_all, pack_undo,
    pack_undo_entry, pack_undos, revision, revisions,
};
pub use segments::{segment, segment_progress, segments};

struct Name(Key);

impl Name {
    fn new(table: u8) -> Self {
        let mut key = Key::with_capacity(64);
        key.push(table);
        Self(key)
    }

    fn of(table: u8, merchant: MerchantId) -> Self {
        Self::new(table).bytes(merchant.as_bytes())
    }

    fn bytes(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(part);
        self
    }

    /// A text that something may follow.
    fn text(self, part: &str) -> Self {
        self.bytes(part.as_bytes()).bytes(&[0])
    }

    fn range(self) -> KeyRange {
        KeyRange::prefix(&self.0)
    }
}

/// Which total of a house account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// What left it.
    Debits,
    /// What came to it.
    Credits,
}

impl Side {
    const fn letter(self) -> u8 {
        match self {
            Self::Debits => b'd',
            Self::Credits => b'c',
        }
    }

    fn of(letter: u8) -> Option<Self> {
        [Self::Debits, Self::Credits].into_iter().find(|side| side.letter() == letter)
    }
}

/// In which version the records are, and how far a migration has come.
pub fn schema() -> Key {
    Name::new(b'V').0
}

/// A merchant.
pub fn merchant(merchant: MerchantId) -> Key {
    Name::of(b'M', merchant).0
}

/// All merchants.
pub fn merchants() -> KeyRange {
    Name::new(b'M').range()
}

/// The merchant in the key of something that belongs to one.
pub fn merchant_of(key: &[u8]) -> Option<MerchantId> {
    key.get(1..17)?.try_into().ok().map(MerchantId::from_bytes)
}

/// The beginning of a key up to the merchant in it.
pub fn merchant_part(key: &[u8]) -> &[u8] {
    key.get(..17).unwrap_or(key)
}

/// A store.
pub fn store(merchant: MerchantId, store: StoreId) -> Key {
    Name::of(b'S', merchant).bytes(store.as_bytes()).0
}

/// All stores of a merchant.
pub fn stores(merchant: MerchantId) -> KeyRange {
    Name::of(b'S', merchant).range()
}

/// A store's id by its code.
pub fn store_by_code(merchant: MerchantId, code: &Code) -> Key {
    Name::of(b'T', merchant).bytes(code.as_str().as_bytes()).0
}

/// An API key, by the SHA-256 of its secret.
pub fn api_key(secret_hash: &[u8; 32]) -> Key {
    Name::new(b'K').bytes(secret_hash).0
}

/// All API keys of all merchants.
pub fn api_keys() -> KeyRange {
    Name::new(b'K').range()
}

/// The SHA-256 of the secret in the key of an API key.
pub fn api_key_hash(key: &[u8]) -> Option<[u8; 32]> {
    key.get(1..)?.try_into().ok()
}

/// An API key in the merchant's list.
pub fn listed_key(merchant: MerchantId, key: StaffId) -> Key {
    Name::of(b'6', merchant).bytes(key.as_bytes()).0
}

/// The merchant's list of API keys.
pub fn listed_keys(merchant: MerchantId) -> KeyRange {
    Name::of(b'6', merchant).range()
}

/// A unit.
pub fn unit(merchant: MerchantId, unit: &Code) -> Key {
    Name::of(b'U', merchant).bytes(unit.as_str().as_bytes()).0
}

/// All units of a merchant.
pub fn units(merchant: MerchantId) -> KeyRange {
    Name::of(b'U', merchant).range()
}

/// A member.
pub fn member(merchant: MerchantId, member: MemberId) -> Key {
    Name::of(b'm', merchant).bytes(member.as_bytes()).0
}

/// All members of a merchant.
pub fn members(merchant: MerchantId) -> KeyRange {
    Name::of(b'm', merchant).range()
}

/// All members of all merchants.
pub fn all_members() -> KeyRange {
    Name::new(b'm').range()
}

/// A member's id by reference or number of a card.
pub fn member_by_number(merchant: MerchantId, reference: &Reference) -> Key {
    Name::of(b'n', merchant).bytes(reference.as_str().as_bytes()).0
}

/// All references and numbers of cards of members of a merchant.
pub fn member_numbers(merchant: MerchantId) -> KeyRange {
    Name::of(b'n', merchant).range()
}

/// An item of the catalogue.
pub fn item(merchant: MerchantId, sku: &Label) -> Key {
    Name::of(b'0', merchant).bytes(sku.as_str().as_bytes()).0
}

/// The catalogue of a merchant.
pub fn items(merchant: MerchantId) -> KeyRange {
    Name::of(b'0', merchant).range()
}

/// An order.
pub fn order(merchant: MerchantId, order: OrderId) -> Key {
    Name::of(b'o', merchant).bytes(order.as_bytes()).0
}

/// All orders of a merchant.
pub fn orders(merchant: MerchantId) -> KeyRange {
    Name::of(b'o', merchant).range()
}

/// An order's id by reference.
pub fn order_by_reference(merchant: MerchantId, reference: &Reference) -> Key {
    Name::of(b'r', merchant).bytes(reference.as_str().as_bytes()).0
}

/// All references of orders of a merchant.
pub fn order_references(merchant: MerchantId) -> KeyRange {
    Name::of(b'r', merchant).range()
}

/// That an order is a member's.
pub fn member_order(merchant: MerchantId, member: MemberId, order: OrderId) -> Key {
    Name::of(b'h', merchant).bytes(member.as_bytes()).bytes(order.as_bytes()).0
}

/// Member and order at the end of the key which says that an order is a member's.
pub fn member_order_parts(key: &[u8]) -> Option<(MemberId, OrderId)> {
    let (member, order) = key.get(17..)?.split_first_chunk::<16>()?;
    Some((MemberId::from_bytes(*member), OrderId::from_bytes(order.try_into().ok()?)))
}

/// All orders of a member, in the order in which they were recorded.
pub fn orders_of(merchant: MerchantId, member: MemberId) -> KeyRange {
    Name::of(b'h', merchant).bytes(member.as_bytes()).range()
}

/// Where the orders of a member begin that were recorded at an instant or later: ids begin with the instant at which they
/// were made.
pub fn member_orders_since(merchant: MerchantId, member: MemberId, since: Timestamp) -> Key {
    Name::of(b'h', merchant).bytes(member.as_bytes()).bytes(&millis(since).to_be_bytes()[2..]).0
}

/// The order at the end of the key of a list of orders.
pub fn listed_order(key: &[u8]) -> Option<OrderId> {
    let order: [u8; 16] = key.get(key.len().checked_sub(16)?..)?.try_into().ok()?;
    Some(OrderId::from_bytes(order))
}

/// All orders of members of a merchant.
pub fn member_orders(merchant: MerchantId) -> KeyRange {
    Name::of(b'h', merchant).range()
}

/// What a member holds of a unit.
pub fn account(merchant: MerchantId, member: MemberId, unit: &Code) -> Key {
    Name::of(b'a', merchant).bytes(member.as_bytes()).bytes(unit.as_str().as_bytes()).0
}

/// All accounts of a member.
pub fn accounts_of(merchant: MerchantId, member: MemberId) -> KeyRange {
    Name::of(b'a', merchant).bytes(member.as_bytes()).range()
}

/// All accounts of a merchant's members.
pub fn accounts(merchant: MerchantId) -> KeyRange {
    Name::of(b'a', merchant).range()
}

/// An open lot; those that expire first come first, those that never do come last.
pub fn open_lot(merchant: MerchantId, member: MemberId, unit: &Code, expires_at: Option<Timestamp>, lot: LotId) -> Key {
    open_lot_prefix(merchant, member, unit).bytes(&expiry(expires_at)).bytes(lot.as_bytes()).0
}

/// The open lots of an account.
pub fn open_lots(merchant: MerchantId, member: MemberId, unit: &Code) -> KeyRange {
    open_lot_prefix(merchant, member, unit).range()
}

/// The open lots of an account that are expired at `now`.
pub fn lapsed_lots(merchant: MerchantId, member: MemberId, unit: &Code, now: Timestamp) -> KeyRange {
    let start = open_lot_prefix(merchant, member, unit).0;
    let end = open_lot_prefix(merchant, member, unit).bytes(&after(now)).0;
    KeyRange { start, end }
}

/// Whose it is and of what, from the key of an account, of an open or a closed lot, or of a counter of issued coupons.
pub fn owner(key: &[u8]) -> Option<(MemberId, Code)> {
    let (member, rest) = key.get(17..)?.split_first_chunk::<16>()?;
    let unit = rest.split(|byte| *byte == 0).next()?;
    Some((MemberId::from_bytes(*member), Code::new(std::str::from_utf8(unit).ok()?).ok()?))
}

/// All open lots of a merchant's members.
pub fn all_open_lots(merchant: MerchantId) -> KeyRange {
    Name::of(b'l', merchant).range()
}

fn open_lot_prefix(merchant: MerchantId, member: MemberId, unit: &Code) -> Name {
    Name::of(b'l', merchant).bytes(member.as_bytes()).text(unit.as_str())
}

fn expiry(expires_at: Option<Timestamp>) -> [u8; 8] {
    expires_at.map_or(u64::MAX, millis).to_be_bytes()
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

/// What ends a range of all that is due at `now`.
fn after(now: Timestamp) -> [u8; 8] {
    millis(now).saturating_add(1).to_be_bytes()
}

/// A closed lot.
pub fn closed_lot(merchant: MerchantId, member: MemberId, unit: &Code, lot: LotId) -> Key {
    Name::of(b'c', merchant).bytes(member.as_bytes()).text(unit.as_str()).bytes(lot.as_bytes()).0
}

/// All closed lots of a merchant's members.
pub fn all_closed_lots(merchant: MerchantId) -> KeyRange {
    Name::of(b'c', merchant).range()
}

/// A total of one of the merchant's own accounts in a unit; `house` is the account's letter.
pub fn house(merchant: MerchantId, house: u8, side: Side, unit: &Code) -> Key {
    Name::of(b'A', merchant).bytes(&[house, side.letter()]).bytes(unit.as_str().as_bytes()).0
}

/// All totals of the merchant's own accounts.
pub fn houses(merchant: MerchantId) -> KeyRange {
    Name::of(b'A', merchant).range()
}

/// The account's letter, which total and of what, from the key of a total.
pub fn house_parts(key: &[u8]) -> Option<(u8, Side, Code)> {
    let ([house, side], unit) = key.get(17..)?.split_first_chunk()?;
    Some((*house, Side::of(*side)?, Code::new(std::str::from_utf8(unit).ok()?).ok()?))
}

/// A posting.
pub fn posting(merchant: MerchantId, posting: PostingId) -> Key {
    Name::of(b'p', merchant).bytes(posting.as_bytes()).0
}

/// The posting in its key, or in that of its reversal.
pub fn posting_id(key: &[u8]) -> Option<PostingId> {
    key.get(17..)?.try_into().ok().map(PostingId::from_bytes)
}

/// All postings of a merchant.
pub fn postings(merchant: MerchantId) -> KeyRange {
    Name::of(b'p', merchant).range()
}

/// That a posting touches a member.
pub fn member_posting(merchant: MerchantId, member: MemberId, posting: PostingId) -> Key {
    Name::of(b'q', merchant).bytes(member.as_bytes()).bytes(posting.as_bytes()).0
}

/// The postings that touch a member, in order.
pub fn postings_of(merchant: MerchantId, member: MemberId) -> KeyRange {
    Name::of(b'q', merchant).bytes(member.as_bytes()).range()
}

/// All statements of a merchant's members.
pub fn member_postings(merchant: MerchantId) -> KeyRange {
    Name::of(b'q', merchant).range()
}

/// Member and posting in the key which says that a posting touches a member.
pub fn member_posting_parts(key: &[u8]) -> Option<(MemberId, PostingId)> {
    let (member, posting) = key.get(17..)?.split_first_chunk::<16>()?;
    Some((MemberId::from_bytes(*member), PostingId::from_bytes(posting.try_into().ok()?)))
}

/// The posting that reversed a posting.
pub fn reversal(merchant: MerchantId, posting: PostingId) -> Key {
    Name::of(b'v', merchant).bytes(posting.as_bytes()).0
}

/// All that says which postings were reversed.
pub fn reversals(merchant: MerchantId) -> KeyRange {
    Name::of(b'v', merchant).range()
}

/// What all earlier requests with idempotency keys did.
pub fn idempotencies(merchant: MerchantId) -> KeyRange {
    Name::of(b'i', merchant).range()
}

/// What an earlier request with this idempotency key did.
pub fn idempotency(merchant: MerchantId, key: &Reference) -> Key {
    Name::of(b'i', merchant).bytes(key.as_str().as_bytes()).0
}

/// The idempotency key in the key of what an earlier request did.
pub fn idempotency_key(key: &[u8]) -> Option<Reference> {
    Reference::new(std::str::from_utf8(key.get(17..)?).ok()?).ok()
}

/// The merchant's events.
pub fn events(merchant: MerchantId) -> Key {
    Name::of(b'e', merchant).0
}
