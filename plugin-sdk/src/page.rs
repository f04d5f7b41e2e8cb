//! Pages: what people see of a pack, as data. The host shows them; the form of a page is frozen with the contract, in
//! `page.schema.json` beside it.
//!
//! ```
//! use punchcard_sdk::page::{Block, Cell, Column, Figure, Page, Table};
//!
//! let page = Page::new("Production on Saturday")
//!     .with(Block::Figures { figures: vec![Figure { label: "Orders".into(), value: Cell::Number(12) }] })
//!     .with(Block::Table(Table {
//!         title: None,
//!         columns: vec![Column::new("Product"), Column::new("Deposit")],
//!         rows: vec![vec![Cell::text("birthday cake"), Cell::Money(12_000)]],
//!         next: None,
//!     }));
//! assert!(serde_json::to_string(&page).unwrap().contains(r#"{"money":12000}"#));
//! ```

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{CallContext, Language, LocalDate, Refusal, Text, manifest::schema};

/// One page of a pack. The implementing type is what may be asked of it, such as a day, and gives the schema that the host
/// checks against; each of its fields has a default, so that the page can be opened without any.
pub trait PageView: DeserializeOwned + JsonSchema {
    /// By what it is asked for: lower-case kebab.
    const NAME: &'static str;
    /// What people see in the menu.
    const TITLE: Text;

    /// What it shows. Whatever is written here is dropped.
    ///
    /// # Errors
    /// Whatever the pack refuses.
    fn render(self, ctx: &CallContext) -> Result<Page, Refusal>;
}

/// A [`PageView`] without its type, so that pages fit in a list.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub(crate) name: &'static str,
    pub(crate) title: Text,
    pub(crate) query: fn() -> schemars::Schema,
    render: fn(&CallContext, &str) -> Result<String, Refusal>,
}

impl View {
    /// The page that `P` describes.
    pub const fn of<P: PageView>() -> Self {
        Self { name: P::NAME, title: P::TITLE, query: schema::<P>, render: render::<P> }
    }
}

fn render<P: PageView>(ctx: &CallContext, query: &str) -> Result<String, Refusal> {
    let asked = serde_json::from_str::<P>(query).map_err(|error| {
        let message = match Language::of(ctx) {
            Language::English => format!("what is asked of {} is not understood: {error}", P::NAME),
            Language::Chinese => format!("无法理解对 {} 的查询：{error}", P::NAME),
        };
        Refusal::invalid("invalid-query", message)
    })?;
    let page = asked.render(ctx)?;
    serde_json::to_string(&page)
        .map_err(|error| Refusal::failed("unreadable-page", format!("the page {} is not JSON: {error}", P::NAME)))
}

/// Renders the page of that name.
pub(crate) fn dispatch(all: &[View], ctx: &CallContext, page: &str, query: &str) -> Result<String, Refusal> {
    match all.iter().find(|view| view.name == page) {
        Some(view) => (view.render)(ctx, query),
        None => Err(Refusal::not_found("unknown-page", format!("there is no page {page}"))),
    }
}

/// What a page shows, from top to bottom: at most 50 blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page {
    /// What stands at its top, at most 200 characters.
    pub title: String,
    /// What is on it.
    pub blocks: Vec<Block>,
}

impl Page {
    /// A page with nothing on it yet.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), blocks: Vec::new() }
    }

    /// The same page with one more block at its end.
    #[must_use]
    pub fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Block {
    /// A paragraph.
    Text {
        /// At most 4000 characters.
        text: String,
    },
    /// Figures beside each other: at most 12.
    Figures {
        /// The figures.
        figures: Vec<Figure>,
    },
    /// A table.
    Table(Table),
    /// A form that runs one of the pack's commands; its fields follow from the command's schema.
    Form {
        /// What stands above it.
        title: String,
        /// The command's name.
        command: &'static str,
        /// What is filled in already, by the names of the command's fields.
        filled: Map<String, Value>,
    },
    /// Days with what is on them: at most 100 entries.
    Calendar {
        /// What stands above it.
        title: String,
        /// The entries.
        entries: Vec<Entry>,
    },
    /// A chart.
    Chart(Chart),
}

