//! JSON Schemas that others have written, a vendor or a merchant: taken only when checking by them is bounded, since it is done
//! outside of every sandbox.
//!
//! A few hundred bytes of a schema can ask for more work than there is time: definitions that refer to each other twice over,
//! patterns that try every way to fail, keywords that look at everything once more for everything. So a schema is weighed with
//! all that its references stand for, patterns are those that run in linear time, and how much one check may look at follows
//! from the weight.

use std::collections::HashMap;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

/// The one version of the language.
const LANGUAGE: &str = "https://json-schema.org/draft/2020-12/schema";
/// What a pattern weighs, as so many other parts of a schema.
const PATTERN_WEIGHT: u64 = 100;
/// How large a compiled pattern may be, in bytes.
const PATTERN_MAX_BYTES: usize = 256 << 10;
/// So many parts of a schema times parts of a value one check looks at: about half a second.
const WORK_MAX: u64 = 20_000_000;
/// So many, for which all that is wrong is told instead of the first fault.
const WORK_OF_ALL_FAULTS: u64 = 200_000;
/// How many faults are told.
const FAULTS_MAX: usize = 20;
/// Keywords that have no place here, and why.
const NOT_TAKEN: [(&str, &str); 6] = [
    ("$dynamicRef", "what it stands for depends on where it is asked"),
    ("$recursiveRef", "what it stands for depends on where it is asked"),
    ("$id", "it changes what references stand for"),
    ("$anchor", "references name places, such as `#/$defs/money`"),
    ("unevaluatedProperties", "write `additionalProperties`"),
    ("unevaluatedItems", "write `items`"),
];

/// Why a schema is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaFault {
    /// Not a schema of the language.
    #[error("{0}")]
    Wrong(String),
    /// In another version of the language.
    #[error("`$schema` is `{0}`, expected `{LANGUAGE}` or none")]
    Language(String),
    /// A keyword that is not taken.
    #[error("`{keyword}` is not taken: {why}")]
    NotTaken {
        /// Which.
        keyword: &'static str,
        /// Why not.
        why: &'static str,
    },
    /// A reference to something outside, or to nothing.
    #[error("`$ref` is `{0}`, expected a place in the schema itself, such as `#/$defs/money`")]
    Reference(String),
    /// A reference to what it stands in.
    #[error("`{0}` refers to itself, so that it has no end")]
    Endless(String),
    /// Too much to check by.
    #[error(
        "it has too many parts, or is nested too deeply, with all that its references stand for: at most {weight_max} parts, \
         of which a pattern counts as {PATTERN_WEIGHT}, and {depth_max} levels",
        weight_max = JsonSchema::WEIGHT_MAX,
        depth_max = JsonSchema::DEPTH_MAX
    )]
    TooLarge,
}

/// A schema, ready to check with.
pub(crate) struct JsonSchema {
    validator: Validator,
    weight: u64,
}

impl JsonSchema {
    /// How many parts a schema may have, with all that its references stand for.
    pub(crate) const WEIGHT_MAX: u64 = 10_000;
    /// How deeply these may be nested.
    pub(crate) const DEPTH_MAX: u32 = 100;

    /// Makes a schema ready.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(schema: &Value) -> Result<Self, SchemaFault> {
        if let Some(language) = schema.get("$schema") {
            let language = language.as_str().unwrap_or_default();
            if language.trim_end_matches('#') != LANGUAGE {
                return Err(SchemaFault::Language(language.chars().take(200).collect()));
            }
        }
        let Size { weight, .. } = Weighing { root: schema, known: HashMap::new() }.size(schema, 0)?;
        let patterns = PatternOptions::regex().size_limit(PATTERN_MAX_BYTES).dfa_size_limit(PATTERN_MAX_BYTES);
        let options = jsonschema::options().with_draft(Draft::Draft202012).with_pattern_options(patterns);
        let validator = options.build(schema).map_err(|error| SchemaFault::Wrong(error.to_string()))?;
        Ok(Self { validator, weight })
    }

    /// How many parts it has, with all that its references stand for.
    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    /// Checks a value.
    ///
    /// # Errors
    /// What is wrong with it, each with its place.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Vec<String>> {
        let work = self.weight.saturating_mul(parts_of(value));
        if work > WORK_MAX {
            return Err(vec![format!("/: {} parts are too many to be checked by this schema", parts_of(value))]);
        }
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let told = |error: jsonschema::ValidationError<'_>| {
            let place = error.instance_path().to_string();
            format!("{}: {error}", if place.is_empty() { "/" } else { &place })
        };
        if work > WORK_OF_ALL_FAULTS {
            return self.validator.validate(value).map_err(|error| vec![told(error)]);
        }
        Err(self.validator.iter_errors(value).take(FAULTS_MAX).map(told).collect())
    }
}

