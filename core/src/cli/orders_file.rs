//! Files of orders: every row is read and checked before any is used.

use std::collections::HashMap;
use std::path::Path;

use clap::ValueEnum;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Failure;
use crate::describe::describe;
use crate::domain::{Currency, Label, Line, Merchant, Order, Reference};
use crate::usecase::OrderRow;

/// The form of a file of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Customer, date (YYYYMMDD), quantity and amount in major units, separated by blanks; one order a line.
    Cdnow,
    /// Comma-separated with a header; one line of an order a row.
    Csv,
}

impl Format {
    /// The form that a file's name suggests.
    pub(super) fn of(file: &Path) -> Self {
        if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) { Self::Csv } else { Self::Cdnow }
    }
}

/// How many faults are listed; a file with one wrong column has as many as rows.
const FAULTS_SHOWN: usize = 10;

/// A row that is wrong: where, and what.
type Fault = (u64, String);

/// Reads a file of a merchant's orders.
pub(super) fn read(file: &Path, format: Format, merchant: &Merchant) -> Result<Vec<OrderRow>, Failure> {
    let bytes = std::fs::read(file).map_err(|error| format!("{} can not be read: {error}", file.display()))?;
    let (rows, faults) = match format {
        Format::Cdnow => read_cdnow(&bytes, merchant),
        Format::Csv => read_csv(&bytes, merchant),
    };
    if faults.is_empty() {
        return Ok(rows);
    }
    let mut text = format!("{} has {} wrong lines; nothing was recorded", file.display(), faults.len());
    for (line, fault) in faults.iter().take(FAULTS_SHOWN) {
        text.push_str(&format!("\n  line {line}: {fault}"));
    }
    if faults.len() > FAULTS_SHOWN {
        text.push_str(&format!("\n  and {} more", faults.len() - FAULTS_SHOWN));
    }
    Err(text)
}

fn read_cdnow(bytes: &[u8], merchant: &Merchant) -> (Vec<OrderRow>, Vec<Fault>) {
    let zone = merchant.time_zone.zone();
    let mut of_the_day: HashMap<(String, Date), u32> = HashMap::new();
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for (line_number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match cdnow_row(line, line_number, merchant.currency, &zone, &mut of_the_day) {
            Ok(row) => rows.push(row),
            Err(fault) => faults.push((line_number, fault)),
        }
    }
    (rows, faults)
}

fn cdnow_row(
    line: &[u8],
    line_number: u64,
    currency: Currency,
    zone: &TimeZone,
    of_the_day: &mut HashMap<(String, Date), u32>,
) -> Result<OrderRow, String> {
    let line = std::str::from_utf8(line).map_err(|_| "not text in UTF-8".to_owned())?;
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
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
    let line = parse_line("cd", None, quantity, amount, currency)?;
    let nth = of_the_day.entry(((*customer).to_owned(), day)).and_modify(|nth| *nth += 1).or_insert(1);
    let reference = Reference::new(format!("cdnow-{customer}-{date}-{nth}")).map_err(|error| describe(&error))?;
    let customer = Some(Reference::new(customer).map_err(|error| describe(&error))?);
    Ok(OrderRow { line_number, reference, customer, ordered_at, lines: vec![line] })
}

const COLUMNS: [&str; 7] = ["reference", "customer", "ordered_at", "sku", "category", "quantity", "amount"];

fn read_csv(bytes: &[u8], merchant: &Merchant) -> (Vec<OrderRow>, Vec<Fault>) {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let columns = match reader.headers() {
        Ok(header) => COLUMNS.map(|column| header.iter().position(|name| name == column)),
        Err(error) => return (Vec::new(), vec![(1, error.to_string())]),
    };
    if let Some(missing) = COLUMNS.iter().zip(columns).find_map(|(name, at)| at.is_none().then_some(name)) {
        let fault = format!("the header has no column `{missing}`, expected {}", COLUMNS.join(","));
        return (Vec::new(), vec![(1, fault)]);
    }
    let columns = columns.map(|at| at.unwrap_or(0));
    let mut rows: Vec<OrderRow> = Vec::new();
    let mut seen: HashMap<Reference, u64> = HashMap::new();
    let mut faults = Vec::new();
    for record in reader.records() {
        let parsed = record
            .map_err(|error| (error.position().map_or(0, csv::Position::line), error.to_string()))
            .and_then(|record| {
                let line_number = record.position().map_or(0, csv::Position::line);
                let fields = columns.map(|at| record.get(at).unwrap_or_default());
                csv_row(fields, line_number, merchant.currency).map_err(|fault| (line_number, fault))
            });
        match parsed {
            Ok(row) => take_row(row, &mut rows, &mut seen, &mut faults),
            Err(fault) => faults.push(fault),
        }
    }
    (rows, faults)
}

