//! Orders of a file: what each row says of one.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::hash::{BuildHasher, RandomState};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::fields::{Fields, Known, Row, shortened};
use super::rows::RawRow;
use super::{Item, Kind, Outcome, store_of};
use crate::describe::describe;
use crate::domain::{Currency, Label, Line, LineFault, Merchant, Minor, Order, Reference, StoreId};
use crate::usecase::{Host, ImportPlan, OrderBrought, OrderRow, import_order};

/// The fields of an order in a table, which has a row for each line.
pub(super) const IN_TABLE: Known = Known {
    names: &[
        "reference",
        "customer",
        "ordered_at",
        "store_code",
        "state",
        "sku",
        "category",
        "brand",
        "quantity",
        "amount",
    ],
    needed: &["reference", "ordered_at", "sku", "quantity", "amount"],
    one_of: &[],
    open: None,
};

/// The fields of an order in a document.
pub(super) const IN_DOCUMENT: Known = Known {
    names: &["reference", "customer", "ordered_at", "store_code", "state", "lines"],
    needed: &[],
    one_of: &[],
    open: None,
};

/// How orders stand in the file.
pub(super) enum Layout {
    /// Customer, date, quantity and amount, by blanks. Orders have no names there: they are numbered by customer and
    /// day, which takes memory for each customer's days.
    Cdnow(HashMap<(String, Date), u32>),
    /// Rows of a table; those of one order follow each other.
    Table(Fields),
    /// A document for each order.
    Documents(Fields),
}

/// Orders that come in.
pub(super) struct Orders {
    layout: Layout,
    currency: Currency,
    zone: TimeZone,
    store: Option<StoreId>,
    stores: BTreeMap<String, StoreId>,
    open: Option<OpenOrder>,
    hashing: RandomState,
    pub(super) summary: Summary,
}

/// What came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Summary {
    /// Orders that are new.
    pub(in crate::cli) orders_new: u64,
    /// Orders that were there before.
    pub(in crate::cli) orders_known: u64,
    /// Orders with which somebody became a member.
    pub(in crate::cli) members_new: u64,
    /// The totals of all of them, in minor units.
    pub(in crate::cli) total_minor: Minor,
}

/// An order of which more rows may come.
struct OpenOrder {
    row: OrderRow,
    /// Its rows, and what is wrong with them.
    rows: Vec<(RawRow, Option<String>)>,
    is_wrong: bool,
}

impl Orders {
    /// Orders of a merchant, in this store if nothing else is said.
    pub(super) fn new(
        layout: Layout,
        merchant: &Merchant,
        store: Option<StoreId>,
        stores: BTreeMap<String, StoreId>,
    ) -> Self {
        Self {
            layout,
            currency: merchant.currency,
            zone: merchant.time_zone.zone(),
            store,
            stores,
            open: None,
            hashing: RandomState::new(),
            summary: Summary::default(),
        }
    }
}

impl Kind for Orders {
    type Row = OrderRow;
    type Done = OrderBrought;

    fn read(&mut self, raw: RawRow, items: &mut Vec<Item<OrderRow>>) {
        let read = match &mut self.layout {
            Layout::Cdnow(of_the_day) => cdnow_row(&raw, self.currency, &self.zone, self.store, of_the_day),
            Layout::Table(fields) => {
                let read = fields.read(&raw).and_then(|row| {
                    let reference = row.needed("reference", Reference::new)?;
                    let order = table_row(&row, self.currency, self.store, &self.stores);
                    Ok((reference, order))
                });
                match read {
                    Ok((reference, order)) => return self.take(raw, reference, order, items),
                    Err(fault) => Err(fault),
                }
            }
            Layout::Documents(fields) => {
                fields.read(&raw).and_then(|row| document(&row, self.currency, self.store, &self.stores))
            }
        };
        self.finish(items);
        items.push(match read {
            Ok(row) => Item::Row(row, vec![raw]),
            Err(fault) => Item::Wrong(vec![(raw, fault)]),
        });
    }

