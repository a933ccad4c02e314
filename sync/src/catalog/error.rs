//! Why a catalog is refused.

use crate::{
    limits::{CATALOG_BYTES_MAX, CATALOG_ENTRIES_MAX, TEXT_BYTES_MAX, TRANSITIONS_MAX},
    rule::RuleFault,
};

/// Why a catalog is refused; names the entry, and for a goal the node of its rule and the bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// More bytes than a catalog may have.
    #[error("a catalog has at most {CATALOG_BYTES_MAX} bytes")]
    TooLong,
    /// Not a catalog.
    #[error("the catalog can't be read")]
    Unreadable,
    /// Encoding it again gives other bytes.
    #[error("the catalog is not in canonical form")]
    NotCanonical,
    /// An entry is out of bounds.
    #[error("{entry} {id}: {fault}")]
    Entry {
        /// Which list: `place`, `session`, …
        entry: &'static str,
        /// The entry's number; 0 for the list or the catalog itself.
        id: u32,
        /// What is wrong.
        fault: EntryFault,
    },
    /// A goal's rule is out of bounds.
    #[error("goal {goal}, rule node {node}: {fault}")]
    Rule {
        /// The goal's number.
        goal: u32,
        /// The path from the root of its rule.
        node: String,
        /// What is wrong.
        fault: RuleFault,
    },
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryFault {
    /// A list with more entries than it may have.
    #[error("a list has at most {CATALOG_ENTRIES_MAX} entries")]
    TooManyEntries,
    /// Ids that are 0, twice there, or not ascending.
    #[error("ids start at 1 and ascend without repetition")]
    IdOrder,
    /// A text or keyword that is too long.
    #[error("a text has at most {TEXT_BYTES_MAX} bytes")]
    TextTooLong,
    /// A name that is not given.
    #[error("a name is needed in at least one language")]
    NoName,
    /// A field that is missing or of a later version.
    #[error("the field {0} is missing or not known")]
    UnknownValue(&'static str),
    /// A field out of its range.
    #[error("the field {0} is out of bounds")]
    OutOfBounds(&'static str),
    /// A number that names nothing in the catalog.
    #[error("the field {0} names nothing in this catalog")]
    UnknownReference(&'static str),
    /// More transitions than a zone may have.
    #[error("a time zone has at most {TRANSITIONS_MAX} transitions")]
    TooManyTransitions,
    /// A badge on a goal that a card can't join.
    #[error("a goal for those who joined has no badge, because a paper card can't join")]
    NotForCards,
}
