//! What the demonstration says, in two languages.

use clap::ValueEnum;
use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
use unic_langid::langid;

/// The language of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// The texts of one language.
pub(super) struct Texts {
    bundle: FluentBundle<FluentResource>,
}

impl Texts {
    pub(super) fn new(lang: Lang) -> Self {
        let (id, source) = match lang {
            Lang::En => (langid!("en"), include_str!("en.ftl")),
            Lang::Zh => (langid!("zh-CN"), include_str!("zh.ftl")),
        };
        let resource = FluentResource::try_new(source.to_owned()).expect("the texts are well-formed");
        let mut bundle = FluentBundle::new(vec![id]);
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).expect("each text is there once");
        Self { bundle }
    }

    /// A text with its values.
    pub(super) fn say(&self, id: &str, values: &[(&str, String)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(*name, value.as_str());
        }
        let pattern = self.bundle.get_message(id).and_then(|message| message.value()).expect("every text is there");
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        assert!(errors.is_empty(), "the text {id} lacks a value: {errors:?}");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_texts_with_the_same_values() {
        let named = |source: &str| {
            source
                .lines()
                .filter_map(|line| line.split_once(" = "))
                .map(|(id, text)| {
                    let mut values: Vec<_> =
                        text.split("{ $").skip(1).filter_map(|rest| rest.split(' ').next()).collect();
                    values.sort_unstable();
                    (id.to_owned(), values.join(","))
                })
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        let (en, zh) = (named(include_str!("en.ftl")), named(include_str!("zh.ftl")));
        assert_eq!(en, zh);
        assert!(en.len() > 20);
        Texts::new(Lang::Zh);
        Texts::new(Lang::En);
    }
}
