//! What can be taken out, page by page, in which columns.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::super::history::ChangeOut;
use super::super::member::MemberOut;
use super::super::statement::PostingOut;
use super::text::{header, written};
use super::{holdings, lists, orders};
use crate::domain::{Actor, Member, MemberId, MerchantId, OrderId, PostingId, StoreId};
use crate::http::event_wire::EventOut;
use crate::ledger::{Party, Posting};
use crate::store::{Key, StoreError, Tx, layout};
use crate::usecase::{self, Act, AssetsError, EventFilter, EventStart, EventsError, Figure, Host, PackUsage};

/// How many records one page has.
const PAGE: usize = 200;

/// What is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExportKind {
    /// Members, with what is personal.
    Members,
    /// Orders.
    Orders,
    /// What was paid for orders, each part by itself.
    OrderPayments,
    /// What was given back of orders, by line.
    OrderRefunds,
    /// What members hold, by unit.
    Accounts,
    /// What is left of each thing that members were granted, with when it expires. Amounts are in the unit's smallest part.
    Balances,
    /// The coupons that members have, one each.
    Coupons,
    /// The types of coupons.
    CouponTypes,
    /// What is sold.
    Catalogue,
    /// The receipts of what members have said yes and no to.
    Consents,
    /// Notes about members.
    Notes,
    /// The levels that members were given.
    Tiers,
    /// What was booked for members.
    Statements,
    /// The log of all that happened.
    Events,
    /// Who changed what.
    Changes,
    /// What packs have used, by day of UTC.
    Usage,
    /// The stores.
    Stores,
    /// The people who sign in, without anything by which they do.
    Users,
    /// The teams of staff.
    Teams,
    /// The units, with their rules.
    Units,
    /// The attributes of members.
    Attributes,
    /// The segments.
    Segments,
    /// The service benefits.
    Benefits,
    /// The kinds of behaviour.
    Behaviours,
    /// The codes by which people join.
    JoinCodes,
    /// The templates of messages.
    MessageTemplates,
    /// What members were told and what waits, without what it says.
    Messages,
    /// The goals, with how far they are reached.
    Goals,
    /// The figures, by day and store.
    Figures,
}

/// How it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExportFormat {
    /// A JSON document for each record, one a line.
    #[default]
    Ndjson,
    /// A table with a header (RFC 4180), in UTF-8.
    Csv,
}

/// Why an export stops.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is another one than it was.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// What somebody holds can not be told.
    #[error(transparent)]
    Assets(#[from] AssetsError),
}

impl ExportKind {
    /// All kinds.
    pub(crate) const ALL: [Self; 29] = [
        Self::Members,
        Self::Orders,
        Self::OrderPayments,
        Self::OrderRefunds,
        Self::Accounts,
        Self::Balances,
        Self::Coupons,
        Self::CouponTypes,
        Self::Catalogue,
        Self::Consents,
        Self::Notes,
        Self::Tiers,
        Self::Statements,
        Self::Events,
        Self::Changes,
        Self::Usage,
        Self::Stores,
        Self::Users,
        Self::Teams,
        Self::Units,
        Self::Attributes,
        Self::Segments,
        Self::Benefits,
        Self::Behaviours,
        Self::JoinCodes,
        Self::MessageTemplates,
        Self::Messages,
        Self::Goals,
        Self::Figures,
    ];

