//! A pack for tests of the host: it has versions, migrates what it has stored, shows pages, and its settings choose what goes
//! wrong. A test makes another version of it by writing another text of that length into its bytes.

use punchcard_sdk::{
    kv::Entry,
    page::{Chart, Column, Entry as OfDay, Figure, Link, Measure, Series, Shape, Table},
    prelude::*,
};
use serde_json::{Map, json};

/// The version; `0` at its end is what tests write another digit over.
const VERSION: &str = "1.0.0";
/// The command that another version may lack.
const ADD: &str = "add-entries";

struct Grows;

/// What this pack is asked to do.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// How it migrates.
    migrates: How,
    /// Refuses to be switched on.
    stays_off: bool,
    /// Where it is.
    place: String,
}

/// How a migration goes.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// Two entries in each part.
    #[default]
    InParts,
    /// All entries at once.
    AtOnce,
    /// It refuses in the second part.
    Refuses,
    /// It panics in the second part.
    Panics,
    /// It goes on for ever, with something new each time.
    Endless,
    /// It goes on where it was.
    Stuck,
}

impl Pack for Grows {
    fn manifest() -> Manifest {
        Manifest::new("grows", VERSION)
            .title(Text::new("Grows", "成长"))
            .settings::<Settings>()
            .commands(<Self as Commands>::ALL)
            .pages(<Self as Pages>::ALL)
    }
}

/// Where entries lie.
const PREFIX: &str = "entry-";

fn entries(after: &str, limit: u32) -> Result<Vec<Entry>, Refusal> {
    Ok(kv::scan(&format!("{PREFIX}{after}"), &format!("{PREFIX}~"), limit)?)
}

impl Lifecycle for Grows {
    fn enabled(_: &CallContext) -> Result<(), Refusal> {
        if settings::<Settings>()?.stays_off {
            return Err(Refusal::refused("stays-off", "refused on purpose"));
        }
        kv::put("enabled", VERSION.as_bytes())?;
        Ok(())
    }

    fn disabled(_: &CallContext) -> Result<(), Refusal> {
        kv::put("disabled", VERSION.as_bytes())?;
        Ok(())
    }

    fn migrate(_: &CallContext, migration: &Migration) -> Result<Progress, Refusal> {
        let how = settings::<Settings>()?.migrates;
        let part = migration.cursor.as_ref();
        match (how, part) {
            (How::Refuses, Some(_)) => return Err(Refusal::refused("not-today", "refused on purpose")),
            (How::Panics, Some(_)) => panic!("grows: trapped on purpose"),
            (How::Stuck, _) => return Ok(Progress::More("here".to_owned())),
            (How::Endless, part) => {
                let number: u64 = part.and_then(|part| part.parse().ok()).unwrap_or(0);
                return Ok(Progress::More((number + 1).to_string()));
            }
            _ => {}
        }
        let limit = if matches!(how, How::AtOnce) { kv::SCAN_MAX } else { 2 };
        let found = entries(part.map_or("", String::as_str), limit)?;
        for Entry { key, value } in &found {
            let text = format!("{} {}>{VERSION}", String::from_utf8_lossy(value), migration.from_version);
            kv::put(key, text.as_bytes())?;
        }
        match found.last() {
            Some(last) if found.len() == limit as usize => {
                Ok(Progress::More(format!("{}\0", &last.key[PREFIX.len()..])))
            }
            _ => Ok(Progress::Done),
        }
    }
}

/// Adds entries, or drops them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Add {
    /// How many.
    count: u32,
    /// What is in them.
    text: String,
    /// Drops those of before first.
    #[serde(default)]
    fresh: bool,
}

impl Command for Add {
    const NAME: &'static str = ADD;
    const TITLE: Text = Text::new("Add entries", "添加记录");
    type Output = u32;

    fn run(self, _: &CallContext) -> Result<u32, Refusal> {
        if self.fresh {
            for entry in entries("", kv::SCAN_MAX)? {
                kv::delete(&entry.key)?;
            }
        }
        for number in 0..self.count {
            kv::put(&format!("{PREFIX}{number:04}"), self.text.as_bytes())?;
        }
        Ok(self.count)
    }
}

/// Shows what is stored.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Stored {}

impl Command for Stored {
    const NAME: &'static str = "stored";
    const TITLE: Text = Text::new("What is stored", "查看记录");
    type Output = Map<String, serde_json::Value>;

    fn run(self, _: &CallContext) -> Result<Self::Output, Refusal> {
        let found = kv::scan("a", "z", kv::SCAN_MAX)?;
        let place = settings::<Settings>()?.place;
        let entry = |Entry { key, value }| (key, String::from_utf8_lossy(&value).into_owned().into());
        Ok(found.into_iter().map(entry).chain([("~place".to_owned(), place.into())]).collect())
    }
}

impl Commands for Grows {
    const ALL: &'static [Operation] = &[Operation::of::<Add>(), Operation::of::<Stored>()];
}

/// All kinds of blocks.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Everything {
    /// From which entry on.
    after: String,
    /// Shows what the contract does not allow.
    wrong: bool,
}

impl PageView for Everything {
    const NAME: &'static str = "everything";
    const TITLE: Text = Text::new("Everything", "全部");

    fn render(self, ctx: &CallContext) -> Result<Page, Refusal> {
        kv::put("looked", b"this is dropped")?;
        let found = entries(&self.after, 10)?;
        let next = found
            .last()
            .filter(|_| found.len() == 10)
            .map(|last| Map::from_iter([("after".to_owned(), json!(format!("{}\0", &last.key[PREFIX.len()..])))]));
        let row = |Entry { key, value }: Entry| vec![Cell::text(key), Cell::text(String::from_utf8_lossy(&value))];
        let rows: Vec<_> = found.into_iter().map(row).collect();
        let count = i64::try_from(rows.len()).unwrap_or(0);
        let link = Link { text: "first".to_owned(), page: "everything", query: Map::new() };
        let columns =
            if self.wrong { vec![Column::new("key")] } else { vec![Column::new("key"), Column::new("value")] };
        let day = ctx.local.date();
        Ok(Page::new("Everything")
            .with(Block::Text { text: settings::<Settings>()?.place })
            .with(Block::Figures {
                figures: vec![
                    Figure { label: "entries".to_owned(), value: Cell::Number(count) },
                    Figure { label: "all".to_owned(), value: Cell::Page(link) },
                    Figure { label: "now".to_owned(), value: Cell::Instant(ctx.now) },
                ],
            })
            .with(Block::Table(Table { title: None, columns, rows, next }))
            .with(Block::Form { title: "Add".to_owned(), command: ADD, filled: Map::new() })
            .with(Block::Calendar {
                title: "Days".to_owned(),
                entries: vec![OfDay::new(day, "today", Some(Cell::Money(1_200)))],
            })
            .with(Block::Chart(Chart {
                title: "Load".to_owned(),
                shape: Shape::Bars,
                labels: vec!["a".to_owned(), "b".to_owned()],
                series: vec![Series { title: "entries".to_owned(), measure: Measure::Number, values: vec![count, 0] }],
            })))
    }
}

impl Pages for Grows {
    const ALL: &'static [View] = &[View::of::<Everything>()];
}

punchcard_sdk::pack!(Grows: commands, pages, lifecycle);
