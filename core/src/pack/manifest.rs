//! The manifest: what a pack says of itself, checked with errors that teach.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Grant, LimitsAsked};
use crate::domain::Code;

/// A text by locale, such as `en` and `zh-CN`. `en` is always there.
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
    /// A text without English.
    #[error("{place} has no text for `en`")]
    NoEnglish {
        /// Where.
        place: String,
    },
    /// Two things of one name.
    #[error("{place} is declared twice")]
    Twice {
        /// What.
        place: String,
    },
    /// A schema that is none.
    #[error("{place} is not a JSON Schema: {reason}")]
    Schema {
        /// Where.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Commands in the manifest, but no export that runs them, or the other way round.
    #[error("the manifest names {commands} commands, but the component {exports} `commands`")]
    Commands {
        /// How many.
        commands: usize,
        /// What the component does.
        exports: &'static str,
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

/// The schemas of a manifest, ready to check with.
pub(super) struct Schemas {
    settings: Validator,
    commands: BTreeMap<Code, Validator>,
}

impl Manifest {
    /// The longest manifest, in bytes.
    pub const MAX_BYTES: usize = 256 << 10;

    /// Reads and checks a manifest.
    pub(super) fn parse(json: &str, exports_commands: bool) -> Result<(Self, Schemas), ManifestError> {
        if json.len() > Self::MAX_BYTES {
            return Err(ManifestError::TooLong { bytes: json.len() });
        }
        let manifest: Self = serde_json::from_str(json)?;
        manifest.check_texts()?;
        once("grant", manifest.grants.iter().map(|asked| asked.grant.to_string()))?;
        once("unit", manifest.units.iter().map(|unit| unit.code.to_string()))?;
        once("command", manifest.commands.iter().map(|command| command.name.to_string()))?;
        if exports_commands == manifest.commands.is_empty() {
            let exports = if exports_commands { "exports" } else { "does not export" };
            return Err(ManifestError::Commands { commands: manifest.commands.len(), exports });
        }
        let settings = schema("the settings' schema", &manifest.settings)?;
        let commands = manifest
            .commands
            .iter()
            .map(|command| {
                let place = format!("the input of the command `{}`", command.name);
                Ok((command.name.clone(), schema(&place, &command.input)?))
            })
            .collect::<Result<_, ManifestError>>()?;
        Ok((manifest, Schemas { settings, commands }))
    }

    /// The units that it declares.
    pub fn unit_codes(&self) -> BTreeSet<Code> {
        self.units.iter().map(|unit| unit.code.clone()).collect()
    }

    /// The grants that it asks for.
    pub fn grants_asked(&self) -> BTreeSet<Grant> {
        self.grants.iter().map(|asked| asked.grant.clone()).collect()
    }

    fn check_texts(&self) -> Result<(), ManifestError> {
        let grants = self.grants.iter().map(|asked| (format!("the reason for `{}`", asked.grant), &asked.reason));
        let units = self.units.iter().map(|unit| (format!("the title of the unit `{}`", unit.code), &unit.title));
        let commands = self.commands.iter().map(|command| (format!("the title of `{}`", command.name), &command.title));
        for (place, texts) in
            std::iter::once(("the title".to_owned(), &self.title)).chain(grants).chain(units).chain(commands)
        {
            if texts.get("en").is_none_or(String::is_empty) {
                return Err(ManifestError::NoEnglish { place });
            }
        }
        Ok(())
    }
}

impl Schemas {
    /// Checks settings; the error lists what is wrong, each with its place.
    pub(super) fn check_settings(&self, settings: &Value) -> Result<(), Vec<String>> {
        faults(&self.settings, settings)
    }

    /// Checks a command's input; `None` when there is no such command.
    pub(super) fn check_input(&self, command: &Code, input: &Value) -> Option<Result<(), Vec<String>>> {
        self.commands.get(command).map(|validator| faults(validator, input))
    }
}

fn faults(validator: &Validator, value: &Value) -> Result<(), Vec<String>> {
    const SHOWN: usize = 20;
    let faults: Vec<String> = validator
        .iter_errors(value)
        .take(SHOWN)
        .map(|error| {
            let place = error.instance_path().to_string();
            format!("{}: {error}", if place.is_empty() { "/" } else { &place })
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn schema(place: &str, schema: &Value) -> Result<Validator, ManifestError> {
    jsonschema::validator_for(schema)
        .map_err(|error| ManifestError::Schema { place: place.to_owned(), reason: error.to_string() })
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
