//! The texts of templates: what may stand in them, and how they are filled in.
//!
//! A text is plain text with `{{ name }}`, `{{ name|upper }}` and `{% if name %} … {% elif … %} … {% else %} … {% endif %}`
//! in it. Conditions compare with `<`, `<=`, `>`, `>=`, `==` and `!=` and join with `and`, `or` and `not`. There is no more
//! of the template language: no loops, no variables, no joining or repeating of texts, so that a text is never much larger
//! than what it is made of. Nothing is escaped, as nothing is HTML.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::{Environment, UndefinedBehavior, Value, escape_formatter};

use crate::domain::{
    Currency, Locale, MessageTemplate, MessageText, MessageValue, MessageValues, Minor, PlaceholderKind,
    PlaceholderName, RESERVED,
};

/// The longest text that is filled in, in bytes, before and after.
pub(super) const BODY_BYTES_MAX: usize = 8 * 1024;
/// The longest subject, in bytes.
pub(super) const SUBJECT_BYTES_MAX: usize = 256;
/// All texts of a template together, in bytes.
pub(super) const TEXTS_BYTES_MAX: usize = 40 * 1024;
/// How many placeholders a template has at most.
pub(super) const PLACEHOLDERS_MAX: usize = 32;
/// How many languages a template has at most.
pub(super) const LOCALES_MAX: usize = 16;
/// The longest value of a placeholder, in bytes.
pub(super) const VALUE_BYTES_MAX: usize = 1024;
/// The most that a filled-in text may have, in bytes.
const RENDERED_BYTES_MAX: usize = 32 * 1024;
/// Steps that filling in a text may take.
const FUEL: u64 = 50_000;
/// How deep conditions may be nested.
const DEPTH_MAX: usize = 32;
/// How many conditions a text may have. The template engine goes from each `elif` to the next by recursion.
const CONDITIONS_MAX: usize = 64;
/// How long a tag may be, in bytes: the engine reads what stands in it by recursion, too.
const TAG_BYTES_MAX: usize = 200;
/// What may change how a value is written.
const FILTERS: [&str; 3] = ["upper", "lower", "trim"];
/// What every text may ask for: the merchant's name, and the member's, which is not always known.
pub(super) const BUILT_IN: [&str; 2] = ["merchant", "member"];

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} in `{locale}`, line {line}: {reason}")]
pub struct TextFault {
    /// The language.
    pub locale: Locale,
    /// `subject` or `body`.
    pub part: &'static str,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub reason: String,
}

/// What is wrong with the values of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// Something that the texts ask for is not given.
    #[error("the template asks for `{0}`, which is not given")]
    Missing(PlaceholderName),
    /// The template has no such placeholder.
    #[error("the template has no placeholder `{0}`")]
    Unknown(PlaceholderName),
    /// It is of another kind.
    #[error("`{name}` is expected to be {expected}")]
    Kind {
        /// Which.
        name: PlaceholderName,
        /// What would be right.
        expected: &'static str,
    },
    /// It is too long.
    #[error("`{0}` is longer than {VALUE_BYTES_MAX} bytes")]
    TooLong(PlaceholderName),
}

/// What a message's texts are filled in with besides its values.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// What people call the merchant.
    pub(super) merchant: String,
    /// What the member is called, if that is known.
    pub(super) member: Option<String>,
    /// The merchant's currency.
    pub(super) currency: Currency,
    /// The merchant's time zone.
    pub(super) zone: TimeZone,
}

/// A text that was filled in. What is in it is the member's: nothing shows it by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The language.
    pub locale: Locale,
    /// The subject, where the channel has one.
    pub subject: Option<String>,
    /// The text.
    pub body: String,
}

impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rendered({}, …)", self.locale)
    }
}

/// What was found in a text that is not right, and in which line.
type Found = (usize, String);

