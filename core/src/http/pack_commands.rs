//! The description of the interface as a merchant has it: with a route for each command of the packs that are enabled,
//! and the schemas of their inputs.

use serde_json::{Map, Value, json};

use crate::usecase::OfferedCommand;

/// The route by which any command of any pack is run; each one of them is described by what it says.
const ANY: &str = "/v1/packs/{pack}/commands/{command}";
/// What a schema may hold that is data, in which a reference is none.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];

/// The description with a route for each of these commands.
pub(super) fn with_commands(described: &Value, commands: &[OfferedCommand], locale: &str) -> Value {
    let mut whole = described.clone();
    for offered in commands {
        let (pack, command) = (offered.pack.as_str(), offered.command.name.as_str());
        let name = format!("{pack}.{command}");
        let mut schema = offered.command.input.clone();
        rebase(&mut schema, &format!("#/components/schemas/{name}"));
        let mut operation = described["paths"][ANY]["post"].clone();
        operation["operationId"] = format!("run.{name}").into();
        operation["summary"] = offered.command.title(locale).into();
        operation["description"] = format!("The command `{command}` of the pack `{pack}`.").into();
        if let Some(parameters) = operation["parameters"].as_array_mut() {
            parameters.retain(|parameter| parameter["in"] != "path");
        }
        let mut store = described["components"]["schemas"]["CommandIn"]["properties"]["store"].clone();
        if store.is_null() {
            store = json!({ "type": ["string", "null"] });
        }
        let input = json!({ "$ref": format!("#/components/schemas/{name}") });
        let body = json!({
            "type": "object",
            "properties": { "store": store, "input": input },
            "required": ["input"],
            "additionalProperties": false,
        });
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": body } }, "required": true });
        whole["components"]["schemas"][name] = schema;
        whole["paths"][format!("/v1/packs/{pack}/commands/{command}")] = json!({ "post": operation });
    }
    whole
}

/// Has the references of a schema, which are to its own parts, lead to where it stands now.
fn rebase(schema: &mut Value, place: &str) {
    if let Value::Object(fields) = schema {
        // They say where the schema stood by itself.
        fields.remove("$schema");
        fields.remove("$id");
    }
    lead(schema, place);
}

fn lead(schema: &mut Value, place: &str) {
    match schema {
        Value::Object(fields) => lead_fields(fields, place),
        Value::Array(parts) => parts.iter_mut().for_each(|part| lead(part, place)),
        _ => {}
    }
}

fn lead_fields(fields: &mut Map<String, Value>, place: &str) {
    for (name, part) in fields {
        match part {
            Value::String(target) if name == "$ref" => {
                if let Some(inner) = target.strip_prefix('#') {
                    *target = format!("{place}{inner}");
                }
            }
            // Names of fields may be anything.
            Value::Object(named) if ["properties", "patternProperties", "$defs", "definitions"].contains(&&**name) => {
                named.values_mut().for_each(|part| lead(part, place));
            }
            part if !DATA.contains(&&**name) => lead(part, place),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_to_where_the_schema_stands_and_data_stays() {
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "const": { "$ref": "#/$defs/Day" },
                "$ref": { "type": "string", "default": { "$ref": "#/not/one" } },
                "more": { "anyOf": [{ "$ref": "#" }, { "type": "null" }] },
            },
            "$defs": { "Day": { "enum": [{ "$ref": "#/nor/this" }] } },
        });
        rebase(&mut schema, "#/components/schemas/p.c");
        let expected = json!({
            "type": "object",
            "properties": {
                "const": { "$ref": "#/components/schemas/p.c/$defs/Day" },
                "$ref": { "type": "string", "default": { "$ref": "#/not/one" } },
                "more": { "anyOf": [{ "$ref": "#/components/schemas/p.c" }, { "type": "null" }] },
            },
            "$defs": { "Day": { "enum": [{ "$ref": "#/nor/this" }] } },
        });
        assert_eq!(schema, expected);
    }
}
