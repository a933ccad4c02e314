//! The targets, a subject a file.

#[cfg(feature = "parties")]
mod age;
mod batch;
mod catalog;
#[cfg(feature = "parties")]
mod database;
#[cfg(feature = "parties")]
mod file;
mod frame;
#[cfg(feature = "parties")]
mod journal;
mod key;
mod op;
mod page;
#[cfg(feature = "parties")]
mod phone;
#[cfg(feature = "parties")]
mod refusal;
#[cfg(feature = "parties")]
mod server;
#[cfg(feature = "parties")]
mod steps;
mod text;

use crate::Target;

/// All of them. Their names are those of the corpus's folders.
pub(crate) const ALL: &[Target] = &[
    batch::BATCH,
    op::OP,
    page::PAGE,
    catalog::CATALOG,
    key::KEY_LIST,
    key::CERTIFICATE,
    key::CREDENTIAL,
    text::PASS_TEXT,
    text::LINK,
    frame::FRAME,
    frame::COMPACT_BATCH,
    frame::LIFEBOAT,
    #[cfg(feature = "parties")]
    journal::JOURNAL,
    #[cfg(feature = "parties")]
    server::SERVER,
    #[cfg(feature = "parties")]
    phone::PHONE,
    #[cfg(feature = "parties")]
    database::DATABASE,
    #[cfg(feature = "parties")]
    database::CARRIED_FILE,
    #[cfg(feature = "parties")]
    file::JOURNAL_FILE,
    #[cfg(feature = "parties")]
    file::SETTINGS,
    #[cfg(feature = "parties")]
    file::KEY_FILE,
    #[cfg(feature = "parties")]
    age::AGE_FILE,
    #[cfg(feature = "parties")]
    age::AGE_KEYS,
    #[cfg(feature = "parties")]
    refusal::REFUSAL,
    #[cfg(feature = "parties")]
    steps::STEPS_FILE,
];
