//! The manifest: what a pack says of itself, checked with errors that teach.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::load::Exports;
use super::{Grant, LimitsAsked};
use crate::domain::{CalendarRule, Code};
use crate::schema::{JsonSchema, SchemaFault};

/// In which languages each text is.
const LOCALES: [&str; 2] = ["en", "zh-CN"];

/// A text by locale; `en` and `zh-CN` are always there.
pub type Texts = BTreeMap<String, String>;

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON of the right form.
    #[error("the manifest is not what the contract says: {0}")]
    Form(#[from] serde_json::Error),
    /// Longer than allowed.
    #[error("the manifest has {bytes} bytes, at most {max} are allowed", max = Manifest::MAX_BYTES)]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A text that not everybody can read.
    #[error("{place} has no text for `{locale}`; each text is in `en` and in `zh-CN`")]
    MissingText {
        /// Where.
        place: String,
        /// In which language.
        locale: &'static str,
    },
    /// Two things of one name.
    #[error("{place} is declared twice")]
    Twice {
        /// What.
        place: String,
    },
    /// A schema that is none, or too much.
    #[error("{place} is not a JSON Schema that can be used: {fault}")]
    Schema {
        /// Where.
        place: String,
        /// What is wrong with it.
        fault: SchemaFault,
    },
    /// More in all schemas together than a pack may have.
    #[error("the schemas have more than {max} parts together", max = Manifest::SCHEMAS_WEIGHT_MAX)]
    SchemasTooLarge,
    /// Something in the manifest, but not the grant that it needs.
    #[error("the manifest has something under `{field}`, but does not ask for the grant `{grant}`")]
    NoGrant {
        /// Where.
        field: &'static str,
        /// Which grant.
        grant: Grant,
    },
    /// Not the name of a kind of event.
    #[error(
        "`{0}` is no kind of event: expected one of the host's, such as `order-settled`, or a pack's, such as `bakery:pickup-missed`"
    )]
    Kind(String),
    /// Who makes orders cheaper says how much they may take off.
    #[error("the component exports `pricing`, but the manifest does not ask for `orders:discount:PERCENT`")]
    NoDiscountAsked,
    /// How much may be taken off, but nobody who does.
    #[error("the manifest asks for `{0}`, but the component does not export `pricing`")]
    NoPricing(Grant),
    /// Something in the manifest that no export serves, or the other way round.
    #[error("the manifest has {count} under `{field}`, but the component {exports} `{export}`")]
    Export {
        /// Where.
        field: &'static str,
        /// How much.
        count: usize,
        /// What the component does.
        exports: &'static str,
        /// The export that belongs to it.
        export: &'static str,
    },
}

/// What a pack says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The pack's name.
    pub id: Code,
    /// The version of this revision.
    pub version: semver::Version,
    /// What it is called.
    pub title: Texts,
    /// What it does, in a sentence.
    #[serde(default)]
    pub summary: Texts,
    /// What it asks for.
    #[serde(default)]
    pub grants: Vec<GrantAsked>,
    /// The units that it declares.
    #[serde(default)]
    pub units: Vec<UnitDeclared>,
    /// The operations that it offers.
    #[serde(default)]
    pub commands: Vec<Command>,
    /// The kinds of events that it follows: the host's, such as `order-settled`, and packs', such as
    /// `bakery:pickup-missed`.
    #[serde(default)]
    pub follows: BTreeSet<String>,
    /// The kinds of facts that it tells.
    #[serde(default)]
    pub emits: Vec<FactDeclared>,
    /// When it is called again and again.
    #[serde(default)]
    pub timers: Vec<TimerDeclared>,
    /// What it shows to people.
    #[serde(default)]
    pub pages: Vec<PageDeclared>,
    /// The JSON Schema of the terms of agreements under which it works with partners.
    #[serde(default)]
    pub terms: Option<Value>,
    /// The JSON Schema of its settings. Without one it takes an empty object.
    #[serde(default = "no_settings")]
    pub settings: Value,
    /// What one call of it needs.
    #[serde(default)]
    pub limits: LimitsAsked,
}

/// A grant that a pack asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantAsked {
    /// Which.
    pub grant: Grant,
    /// Why.
    pub reason: Texts,
}

/// A unit that a pack declares.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitDeclared {
    /// Its name.
    pub code: Code,
    /// What it is called.
    pub title: Texts,
}

/// A kind of fact that a pack tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactDeclared {
    /// Its name: others know it by the pack's before it.
    pub kind: Code,
    /// What it is called.
    pub title: Texts,
}

