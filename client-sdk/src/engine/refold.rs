//! What a commit makes stale of the folds, and folding it anew.

use std::sync::Arc;

use super::{
    CatalogHeld, Engine, Row, Write, catalog,
    row::{OwnOp, Standing, Table},
    view::{Refold, View},
};

impl Engine {
    /// Has the folds follow a commit.
    pub(super) fn follow(&mut self, refold: Refold, new_own: &[u32], new_pages: &[u32]) {
        match refold {
            Refold::All => self.refold_all(),
            Refold::Own => {
                for number in new_pages {
                    if let Some(page) = self.model.window.get(number) {
                        self.view.take_page(&self.model, page);
                    }
                }
                self.view.refold_own(&self.model, self.lease.as_ref());
            }
            Refold::Nothing if new_own.is_empty() => {}
            Refold::Nothing => {
                let own = new_own
                    .iter()
                    .filter_map(|number| self.model.own.get(number));
                self.view
                    .take_own_ops(&self.model, self.lease.as_ref(), own);
            }
        }
        if self.view.reaches_archive() {
            self.refold_all();
        }
    }

    /// How much a write makes stale, by the model before it.
    pub(super) fn refold_for(&self, write: &Write) -> Refold {
        match write {
            Write::Put(number, Row::OwnOp(own)) => match self.model.own.get(number) {
                None => Refold::Nothing,
                Some(held) if held.id == own.id && counts(held) == counts(own) => Refold::Nothing,
                Some(_) => Refold::Own,
            },
            Write::Put(number, Row::Stream(row)) => match self.model.streams.get(number) {
                Some(held) if held.selector == row.selector => Refold::Nothing,
                _ => Refold::Own,
            },
            Write::Put(_, Row::Catalog(row)) if row.current == self.model.catalog.current => {
                Refold::Nothing
            }
            // By the server's clock own ops are judged, and by what is known of it in each boot.
            Write::Put(_, Row::Attempt(row))
                if row.server_offset_ms != self.model.attempt.server_offset_ms
                    || row.boots != self.model.attempt.boots =>
            {
                Refold::Own
            }
            Write::Put(_, Row::Window(_)) | Write::Delete(Table::OwnOp, _) => Refold::Own,
            Write::Put(_, Row::Installation(_) | Row::Catalog(_))
            | Write::Delete(Table::Stream | Table::Window | Table::Settled | Table::Archived, _) => {
                Refold::All
            }
            Write::Put(..) | Write::Delete(..) => Refold::Nothing,
        }
    }

    pub(super) fn refold_all(&mut self) {
        let (catalog, held) = match catalog::held(&self.model) {
            Some(catalog) if *self.view.catalog.hash() == catalog.hash => {
                (Arc::clone(&self.view.catalog), CatalogHeld::Published)
            }
            Some(catalog) => match catalog.parse() {
                Ok(parsed) => (Arc::new(parsed), CatalogHeld::Published),
                // It was parsed before it was kept.
                Err(_) => (Arc::clone(&self.view.catalog), self.catalog_held),
            },
            None => (Arc::clone(&self.view.catalog), CatalogHeld::Blank),
        };
        self.catalog_held = held;
        self.view = View::new(&self.model, catalog, self.lease.as_ref());
    }
}

fn counts(own: &OwnOp) -> bool {
    !matches!(own.standing, Standing::Rejected { .. })
}

/// The own ops that come to lie in a row that they share.
pub(super) fn packed(write: &Write) -> impl Iterator<Item = u32> {
    let row = match write {
        Write::Put(_, Row::AcceptedOps(row)) => Some(row),
        _ => None,
    };
    row.into_iter().flat_map(|row| row.ops.keys().copied())
}
