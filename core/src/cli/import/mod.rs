//! `punchcard import members`, `orders`, `balances` and `coupons`
//!
//! A file is read row by row and brought in batch by batch, so that memory stays bounded. What is wrong with a row is
//! told with its line, and the others go on.

mod assets;
mod fields;
mod members;
mod orders;
mod refused;
mod rows;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::hash::RandomState;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use self::assets::{Assets, Sort};
use self::fields::{Fields, Mapping};
use self::members::Members;
use self::orders::{Layout, Orders};
use self::refused::{Form, Refused};
use self::rows::{RawRow, RawRows};
use super::{Failure, data};
use crate::clock::Clock;
use crate::describe::describe;
use crate::domain::{Merchant, MerchantId, StoreId};
use crate::usecase::{Host, ImportPlan, list_attributes, list_stores};

pub(super) use self::orders::Summary;

/// Rows that are under way at once. They share the journal's syncs.
const WORKERS: usize = 64;
/// How many rows, and how many bytes of them, one batch has at most.
const BATCH_ROWS: usize = 2048;
const BATCH_BYTES: usize = 8 << 20;

#[derive(Subcommand)]
pub(super) enum Import {
    /// Bring in members from a file, as `punchcard export members` writes it or with columns of any name. Who has the
    /// reference, a card or an external id of a row is a member already, and left as they are
    Members(MembersArgs),
    /// Bring in orders from a file. An order that is there already, by its reference, is left as it is; who has not been a
    /// member becomes one
    Orders(OrdersArgs),
    /// Bring in what members have: an amount of a unit a row, with when it expires. A row that came in before, by its
    /// reference, is left as it is
    Balances(AssetsArgs),
    /// Bring in coupons that members have, of types that are defined. They count from now on, for as long as their type
    /// says. A row that came in before, by its reference, is left as it is
    Coupons(AssetsArgs),
}

#[derive(Args)]
pub(super) struct MembersArgs {
    /// `csv`: a table with a header, lists with semicolons. `ndjson`: a JSON object a line
    #[arg(long, value_enum)]
    format: Records,
    /// Bring those who are members already up to what the row says. A field that the row does not have stays as it is, and
    /// so does one whose cell is empty; in JSON, null takes it away. Tags are added
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(super) struct OrdersArgs {
    /// `csv`: a table with a header; rows of one reference that follow each other are one order. `ndjson`: a JSON object
    /// a line. `cdnow`: customer, date (YYYYMMDD), quantity and amount, by blanks
    #[arg(long, value_enum)]
    format: Format,
    /// The code of the store where rows do not name one; needed when there are several
    #[arg(long, value_name = "CODE")]
    store: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(super) struct AssetsArgs {
    /// `csv`: a table with a header. `ndjson`: a JSON object a line
    #[arg(long, value_enum)]
    format: Records,
    #[command(flatten)]
    common: Common,
}

/// What all imports have in common.
#[derive(Args)]
struct Common {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The merchant; needed when there are several
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// A field that has another name in the file; in JSON, points lead into objects
    #[arg(long, value_name = "FIELD=COLUMN")]
    map: Vec<Mapping>,
    /// Change nothing, and tell what would happen: each row is tried by itself against what is there now
    #[arg(long)]
    dry_run: bool,
    /// Where rows that are refused go, with their line and the reason. Only the owner may read it
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    #[command(flatten)]
    keys: data::Keys,
    /// The file
    file: PathBuf,
}

/// The form of a file of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Records {
    Csv,
    Ndjson,
}

/// The form of a file of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Csv,
    Ndjson,
    Cdnow,
}

impl Format {
    /// The form that a file's name suggests.
    pub(super) fn of(file: &Path) -> Self {
        let ends_with = |ending: &str| file.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
        match () {
            () if ends_with("csv") => Self::Csv,
            () if ends_with("ndjson") => Self::Ndjson,
            () => Self::Cdnow,
        }
    }
}