/// When a pack is called again and again, in the merchant's time zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimerDeclared {
    /// Its name, which the call gets.
    pub name: Code,
    /// What is done then.
    pub title: Texts,
    /// When.
    pub rule: CalendarRule,
}

/// An operation that a pack offers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Its name.
    pub name: Code,
    /// What it is called.
    pub title: Texts,
    /// The JSON Schema of its input.
    pub input: Value,
}

impl Command {
    /// What it is called in a language, or else in English.
    pub fn title(&self, locale: &str) -> &str {
        let language = locale.split('-').next().unwrap_or(locale);
        let title = [locale, language, "en"].into_iter().find_map(|name| self.title.get(name));
        title.map_or(self.name.as_str(), String::as_str)
    }
}

/// A page that a pack has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageDeclared {
    /// Its name.
    pub name: Code,
    /// What it is called.
    pub title: Texts,
    /// The JSON Schema of what may be asked of it.
    pub query: Value,
}

/// The schemas of a manifest, ready to check with.
pub(super) struct Schemas {
    settings: JsonSchema,
    commands: BTreeMap<Code, JsonSchema>,
    pages: BTreeMap<Code, JsonSchema>,
    terms: Option<JsonSchema>,
}

impl Manifest {
    /// The longest manifest, in bytes.
    pub const MAX_BYTES: usize = 256 << 10;
    /// How many parts all its schemas may have together, with all that their references stand for; a pattern counts as 100.
    pub const SCHEMAS_WEIGHT_MAX: u64 = 50_000;

    /// Reads and checks a manifest.
    pub(super) fn parse(json: &str, exports: &Exports) -> Result<(Self, Schemas), ManifestError> {
        if json.len() > Self::MAX_BYTES {
            return Err(ManifestError::TooLong { bytes: json.len() });
        }
        let manifest: Self = serde_json::from_str(json)?;
        manifest.check_texts()?;
        once("grant", manifest.grants.iter().map(|asked| asked.grant.name()))?;
        once("unit", manifest.units.iter().map(|unit| unit.code.to_string()))?;
        once("command", manifest.commands.iter().map(|command| command.name.to_string()))?;
        once("kind of fact", manifest.emits.iter().map(|fact| fact.kind.to_string()))?;
        once("timer", manifest.timers.iter().map(|timer| timer.name.to_string()))?;
        once("page", manifest.pages.iter().map(|page| page.name.to_string()))?;
        manifest.check_grants()?;
        manifest.check_exports(exports)?;
        let mut left = Self::SCHEMAS_WEIGHT_MAX;
        let mut schema = |place: &str, value: &Value| -> Result<JsonSchema, ManifestError> {
            let schema =
                JsonSchema::new(value).map_err(|fault| ManifestError::Schema { place: place.to_owned(), fault })?;
            left = left.checked_sub(schema.weight()).ok_or(ManifestError::SchemasTooLarge)?;
            Ok(schema)
        };
        let settings = schema("the settings' schema", &manifest.settings)?;
        let commands = manifest
            .commands
            .iter()
            .map(|command| {
                let place = format!("the input of the command `{}`", command.name);
                Ok((command.name.clone(), schema(&place, &command.input)?))
            })
            .collect::<Result<_, ManifestError>>()?;
        let pages = manifest
            .pages
            .iter()
            .map(|page| {
                let place = format!("what may be asked of the page `{}`", page.name);
                Ok((page.name.clone(), schema(&place, &page.query)?))
            })
            .collect::<Result<_, ManifestError>>()?;
        let terms = manifest.terms.as_ref().map(|terms| schema("the terms' schema", terms)).transpose()?;
        Ok((manifest, Schemas { settings, commands, pages, terms }))
    }

    /// The units that it declares.
    pub fn unit_codes(&self) -> BTreeSet<Code> {
        self.units.iter().map(|unit| unit.code.clone()).collect()
    }

    /// The grants that it asks for.
    pub fn grants_asked(&self) -> BTreeSet<Grant> {
        self.grants.iter().map(|asked| asked.grant.clone()).collect()
    }

    /// The kinds of facts that it tells.
    pub fn fact_kinds(&self) -> BTreeSet<Code> {
        self.emits.iter().map(|fact| fact.kind.clone()).collect()
    }

