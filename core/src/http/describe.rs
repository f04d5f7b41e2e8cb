//! What the description of the interface says beyond what stands at each endpoint: things that many have in common.

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayItems, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};
use utoipa::{Modify, openapi};

use super::caller::cookie_name;
use crate::domain::{
    AgreementId, CallId, Code, HoldId, JoinCodeId, MemberId, MessageId, NoteId, OrderId, PostingId, RecordingId,
    Reference, RevisionId, SessionId, StaffId, StoreId, WebhookId,
};

/// The digits of the ids in examples.
const DIGITS: &str = "0198f2a4c1d07e3b9a5c6d7e8f901234";
/// What a code looks like: lower-case words with dashes.
const CODE: &str = "^[a-z0-9]+(-[a-z0-9]+)*$";

/// The parts of paths that are ids: name, prefix, and what it is.
const IDS: [(&str, &str, &str); 14] = [
    ("agreement", AgreementId::PREFIX, "The agreement's id."),
    ("revision", RevisionId::PREFIX, "The id of the pack's revision."),
    ("member", MemberId::PREFIX, "The member's id."),
    ("order", OrderId::PREFIX, "The order's id."),
    ("hold", HoldId::PREFIX, "The hold's id."),
    ("join_code", JoinCodeId::PREFIX, "The join code's id."),
    ("note", NoteId::PREFIX, "The note's id."),
    ("key", StaffId::PREFIX, "The API key's id, which is not its secret."),
    ("webhook", WebhookId::PREFIX, "The webhook's id."),
    ("message", MessageId::PREFIX, "The message's id."),
    ("user", StaffId::PREFIX, "The user's id."),
    ("session", SessionId::PREFIX, "The session's id."),
    ("call", CallId::PREFIX, "The parked call's id."),
    ("recording", RecordingId::PREFIX, "The recording's id."),
];

/// Fields of bodies that are ids, or lists of them.
const FIELDS: [(&str, &str); 11] = [
    ("redemption", PostingId::PREFIX),
    ("served_by", StaffId::PREFIX),
    ("staff", StaffId::PREFIX),
    ("with", MemberId::PREFIX),
    ("referrer", MemberId::PREFIX),
    ("join_code", JoinCodeId::PREFIX),
    ("member", MemberId::PREFIX),
    ("store", StoreId::PREFIX),
    ("stores", StoreId::PREFIX),
    ("home_store", StoreId::PREFIX),
    ("revision", RevisionId::PREFIX),
];

/// The parts of paths that are codes: name, an example, and what it is.
const CODES: [(&str, &str, &str); 13] = [
    ("page", "today", "The page's name, as the pack's manifest says."),
    ("segment", "lost", "The segment's code, of the merchant's choice."),
    ("team", "morning", "The team's code, of the merchant's choice."),
    ("benefit", "brow-trim", "The benefit's code, of the merchant's choice."),
    ("tag", "vip", "The tag, of the merchant's choice."),
    ("purpose", "marketing-sms", "To what a member says yes or no, of the merchant's choice."),
    ("attribute", "size", "The attribute's code, of the merchant's choice."),
    ("unit", "points", "The unit's code."),
    ("store", "main", "The store's code, of the merchant's choice."),
    ("pack", "points", "The pack's name, as its manifest says."),
    ("command", "grant", "The command's name, as the pack's manifest says."),
    ("template", "receipt", "The template's code, of the merchant's choice."),
    ("coupon", "welcome", "The name of the type of coupon, of the merchant's choice."),
];

/// The parts of paths that have forms of their own: name, form, an example, and what it is.
const FORMS: [(&str, &str, &str, &str); 5] = [
    ("sku", "^[^\\x00-\\x1f\\x7f]+$", "croissant", "The merchant's name for what is sold."),
    ("channel", "^(email|sms|push|wechat)$", "sms", "A way to members."),
    ("trigger", CODE, "order-settled", "What is followed: one of those that the list has."),
    ("month", "^[0-9]{4}-(0[1-9]|1[0-2])$", "2026-03", "A month of the merchant's calendar."),
    ("event", "^evt_[0-9a-f]{32}_[0-9]{1,20}$", "evt_0198f2a4c1d07e3b9a5c6d7e8f901234_7", "The event's id."),
];

/// Adds what endpoints have in common.
pub(super) struct Common;