/// A kind of records that come in.
trait Kind: Sync {
    /// What a row says.
    type Row: Sync;
    /// What comes of it.
    type Done: Send;

    /// Reads a row, and adds what is whole with it.
    fn read(&mut self, raw: RawRow, items: &mut Vec<Item<Self::Row>>);
    /// Adds what is still open.
    fn finish(&mut self, items: &mut Vec<Item<Self::Row>>);
    /// Rows in the same lane come in one after the other.
    fn lane(&self, row: &Self::Row) -> u64;
    /// Brings one in.
    fn bring(&self, host: &Host, plan: &ImportPlan, row: &Self::Row) -> Outcome<Self::Done>;
    /// Counts what came of it.
    fn count(&mut self, done: Self::Done);
}

/// What was read.
enum Item<R> {
    /// A record, and the rows that it stands in.
    Row(R, Vec<RawRow>),
    /// Rows that are none, and why.
    Wrong(Vec<(RawRow, String)>),
}

/// How it went with one.
enum Outcome<D> {
    /// It is there.
    Done(D),
    /// It can not come in.
    Refused(String),
    /// It can not come in before another one.
    Waiting(String),
    /// Nothing can.
    Stopped(String),
}

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Members(members) => members.run(),
            Self::Orders(orders) => orders.run(),
            Self::Balances(assets) => assets.run(Sort::Balances),
            Self::Coupons(assets) => assets.run(Sort::Coupons),
        }
    }
}

impl MembersArgs {
    fn run(self) -> Result<(), Failure> {
        let Self { format, update, common } = self;
        let (host, merchant) = common.open()?;
        let stores = stores(&host, &merchant)?;
        let attributes = host.look(|tx| list_attributes(tx, merchant.id)).map_err(|error| describe(&error))?;
        let attributes = attributes.into_iter().map(|attribute| (attribute.code.clone(), attribute)).collect();
        let form = if format == Records::Csv { Form::Table } else { Form::Documents };
        let mut reading = Reading::begin(&common.file, form, common.errors.as_deref())?;
        let known = &members::FIELDS;
        let fields = reading.fields(known, &common.map)?;
        let hashing = RandomState::new();
        let mut members = Members { fields, stores, attributes, update, hashing, enrolled: 0, updated: 0, known: 0 };
        let brought = reading.bring_in(&host, &common.plan(&merchant), &mut members);
        let Members { enrolled, updated, known, .. } = members;
        let would = if common.dry_run { "would be" } else { "are" };
        println!(
            "{}{enrolled} members {would} new, {updated} {would} updated, {known} stay as they are",
            common.mood()
        );
        close(&host, brought)
    }
}

impl AssetsArgs {
    fn run(self, sort: Sort) -> Result<(), Failure> {
        let Self { format, common } = self;
        let (host, merchant) = common.open()?;
        let form = if format == Records::Csv { Form::Table } else { Form::Documents };
        let mut reading = Reading::begin(&common.file, form, common.errors.as_deref())?;
        let (known, things) = match sort {
            Sort::Balances => (&assets::BALANCES, "balances"),
            Sort::Coupons => (&assets::COUPONS, "rows of coupons"),
        };
        let fields = reading.fields(known, &common.map)?;
        let mut assets = Assets { fields, sort, hashing: RandomState::new(), brought: 0, known: 0 };
        let brought = reading.bring_in(&host, &common.plan(&merchant), &mut assets);
        let would = if common.dry_run { "would come" } else { "came" };
        let Assets { brought: new, known, .. } = assets;
        println!("{}{new} {things} {would} in, {known} were there before", common.mood());
        close(&host, brought)
    }
}