/// How many values are in a value, itself included.
fn parts_of(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(parts_of).fold(1, u64::saturating_add),
        Value::Object(fields) => fields.values().map(parts_of).fold(1, u64::saturating_add),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

/// How much something in a schema comes to.
#[derive(Clone, Copy)]
struct Size {
    weight: u64,
    depth: u32,
}

/// A schema that is being weighed.
struct Weighing<'a> {
    root: &'a Value,
    /// What references stand for; nothing while that is being weighed.
    known: HashMap<&'a str, Option<Size>>,
}

impl<'a> Weighing<'a> {
    /// The size of a part, `level` levels down.
    fn size(&mut self, part: &'a Value, level: u32) -> Result<Size, SchemaFault> {
        let mut size = Size { weight: 1, depth: 1 };
        if level > JsonSchema::DEPTH_MAX {
            return Err(SchemaFault::TooLarge);
        }
        match part {
            Value::Array(items) => {
                for item in items {
                    size.hold(self.size(item, level + 1)?)?;
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    // At its beginning a schema may say where it comes from.
                    let not_taken =
                        NOT_TAKEN.iter().find(|(keyword, _)| keyword == name && !(level == 0 && *keyword == "$id"));
                    if let Some((keyword, why)) = not_taken
                        && (field.is_string() || keyword.starts_with("unevaluated"))
                    {
                        return Err(SchemaFault::NotTaken { keyword, why });
                    }
                    match (name.as_str(), field) {
                        ("$ref", Value::String(place)) => size.hold(self.reference(place, level + 1)?)?,
                        ("pattern", Value::String(_)) => size.weight += PATTERN_WEIGHT,
                        ("patternProperties", Value::Object(patterns)) => {
                            let count = u64::try_from(patterns.len()).unwrap_or(u64::MAX);
                            size.weight = size.weight.saturating_add(count.saturating_mul(PATTERN_WEIGHT));
                        }
                        _ => {}
                    }
                    size.hold(self.size(field, level + 1)?)?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(size)
    }

    /// The size of what a reference stands for.
    fn reference(&mut self, place: &'a str, level: u32) -> Result<Size, SchemaFault> {
        match self.known.get(place) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(SchemaFault::Endless(place.to_owned())),
            None => {}
        }
        let nowhere = || SchemaFault::Reference(place.chars().take(200).collect());
        let pointer = place.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let part = self.root.pointer(pointer.ok_or_else(nowhere)?).ok_or_else(nowhere)?;
        self.known.insert(place, None);
        let size = self.size(part, level)?;
        self.known.insert(place, Some(size));
        Ok(size)
    }
}

impl Size {
    /// Takes in a part.
    fn hold(&mut self, part: Self) -> Result<(), SchemaFault> {
        self.weight = self.weight.saturating_add(part.weight);
        self.depth = self.depth.max(part.depth.saturating_add(1));
        if self.weight > JsonSchema::WEIGHT_MAX || self.depth > JsonSchema::DEPTH_MAX {
            return Err(SchemaFault::TooLarge);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(schema: &Value) -> String {
        JsonSchema::new(schema).err().map_or_else(|| "none".into(), |fault| fault.to_string())
    }

    /// Definitions of which each refers twice to the next one.
    fn doubling(count: usize) -> Value {
        let mut definitions = serde_json::Map::new();
        for number in 0..count {
            let next = json!({ "$ref": format!("#/$defs/a{}", number + 1) });
            definitions.insert(format!("a{number}"), json!({ "allOf": [next, next] }));
        }
        definitions.insert(format!("a{count}"), json!({ "type": "string" }));
        json!({ "$ref": "#/$defs/a0", "$defs": definitions })
    }

    #[test]
    fn a_schema_that_is_more_work_than_it_looks_is_refused() {
        let too_large = SchemaFault::TooLarge.to_string();
        assert_eq!(fault(&doubling(40)), too_large);
        assert_eq!(fault(&doubling(8)), "none");
        let chain: serde_json::Map<_, _> = (0..5_000)
            .map(|number| (format!("a{number}"), json!({ "$ref": format!("#/$defs/a{}", number + 1) })))
            .collect();
        assert_eq!(fault(&json!({ "$ref": "#/$defs/a0", "$defs": chain })), too_large);
        let patterns: serde_json::Map<_, _> = (0..200).map(|number| (format!("^a{number}"), json!(true))).collect();
        assert_eq!(fault(&json!({ "patternProperties": patterns })), too_large);
        let pattern = fault(&json!({ "pattern": "((a{100}){100}){100}" }));
        assert!(pattern.contains("pattern") || pattern.contains("regex"), "{pattern}");
    }

    #[test]
    fn what_a_schema_must_not_say_is_told() {
        let itself = json!({ "$defs": { "tree": { "items": { "$ref": "#/$defs/tree" } } }, "$ref": "#/$defs/tree" });
        assert_eq!(fault(&itself), "`#/$defs/tree` refers to itself, so that it has no end");
        assert_eq!(fault(&json!({ "items": { "$ref": "#" } })), "`#` refers to itself, so that it has no end");
        for place in ["https://example.com/schema", "#/$defs/none", "#anchor"] {
            let expected =
                format!("`$ref` is `{place}`, expected a place in the schema itself, such as `#/$defs/money`");
            assert_eq!(fault(&json!({ "$ref": place })), expected);
        }
        assert_eq!(
            fault(&json!({ "unevaluatedProperties": false })),
            "`unevaluatedProperties` is not taken: write `additionalProperties`"
        );
        assert_eq!(
            fault(&json!({ "$schema": "http://json-schema.org/draft-07/schema#" })),
            format!("`$schema` is `http://json-schema.org/draft-07/schema#`, expected `{LANGUAGE}` or none")
        );
        assert_eq!(fault(&json!({ "$schema": LANGUAGE, "$id": "https://example.com/me", "type": "object" })), "none");
        // A field may have any name.
        assert_eq!(
            fault(&json!({ "properties": { "$ref": { "type": "string" }, "$id": { "type": "string" } } })),
            "none"
        );
        assert!(fault(&json!({ "type": "strin" })).contains("strin"));
        // Only patterns that take as long as the text is.
        assert_ne!(fault(&json!({ "pattern": "(?=a)b" })), "none");
        let slow = JsonSchema::new(&json!({ "pattern": "^(a+)+$" })).unwrap();
        assert!(slow.check(&json!("a".repeat(50_000) + "b")).is_err());
    }

    #[test]
    fn faults_are_told_with_their_places_and_of_a_large_value_the_first() {
        let schema = JsonSchema::new(&json!({ "items": { "type": "integer" } })).unwrap();
        assert_eq!(schema.check(&json!([1, 2])), Ok(()));
        assert_eq!(
            schema.check(&json!(["a", 1, "b"])),
            Err(vec!["/0: \"a\" is not of type \"integer\"".into(), "/2: \"b\" is not of type \"integer\"".into()])
        );
        assert_eq!(schema.check(&vec!["a"; 100].into()).map_err(|faults| faults.len()), Err(FAULTS_MAX));
        let many = vec![json!("a"); 100_000];
        assert_eq!(schema.check(&many.into()).map_err(|faults| faults.len()), Err(1));
        let wide: serde_json::Map<_, _> = (0..3_000).map(|number| (format!("a{number}"), json!(true))).collect();
        let wide = JsonSchema::new(&json!({ "items": { "properties": wide } })).unwrap();
        let refused = wide.check(&vec![json!({}); 10_000].into());
        assert_eq!(refused, Err(vec!["/: 10001 parts are too many to be checked by this schema".into()]));
    }
}
