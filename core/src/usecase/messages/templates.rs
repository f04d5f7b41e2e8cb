//! The merchant writes what its messages say.

use serde_json::{Value, json};

use super::records::Automatic;
use super::text::{
    LOCALES_MAX, PLACEHOLDERS_MAX, Rendered, Surroundings, TEXTS_BYTES_MAX, TextFault, ValueFault, check_values,
    faults, render,
};
use crate::domain::{Code, Label, Locale, MerchantId, MessageTemplate, MessageValues};
use crate::store::{Direction, StoreError, Tx, layout};
use crate::usecase::Act;

/// How much of a template an entry of the audit log tells, in bytes of JSON; it holds it twice.
const TOLD_BYTES_MAX: usize = 24 * 1024;
/// How many templates a merchant has at most.
pub const TEMPLATES_MAX: usize = 500;

/// Why a template is not as somebody wants it.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is none of this code.
    #[error("there is no template `{0}`")]
    Unknown(Code),
    /// Somebody else has changed it meanwhile.
    #[error("this template has been changed meanwhile; read it again, and make the change on what it is now")]
    Changed,
    /// More than a template may have.
    #[error(
        "a template has 1 to {LOCALES_MAX} languages with {TEXTS_BYTES_MAX} bytes of text in all, and at most {PLACEHOLDERS_MAX} placeholders, of which none is called `merchant` or `member`"
    )]
    TooMuch,
    /// Texts can not be filled in.
    #[error("{}", .0.first().map_or_else(String::new, ToString::to_string))]
    Texts(Vec<TextFault>),
    /// The values do not fit it.
    #[error(transparent)]
    Values(#[from] ValueFault),
    /// It is sent by itself, with other values than it would ask for, or it would be gone.
    #[error("the automatic message of `{trigger}` uses this template{}", .missing.as_ref().map_or_else(|| "; take that away first".to_owned(), |name| format!(", and gives no `{name}` of this kind")))]
    InUse {
        /// What the automatic message follows.
        trigger: &'static str,
        /// What it does not give.
        missing: Option<String>,
    },
    /// More than a merchant may have.
    #[error("there are {TEMPLATES_MAX} templates, which is the most")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes a template: a new one, or, when `expected` is the version that it was read in, over one that there is.
///
/// # Errors
/// The first refusal in the order of [`TemplateError`]'s variants.
pub fn put_template(
    tx: &mut Tx,
    act: &mut Act<'_>,
    template: &MessageTemplate,
    expected: Option<u64>,
) -> Result<MessageTemplate, TemplateError> {
    let key = layout::message_template(act.merchant, &template.code);
    let before = tx.load::<MessageTemplate>(&key)?;
    match (&before, expected) {
        (None, Some(_)) => return Err(TemplateError::Unknown(template.code.clone())),
        (before, expected) if before.as_ref().map(|before| before.version) != expected => {
            return Err(TemplateError::Changed);
        }
        _ => {}
    }
    let bytes: usize =
        template.texts.values().map(|text| text.body.len() + text.subject.as_deref().map_or(0, str::len)).sum();
    let takes_built_in = super::text::BUILT_IN
        .iter()
        .any(|name| template.placeholders.keys().any(|placeholder| placeholder.as_str() == *name));
    if template.texts.is_empty()
        || template.texts.len() > LOCALES_MAX
        || template.placeholders.len() > PLACEHOLDERS_MAX
        || takes_built_in
    {
        return Err(TemplateError::TooMuch);
    }
    let faults = faults(template);
    if !faults.is_empty() {
        return Err(TemplateError::Texts(faults));
    }
    if bytes > TEXTS_BYTES_MAX {
        return Err(TemplateError::TooMuch);
    }
    for automatic in automatics_of(tx, act.merchant, &template.code)? {
        if let Some(missing) = automatic.trigger.missing(template) {
            return Err(TemplateError::InUse { trigger: automatic.trigger.name(), missing: Some(missing.to_string()) });
        }
    }
    if before.is_none() && list_templates(tx, act.merchant, None, TEMPLATES_MAX)?.len() >= TEMPLATES_MAX {
        return Err(TemplateError::TooMany);
    }
    let version = before.as_ref().map_or(1, |before| before.version + 1);
    let after = MessageTemplate { version, ..template.clone() };
    tx.save(&key, &after)?;
    let was = before.as_ref().map(|before| told(before, Some(&after)));
    let is = told(&after, before.as_ref());
    act.record(tx, "message-template", after.code.as_str(), was.as_ref(), Some(&is))?;
    Ok(after)
}

/// Takes a template away. What waits by it is dropped when it would go out. Whether there was one.
///
/// # Errors
/// When an automatic message uses it, and the store's failures.
pub fn drop_template(tx: &mut Tx, act: &mut Act<'_>, code: &Code, expected: Option<u64>) -> Result<(), TemplateError> {
    let key = layout::message_template(act.merchant, code);
    let Some(before) = tx.load::<MessageTemplate>(&key)? else { return Err(TemplateError::Unknown(code.clone())) };
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(TemplateError::Changed);
    }
    if let Some(automatic) = automatics_of(tx, act.merchant, code)?.first() {
        return Err(TemplateError::InUse { trigger: automatic.trigger.name(), missing: None });
    }
    tx.delete(&key);
    act.record(tx, "message-template", code.as_str(), Some(&told(&before, None)), None)?;
    Ok(())
}