    fn finish(&mut self, items: &mut Vec<Item<OrderRow>>) {
        let Some(OpenOrder { row, rows, is_wrong }) = self.open.take() else { return };
        if !is_wrong {
            items.push(Item::Row(row, rows.into_iter().map(|(raw, _)| raw).collect()));
            return;
        }
        let of_another = "another row of this order is wrong";
        let rows = rows.into_iter().map(|(raw, fault)| (raw, fault.unwrap_or_else(|| of_another.to_owned())));
        items.push(Item::Wrong(rows.collect()));
    }

    fn lane(&self, row: &OrderRow) -> u64 {
        self.hashing.hash_one(row.customer.as_ref().unwrap_or(&row.reference))
    }

    fn bring(&self, host: &Host, plan: &ImportPlan, row: &OrderRow) -> Outcome<OrderBrought> {
        match plan.bring(host, |tx, act| import_order(tx, act, row)) {
            Ok(done) => Outcome::Done(done),
            Err(error) => match error.of_the_store() {
                Some(error) => Outcome::Stopped(error.to_string()),
                None => Outcome::Refused(error.to_string()),
            },
        }
    }

    fn count(&mut self, done: OrderBrought) {
        let Summary { orders_new, orders_known, members_new, total_minor } = &mut self.summary;
        *if done.is_known { orders_known } else { orders_new } += 1;
        *members_new += u64::from(done.is_new_member);
        *total_minor = total_minor.saturating_add(done.total_minor);
    }
}

impl Orders {
    /// Takes a row of a table: as a further line of the order before it, or as the first one of another.
    fn take(
        &mut self,
        raw: RawRow,
        reference: Reference,
        order: Result<OrderRow, String>,
        items: &mut Vec<Item<OrderRow>>,
    ) {
        if self.open.as_ref().is_none_or(|open| open.row.reference != reference) {
            self.finish(items);
            let (row, fault) = match order {
                Ok(row) => (row, None),
                Err(fault) => (nothing(reference), Some(fault)),
            };
            self.open = Some(OpenOrder { row, is_wrong: fault.is_some(), rows: vec![(raw, fault)] });
            return;
        }
        let Some(open) = &mut self.open else { return };
        if open.rows.len() >= Order::LINES_MAX {
            // No more of them are kept.
            let fault = LineFault::TooManyLines { given: open.rows.len() + 1 };
            open.is_wrong = true;
            items.push(Item::Wrong(vec![(raw, fault.to_string())]));
            return;
        }
        let fault = match order {
            Err(fault) => Some(fault),
            Ok(mut row) => {
                let differs = (&row.customer, row.ordered_at, row.store)
                    != (&open.row.customer, open.row.ordered_at, open.row.store);
                open.row.lines.append(&mut row.lines);
                if differs && !open.is_wrong {
                    let first = open.rows[0].0.line_number;
                    Some(format!("another customer, time or store than line {first}, of the same order"))
                } else {
                    Order::total(&open.row.lines).err().map(|fault| fault.to_string())
                }
            }
        };
        open.is_wrong |= fault.is_some();
        open.rows.push((raw, fault));
    }
}

/// An order of which only the name is right.
fn nothing(reference: Reference) -> OrderRow {
    OrderRow {
        reference,
        store: StoreId::from_bytes([0; 16]),
        customer: None,
        ordered_at: Timestamp::UNIX_EPOCH,
        lines: Vec::new(),
    }
}

