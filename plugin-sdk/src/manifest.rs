//! What a pack says about itself when it is installed.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{Serialize, Serializer};

use crate::{Operation, Text, page::View, timers::Rule};

/// The manifest of a pack, which becomes JSON for the host.
///
/// ```
/// use punchcard_sdk::{Capability, Manifest, Text};
///
/// let manifest = Manifest::new("stamps", "1.2.0")
///     .title(Text::new("Stamps", "集章"))
///     .summary(Text::new("A stamp for each coffee", "每杯咖啡一枚章"))
///     .unit("stamps", Text::new("stamps", "枚章"))
///     .grant(Capability::AssetsWriteOwnUnits, Text::new("to give stamps", "用于发放集章"));
/// assert!(manifest.to_json().starts_with(r#"{"id":"stamps","version":"1.2.0","title":{"en":"Stamps""#));
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    id: &'static str,
    version: &'static str,
    title: Text,
    summary: Text,
    grants: Vec<GrantRequest>,
    units: Vec<Unit>,
    commands: Vec<CommandEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    follows: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    emits: Vec<FactEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timers: Vec<TimerEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pages: Vec<PageEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<Schema>,
    settings: Schema,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
}

#[derive(Clone, Debug, Serialize)]
struct GrantRequest {
    grant: Capability,
    reason: Text,
}

#[derive(Clone, Debug, Serialize)]
struct Unit {
    code: &'static str,
    title: Text,
}

#[derive(Clone, Debug, Serialize)]
struct CommandEntry {
    name: &'static str,
    title: Text,
    input: Schema,
}

#[derive(Clone, Debug, Serialize)]
struct FactEntry {
    kind: &'static str,
    title: Text,
}

#[derive(Clone, Debug, Serialize)]
struct TimerEntry {
    name: &'static str,
    title: Text,
    rule: Rule,
}

#[derive(Clone, Debug, Serialize)]
struct PageEntry {
    name: &'static str,
    title: Text,
    query: Schema,
}

/// What a pack may ask the merchant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `members:read`: members and the tags of buyers.
    MembersRead,
    /// `members:contact`: name, phone number and e-mail address, and who is found by them.
    MembersContact,
    /// `members:tag`: put tags on members.
    MembersTag,
    /// `members:tier`: give members levels.
    MembersTier,
    /// `orders:read`: the merchant's orders.
    OrdersRead,
    /// `orders:discount:PERCENT`: take at most so much off orders, for [`Pricing`](crate::Pricing); 1 to 100. The merchant
    /// may allow less.
    OrdersDiscount(u8),
    /// `messages:send`: send messages by the merchant's templates.
    MessagesSend,
    /// `assets:read`: what members hold.
    AssetsRead,
    /// `assets:write:own-units`: change what members hold of the units that the pack declares.
    AssetsWriteOwnUnits,
    /// `assets:write:UNIT`: change what members hold of that unit, such as `stored-value`.
    AssetsWrite(&'static str),
    /// `events:read`: follow what happens.
    EventsRead,
    /// `events:emit`: tell facts of the pack's own.
    EventsEmit,
    /// `agreements:transact`: ask the packs of partners and answer them, and book what the merchant owes them.
    AgreementsTransact,
}

impl Serialize for Capability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::MembersRead => serializer.serialize_str("members:read"),
            Self::MembersContact => serializer.serialize_str("members:contact"),
            Self::MembersTag => serializer.serialize_str("members:tag"),
            Self::MembersTier => serializer.serialize_str("members:tier"),
            Self::OrdersRead => serializer.serialize_str("orders:read"),
            Self::OrdersDiscount(percent) => serializer.collect_str(&format_args!("orders:discount:{percent}")),
            Self::MessagesSend => serializer.serialize_str("messages:send"),
            Self::AssetsRead => serializer.serialize_str("assets:read"),
            Self::AssetsWriteOwnUnits => serializer.serialize_str("assets:write:own-units"),
            Self::EventsRead => serializer.serialize_str("events:read"),
            Self::EventsEmit => serializer.serialize_str("events:emit"),
            Self::AgreementsTransact => serializer.serialize_str("agreements:transact"),
            Self::AssetsWrite(unit) => serializer.collect_str(&format_args!("assets:write:{unit}")),
        }
    }
}

/// Limits that a pack asks for when the host's defaults for one call do not fit. The operator caps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Fuel, about one for each instruction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel_max: Option<u64>,
    /// Bytes of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_max_bytes: Option<u64>,
    /// Milliseconds from call to return.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_max_ms: Option<u64>,
    /// Calls of host functions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_calls_max: Option<u64>,
}

impl Manifest {
    /// A manifest for a pack without grants, units, commands or settings. `version` is a semantic version, best
    /// `env!("CARGO_PKG_VERSION")`.
    pub fn new(id: &'static str, version: &'static str) -> Self {
        Self {
            id,
            version,
            title: Text::new(id, id),
            summary: Text::new("", ""),
            grants: Vec::new(),
            units: Vec::new(),
            commands: Vec::new(),
            follows: Vec::new(),
            emits: Vec::new(),
            timers: Vec::new(),
            pages: Vec::new(),
            terms: None,
            settings: schema::<NoSettings>(),
            limits: None,
        }
    }

    /// The pack's name for people.
    #[must_use]
    pub fn title(mut self, title: Text) -> Self {
        self.title = title;
        self
    }

