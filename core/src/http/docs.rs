//! `GET /openapi.json`, and the same as a page for people: `GET /docs`. The page is made here, needs no script, and asks
//! for nothing outside of this host.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value};
use utoipa::openapi::OpenApi;

use crate::domain::{Action, Role};

const STYLE: &str = include_str!("docs.css");
/// The page has a style sheet of ours and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The description and its page.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(openapi: &OpenApi) -> Router<S> {
    let described = serde_json::to_value(openapi).unwrap_or_default();
    let (json, page) = (described.to_string(), Page(&described).render().into_string());
    Router::new()
        .route("/openapi.json", get(async move || sent("application/json", json)))
        .route("/docs", get(async move || sent("text/html; charset=utf-8", page)))
        .route("/docs/style.css", get(async || sent("text/css; charset=utf-8", STYLE)))
}

fn sent(kind: &'static str, body: impl IntoResponse) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), body)
}

/// A description that is to be shown.
struct Page<'a>(&'a Value);

/// A route of it.
struct Route<'a> {
    method: &'a str,
    path: &'a str,
    operation: &'a Value,
}

impl Page<'_> {
    fn render(&self) -> Markup {
        let info = &self.0["info"];
        let title = text(&info["title"]);
        let tags = self.tags();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) " API" }
                    link rel="stylesheet" href="/docs/style.css";
                }
                body {
                    nav aria-label="Contents" {
                        p.name { a href="#top" { (title) } }
                        @for (tag, routes) in &tags {
                            p { a href={ "#" (tag) } { (tag) } }
                            ul { @for route in routes {
                                li { a href={ "#" (route.id()) } title=(route.path) { (method(route.method)) " " (route.summary()) } }
                            } }
                        }
                        p { a href="#schemas" { "Schemas" } }
                    }
                    main id="top" {
                        (self.head(title, info))
                        @for (tag, routes) in &tags {
                            section id=(tag) {
                                h2 { (tag) }
                                @for route in routes { (self.route(route)) }
                            }
                        }
                        section id="schemas" {
                            h2 { "Schemas" }
                            @for (name, schema) in fields(&self.0["components"]["schemas"]) { (self.schema(name, schema)) }
                        }
                    }
                }
            }
        }
    }

    fn head(&self, title: &str, info: &Value) -> Markup {
        html! {
            header {
                h1 { (title) " API" span.version { (text(&info["version"])) } }
                p { (text(&info["description"])) }
                p { "Requests under " code { "/v1" } " need an API key: " code { "Authorization: Bearer pc_live_…" } ". "
                    "What is not fulfilled is answered with a " a href="#schema-Problem" { "problem" } " (RFC 9457), whose "
                    code { "type" } " is stable. A key that asks too often is answered 429; " code { "RateLimit" } " and "
                    code { "RateLimit-Policy" } " tell how it stands. Each reply names its request in " code { "x-request-id" } "." }
                p { "The same for programs: " a href="/openapi.json" { "/openapi.json" } ", OpenAPI " (text(&self.0["openapi"])) ". With the commands of a merchant's packs: " code { "/v1/openapi.json" } "." }
            }
        }
    }

    /// All routes by their tags, in the order of the alphabet.
    fn tags(&self) -> Vec<(&str, Vec<Route<'_>>)> {
        let mut tags: Vec<(&str, Vec<Route<'_>>)> = Vec::new();
        for (path, item) in fields(&self.0["paths"]) {
            for (method, operation) in METHODS.iter().filter_map(|method| Some((*method, item.get(method)?))) {
                let tag = operation["tags"][0].as_str().unwrap_or("other");
                let route = Route { method, path, operation };
                match tags.iter_mut().find(|(known, _)| *known == tag) {
                    Some((_, routes)) => routes.push(route),
                    None => tags.push((tag, vec![route])),
                }
            }
        }
        tags.sort_by_key(|(tag, _)| *tag);
        tags
    }

    fn route(&self, route: &Route<'_>) -> Markup {
        let operation = route.operation;
        let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
        html! {
            article id=(route.id()) {
                h3 { (method(route.method)) " " code { (route.path) } }
                p.summary { (route.summary()) }
                @if let Some(description) = operation["description"].as_str() { p { (description) } }
                (needs(operation))
                @if !parameters.is_empty() {
                    h4 { "Parameters" }
                    table {
                        thead { tr { th { "Name" } th.place { "In" } th { "Type" } th { "Meaning" } } }
                        tbody { @for parameter in parameters { tr {
                            td { code { (text(&parameter["name"])) } (mark(parameter["required"] == true)) }
                            td.place { (text(&parameter["in"])) }
                            td { (kind(&parameter["schema"])) }
                            td { (text(&parameter["description"])) (example_of(parameter)) }
                        } } }
                    }
                }
                @for (media, content) in fields(&operation["requestBody"]["content"]) {
                    h4 { "Body " span.media { (media) } }
                    (self.content(content))
                }
                h4 { "Replies" }
                table.replies { tbody { @for (status, reply) in fields(&operation["responses"]) { tr {
                    td { code.status data-class=(&status[..1]) { (status) } }
                    td { (text(&reply["description"])) }
                    td { @for (media, content) in fields(&reply["content"]) { p { (kind(&content["schema"])) " " span.media { (media) } } } }
                } } } }
            }
        }
    }

    /// What is sent: its fields, and an example.
    fn content(&self, content: &Value) -> Markup {
        let schema = self.resolved(&content["schema"]);
        let example =
            [&content["example"], &schema["example"], &schema["examples"][0]].into_iter().find(|one| !one.is_null());
        html! {
            p { (kind(&content["schema"])) @if let Some(description) = schema["description"].as_str() { " – " (description) } }
            @if schema["properties"].is_object() { (properties(schema)) }
            @if let Some(example) = example {
                details open { summary { "Example" } pre { code { (pretty(example)) } } }
            }
        }
    }

    fn schema(&self, name: &str, schema: &Value) -> Markup {
        html! {
            article id={ "schema-" (name) } {
                h3 { code { (name) } }
                @if let Some(description) = schema["description"].as_str() { p { (description) } }
                @if schema["properties"].is_object() { (properties(schema)) } @else { p { (kind(schema)) } }
            }
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let pointer = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.0.pointer(pointer)).unwrap_or(schema)
    }
}

