//! The targets, a subject a file.

mod batch;
mod catalog;
mod key;
mod op;
mod page;
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
];