    /// One sentence on what it does.
    #[must_use]
    pub fn summary(mut self, summary: Text) -> Self {
        self.summary = summary;
        self
    }

    /// Asks for a grant, with the reason that the merchant reads before consenting.
    #[must_use]
    pub fn grant(mut self, grant: Capability, reason: Text) -> Self {
        self.grants.push(GrantRequest { grant, reason });
        self
    }

    /// Declares a unit that the pack issues. Its code is lower-case kebab of at most 32 bytes.
    ///
    /// # Panics
    /// If the code has another form, so that it shows in the first test and not at a merchant's.
    #[must_use]
    pub fn unit(mut self, code: &'static str, title: Text) -> Self {
        assert!(is_unit_code(code), "the unit code {code:?} is not lower-case kebab of at most 32 bytes");
        self.units.push(Unit { code, title });
        self
    }

    /// The pack's operations, best `Self::ALL` of its [`Commands`](crate::Commands).
    #[must_use]
    pub fn commands(mut self, operations: &[Operation]) -> Self {
        self.commands.extend(operations.iter().map(|operation| CommandEntry {
            name: operation.name,
            title: operation.title,
            input: (operation.input)(),
        }));
        self
    }

    /// The kinds of events that the pack follows, for [`OnEvent`](crate::OnEvent): the host's, such as `order-settled`, and
    /// packs', such as `bakery:pickup-missed`. Asks for the grant [`Capability::EventsRead`].
    #[must_use]
    pub fn follows(mut self, kinds: &[&'static str]) -> Self {
        self.follows.extend(kinds);
        self
    }

    /// A kind of fact that the pack tells with [`events::tell`](crate::events::tell). Asks for the grant
    /// [`Capability::EventsEmit`].
    #[must_use]
    pub fn emits(mut self, kind: &'static str, title: Text) -> Self {
        self.emits.push(FactEntry { kind, title });
        self
    }

    /// A time at which the pack is called again and again, for [`OnTimer`](crate::OnTimer).
    #[must_use]
    pub fn timer(mut self, name: &'static str, title: Text, rule: Rule) -> Self {
        self.timers.push(TimerEntry { name, title, rule });
        self
    }

    /// The pack's pages, best `Self::ALL` of its [`Pages`](crate::Pages).
    #[must_use]
    pub fn pages(mut self, views: &[View]) -> Self {
        self.pages.extend(views.iter().map(|view| PageEntry {
            name: view.name,
            title: view.title,
            query: (view.query)(),
        }));
        self
    }

    /// The type that the terms of agreements are read from, for [`OnPartner`](crate::OnPartner). Asks for the grant
    /// [`Capability::AgreementsTransact`].
    #[must_use]
    pub fn terms<T: JsonSchema>(mut self) -> Self {
        self.terms = Some(schema::<T>());
        self
    }

    /// The type that the merchant's settings are read into. Its comments and defaults go into the schema. What forms
    /// call a field is `#[schemars(extend("x-title" = {"en": "Rounding", "zh-CN": "取整方式"}))]`, here and in the
    /// inputs of commands.
    #[must_use]
    pub fn settings<T: JsonSchema>(mut self) -> Self {
        self.settings = schema::<T>();
        self
    }

    /// Limits other than the host's defaults.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// The JSON that the host reads.
    ///
    /// # Panics
    /// Never: everything in a manifest is JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a manifest is JSON")
    }
}

/// The settings of a pack that has none.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct NoSettings {}

/// The JSON Schema of what `T` deserialises from, whole in one piece without references to definitions.
pub(crate) fn schema<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<T>()
}

fn is_unit_code(code: &str) -> bool {
    code.len() <= 32
        && code
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_codes_are_lower_case_kebab() {
        for code in ["points", "stored-value", "a1", "x".repeat(32).as_str()] {
            assert!(is_unit_code(code), "{code}");
        }
        for code in ["", "-", "Points", "a--b", "a-", "積分", "a b", "x".repeat(33).as_str()] {
            assert!(!is_unit_code(code), "{code}");
        }
    }

    #[test]
    fn a_manifest_is_the_json_that_the_host_expects() {
        let manifest = Manifest::new("demo", "0.1.0")
            .title(Text::new("Demo", "示例"))
            .summary(Text::new("Shows", "演示"))
            .grant(Capability::MembersRead, Text::new("to see tags", "查看标签"))
            .grant(Capability::AssetsWrite("stored-value"), Text::new("to take money", "扣款"))
            .unit("demos", Text::new("demos", "个"))
            .limits(Limits { wall_max_ms: Some(5), ..Limits::default() });
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&manifest.to_json()).expect("it is JSON"),
            serde_json::json!({
                "id": "demo",
                "version": "0.1.0",
                "title": {"en": "Demo", "zh-CN": "示例"},
                "summary": {"en": "Shows", "zh-CN": "演示"},
                "grants": [
                    {"grant": "members:read", "reason": {"en": "to see tags", "zh-CN": "查看标签"}},
                    {"grant": "assets:write:stored-value", "reason": {"en": "to take money", "zh-CN": "扣款"}},
                ],
                "units": [{"code": "demos", "title": {"en": "demos", "zh-CN": "个"}}],
                "commands": [],
                "settings": {
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "title": "NoSettings",
                    "description": "The settings of a pack that has none.",
                    "type": "object",
                    "additionalProperties": false,
                },
                "limits": {"wall_max_ms": 5},
            })
        );
    }
}