impl Route<'_> {
    fn id(&self) -> &str {
        text(&self.operation["operationId"])
    }

    fn summary(&self) -> &str {
        text(&self.operation["summary"]).trim_end_matches('.')
    }
}

/// Who may ask.
fn needs(operation: &Value) -> Markup {
    let action = Action::ALL.into_iter().find(|action| operation["x-needs"] == action.name());
    html! {
        @if let Some(action) = action {
            p.needs { "Needs " code { (action.name()) } ": "
                @for (index, role) in Role::ALL.into_iter().filter(|role| role.may(action)).enumerate() {
                    @if index > 0 { ", " } (role.name())
                } "." }
        } @else if operation["security"][0]["member-token"].is_array() {
            p.needs { "Needs a member's token." }
        } @else { p.needs { "Needs no key." } }
    }
}

/// The fields of an object.
fn properties(schema: &Value) -> Markup {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    html! {
        table {
            thead { tr { th { "Field" } th { "Type" } th { "Meaning" } } }
            tbody { @for (name, field) in fields(&schema["properties"]) { tr {
                td { code { (name) } (mark(required(name))) }
                td { (kind(field)) }
                td { (text(&field["description"])) (example_of(field)) }
            } } }
        }
    }
}

/// What a value may be.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    let choices = ["oneOf", "anyOf", "allOf"].into_iter().find_map(|of| schema[of].as_array());
    if let Some(choices) = choices {
        return joined(choices.iter().map(kind));
    }
    if schema["type"] == "array" {
        return html! { "list of " (kind(&schema["items"])) };
    }
    if schema["type"] == "object" && schema["properties"].is_object() {
        let inner = fields(&schema["properties"]).map(|(name, field)| html! { code { (name) } ": " (kind(field)) });
        return html! { "object with " (joined(inner)) };
    }
    let named: Vec<_> = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec!["anything"],
    };
    html! { (joined(named.into_iter().map(|name| html! { (name) }))) (bounds(schema)) }
}

/// Further limits of a value.
fn bounds(schema: &Value) -> Markup {
    let values = schema["enum"].as_array();
    html! {
        @if let Some(values) = values { ": " (joined(values.iter().map(|value| html! { code { (value) } }))) }
        @if let Some(format) = schema["format"].as_str() { " " span.bound { (format) } }
        @for (field, words) in [("minimum", "from "), ("maximum", "to "), ("minLength", "at least "), ("maxLength", "at most ")] {
            @if !schema[field].is_null() {
                " " span.bound { (words) (schema[field]) @if field.ends_with("Length") { " characters" } }
            }
        }
        @if let Some(pattern) = schema["pattern"].as_str() { " " code.bound { (pattern) } }
    }
}

fn joined(parts: impl Iterator<Item = Markup>) -> Markup {
    let parts: Vec<_> = parts.map(PreEscaped::into_string).collect();
    PreEscaped(parts.join(" or "))
}

fn example_of(described: &Value) -> Markup {
    let own = [&described["example"], &described["schema"]["examples"][0], &described["examples"][0]];
    let own = own.into_iter().find(|one| !one.is_null());
    html! {
        @if let Some(own) = own {
            " " span.example { "Such as " code { @match own { Value::String(text) => (text), other => (other) } } }
        }
    }
}

fn mark(required: bool) -> Markup {
    html! { @if required { " " span.required { "required" } } }
}

fn method(name: &str) -> Markup {
    html! { span.method data-method=(name) { (name.to_uppercase()) } }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_described_is_text_and_never_markup() {
        let hostile = "<script>alert(1)</script>\"'&";
        let described = json!({
            "info": { "title": hostile, "description": hostile, "version": hostile },
            "paths": { hostile: { "get": {
                "operationId": hostile, "summary": hostile, "description": hostile, "tags": [hostile],
                "parameters": [{ "name": hostile, "in": hostile, "description": hostile, "example": hostile,
                    "schema": { "type": hostile, "enum": [hostile], "format": hostile, "pattern": hostile } }],
                "requestBody": { "content": { hostile: { "schema": { "$ref": hostile }, "example": { hostile: hostile } } } },
                "responses": { "200": { "description": hostile, "content": { hostile: { "schema": { "type": "string" } } } } },
            } } },
            "components": { "schemas": { hostile: { "type": "object", "description": hostile,
                "properties": { hostile: { "type": "object", "properties": { hostile: { "type": "string" } } } } } } },
        });
        let page = Page(&described).render().into_string();
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"), "{page}");
    }
}