/// All that is wrong with the texts of a template.
pub(super) fn faults(template: &MessageTemplate) -> Vec<TextFault> {
    let mut faults = Vec::new();
    let names: BTreeSet<&str> = template.placeholders.keys().map(PlaceholderName::as_str).chain(BUILT_IN).collect();
    for (locale, MessageText { subject, body }) in &template.texts {
        let mut add = |part, (line, reason)| faults.push(TextFault { locale: locale.clone(), part, line, reason });
        match (subject, template.channel.has_subject()) {
            (None, true) => add("subject", (1, format!("messages by {} have a subject", template.channel))),
            (Some(_), false) => add("subject", (1, format!("messages by {} have no subject", template.channel))),
            (Some(subject), true) if subject.contains(['\n', '\r']) => {
                add("subject", (1, "a subject is one line".to_owned()));
            }
            (Some(subject), true) => {
                if let Err(found) = check(subject, &names, SUBJECT_BYTES_MAX) {
                    add("subject", found);
                }
            }
            (None, false) => {}
        }
        if let Err(found) = check(body, &names, BODY_BYTES_MAX) {
            add("body", found);
        }
    }
    faults
}

/// Whether a text is one that can be filled in.
fn check(text: &str, names: &BTreeSet<&str>, bytes_max: usize) -> Result<(), Found> {
    if text.trim().is_empty() {
        return Err((1, "there is no text".to_owned()));
    }
    if text.len() > bytes_max {
        return Err((1, format!("it has {} bytes, and {bytes_max} are the most", text.len())));
    }
    if let Some(at) = text.find(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err((line_of(text, at), "it has control characters".to_owned()));
    }
    check_tags(text, names)?;
    environment().template_from_str(text).map(drop).map_err(|error| {
        let reason = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
        (error.line().unwrap_or(1), reason)
    })
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Looks at everything between double braces, and braces with percent signs, before the template engine does. Quotes are
/// not among what may stand there, so that a tag always ends where it seems to.
fn check_tags(text: &str, names: &BTreeSet<&str>) -> Result<(), Found> {
    let mut at = 0;
    let (mut depth, mut conditions) = (0_usize, 0_usize);
    while let Some(found) =
        text[at..].find("{{").into_iter().chain(text[at..].find("{%")).chain(text[at..].find("{#")).min()
    {
        let begin = at + found;
        let fail = |reason: String| Err((line_of(text, begin), reason));
        let (open, rest) = text[begin..].split_at(2);
        let close = match open {
            "{{" => "}}",
            "{%" => "%}",
            _ => return fail("there are no comments in texts".to_owned()),
        };
        let Some(length) = rest.find(close) else { return fail(format!("`{open}` is not closed by `{close}`")) };
        let tag = &rest[..length];
        if length > TAG_BYTES_MAX {
            return fail(format!("`{open} … {close}` has {length} bytes in it, and {TAG_BYTES_MAX} are the most"));
        }
        if let Some(odd) = tag.chars().find(|c| !is_taken(*c)) {
            return fail(format!(
                "`{odd}` may not stand in `{open} … {close}`: expected names of placeholders, `|upper`, `|lower`, \
                 `|trim`, and in conditions numbers, comparisons, `and`, `or`, `not` and parentheses"
            ));
        }
        let tag = tag.trim_matches(|c: char| c == '-' || c.is_ascii_whitespace());
        if tag.contains('-') {
            return fail("there is nothing to be calculated in texts".to_owned());
        }
        let tag = if open == "{%" {
            let (word, rest) =
                tag.split_at(tag.find(|c: char| c.is_ascii_whitespace() || c == '(').unwrap_or(tag.len()));
            match word {
                "if" => {
                    depth += 1;
                    conditions += 1;
                }
                "endif" => depth = depth.saturating_sub(1),
                "elif" => conditions += 1,
                "else" => {}
                _ => {
                    let word: String = word.chars().take(32).collect();
                    return fail(format!("there is no `{word}` in texts: expected `if`, `elif`, `else` or `endif`"));
                }
            }
            if depth > DEPTH_MAX {
                return fail(format!("conditions are nested more than {DEPTH_MAX} deep"));
            }
            if conditions > CONDITIONS_MAX {
                return fail(format!("there are more than {CONDITIONS_MAX} conditions"));
            }
            rest
        } else {
            tag
        };
        check_words(tag, names).or_else(fail)?;
        at = begin + 2 + length + 2;
    }
    Ok(())
}

/// What may stand in a tag.
fn is_taken(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ' ' | '\n' | '\t' | '_' | '|' | '<' | '>' | '=' | '!' | '(' | ')' | '-')
}