fn cdnow_row(
    raw: &RawRow,
    currency: Currency,
    zone: &TimeZone,
    store: Option<StoreId>,
    of_the_day: &mut HashMap<(String, Date), u32>,
) -> Result<OrderRow, String> {
    let fields: Vec<&str> = raw.text()?.split_ascii_whitespace().collect();
    let [customer, date, quantity, amount] = fields.as_slice() else {
        return Err(format!(
            "{} fields, expected 4: customer, date, quantity and amount, such as `00001 19970101 1 11.77`",
            fields.len()
        ));
    };
    let day = Date::strptime("%Y%m%d", date)
        .map_err(|_| format!("`{}` is not a date, expected YYYYMMDD", shortened(date)))?;
    // The file has no time of day; noon is on that day in every zone's calendar.
    let ordered_at = zone
        .to_zoned(day.at(12, 0, 0, 0))
        .map_err(|error| format!("{day} has no noon in {}: {error}", zone.iana_name().unwrap_or("this zone")))?
        .timestamp();
    let line = Line {
        sku: Label::new("cd").map_err(|error| describe(&error))?,
        category: None,
        brand: None,
        quantity: count(quantity).map_err(|error| format!("quantity: {error}"))?,
        amount_minor: currency.parse_major(amount).map_err(|error| format!("amount: {error}"))?,
    };
    Order::total(std::slice::from_ref(&line)).map_err(|fault| fault.to_string())?;
    let nth = of_the_day.entry(((*customer).to_owned(), day)).and_modify(|nth| *nth += 1).or_insert(1);
    let reference = Reference::new(format!("cdnow-{customer}-{date}-{nth}")).map_err(|error| describe(&error))?;
    let customer = Some(Reference::new(customer).map_err(|error| describe(&error))?);
    Ok(OrderRow { reference, store: needed_store(store)?, customer, ordered_at, lines: vec![line] })
}

/// What rows and documents say alike; the lines come later.
fn order(row: &Row<'_>, store: Option<StoreId>, stores: &BTreeMap<String, StoreId>) -> Result<OrderRow, String> {
    let named = row.text("store_code", |code| store_of(stores, &code))?;
    let ordered_at = row.needed("ordered_at", |text| {
        text.parse::<Timestamp>().map_err(|_| {
            format!("`{}` is not an instant, expected RFC 3339 such as 2026-11-22T08:15:00Z", shortened(&text))
        })
    })?;
    let is_settled = |state: String| {
        let fault = "only orders that stand are brought in, but something of this one was given back";
        if state == "settled" { Ok(()) } else { Err(fault) }
    };
    row.text("state", is_settled)?;
    Ok(OrderRow {
        reference: row.needed("reference", Reference::new)?,
        store: needed_store(named.flatten().or(store))?,
        customer: row.text("customer", Reference::new)?.flatten(),
        ordered_at,
        lines: Vec::new(),
    })
}

fn needed_store(store: Option<StoreId>) -> Result<StoreId, String> {
    store.ok_or_else(|| "store_code: the merchant has several stores; name one here, or with --store".to_owned())
}

fn table_row(
    row: &Row<'_>,
    currency: Currency,
    store: Option<StoreId>,
    stores: &BTreeMap<String, StoreId>,
) -> Result<OrderRow, String> {
    let mut order = order(row, store, stores)?;
    let line = Line {
        sku: row.needed("sku", Label::new)?,
        category: row.text("category", Label::new)?.flatten(),
        brand: row.text("brand", Label::new)?.flatten(),
        quantity: row.needed("quantity", |text| count(&text))?,
        amount_minor: row.needed("amount", |text| currency.parse_major(&text))?,
    };
    order.lines.push(line);
    Order::total(&order.lines).map_err(|fault| fault.to_string())?;
    Ok(order)
}

fn document(
    row: &Row<'_>,
    currency: Currency,
    store: Option<StoreId>,
    stores: &BTreeMap<String, StoreId>,
) -> Result<OrderRow, String> {
    let mut order = order(row, store, stores)?;
    order.lines = row.list("lines", |line| line_of(line, currency))?.unwrap_or_default();
    Order::total(&order.lines).map_err(|fault| fault.to_string())?;
    Ok(order)
}

