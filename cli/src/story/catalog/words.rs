//! Texts in every language at once.

use askel_proto::v1;

use crate::story::text::{CatalogText, Described, Language, Text};

/// A word of which aliases are made; its number is the catalog's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AliasWord(pub(crate) u32);

impl AliasWord {
    /// Of moon-14, who loses a phone.
    pub(crate) const MOON: Self = Self(1);
    /// Of moss-7, who has no data plan.
    pub(crate) const MOSS: Self = Self(2);
    /// Of birch-2, who has a paper card.
    pub(crate) const BIRCH: Self = Self(3);
    /// How many there are; numbers are 1..=this.
    pub(crate) const COUNT: u32 = 12;
}

/// The catalog's words in each language.
pub(super) struct Words {
    languages: Vec<(Language, CatalogText)>,
}

impl Words {
    pub(super) fn load() -> anyhow::Result<Self> {
        let languages = Language::ALL
            .into_iter()
            .map(|language| Ok((language, Text::of(language)?.catalog)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { languages })
    }

    pub(super) fn text(&self, pick: impl Fn(&CatalogText) -> String) -> v1::LocalizedText {
        let variants = self
            .languages
            .iter()
            .map(|(language, text)| v1::TextVariant {
                language: language.tag().to_owned(),
                text: pick(text),
            })
            .collect();
        v1::LocalizedText { variants }
    }

    /// Name and description.
    pub(super) fn described(&self, pick: Pick) -> (v1::LocalizedText, v1::LocalizedText) {
        let name = self.text(|text| pick(text).name.clone());
        let description = self.text(|text| pick(text).description.clone());
        (name, description)
    }

    pub(super) fn alias_words(&self) -> Vec<v1::AliasWord> {
        let words: [fn(&CatalogText) -> &String; AliasWord::COUNT as usize] = [
            |text| &text.alias_words.moon,
            |text| &text.alias_words.moss,
            |text| &text.alias_words.birch,
            |text| &text.alias_words.river,
            |text| &text.alias_words.owl,
            |text| &text.alias_words.pine,
            |text| &text.alias_words.cloud,
            |text| &text.alias_words.stone,
            |text| &text.alias_words.heather,
            |text| &text.alias_words.swan,
            |text| &text.alias_words.frost,
            |text| &text.alias_words.lake,
        ];
        (1..)
            .zip(words)
            .map(|(id, pick)| v1::AliasWord {
                id,
                text: Some(self.text(|text| pick(text).clone())),
            })
            .collect()
    }
}

/// Where in the words something stands.
pub(super) type Pick = fn(&CatalogText) -> &Described;