    /// Its name in paths and commands.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Orders => "orders",
            Self::OrderPayments => "order-payments",
            Self::OrderRefunds => "order-refunds",
            Self::Accounts => "accounts",
            Self::Balances => "balances",
            Self::Coupons => "coupons",
            Self::CouponTypes => "coupon-types",
            Self::Catalogue => "catalogue",
            Self::Consents => "consents",
            Self::Notes => "notes",
            Self::Tiers => "tiers",
            Self::Statements => "statements",
            Self::Events => "events",
            Self::Changes => "changes",
            Self::Usage => "usage",
            Self::Stores => "stores",
            Self::Users => "users",
            Self::Teams => "teams",
            Self::Units => "units",
            Self::Attributes => "attributes",
            Self::Segments => "segments",
            Self::Benefits => "benefits",
            Self::Behaviours => "behaviours",
            Self::JoinCodes => "join-codes",
            Self::MessageTemplates => "message-templates",
            Self::Messages => "messages",
            Self::Goals => "goals",
            Self::Figures => "figures",
        }
    }

    /// The columns of its table: their names, and where in a record their values are.
    fn columns(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Accounts
            | Self::Balances
            | Self::Coupons
            | Self::CouponTypes
            | Self::Catalogue
            | Self::Consents
            | Self::Notes
            | Self::Tiers => holdings::columns(self),
            Self::Stores
            | Self::Users
            | Self::Teams
            | Self::Units
            | Self::Attributes
            | Self::Segments
            | Self::Benefits
            | Self::Behaviours
            | Self::JoinCodes
            | Self::MessageTemplates
            | Self::Messages
            | Self::Goals
            | Self::Figures => lists::columns(self),
            Self::Orders | Self::OrderPayments | Self::OrderRefunds => orders::columns(self),
            Self::Members => &[
                ("id", "/id"),
                ("reference", "/reference"),
                ("cards", "/cards"),
                ("external_ids", "/external_ids"),
                ("name", "/personal/name"),
                ("phones", "/personal/phones"),
                ("emails", "/personal/emails"),
                ("birthday", "/personal/birthday"),
                ("address", "/personal/address"),
                ("tags", "/tags"),
                ("tier", "/tier/tier"),
                ("enrolled_at", "/enrolled_at"),
                ("store_code", "/store_code"),
                ("channel", "/channel"),
                ("referred_by", "/referred_by"),
                ("erased_at", "/erased_at"),
            ],
            Self::Statements => &[
                ("posting", "/posting"),
                ("at", "/at"),
                ("by", "/by"),
                ("cause", "/cause"),
                ("order", "/order"),
                ("pack", "/pack"),
                ("reason", "/reason"),
                ("member", "/member"),
                ("unit", "/unit"),
                ("credit", "/credit"),
                ("debit", "/debit"),
            ],
            Self::Events => &[
                ("id", "/id"),
                ("sequence", "/sequence"),
                ("type", "/type"),
                ("at", "/at"),
                ("member", "/member"),
                ("order", "/order"),
                ("data", "/data"),
            ],
            Self::Changes => &[
                ("id", "/id"),
                ("at", "/at"),
                ("staff", "/by/staff"),
                ("role", "/by/role"),
                ("kind", "/kind"),
                ("name", "/name"),
                ("before", "/before"),
                ("after", "/after"),
                ("personal", "/personal"),
                ("pack", "/by/pack"),
            ],
            Self::Usage => &[
                ("day", "/day"),
                ("merchant", "/merchant"),
                ("vendor", "/vendor"),
                ("pack", "/pack"),
                ("calls", "/calls"),
                ("fuel", "/fuel"),
            ],
        }
    }
}

impl ExportFormat {
    /// What such a file says that it is.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// Its name in queries and of its files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }
}

/// An export under way.
pub(crate) struct Export {
    pub(super) kind: ExportKind,
    pub(super) format: ExportFormat,
    /// Names and places of the columns, once the header is written.
    columns: Vec<(String, String)>,
    place: Place,
}

/// How far an export has come.
enum Place {
    Begin,
    /// Behind the record with this id.
    Id([u8; 16]),
    /// Behind the record with this key.
    Key(Key),
    /// Behind the entry of a log with this number.
    Entry(u64),
    End,
}

/// What one page has.
struct Page {
    records: Vec<Value>,
    next: Place,
}

impl Export {
    /// An export from the beginning.
    pub(crate) fn new(kind: ExportKind, format: ExportFormat) -> Self {
        Self { kind, format, columns: Vec::new(), place: Place::Begin }
    }