    /// Checks that what needs a grant asks for it, and the names of events.
    fn check_grants(&self) -> Result<(), ManifestError> {
        let is_code = |text: &str| Code::new(text).is_ok();
        let is_kind = |kind: &str| is_code(kind) || kind.split_once(':').is_some_and(|(a, b)| is_code(a) && is_code(b));
        if let Some(other) = self.follows.iter().find(|kind| !is_kind(kind)) {
            return Err(ManifestError::Kind(other.chars().take(130).collect()));
        }
        let asks = self.grants_asked();
        for (field, count, grant) in [
            ("follows", self.follows.len(), Grant::ReadEvents),
            ("emits", self.emits.len(), Grant::EmitEvents),
            ("terms", usize::from(self.terms.is_some()), Grant::Transact),
        ] {
            if count > 0 && !asks.contains(&grant) {
                return Err(ManifestError::NoGrant { field, grant });
            }
        }
        Ok(())
    }

    /// Checks that what it names has its export. What is exported has something to be called with, but for timers: a pack
    /// may have none but those that it sets itself.
    fn check_exports(&self, exports: &Exports) -> Result<(), ManifestError> {
        for (field, count, export, is_there, alone) in [
            ("commands", self.commands.len(), "commands", exports.commands.is_some(), false),
            ("follows", self.follows.len(), "on-event", exports.on_event.is_some(), false),
            ("timers", self.timers.len(), "on-timer", exports.on_timer.is_some(), true),
            ("pages", self.pages.len(), "pages", exports.pages.is_some(), false),
            ("terms", usize::from(self.terms.is_some()), "on-partner", exports.on_partner.is_some(), false),
        ] {
            if (count > 0) != is_there && !(is_there && alone) {
                let exports = if is_there { "exports" } else { "does not export" };
                return Err(ManifestError::Export { field, count, exports, export });
            }
        }
        let discount = self.grants.iter().map(|asked| &asked.grant).find(|grant| matches!(grant, Grant::Discount(_)));
        match (discount, &exports.pricing) {
            (None, Some(_)) => Err(ManifestError::NoDiscountAsked),
            (Some(grant), None) => Err(ManifestError::NoPricing(grant.clone())),
            _ => Ok(()),
        }
    }

    fn check_texts(&self) -> Result<(), ManifestError> {
        let grants = self.grants.iter().map(|asked| (format!("the reason for `{}`", asked.grant), &asked.reason));
        let units = self.units.iter().map(|unit| (format!("the title of the unit `{}`", unit.code), &unit.title));
        let commands = self.commands.iter().map(|command| (format!("the title of `{}`", command.name), &command.title));
        let facts = self.emits.iter().map(|fact| (format!("the title of the fact `{}`", fact.kind), &fact.title));
        let timers = self.timers.iter().map(|timer| (format!("the title of the timer `{}`", timer.name), &timer.title));
        let pages = self.pages.iter().map(|page| (format!("the title of the page `{}`", page.name), &page.title));
        // It may do without.
        let has_summary = self.summary.values().any(|text| !text.is_empty());
        let summary = has_summary.then(|| ("the summary".to_owned(), &self.summary));
        for (place, texts) in std::iter::once(("the title".to_owned(), &self.title))
            .chain(summary)
            .chain(grants)
            .chain(units)
            .chain(commands)
            .chain(facts)
            .chain(timers)
            .chain(pages)
        {
            for locale in LOCALES {
                if texts.get(locale).is_none_or(String::is_empty) {
                    return Err(ManifestError::MissingText { place, locale });
                }
            }
        }
        Ok(())
    }
}

impl Schemas {
    /// Checks settings; the error lists what is wrong, each with its place.
    pub(super) fn check_settings(&self, settings: &Value) -> Result<(), Vec<String>> {
        self.settings.check(settings)
    }

    /// Checks a command's input; `None` when there is no such command.
    pub(super) fn check_input(&self, command: &Code, input: &Value) -> Option<Result<(), Vec<String>>> {
        self.commands.get(command).map(|schema| schema.check(input))
    }

    /// Checks what is asked of a page; `None` when there is no such page.
    pub(super) fn check_query(&self, page: &Code, query: &Value) -> Option<Result<(), Vec<String>>> {
        self.pages.get(page).map(|schema| schema.check(query))
    }

    /// Checks the terms of an agreement; `None` when the pack has none.
    pub(super) fn check_terms(&self, terms: &Value) -> Option<Result<(), Vec<String>>> {
        self.terms.as_ref().map(|schema| schema.check(terms))
    }
}

fn once(kind: &str, names: impl Iterator<Item = String>) -> Result<(), ManifestError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.clone()) {
            return Err(ManifestError::Twice { place: format!("the {kind} `{name}`") });
        }
    }
    Ok(())
}

fn no_settings() -> Value {
    serde_json::json!({ "type": "object", "additionalProperties": false })
}