/// Whether the words of a tag are names that are known, or numbers.
fn check_words(tag: &str, names: &BTreeSet<&str>) -> Result<(), String> {
    let mut rest = tag;
    let mut is_filter = false;
    while let Some(c) = rest.chars().next() {
        if !(c.is_ascii_alphanumeric() || c == '_') {
            is_filter = c == '|' || (is_filter && c.is_ascii_whitespace());
            rest = &rest[1..];
            continue;
        }
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        let shown: String = word.chars().take(40).collect();
        if is_filter {
            if !FILTERS.contains(&word) {
                return Err(format!("there is no `|{shown}`: expected one of {}", FILTERS.join(", ")));
            }
        } else if c.is_ascii_digit() {
            if word.len() > 18 || word.bytes().any(|byte| !byte.is_ascii_digit()) {
                return Err(format!("`{shown}` is no whole number of up to 18 digits"));
            }
        } else if matches!(word, "in" | "is" | "if" | "elif" | "else" | "endif") {
            return Err(format!("`{shown}` may not stand here"));
        } else if !RESERVED.contains(&word) && !names.contains(word) {
            let known: Vec<_> = names.iter().copied().collect();
            return Err(format!("the template has no placeholder `{shown}`: there are {}", known.join(", ")));
        }
        is_filter = false;
    }
    Ok(())
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH_MAX);
    // What is not known is nothing, and not the word `none`.
    let plain = |value: &Value| if value.is_none() { String::new() } else { value.to_string() };
    environment.add_filter("upper", move |value: Value| plain(&value).to_uppercase());
    environment.add_filter("lower", move |value: Value| plain(&value).to_lowercase());
    environment.add_filter("trim", move |value: Value| plain(&value).trim().to_owned());
    environment.set_formatter(
        |output, state, value| {
            if value.is_none() { Ok(()) } else { escape_formatter(output, state, value) }
        },
    );
    environment
}

/// Whether values are what a template asks for.
pub(super) fn check_values(template: &MessageTemplate, values: &MessageValues) -> Result<(), ValueFault> {
    for (name, placeholder) in &template.placeholders {
        match values.get(name) {
            None if placeholder.optional => {}
            None => return Err(ValueFault::Missing(name.clone())),
            Some(value) => {
                let expected = match (placeholder.kind, value) {
                    (PlaceholderKind::Text, MessageValue::Text(text)) if text.len() > VALUE_BYTES_MAX => {
                        return Err(ValueFault::TooLong(name.clone()));
                    }
                    (PlaceholderKind::Text, MessageValue::Text(text))
                        if !text.chars().any(|c| c.is_control() && c != '\n') =>
                    {
                        continue;
                    }
                    (PlaceholderKind::Number | PlaceholderKind::Amount, MessageValue::Number(_)) => continue,
                    (PlaceholderKind::Instant, MessageValue::Text(text)) if text.parse::<Timestamp>().is_ok() => {
                        continue;
                    }
                    (PlaceholderKind::Text, _) => "a text without control characters other than line breaks",
                    (PlaceholderKind::Number, _) => "a whole number",
                    (PlaceholderKind::Amount, _) => "a whole number of minor units",
                    (PlaceholderKind::Instant, _) => "an instant in RFC 3339, such as `2026-03-18T09:30:00+08:00`",
                };
                return Err(ValueFault::Kind { name: name.clone(), expected });
            }
        }
    }
    match values.keys().find(|name| !template.placeholders.contains_key(*name)) {
        Some(name) => Err(ValueFault::Unknown(name.clone())),
        None => Ok(()),
    }
}