    /// The next part of it; none when all is told. A table begins with its header.
    pub(crate) fn next_part(&mut self, host: &Host, actor: &Actor) -> Result<Option<Vec<u8>>, ExportError> {
        let mut bytes = Vec::new();
        if matches!(self.place, Place::Begin) && self.format == ExportFormat::Csv {
            self.columns = self.table(host, actor)?;
            bytes = header(&self.columns);
        }
        if matches!(self.place, Place::End) {
            return Ok(None);
        }
        let page = host.view(actor, |tx, act| self.page(tx, act, actor))?;
        bytes.extend(written(self.format, &self.columns, &page.records));
        self.place = page.next;
        Ok(Some(bytes))
    }

    /// The columns; of members one for each attribute of the merchant as well, of figures one for each.
    fn table(&self, host: &Host, actor: &Actor) -> Result<Vec<(String, String)>, ExportError> {
        let fixed = self.kind.columns().iter().map(|(name, place)| ((*name).to_owned(), (*place).to_owned()));
        let mut columns: Vec<_> = fixed.collect();
        if self.kind == ExportKind::Members {
            let attributes = host.look(|tx| usecase::list_attributes(tx, actor.merchant))?;
            let own = attributes.iter().map(|attribute| &attribute.code);
            columns.extend(own.map(|code| (format!("attributes.{code}"), format!("/attributes/{code}"))));
        }
        if self.kind == ExportKind::Figures {
            let names = Figure::ALL.iter().map(|figure| figure.name());
            columns.extend(names.map(|name| (name.to_owned(), format!("/{name}"))));
        }
        Ok(columns)
    }

    fn page(&self, tx: &mut Tx, act: &Act<'_>, actor: &Actor) -> Result<Page, ExportError> {
        let (id, key, entry) = match &self.place {
            Place::Id(id) => (Some(*id), None, 0),
            Place::Key(key) => (None, Some(key.as_slice()), 0),
            Place::Entry(entry) => (None, None, *entry),
            Place::Begin | Place::End => (None, None, 0),
        };
        let merchant = act.merchant;
        Ok(match self.kind {
            ExportKind::Accounts
            | ExportKind::Balances
            | ExportKind::Coupons
            | ExportKind::CouponTypes
            | ExportKind::Catalogue
            | ExportKind::Consents
            | ExportKind::Notes
            | ExportKind::Tiers => {
                let (records, next) = holdings::page(self.kind, tx, act, key, PAGE)?;
                Page { records, next: next.map_or(Place::End, Place::Key) }
            }
            ExportKind::Members => {
                let found = usecase::export_members(tx, act, id.map(MemberId::from_bytes), PAGE)?;
                let next = behind(found.last().map(|known| *known.member.id.as_bytes()), found.len());
                let (codes, now) = (store_codes(tx, merchant)?, act.local_now(tx)?);
                let mut records = Vec::new();
                for known in found {
                    let (store, referrer) = (known.member.home_store, known.member.referrer);
                    let referred_by = match referrer {
                        Some(referrer) => number(tx, merchant, referrer)?,
                        None => None,
                    };
                    let mut record = json!(MemberOut::new(known, actor, &now));
                    record["store_code"] = json!(store.and_then(|store| codes.get(&store)));
                    record["referred_by"] = json!(referred_by);
                    records.push(record);
                }
                Page { records, next }
            }
            ExportKind::Orders | ExportKind::OrderPayments | ExportKind::OrderRefunds => {
                let found = usecase::export_orders(tx, merchant, id.map(OrderId::from_bytes), PAGE)?;
                let next = behind(found.last().map(|order| *order.id.as_bytes()), found.len());
                Page { records: orders::told(self.kind, self.format, tx, act, found)?, next }
            }
            ExportKind::Stores
            | ExportKind::Users
            | ExportKind::Teams
            | ExportKind::Units
            | ExportKind::Attributes
            | ExportKind::Segments
            | ExportKind::Benefits
            | ExportKind::Behaviours
            | ExportKind::JoinCodes
            | ExportKind::MessageTemplates
            | ExportKind::Messages
            | ExportKind::Goals
            | ExportKind::Figures => {
                let (records, next) = lists::page(self.kind, tx, (merchant, act.now), key, PAGE)?;
                Page { records, next: next.map_or(Place::End, Place::Key) }
            }
            ExportKind::Statements => {
                let found = usecase::export_postings(tx, merchant, id.map(PostingId::from_bytes), PAGE)?;
                let next = behind(found.last().map(|posting| *posting.id.as_bytes()), found.len());
                Page { records: found.iter().flat_map(moves_of).collect(), next }
            }
            ExportKind::Events => {
                let page = usecase::list_events(tx, merchant, EventStart::After(entry), &EventFilter::default(), PAGE)?;
                let next = if page.is_end { Place::End } else { Place::Entry(page.next) };
                let records = page.events.into_iter().map(|event| json!(EventOut::of(merchant, event))).collect();
                Page { records, next }
            }
            ExportKind::Changes => {
                let found = usecase::list_changes(tx, act, entry, PAGE, true)?;
                let last = found.last().filter(|_| found.len() == PAGE);
                let next = last.map_or(Place::End, |last| Place::Entry(last.sequence));
                Page { records: found.into_iter().map(|change| json!(ChangeOut::from(change))).collect(), next }
            }
            ExportKind::Usage => {
                let after = u32::try_from(entry).ok().filter(|_| matches!(self.place, Place::Entry(_)));
                let (found, last) = usecase::read_usage(tx, merchant, after, PAGE)?;
                let next = last.map_or(Place::End, |day| Place::Entry(day.into()));
                let line = |used: PackUsage| {
                    let PackUsage { day, pack, vendor, calls, fuel } = used;
                    let (day, merchant) = (day.to_string(), merchant.to_string());
                    json!({ "day": day, "merchant": merchant, "vendor": vendor, "pack": pack, "calls": calls, "fuel": fuel })
                };
                Page { records: found.into_iter().map(line).collect(), next }
            }
        })
    }
}

