//! Texts for people, in the languages that merchants read.

use serde::Serialize;

use crate::CallContext;

/// A fixed text in every language of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: &'static str,
}

impl Text {
    /// A text from its English and its Chinese wording.
    pub const fn new(en: &'static str, zh_cn: &'static str) -> Self {
        Self { en, zh_cn }
    }

    /// The wording in one language.
    pub const fn wording(self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Chinese => self.zh_cn,
        }
    }
}

/// The language that the caller reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// For every locale that is not Chinese.
    English,
    /// For every locale that begins with `zh`.
    Chinese,
}

impl Language {
    /// The language of a call.
    pub fn of(ctx: &CallContext) -> Self {
        Self::of_locale(&ctx.locale)
    }

    /// The language of a BCP 47 tag.
    pub fn of_locale(locale: &str) -> Self {
        match locale.as_bytes() {
            [b'z' | b'Z', b'h' | b'H'] | [b'z' | b'Z', b'h' | b'H', b'-' | b'_', ..] => Self::Chinese,
            _ => Self::English,
        }
    }
}

/// The start of a text: as many whole characters as fit in this many bytes of UTF-8.
pub fn shortened(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_characters_are_kept() {
        assert_eq!(shortened(&"雨".repeat(100), 128).len(), 126);
        assert_eq!(shortened("rain", 128), "rain");
        assert_eq!(shortened("雨", 2), "");
    }

    #[test]
    fn chinese_is_read_by_every_chinese_locale_and_nobody_else() {
        for locale in ["zh", "zh-CN", "zh-Hant-TW", "ZH-cn", "zh_CN"] {
            assert_eq!(Language::of_locale(locale), Language::Chinese, "{locale}");
        }
        for locale in ["", "en", "en-GB", "de", "zha", "z"] {
            assert_eq!(Language::of_locale(locale), Language::English, "{locale}");
        }
    }

    #[test]
    fn a_text_serialises_by_locale() {
        let json = serde_json::to_string(&Text::new("Points", "积分")).expect("a text is JSON");
        assert_eq!(json, r#"{"en":"Points","zh-CN":"积分"}"#);
    }
}
