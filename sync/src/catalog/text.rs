//! Texts in several languages.

use askel_proto::v1;

/// The text in a language, else in its base (`fi-simple` → `fi`), else in English, else the first
/// there is; empty when there is none.
pub fn text<'a>(texts: &'a v1::LocalizedText, language: &str) -> &'a str {
    let find = |language: &str| {
        let same = |variant: &&v1::TextVariant| variant.language == language;
        texts.variants.iter().find(same)
    };
    let base = language.split('-').next().unwrap_or(language);
    find(language)
        .or_else(|| find(base))
        .or_else(|| find("en"))
        .or_else(|| texts.variants.first())
        .map_or("", |variant| variant.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_language_falls_back_to_its_base_then_to_english_then_to_any() {
        let texts = |languages: &[&str]| v1::LocalizedText {
            variants: languages
                .iter()
                .map(|language| v1::TextVariant {
                    language: (*language).to_owned(),
                    text: format!("in {language}"),
                })
                .collect(),
        };
        let check = |have: &[&str], want: &str, expected: &str| {
            assert_eq!(text(&texts(have), want), expected, "{want} of {have:?}");
        };
        check(&["en", "fi", "fi-simple"], "fi-simple", "in fi-simple");
        check(&["en", "fi"], "fi-simple", "in fi");
        check(&["sv", "en"], "fi", "in en");
        check(&["sv"], "fi", "in sv");
        check(&[], "fi", "");
    }
}