impl OrdersArgs {
    fn run(self) -> Result<(), Failure> {
        let Self { format, store, common } = self;
        let (host, merchant) = common.open()?;
        let store = match data::pick_store(&host.store, merchant.id, store.as_deref()) {
            Ok(found) => Some(found),
            // Rows may name it.
            Err(_) if store.is_none() && format != Format::Cdnow => None,
            Err(failure) => return Err(failure),
        };
        let (summary, brought) = bring_orders(&host, &merchant, store, format, &common)?;
        let Summary { orders_new, orders_known, members_new, total_minor } = summary;
        let total = merchant.currency.show(total_minor);
        if common.dry_run {
            println!(
                "{}{orders_new} orders would be recorded, {members_new} of them for customers who are no members yet; \
                 {orders_known} are there already; {total} in all",
                common.mood()
            );
        } else {
            println!(
                "{orders_new} orders recorded, {orders_known} were there before; {members_new} members enrolled; {total} \
                 in all"
            );
        }
        close(&host, brought)
    }
}

impl Common {
    fn open(&self) -> Result<(Host, Merchant), Failure> {
        let host = data::host(&self.data, data::open_existing(&self.data)?, &self.keys, Clock::System)?;
        let merchant = data::pick_merchant(&host.store, self.merchant)?;
        Ok((host, merchant))
    }

    fn plan(&self, merchant: &Merchant) -> ImportPlan {
        ImportPlan { merchant: merchant.id, is_rehearsal: self.dry_run, workers: WORKERS }
    }

    fn mood(&self) -> &'static str {
        if self.dry_run { "nothing was changed: " } else { "" }
    }
}

fn close(host: &Host, brought: Result<(), Failure>) -> Result<(), Failure> {
    let closed = host.store.close().map_err(|error| describe(&error));
    brought.and(closed)
}

fn stores(host: &Host, merchant: &Merchant) -> Result<BTreeMap<String, StoreId>, Failure> {
    let stores = host.look(|tx| list_stores(tx, merchant.id)).map_err(|error| describe(&error))?;
    Ok(stores.into_iter().map(|store| (store.code.into(), store.id)).collect())
}

/// The store with this code.
fn store_of(stores: &BTreeMap<String, StoreId>, code: &str) -> Result<StoreId, String> {
    stores.get(code).copied().ok_or_else(|| {
        let codes: Vec<_> = stores.keys().map(|code| format!("`{code}`")).collect();
        format!("no store of the merchant has this code; there are {}", codes.join(", "))
    })
}

/// Brings in a file of orders, showing progress; an error when a row was refused.
pub(super) fn bring_in(
    host: &Host,
    merchant: &Merchant,
    store: StoreId,
    format: Format,
    file: &Path,
) -> Result<Summary, Failure> {
    let common = Common {
        data: PathBuf::new(),
        merchant: Some(merchant.id),
        map: Vec::new(),
        dry_run: false,
        errors: None,
        keys: data::Keys::default(),
        file: file.to_owned(),
    };
    let (summary, brought) = bring_orders(host, merchant, Some(store), format, &common)?;
    brought.map(|()| summary)
}

fn bring_orders(
    host: &Host,
    merchant: &Merchant,
    store: Option<StoreId>,
    format: Format,
    common: &Common,
) -> Result<(Summary, Result<(), Failure>), Failure> {
    let form = match format {
        Format::Csv => Form::Table,
        Format::Ndjson => Form::Documents,
        Format::Cdnow => Form::Lines,
    };
    let mut reading = Reading::begin(&common.file, form, common.errors.as_deref())?;
    let layout = match format {
        Format::Csv => Layout::Table(reading.fields(&orders::IN_TABLE, &common.map)?),
        Format::Ndjson => Layout::Documents(reading.fields(&orders::IN_DOCUMENT, &common.map)?),
        Format::Cdnow => Layout::Cdnow(HashMap::new()),
    };
    let mut orders = Orders::new(layout, merchant, store, stores(host, merchant)?);
    let brought = reading.bring_in(host, &common.plan(merchant), &mut orders);
    Ok((orders.summary, brought))
}

/// A file that is being read.
struct Reading {
    path: PathBuf,
    form: Form,
    raws: RawRows<BufReader<File>>,
    refused: Refused,
    bar: ProgressBar,
}

