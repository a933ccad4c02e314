//! The story's words in Finnish, Swedish and English, from one file a language.

mod catalog_text;

use std::fmt;

use anyhow::Context as _;
use serde::Deserialize;

pub(crate) use catalog_text::{CatalogText, Described};

/// A language of the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// Finnish.
    Fi,
    /// Swedish.
    Sv,
    /// English.
    En,
}

impl Language {
    /// All of them, in the order in which catalogs list them.
    pub(crate) const ALL: [Self; 3] = [Self::Fi, Self::Sv, Self::En];

    /// The BCP 47 tag.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Fi => "fi",
            Self::Sv => "sv",
            Self::En => "en",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Fi => include_str!("text/fi.toml"),
            Self::Sv => include_str!("text/sv.toml"),
            Self::En => include_str!("text/en.toml"),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// A sentence with `{places}` to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sentence(String);

impl Sentence {
    /// Filled in, each name by its value.
    pub(crate) fn with(&self, values: &[(&str, &dyn fmt::Display)]) -> String {
        values.iter().fold(self.0.clone(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), &value.to_string())
        })
    }

    /// As it is.
    pub(crate) fn plain(&self) -> &str {
        &self.0
    }
}

/// All words of one language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    pub(crate) calendar: CalendarText,
    pub(crate) story: StoryText,
    pub(crate) table: TableText,
    pub(crate) progress: ProgressText,
    pub(crate) keep: KeepText,
    pub(crate) faults: FaultText,
    pub(crate) catalog: CatalogText,
}

impl Text {
    /// Reads the words of a language; they are part of the program.
    pub(crate) fn of(language: Language) -> anyhow::Result<Self> {
        toml::from_str(language.file()).with_context(|| format!("the words of {language}"))
    }
}

/// How dates and decimals are written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalendarText {
    pub(crate) weekdays: [String; 7],
    pub(crate) months: [String; 12],
    pub(crate) date: Sentence,
    pub(crate) decimal_mark: String,
}

/// The story's sentences, in the order in which they are told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoryText {
    pub(crate) title: Sentence,
    pub(crate) launch: Sentence,
    pub(crate) basement: Sentence,
    pub(crate) on_phone: Sentence,
    pub(crate) on_tablet: Sentence,
    pub(crate) on_card: Sentence,
    pub(crate) no_name: Sentence,
    pub(crate) welcome: Sentence,
    pub(crate) already_here: Sentence,
    pub(crate) badge_on_phone: Sentence,
    pub(crate) tablets_apart: Sentence,
    pub(crate) card_later: Sentence,
    pub(crate) closing: Sentence,
    pub(crate) street: Sentence,
    pub(crate) street_once: Sentence,
    pub(crate) street_confirmed: Sentence,
    pub(crate) quiet: Sentence,
    pub(crate) killed: Sentence,
    pub(crate) killed_none_lost: Sentence,
    pub(crate) lost_phone: Sentence,
    pub(crate) mistaken_scan: Sentence,
    pub(crate) voided: Sentence,
    pub(crate) together: Sentence,
    pub(crate) found_wifi: Sentence,
    pub(crate) everyone: Sentence,
    pub(crate) not_together: Sentence,
    pub(crate) none: Sentence,
}

/// The closing table's words.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableText {
    pub(crate) happened: Sentence,
    pub(crate) delivered: Sentence,
    pub(crate) kept: Sentence,
    pub(crate) steps: Sentence,
    pub(crate) encounters: Sentence,
    pub(crate) badges: Sentence,
    pub(crate) rows_some_twice: Sentence,
    pub(crate) scans: Sentence,
    pub(crate) phone_is_server: Sentence,
    pub(crate) steps_equal: Sentence,
    pub(crate) encounters_equal: Sentence,
    pub(crate) badges_equal: Sentence,
    pub(crate) differs: Sentence,
    pub(crate) measured: Sentence,
}

/// What the progress bar says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgressText {
    pub(crate) preparing: Sentence,
    pub(crate) day: Sentence,
    pub(crate) comparing: Sentence,
}

/// What `--keep` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeepText {
    pub(crate) serving: Sentence,
    pub(crate) address: Sentence,
    pub(crate) data: Sentence,
    pub(crate) invitation: Sentence,
    pub(crate) try_it: Sentence,
    pub(crate) ended: Sentence,
}

/// What is said when a comparison fails.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultText {
    pub(crate) steps: Sentence,
    pub(crate) encounters: Sentence,
    pub(crate) badges: Sentence,
    pub(crate) card: Sentence,
    pub(crate) crash: Sentence,
    pub(crate) recovery: Sentence,
    pub(crate) void: Sentence,
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Every sentence's key with the names it fills in.
    fn names(language: Language) -> BTreeMap<String, BTreeSet<String>> {
        fn walk(path: &str, value: &toml::Value, into: &mut BTreeMap<String, BTreeSet<String>>) {
            match value {
                toml::Value::Table(table) => {
                    table
                        .iter()
                        .for_each(|(key, value)| walk(&format!("{path}.{key}"), value, into));
                }
                toml::Value::String(text) => {
                    assert!(!text.is_empty(), "{path}");
                    let names = text
                        .split('{')
                        .skip(1)
                        .filter_map(|rest| rest.split('}').next());
                    into.insert(path.to_owned(), names.map(str::to_owned).collect());
                }
                _ => {}
            }
        }
        let mut found = BTreeMap::new();
        walk("", &toml::from_str(language.file()).unwrap(), &mut found);
        found
    }

    #[test]
    fn every_language_says_everything_and_fills_in_the_same() {
        for language in Language::ALL {
            Text::of(language).unwrap();
            assert_eq!(names(language), names(Language::En), "{language}");
        }
    }

    #[test]
    fn a_sentence_is_filled_in_by_name() {
        let sentence = Sentence("{who} walks {steps} and {who} rests".to_owned());
        let told = sentence.with(&[("who", &"moon-14"), ("steps", &7)]);
        assert_eq!(told, "moon-14 walks 7 and moon-14 rests");
    }
}