/// Where to go on behind a page with so many records.
fn behind(last: Option<[u8; 16]>, count: usize) -> Place {
    last.filter(|_| count == PAGE).map_or(Place::End, Place::Id)
}

pub(super) fn store_codes(tx: &mut Tx, merchant: MerchantId) -> Result<BTreeMap<StoreId, String>, StoreError> {
    let stores = usecase::list_stores(tx, merchant)?;
    Ok(stores.into_iter().map(|store| (store.id, store.code.into())).collect())
}

/// What a member is known by: their reference, or one of their cards.
pub(super) fn number(tx: &mut Tx, merchant: MerchantId, member: MemberId) -> Result<Option<String>, StoreError> {
    let member = tx.load::<Member>(&layout::member(merchant, member))?;
    Ok(member.and_then(|member| member.numbers().next().map(ToString::to_string)))
}

/// A record with further fields.
pub(super) fn with(record: &Value, more: Value) -> Value {
    let mut whole: Map<String, Value> = record.as_object().cloned().unwrap_or_default();
    if let Value::Object(more) = more {
        whole.extend(more);
    }
    whole.into()
}

/// What a posting moved, by member and unit.
fn moves_of(posting: &Posting) -> Vec<Value> {
    let parties = posting.transfers().flat_map(|transfer| [transfer.from, transfer.to]);
    let mut members: Vec<MemberId> = parties
        .filter_map(|party| match party {
            Party::Member(member) => Some(member),
            _ => None,
        })
        .collect();
    members.sort_unstable();
    members.dedup();
    let mut records = Vec::new();
    for member in members {
        let mut seen = json!(PostingOut::of(posting.clone(), member));
        let moves = seen["moves"].take();
        seen["posting"] = seen["id"].take();
        seen["member"] = json!(member.to_string());
        if let Some(fields) = seen.as_object_mut() {
            fields.retain(|name, _| !["id", "moves"].contains(&name.as_str()));
        }
        records.extend(moves.as_array().into_iter().flatten().map(|part| with(&seen, part.clone())));
    }
    records
}