impl Modify for Common {
    fn modify(&self, described: &mut OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("pc_live_…").build();
        let components = described.components.get_or_insert_default();
        components.add_security_scheme("api-key", SecurityScheme::Http(scheme));
        let cookie = ApiKeyValue::with_description(
            cookie_name(false),
            "The session of a user: `POST /v1/sessions` sets it. Where the host is reached by HTTPS the cookie is \
             `__Host-punchcard`. What is not GET or HEAD needs the header `X-CSRF-Token` as well, with the \
             `csrf_token` of the session.",
        );
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("pm_…").description(Some(
            "A member's own token: `POST /v1/members/{member}/tokens` gives one to whoever serves the member.",
        ));
        components.add_security_scheme("member-token", SecurityScheme::Http(token.build()));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// Says what parameters and fields are that many endpoints have.
pub(super) fn finish(described: &mut OpenApi) {
    for schema in described.components.iter_mut().flat_map(|components| components.schemas.values_mut()) {
        name_formats(schema);
        if let RefOr::T(Schema::Object(object)) = schema {
            for (name, field) in &mut object.properties {
                describe_field(name, field);
            }
        }
    }
    // What an event tells is told by its type: of several forms that fit, which one it is.
    for data in described.components.iter_mut().filter_map(|components| components.schemas.get_mut("EventData")) {
        if let RefOr::T(Schema::OneOf(forms)) = data {
            let forms = std::mem::take(&mut forms.items);
            let any = forms.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item);
            *data = RefOr::T(Schema::AnyOf(any.build()));
        }
    }
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

/// Gives formats of unsigned numbers the names that the registry of OpenAPI has for them.
fn name_formats(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            let registered = match &object.format {
                Some(SchemaFormat::KnownFormat(KnownFormat::UInt8)) => "uint8",
                Some(SchemaFormat::KnownFormat(KnownFormat::UInt16)) => "uint16",
                Some(SchemaFormat::KnownFormat(KnownFormat::UInt32)) => "uint32",
                Some(SchemaFormat::KnownFormat(KnownFormat::UInt64)) => "uint64",
                _ => "",
            };
            if !registered.is_empty() {
                object.format = Some(SchemaFormat::Custom(registered.into()));
            }
            object.properties.values_mut().for_each(name_formats);
        }
        Schema::Array(list) => {
            if let ArrayItems::RefOrSchema(item) = &mut list.items {
                name_formats(item);
            }
        }
        Schema::OneOf(choices) => choices.items.iter_mut().for_each(name_formats),
        Schema::AllOf(parts) => parts.items.iter_mut().for_each(name_formats),
        Schema::AnyOf(choices) => choices.items.iter_mut().for_each(name_formats),
        _ => {}
    }
}

/// Says what a field's ids look like. A field whose name is one of these and that is a text is an id.
fn describe_field(name: &str, field: &mut RefOr<Schema>) {
    let Some((_, prefix)) = FIELDS.iter().find(|(field, _)| *field == name) else { return };
    let field = match field {
        RefOr::T(Schema::Array(list)) => match &mut list.items {
            ArrayItems::RefOrSchema(item) => &mut **item,
            ArrayItems::False => return,
        },
        other => other,
    };
    let RefOr::T(Schema::Object(object)) = field else { return };
    let is_text = match &object.schema_type {
        SchemaType::Type(kind) => *kind == Type::String,
        SchemaType::Array(kinds) => kinds.contains(&Type::String),
        SchemaType::AnyValue => false,
    };
    if is_text && object.pattern.is_none() {
        object.pattern = Some(pattern(prefix));
        object.examples = vec![format!("{prefix}_{DIGITS}").into()];
    }
}

fn pattern(prefix: &str) -> String {
    format!("^{prefix}_[0-9a-f]{{32}}$")
}

fn describe(parameter: &mut Parameter) {
    let (description, schema) = match parameter.parameter_in {
        ParameterIn::Path => {
            if let Some((_, prefix, what)) = IDS.iter().find(|(name, ..)| *name == parameter.name) {
                (*what, text(&pattern(prefix), &format!("{prefix}_{DIGITS}"), 36))
            } else if let Some((_, example, what)) = CODES.iter().find(|(name, ..)| *name == parameter.name) {
                (*what, text(CODE, example, Code::MAX_BYTES))
            } else if let Some((_, form, example, what)) = FORMS.iter().find(|(name, ..)| *name == parameter.name) {
                (*what, text(form, example, 64))
            } else {
                return;
            }
        }
        ParameterIn::Header if parameter.name == "Idempotency-Key" => (
            "A text of your own, new for each new thing: what is sent again with the same key is done once.",
            text("^[!-~]+( +[!-~]+)*$", "till-2-000815", Reference::MAX_BYTES),
        ),
        ParameterIn::Header if parameter.name == "If-Match" => (
            "The ETag of the thing as it was read: a change that somebody else has made meanwhile is not written over.",
            text("^\"[0-9]{1,20}\"$", "\"0\"", 24),
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