/// The texts of a message in the best language that there is. What goes wrong is told without what was filled in.
pub(super) fn render(
    template: &MessageTemplate,
    values: &MessageValues,
    surroundings: &Surroundings,
    wishes: &[Locale],
) -> Result<Rendered, TextFault> {
    let Some(locale) = Locale::choose(&template.texts.keys(), wishes) else {
        let locale = wishes.first().cloned().unwrap_or_else(|| Locale::new("en").expect("`en` is a language"));
        return Err(TextFault { locale, part: "body", line: 1, reason: "the template has no texts".to_owned() });
    };
    let text = &template.texts[locale];
    let values = shown(template, values, surroundings);
    let fill = |part, text: &str, bytes_max| {
        let fault = |(line, reason)| TextFault { locale: locale.clone(), part, line, reason };
        filled(text, &values, bytes_max).map_err(fault)
    };
    let subject = match &text.subject {
        // Values may have line breaks, and a subject has none.
        Some(subject) => Some(fill("subject", subject, SUBJECT_BYTES_MAX * 4)?.replace(['\n', '\r'], " ")),
        None => None,
    };
    Ok(Rendered { locale: locale.clone(), subject, body: fill("body", &text.body, RENDERED_BYTES_MAX)? })
}

fn shown(template: &MessageTemplate, values: &MessageValues, surroundings: &Surroundings) -> BTreeMap<String, Value> {
    let Surroundings { merchant, member, currency, zone } = surroundings;
    let mut shown: BTreeMap<String, Value> = BTreeMap::from([
        ("merchant".to_owned(), Value::from(merchant.as_str())),
        ("member".to_owned(), member.as_deref().map_or(Value::from(()), Value::from)),
    ]);
    for (name, placeholder) in &template.placeholders {
        let value = match (values.get(name), placeholder.kind) {
            (None, _) => Value::from(()),
            (Some(MessageValue::Number(amount)), PlaceholderKind::Amount) => {
                let amount_minor = Minor::try_from(amount.unsigned_abs()).unwrap_or(Minor::MAX);
                let sign = if *amount < 0 { "-" } else { "" };
                Value::from(format!("{sign}{}", currency.show(amount_minor)))
            }
            (Some(MessageValue::Number(number)), _) => Value::from(*number),
            (Some(MessageValue::Text(text)), PlaceholderKind::Instant) => match text.parse::<Timestamp>() {
                Ok(at) => Value::from(at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()),
                Err(_) => Value::from(&**text),
            },
            (Some(MessageValue::Text(text)), _) => Value::from(&**text),
        };
        shown.insert(name.to_string(), value);
    }
    shown
}

fn filled(text: &str, values: &BTreeMap<String, Value>, bytes_max: usize) -> Result<String, Found> {
    let environment = environment();
    let told = |error: &minijinja::Error| (error.line().unwrap_or(1), error.kind().to_string());
    let template = environment.template_from_str(text).map_err(|error| told(&error))?;
    let mut output = Bounded { written: Vec::new(), bytes_max };
    match template.render_captured_to(Value::from_object(values.clone()), &mut output) {
        Ok(_) => String::from_utf8(output.written).map_err(|_| (1, "it is no text".to_owned())),
        Err(error) if error.kind() == minijinja::ErrorKind::WriteFailure => {
            Err((1, format!("what comes of it is longer than {bytes_max} bytes")))
        }
        Err(error) => Err(told(&error)),
    }
}