/// A template.
///
/// # Errors
/// The store's failures.
pub fn read_template(tx: &mut Tx, merchant: MerchantId, code: &Code) -> Result<Option<MessageTemplate>, StoreError> {
    tx.load(&layout::message_template(merchant, code))
}

/// Up to `limit` templates by their codes, those behind `after`.
///
/// # Errors
/// The store's failures.
pub fn list_templates(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<&Code>,
    limit: usize,
) -> Result<Vec<MessageTemplate>, StoreError> {
    let mut range = layout::message_templates(merchant);
    if let Some(after) = after {
        range = range.after(&layout::message_template(merchant, after));
    }
    let found = tx.load_scan(&range, Direction::Forward, limit)?;
    Ok(found.into_iter().map(|(_, template)| template).collect())
}

/// What a template would say with these values, to somebody of this name who reads this language.
///
/// # Errors
/// When there is no such template, the values do not fit it, or what comes of it is too long.
pub fn preview_template(
    tx: &mut Tx,
    act: &Act<'_>,
    code: &Code,
    values: &MessageValues,
    member: Option<&Label>,
    locale: Option<&Locale>,
) -> Result<Rendered, TemplateError> {
    let template = read_template(tx, act.merchant, code)?.ok_or_else(|| TemplateError::Unknown(code.clone()))?;
    check_values(&template, values)?;
    let merchant = act.merchant(tx)?;
    let surroundings = Surroundings {
        merchant: merchant.name.to_string(),
        member: member.map(ToString::to_string),
        currency: merchant.currency,
        zone: merchant.time_zone.zone(),
    };
    let wishes: Vec<_> = locale.cloned().into_iter().chain(Locale::new(merchant.locale.as_str()).ok()).collect();
    render(&template, values, &surroundings, &wishes).map_err(|fault| TemplateError::Texts(vec![fault]))
}

fn automatics_of(tx: &mut Tx, merchant: MerchantId, code: &Code) -> Result<Vec<Automatic>, StoreError> {
    let all = tx.load_scan::<Automatic>(&layout::automatics(merchant), Direction::Forward, usize::MAX)?;
    Ok(all.into_iter().map(|(_, automatic)| automatic).filter(|automatic| automatic.template == *code).collect())
}

/// What the audit log tells of a template: of its texts those that another version has not, and of those that are too long
/// for an entry only how long they are.
fn told(template: &MessageTemplate, other: Option<&MessageTemplate>) -> Value {
    let mut told = json!(template);
    let differs = |locale: &str| {
        let locale = Locale::new(locale).ok();
        other.is_none_or(|other| locale.is_none_or(|locale| other.texts.get(&locale) != template.texts.get(&locale)))
    };
    if let Some(texts) = told["texts"].as_object_mut() {
        texts.retain(|locale, _| differs(locale));
    }
    if told.to_string().len() > TOLD_BYTES_MAX {
        for (_, text) in told["texts"].as_object_mut().into_iter().flatten() {
            *text = json!({ "bytes": text["body"].as_str().map_or(0, str::len) });
        }
    }
    told
}