/// Adds a row: as a further line of the order before it, or as a new order.
fn take_row(mut row: OrderRow, rows: &mut Vec<OrderRow>, seen: &mut HashMap<Reference, u64>, faults: &mut Vec<Fault>) {
    if let Some(order) = rows.last_mut()
        && order.reference == row.reference
    {
        if order.customer != row.customer || order.ordered_at != row.ordered_at {
            faults.push((
                row.line_number,
                format!("another customer or time than line {}, of the same order", order.line_number),
            ));
        }
        order.lines.append(&mut row.lines);
        if let Err(fault) = Order::total(&order.lines) {
            faults.push((row.line_number, fault.to_string()));
        }
        return;
    }
    if let Some(first) = seen.insert(row.reference.clone(), row.line_number) {
        let fault =
            format!("`{}` was used on line {first} already; the lines of one order follow each other", row.reference);
        faults.push((row.line_number, fault));
    }
    rows.push(row);
}

fn csv_row(fields: [&str; 7], line_number: u64, currency: Currency) -> Result<OrderRow, String> {
    let [reference, customer, ordered_at, sku, category, quantity, amount] = fields;
    let in_field = |name: &str, error: &dyn std::fmt::Display| format!("{name}: {error}");
    let category = Some(category).filter(|text| !text.is_empty());
    Ok(OrderRow {
        line_number,
        reference: Reference::new(reference).map_err(|error| in_field("reference", &error))?,
        customer: Some(customer)
            .filter(|text| !text.is_empty())
            .map(Reference::new)
            .transpose()
            .map_err(|error| in_field("customer", &error))?,
        ordered_at: ordered_at.parse::<Timestamp>().map_err(|_| {
            format!(
                "ordered_at: `{}` is not an instant, expected RFC 3339 such as 2026-11-22T08:15:00Z",
                shortened(ordered_at)
            )
        })?,
        lines: vec![parse_line(sku, category, quantity, amount, currency)?],
    })
}

fn parse_line(
    sku: &str,
    category: Option<&str>,
    quantity: &str,
    amount: &str,
    currency: Currency,
) -> Result<Line, String> {
    let line = Line {
        sku: Label::new(sku).map_err(|error| format!("sku: {error}"))?,
        category: category.map(Label::new).transpose().map_err(|error| format!("category: {error}"))?,
        brand: None,
        quantity: quantity
            .parse()
            .map_err(|_| format!("quantity: `{}` is not a whole number of 1 or more", shortened(quantity)))?,
        amount_minor: currency.parse_major(amount).map_err(|error| format!("amount: {error}"))?,
    };
    Order::total(std::slice::from_ref(&line)).map_err(|fault| fault.to_string())?;
    Ok(line)
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn several_orders_of_one_customer_on_one_day_are_different_orders() {
        let (rows, faults) = read_cdnow(
            b" 00004 19970101  2   29.33\r\n 00004 19970101 1 0.00\r\n 00021 19970101 3 63.34\r\n\n",
            &merchant(),
        );
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
        let (rows, faults) = read_cdnow(file, &merchant());
        assert_eq!(rows.len(), 1);
        let lines: Vec<_> = faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8]);
        assert!(faults[0].1.contains("expected 4: customer, date"), "{}", faults[0].1);
        assert!(faults[3].1.contains("negative"), "{}", faults[3].1);
    }

    #[test]
    fn rows_of_one_reference_are_one_order() {
        let file = b"reference,customer,ordered_at,sku,category,quantity,amount\n\
            a-1,7,2026-01-02T03:04:05Z,bun,pastry,2,5.00\na-1,7,2026-01-02T03:04:05Z,tea,,1,3.20\na-2,,2026-01-02T03:04:06Z,bun,,1,2.50\n";
        let (rows, faults) = read_csv(file, &merchant());
        assert_eq!(faults, []);
        assert_eq!(rows.len(), 2);
        assert_eq!(Order::total(&rows[0].lines), Ok(820));
        assert_eq!(rows[1].customer, None);
    }

    #[test]
    fn a_reference_that_comes_back_is_refused() {
        let file = b"reference,customer,ordered_at,sku,category,quantity,amount\n\
            a,,2026-01-02T03:04:05Z,bun,,1,5.00\nb,,2026-01-02T03:04:05Z,bun,,1,5.00\na,,2026-01-02T03:04:05Z,bun,,1,5.00\n";
        let (_, faults) = read_csv(file, &merchant());
        assert_eq!(faults.len(), 1);
        assert!(faults[0].1.contains("line 2 already"), "{}", faults[0].1);
    }

    #[test]
    fn a_header_without_a_column_is_refused() {
        let (_, faults) = read_csv(b"reference,customer\n", &merchant());
        assert!(faults[0].1.contains("no column `ordered_at`"), "{}", faults[0].1);
    }
}