/// A figure with what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// What it is.
    pub label: String,
    /// The figure.
    pub value: Cell,
}

/// Rows with the same columns: at most 20 columns and 500 rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What stands above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// What to ask of the page for the rows that follow, when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Map<String, Value>>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// What it is called.
    pub title: String,
}

impl Column {
    /// A column of that title.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into() }
    }
}

/// What is on a day of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Which day, as `2026-10-01`.
    pub day: String,
    /// What it is.
    pub label: String,
    /// How it stands, such as how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Cell>,
}

impl Entry {
    /// What is on a day.
    pub fn new(day: LocalDate, label: impl Into<String>, value: Option<Cell>) -> Self {
        Self { day: day.to_string(), label: label.into(), value }
    }
}

/// Series of whole numbers over the same places: at most 8 series and 400 places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chart {
    /// What stands above it.
    pub title: String,
    /// How it is drawn.
    pub shape: Shape,
    /// The names of the places along it.
    pub labels: Vec<String>,
    /// The series, each with a number for each place.
    pub series: Vec<Series>,
}

/// How a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A bar at each place.
    Bars,
    /// A line from place to place.
    Lines,
}

/// A series of a chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Series {
    /// What it is called.
    pub title: String,
    /// What its numbers are.
    pub measure: Measure,
    /// The numbers.
    pub values: Vec<i64>,
}

/// What numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Counted.
    Number,
    /// In minor units of the merchant's currency.
    Money,
}

/// A value on a page. How it looks is the host's affair: by the reader's language, currency and time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A text of at most 1000 characters.
    Text(String),
    /// A whole number.
    Number(i64),
    /// An amount in minor units of the merchant's currency.
    Money(i64),
    /// An instant, in milliseconds since 1970.
    Instant(u64),
    /// A day, as `2026-10-01`.
    Day(String),
    /// A member's id: whoever may, sees their name.
    Member(String),
    /// An order's id.
    Order(String),
    /// A store's id.
    Store(String),
    /// Another page of the pack.
    Page(Link),
}

/// A way to another page of the pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What people see.
    pub text: String,
    /// The page's name.
    pub page: &'static str,
    /// What is asked of it.
    pub query: Map<String, Value>,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A day.
    pub fn day(day: LocalDate) -> Self {
        Self::Day(day.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::testing;

    #[derive(Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Day {
        day: String,
    }

    impl Default for Day {
        fn default() -> Self {
            Self { day: "2026-10-01".to_owned() }
        }
    }

    impl PageView for Day {
        const NAME: &'static str = "day";
        const TITLE: Text = Text::new("A day", "一天");

        fn render(self, _: &CallContext) -> Result<Page, Refusal> {
            Ok(Page::new("A day").with(Block::Text { text: self.day }))
        }
    }

    const ALL: &[View] = &[View::of::<Day>()];

    #[test]
    fn a_page_is_found_by_name_and_given_what_is_asked() {
        let ctx = testing::context("2026-10-01", "10:00");
        let page = |name: &str, query: &str| {
            dispatch(ALL, &ctx, name, query).map_err(|refusal| refusal.problem().code.clone())
        };
        let expected = json!({ "title": "A day", "blocks": [{ "kind": "text", "text": "2026-10-02" }] });
        let shown = page("day", r#"{"day":"2026-10-02"}"#).expect("it is shown");
        assert_eq!(serde_json::from_str::<Value>(&shown).expect("it is JSON"), expected);
        assert!(page("day", "{}").expect("it has defaults").contains("2026-10-01"));
        assert_eq!(page("day", r#"{"night":1}"#), Err("invalid-query".to_owned()));
        assert_eq!(page("night", "{}"), Err("unknown-page".to_owned()));
    }
}