impl Reading {
    fn begin(path: &Path, form: Form, errors: Option<&Path>) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| format!("{} can not be read: {error}", path.display());
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left");
        let bar = ProgressBar::new(length).with_style(style.expect("a template"));
        let raws = RawRows::new(BufReader::with_capacity(1 << 16, file), form == Form::Table);
        Ok(Self { path: path.to_owned(), form, raws, refused: Refused::new(form, errors, path)?, bar })
    }

    /// Where the fields are, by the header if it is a table.
    fn fields(&mut self, known: &fields::Known, map: &[Mapping]) -> Result<Fields, Failure> {
        let named = |fault: Failure| format!("{}: {fault}", self.path.display());
        if self.form != Form::Table {
            return Fields::of_documents(known, map).map_err(named);
        }
        let header = self.raws.next_row().map_err(|error| named(error.to_string()))?;
        let header = header.ok_or_else(|| named("there is no header in it".to_owned()))?;
        let fields = Fields::of_header(known, map, &header).map_err(named)?;
        self.refused.begin(Some(&header))?;
        let unused = fields.unused();
        if !unused.is_empty() {
            tracing::warn!("nothing is taken from these columns: {}", unused.join(", "));
        }
        Ok(fields)
    }

    /// Brings in all rows. What is refused goes aside; an error at the end when something was.
    fn bring_in<K: Kind>(mut self, host: &Host, plan: &ImportPlan, kind: &mut K) -> Result<(), Failure> {
        if self.form == Form::Lines {
            self.refused.begin(None)?;
        }
        let (mut items, mut bytes) = (Vec::new(), 0);
        loop {
            let raw = self.raws.next_row().map_err(|error| format!("{}: {error}", self.path.display()))?;
            let is_end = raw.is_none();
            match raw {
                Some(raw) => {
                    bytes += raw.bytes.len();
                    kind.read(raw, &mut items);
                }
                None => kind.finish(&mut items),
            }
            if is_end || items.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
                bytes = 0;
                self.batch(host, plan, kind, std::mem::take(&mut items))?;
                self.bar.set_position(self.raws.bytes_read());
            }
            if is_end {
                self.bar.finish_and_clear();
                return self.refused.settle().map_err(|fault| format!("{}: {fault}", self.path.display()));
            }
        }
    }

    fn batch<K: Kind>(
        &mut self,
        host: &Host,
        plan: &ImportPlan,
        kind: &mut K,
        items: Vec<Item<K::Row>>,
    ) -> Result<(), Failure> {
        let (mut rows, mut refused, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Row(row, raws) => rows.push((row, raws)),
                Item::Wrong(wrong) => refused.extend(wrong),
            }
        }
        while !rows.is_empty() {
            let before = rows.len();
            let outcomes = plan.each(&rows, |(row, _)| kind.lane(row), |(row, _)| kind.bring(host, plan, row));
            for ((row, raws), outcome) in rows.drain(..).zip(outcomes) {
                match outcome {
                    Outcome::Done(done) => kind.count(done),
                    Outcome::Refused(reason) => refused.extend(raws.into_iter().map(|raw| (raw, reason.clone()))),
                    Outcome::Waiting(reason) => waiting.push((row, raws, reason)),
                    Outcome::Stopped(reason) => {
                        let path = self.path.display();
                        return Err(format!("{path}: {reason}; what came before is recorded, run it again to go on"));
                    }
                }
            }
            if waiting.len() == before {
                // Those that they wait for are not in this batch.
                for (_, raws, reason) in waiting.drain(..) {
                    refused.extend(raws.into_iter().map(|raw| (raw, reason.clone())));
                }
            }
            rows.extend(waiting.drain(..).map(|(row, raws, _)| (row, raws)));
        }
        refused.sort_by_key(|(raw, _)| raw.line_number);
        refused.iter().try_for_each(|(raw, reason)| self.refused.take(raw, reason))
    }
}
