//! The catalog's words in one language.

use serde::Deserialize;

/// The words of places, activities, goals and badges.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CatalogText {
    pub(crate) organisation: Named,
    pub(crate) places: PlacesText,
    pub(crate) activities: ActivitiesText,
    pub(crate) badges: BadgesText,
    pub(crate) quest: QuestText,
    pub(crate) challenge: ChallengeText,
    pub(crate) alias_words: AliasWordsText,
}

/// A name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) name: String,
}

/// A name and what there is to know about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) description: String,
}

/// The three places.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlacesText {
    pub(crate) basement: Described,
    pub(crate) kiiminki: Described,
    pub(crate) quiet: Described,
}

/// What is offered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivitiesText {
    pub(crate) open_doors: Described,
    pub(crate) walking_group: Described,
    pub(crate) quiet_morning: Described,
    pub(crate) outing: Described,
}

/// The dozen badges.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BadgesText {
    pub(crate) first_visit: Described,
    pub(crate) third_visit: Described,
    pub(crate) ten_visits: Described,
    pub(crate) three_places: Described,
    pub(crate) four_weeks: Described,
    pub(crate) kiiminki: Described,
    pub(crate) group: Described,
    pub(crate) outing: Described,
    pub(crate) quiet: Described,
    pub(crate) ten_days: Described,
    pub(crate) long_way: Described,
    pub(crate) town_and_village: Described,
}

/// The step quest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuestText {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) stages: StagesText,
}

/// Its five stages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StagesText {
    pub(crate) market: Described,
    pub(crate) bridges: Described,
    pub(crate) delta: Described,
    pub(crate) ferry: Described,
    pub(crate) lighthouse: Described,
}

/// The collective challenge.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChallengeText {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) badge: Described,
}

/// Words of which aliases are made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AliasWordsText {
    pub(crate) moon: String,
    pub(crate) moss: String,
    pub(crate) birch: String,
    pub(crate) river: String,
    pub(crate) owl: String,
    pub(crate) pine: String,
    pub(crate) cloud: String,
    pub(crate) stone: String,
    pub(crate) heather: String,
    pub(crate) swan: String,
    pub(crate) frost: String,
    pub(crate) lake: String,
}