fn line_of(line: &Value, currency: Currency) -> Result<Line, String> {
    let label = |name: &str| match &line[name] {
        Value::Null => Ok(None),
        Value::String(text) => Label::new(text).map(Some).map_err(|error| format!("{name}: {error}")),
        _ => Err(format!("{name}: expected a text")),
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let in_field = |name: &str, error: &dyn Display| format!("{name}: {error}");
    Ok(Line {
        sku: label("sku")?.ok_or("sku: it is not there")?,
        category: label("category")?,
        brand: label("brand")?,
        quantity: count(&text(&line["quantity"])).map_err(|error| in_field("quantity", &error))?,
        amount_minor: match (&line["amount_minor"], &line["amount"]) {
            (Value::Null, Value::Null) => return Err("amount_minor: it is not there".to_owned()),
            (Value::Null, major) => currency.parse_major(&text(major)).map_err(|error| in_field("amount", &error))?,
            (minor, _) => minor.as_u64().ok_or("amount_minor: expected a whole number of minor units, zero or more")?,
        },
    })
}

fn count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{}` is not a whole number of 1 or more", shortened(text)))
}

#[cfg(test)]
mod tests {
    use super::super::rows::RawRows;
    use super::*;
    use crate::domain::{MerchantId, ZoneName};

    fn merchant() -> Merchant {
        Merchant {
            id: MerchantId::from_bytes([1; 16]),
            name: Label::new("records").unwrap(),
            currency: Currency::new("USD").unwrap(),
            time_zone: ZoneName::new("America/New_York").unwrap(),
            locale: Label::new("en").unwrap(),
            stored_value_order: crate::domain::SpendingOrder::default(),
        }
    }

    /// The orders of a file, and the lines that are wrong.
    fn read(
        text: &[u8],
        is_table: bool,
        layout: impl FnOnce(Option<RawRow>) -> Layout,
    ) -> (Vec<OrderRow>, Vec<(u64, String)>) {
        let mut raws = RawRows::new(text, is_table);
        let header = if is_table { raws.next_row().unwrap() } else { None };
        let stores = BTreeMap::from([("main".to_owned(), StoreId::from_bytes([3; 16]))]);
        let mut orders = Orders::new(layout(header), &merchant(), Some(StoreId::from_bytes([2; 16])), stores);
        let mut items = Vec::new();
        while let Some(raw) = raws.next_row().unwrap() {
            orders.read(raw, &mut items);
        }
        orders.finish(&mut items);
        let (mut rows, mut faults) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Row(row, _) => rows.push(row),
                Item::Wrong(wrong) => faults.extend(wrong.into_iter().map(|(raw, fault)| (raw.line_number, fault))),
            }
        }
        (rows, faults)
    }

    fn cdnow(text: &[u8]) -> (Vec<OrderRow>, Vec<(u64, String)>) {
        read(text, false, |_| Layout::Cdnow(HashMap::new()))
    }

    fn table(text: &[u8]) -> (Vec<OrderRow>, Vec<(u64, String)>) {
        read(text, true, |header| Layout::Table(Fields::of_header(&IN_TABLE, &[], &header.unwrap()).unwrap()))
    }

    fn documents(text: &[u8]) -> (Vec<OrderRow>, Vec<(u64, String)>) {
        read(text, false, |_| Layout::Documents(Fields::of_documents(&IN_DOCUMENT, &[]).unwrap()))
    }

    #[test]
    fn several_orders_of_one_customer_on_one_day_are_different_orders() {
        let (rows, faults) =
            cdnow(b" 00004 19970101  2   29.33\r\n 00004 19970101 1 0.00\r\n 00021 19970101 3 63.34\r\n\n");
        assert_eq!(faults, []);
        let told: Vec<_> = rows.iter().map(|row| (row.reference.as_str(), row.lines[0].amount_minor)).collect();
        assert_eq!(
            told,
            [("cdnow-00004-19970101-1", 2933), ("cdnow-00004-19970101-2", 0), ("cdnow-00021-19970101-1", 6334)]
        );
        assert_eq!(rows[0].ordered_at.to_string(), "1997-01-01T17:00:00Z");
    }

    #[test]
    fn every_wrong_line_is_named_with_what_would_be_right() {
        let file = b"00001 19970101 1 11.77\nrubbish\n1 19971301 1 1.00\n1 19970101 x 1.00\n1 19970101 1 -1.00\n1 19970101 1 1.005\n1 19970101 0 1.00\n\xff 19970101 1 1.00\n";
        let (rows, faults) = cdnow(file);
        assert_eq!(rows.len(), 1);
        let lines: Vec<_> = faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8]);
        assert!(faults[0].1.contains("expected 4: customer, date"), "{}", faults[0].1);
        assert!(faults[3].1.contains("negative"), "{}", faults[3].1);
    }

    const HEADER: &str = "reference,customer,ordered_at,sku,category,quantity,amount\n";

    #[test]
    fn rows_of_one_reference_are_one_order() {
        let rows = "a-1,7,2026-01-02T03:04:05Z,bun,pastry,2,5.00\na-1,7,2026-01-02T03:04:05Z,tea,,1,3.20\na-2,,2026-01-02T03:04:06Z,bun,,1,2.50\n";
        let (rows, faults) = table(format!("{HEADER}{rows}").as_bytes());
        assert_eq!(faults, []);
        assert_eq!(rows.len(), 2);
        assert_eq!(Order::total(&rows[0].lines), Ok(820));
        assert_eq!(rows[1].customer, None);
    }

    #[test]
    fn an_order_with_a_wrong_row_is_wrong_as_a_whole() {
        let rows = "a,7,2026-01-02T03:04:05Z,bun,,2,5.00\na,8,2026-01-02T03:04:05Z,tea,,1,3.20\nb,,2026-01-02T03:04:05Z,bun,,1,2.50\nc,,now,bun,,1,2.50\nc,,now,bun,,1,2.50\n,,,,,,\n";
        let (rows, faults) = table(format!("{HEADER}{rows}").as_bytes());
        assert_eq!(rows.iter().map(|row| row.reference.as_str()).collect::<Vec<_>>(), ["b"]);
        let lines: Vec<_> = faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 5, 6, 7]);
        assert_eq!(faults[0].1, "another row of this order is wrong");
        assert_eq!(faults[1].1, "another customer, time or store than line 2, of the same order");
        assert_eq!(faults[4].1, "reference: it is empty");
    }

    #[test]
    fn an_order_without_end_is_refused_and_not_kept() {
        let row = "a,7,2026-01-02T03:04:05Z,bun,,1,5.00\n".repeat(Order::LINES_MAX + 5);
        let (rows, faults) = table(format!("{HEADER}{row}").as_bytes());
        assert_eq!((rows.len(), faults.len()), (0, Order::LINES_MAX + 5));
        assert!(faults[0].1.contains("at most 200 lines"), "{}", faults[0].1);
    }

    #[test]
    fn a_document_is_an_order_with_its_lines() {
        let (rows, faults) = documents(
            br#"{"reference":"a","customer":7,"ordered_at":"2026-01-02T03:04:05Z","store_code":"main","lines":[{"sku":"bun","quantity":2,"amount_minor":500},{"sku":"tea","brand":"T","quantity":1,"amount":"3.20"}]}
{"reference":"b","ordered_at":"2026-01-02T03:04:05Z","lines":[{"sku":"bun","quantity":0.5,"amount_minor":500}]}
{"reference":"c","ordered_at":"2026-01-02T03:04:05Z","lines":[]}
{"reference":"d","ordered_at":"2026-01-02T03:04:05Z","state":"refunded","lines":[]}
[]
{"#,
        );
        assert_eq!(rows.len(), 1);
        assert_eq!((Order::total(&rows[0].lines), rows[0].store), (Ok(820), StoreId::from_bytes([3; 16])));
        let faults: Vec<_> = faults.iter().map(|(_, fault)| fault.as_str()).collect();
        assert_eq!(faults[0], "lines: number 1 of 1: quantity: `0.5` is not a whole number of 1 or more");
        assert_eq!(faults[1], "an order has at least one line");
        assert!(faults[2].contains("something of this one was given back"), "{}", faults[2]);
        assert_eq!(faults[3], "not a JSON object");
        assert!(faults[4].starts_with("not JSON: "), "{}", faults[4]);
    }

    #[test]
    fn a_header_without_a_column_is_refused() {
        let header = RawRow { line_number: 1, bytes: b"reference,customer".to_vec(), is_cut: false };
        let fault = Fields::of_header(&IN_TABLE, &[], &header).err().unwrap();
        assert_eq!(
            fault,
            "the header has no column `ordered_at`; it has `reference`, `customer`: say which of them it is with --map ordered_at=COLUMN"
        );
    }
}
