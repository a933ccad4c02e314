//! Own ops that share a row: where each of them lies.

use std::collections::{BTreeMap, BTreeSet};

use super::{Model, OwnOp, Row, Standing, Table, Write};
use crate::engine::row::AcceptedOpsRow;

/// The rows of accepted ops.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    /// The ops of each row.
    rows: BTreeMap<u32, BTreeSet<u32>>,
    row_of: BTreeMap<u32, u32>,
}

impl Model {
    /// A row of accepted ops, which replaces the one that had its number; without ops it is gone.
    pub(super) fn put_packed(&mut self, row: u32, ops: BTreeMap<u32, OwnOp>) {
        for number in self.packed.rows.remove(&row).unwrap_or_default() {
            self.packed.row_of.remove(&number);
            if !ops.contains_key(&number) {
                self.forget_own(number);
            }
        }
        if ops.is_empty() {
            return;
        }
        let numbers = ops.keys().copied().collect();
        self.packed.rows.insert(row, numbers);
        for (number, own) in ops {
            self.packed.row_of.insert(number, row);
            self.put_own(number, own);
        }
    }

    /// The last number of a row of accepted ops.
    pub(crate) fn last_packed(&self) -> Option<u32> {
        let last = self.packed.rows.last_key_value();
        last.map(|(&number, _)| number)
    }

    /// How many rows the own ops lie in.
    pub(super) fn own_rows(&self) -> usize {
        let alone = self.own.len().saturating_sub(self.packed.row_of.len());
        alone.saturating_add(self.packed.rows.len())
    }

    /// Accepted own ops that have a row of their own.
    pub(crate) fn accepted_alone(&self) -> impl Iterator<Item = (u32, &OwnOp)> {
        let is_alone = |(number, own): &(&u32, &OwnOp)| {
            matches!(own.standing, Standing::Accepted { .. })
                && !self.packed.row_of.contains_key(number)
        };
        let own = self.own.iter().filter(is_alone);
        own.map(|(&number, own)| (number, own))
    }

    /// What has to be written beside, so that no own op that the writes touch stays in a row of many.
    pub(crate) fn unpacked(&self, writes: &[Write]) -> Vec<Write> {
        let mut leave: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for write in writes {
            if let Write::Put(number, Row::OwnOp(_)) | Write::Delete(Table::OwnOp, number) = write
                && let Some(&row) = self.packed.row_of.get(number)
            {
                leave.entry(row).or_default().insert(*number);
            }
        }
        let without = |(row, leave): (u32, BTreeSet<u32>)| {
            let held = self.packed.rows.get(&row).into_iter().flatten();
            let stay = held.filter(|number| !leave.contains(number));
            let ops: BTreeMap<u32, OwnOp> = stay
                .filter_map(|number| Some((*number, self.own.get(number)?.clone())))
                .collect();
            match ops.values().next().map(|own| own.log) {
                Some(log) => Write::Put(row, Row::AcceptedOps(AcceptedOpsRow { log, ops })),
                None => Write::Delete(Table::AcceptedOps, row),
            }
        };
        leave.into_iter().map(without).collect()
    }
}
