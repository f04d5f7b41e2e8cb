//! What the description of the interface says beyond what stands at each endpoint: things that many have in common.

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};
use utoipa::{Modify, openapi};

use crate::domain::{Code, HoldId, MemberId, OrderId, Reference};

/// The digits of the ids in examples.
const DIGITS: &str = "0198f2a4c1d07e3b9a5c6d7e8f901234";
/// What a code looks like: lower-case words with dashes.
const CODE: &str = "^[a-z0-9]+(-[a-z0-9]+)*$";

/// The parts of paths that are ids: name, prefix, and what it is.
const IDS: [(&str, &str, &str); 3] = [
    ("member", MemberId::PREFIX, "The member's id."),
    ("order", OrderId::PREFIX, "The order's id."),
    ("hold", HoldId::PREFIX, "The hold's id."),
];

/// The parts of paths that are codes: name, an example, and what it is.
const CODES: [(&str, &str, &str); 3] = [
    ("pack", "points", "The pack's name, as its manifest says."),
    ("command", "grant", "The command's name, as the pack's manifest says."),
    ("coupon", "welcome", "The name of the type of coupon, of the merchant's choice."),
];

/// Adds what endpoints have in common.
pub(super) struct Common;

impl Modify for Common {
    fn modify(&self, described: &mut OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("pc_live_…").build();
        described.components.get_or_insert_default().add_security_scheme("api-key", SecurityScheme::Http(scheme));
    }
}

/// Says what the parameters are that many endpoints have.
pub(super) fn parameters(described: &mut OpenApi) {
    for item in described.paths.paths.values_mut() {
        for operation in operations(item) {
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter {
                    describe(parameter);
                }
            }
        }
    }
}

fn operations(item: &mut openapi::PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

fn describe(parameter: &mut Parameter) {
    let (description, schema) = match parameter.parameter_in {
        ParameterIn::Path => {
            if let Some((_, prefix, what)) = IDS.iter().find(|(name, ..)| *name == parameter.name) {
                (*what, text(&format!("^{prefix}_[0-9a-f]{{32}}$"), &format!("{prefix}_{DIGITS}"), 36))
            } else if let Some((_, example, what)) = CODES.iter().find(|(name, ..)| *name == parameter.name) {
                (*what, text(CODE, example, Code::MAX_BYTES))
            } else {
                return;
            }
        }
        ParameterIn::Header if parameter.name == "Idempotency-Key" => (
            "A text of your own, new for each new thing: what is sent again with the same key is done once.",
            text("^[!-~]+( +[!-~]+)*$", "till-2-000815", Reference::MAX_BYTES),
        ),
        _ => return,
    };
    parameter.description.get_or_insert_with(|| description.into());
    parameter.schema = Some(RefOr::T(schema));
}

fn text(pattern: &str, example: &str, length_max: usize) -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).examples([example]);
    text.max_length(Some(length_max)).build().into()
}