/// Takes so many bytes and no more.
struct Bounded {
    written: Vec<u8>,
    bytes_max: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written.len() + bytes.len() > self.bytes_max {
            return Err(io::Error::other("the text is too long"));
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["points", "total", "merchant", "member"];

    fn refusal(text: &str) -> Option<Found> {
        check(text, &NAMES.into_iter().collect(), BODY_BYTES_MAX).err()
    }

    fn with(points: i64) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("points".to_owned(), Value::from(points)),
            ("total".to_owned(), Value::from("12.50 CNY")),
            ("merchant".to_owned(), Value::from("<Bakery & Co>")),
            ("member".to_owned(), Value::from(())),
        ])
    }

    #[test]
    fn a_text_is_filled_in_and_nothing_is_escaped() {
        let text =
            "{{merchant}}: {{ total }}{% if points > 0 and not member %}, {{points}} points{% else %}.{% endif %}";
        assert_eq!(refusal(text), None);
        assert_eq!(filled(text, &with(3), 100).unwrap(), "<Bakery & Co>: 12.50 CNY, 3 points");
        assert_eq!(filled(text, &with(0), 100).unwrap(), "<Bakery & Co>: 12.50 CNY.");
        assert_eq!(refusal("{{ merchant|upper }} {{- total -}} {% if (points >= 5) %}x{%- endif %}"), None);
        assert_eq!(filled("{{ merchant|lower }}", &with(0), 100).unwrap(), "<bakery & co>");
        assert_eq!(filled("Dear {{ member }}{{ member|upper }}!", &with(0), 100).unwrap(), "Dear !");
    }

    #[test]
    fn hostile_texts_are_refused_with_their_line() {
        for (text, line, reason) in [
            ("", 1, "there is no text"),
            (
                "a\n\n{{ nothing }}",
                3,
                "the template has no placeholder `nothing`: there are member, merchant, points, total",
            ),
            ("{{ points", 1, "`{{` is not closed by `}}`"),
            ("{% set a = points %}", 1, "there is no `set`"),
            ("{% for a in points %}{% endfor %}", 1, "there is no `for`"),
            ("{% include points %}", 1, "there is no `include`"),
            ("{% macro a() %}{% endmacro %}", 1, "there is no `macro`"),
            ("{% raw %}", 1, "there is no `raw`"),
            ("{# #}", 1, "there are no comments"),
            ("{{ total * 1000000000 }}", 1, "`*` may not stand"),
            ("{{ \"}}\" ~ total ~ total }}", 1, "`\"` may not stand"),
            ("{{ '}}' }}", 1, "`'` may not stand"),
            ("{{ total ~ total }}", 1, "`~` may not stand"),
            ("{{ total + total }}", 1, "`+` may not stand"),
            ("{{ [total] }}", 1, "`[` may not stand"),
            ("{{ total.x }}", 1, "`.` may not stand"),
            ("{{ points - points }}", 1, "there is nothing to be calculated"),
            ("{{ total|safe }}", 1, "there is no `|safe`"),
            ("{{ total | replace }}", 1, "there is no `|replace`"),
            ("{{ 1e9 }}", 1, "`1e9` is no whole number"),
            ("{{ points is number }}", 1, "`is` may not stand here"),
            ("{% if points %}", 1, "unexpected end of input"),
            ("\n{% endif %}", 2, ""),
            ("x\u{7}", 1, "it has control characters"),
        ] {
            let (found, why) = refusal(text).unwrap_or_else(|| panic!("{text:?} is taken"));
            assert!(why.contains(reason) && found == line, "{text:?}: line {found}: {why}");
        }
        assert!(refusal(&"x".repeat(BODY_BYTES_MAX + 1)).is_some());
        assert!(refusal(&"{% if points %}".repeat(400)).unwrap().1.contains("nested"));
        assert!(refusal(&format!("{{{{ {}points }}}}", "(".repeat(2000))).unwrap().1.contains("200 are the most"));
        assert!(refusal(&format!("{{{{ {}points }}}}", "not ".repeat(1500))).is_some());
        assert!(refusal(&format!("{{% if points %}}{}{{% endif %}}", "{% elif points %}".repeat(400))).is_some());
        // The longest that is taken does not end the process either.
        let _ = refusal(&format!("{{{{ {}points{} }}}}", "(".repeat(95), ")".repeat(95)));
        let _ = refusal(&format!("{{% if {}points %}}{{% endif %}}", "not ".repeat(45)));
        let elifs = format!("{{% if points %}}{}{{% endif %}}", "{% elif points %}".repeat(60));
        assert_eq!(refusal(&elifs), None);
        assert_eq!(filled(&elifs, &with(0), 100).unwrap(), "");
    }

    #[test]
    fn a_text_that_grows_too_long_is_not_filled_in() {
        let long = BTreeMap::from([("total".to_owned(), Value::from("x".repeat(VALUE_BYTES_MAX)))]);
        let text = "{{total}}".repeat(800);
        let (_, reason) = filled(&text, &long, RENDERED_BYTES_MAX).unwrap_err();
        assert!(reason.contains("longer than 32768 bytes"), "{reason}");
        let (line, reason) = filled("a\n{{ member }}{{ nobody }}", &with(0), 100).unwrap_err();
        assert!(line == 2 && reason.contains("undefined"), "{line}: {reason}");
    }
}
