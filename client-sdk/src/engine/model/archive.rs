//! Archived steps: kept as they lie on the disk until someone needs the ops themselves.

use std::{cell::OnceCell, collections::BTreeMap};

use askel_sync::id::TenantId;

use super::{HeldOp, Model};
use crate::engine::{
    pack,
    row::{ArchivedDaysRow, ArchivedRow, MalformedRow},
};

/// The archive of all streams.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    pub(super) rows: BTreeMap<u32, ArchivedRow>,
    /// By the number of the stream's row.
    pub(super) days: BTreeMap<u32, ArchivedDaysRow>,
    /// The ops of each row, once they were needed. `Err` when they can't be read.
    ops: OnceCell<Result<BTreeMap<u32, Vec<HeldOp>>, MalformedRow>>,
}

impl Archive {
    pub(super) fn put(&mut self, number: u32, row: ArchivedRow) {
        self.ops.take();
        self.rows.insert(number, row);
    }

    pub(super) fn delete(&mut self, number: u32) {
        self.ops.take();
        self.rows.remove(&number);
    }

    fn of_stream(&self, stream: u32) -> impl Iterator<Item = u32> {
        let rows = self.rows.iter();
        rows.filter_map(move |(&number, row)| (row.stream == stream).then_some(number))
    }

    fn read(&self, tenant: Option<TenantId>) -> Result<&BTreeMap<u32, Vec<HeldOp>>, MalformedRow> {
        let read = || {
            if self.rows.is_empty() {
                return Ok(BTreeMap::new());
            }
            pack::archived_ops(tenant.ok_or(MalformedRow)?, &self.rows)
        };
        self.ops.get_or_init(read).as_ref().map_err(|error| *error)
    }
}

impl Model {
    /// The archived rows of a stream with their ops, in the order of the chain.
    ///
    /// At opening only their encoding and their count were looked at. This database's own key has
    /// vouched for their bytes and this program wrote them, so a frame that can't be read is a mistake
    /// of the program or of memory. Then nothing is lost and nothing stops: the rows stay where they
    /// are, days before are left out where their totals can't stand for them, and the next page begins
    /// the stream anew, as after a wrong sum ([`Self::archive_is_unreadable`]).
    pub(crate) fn archived(&self, stream: u32) -> impl Iterator<Item = (u32, &[HeldOp])> {
        let ops = self.read_archive().ok();
        self.archive.of_stream(stream).filter_map(move |number| {
            let ops = ops?.get(&number)?;
            Some((number, ops.as_slice()))
        })
    }

    /// The archived ops of a stream.
    pub(crate) fn archived_ops(&self, stream: u32) -> impl Iterator<Item = &HeldOp> {
        self.archived(stream).flat_map(|(_, ops)| ops)
    }

    /// The archived ops of all streams, each with the number of its stream's row.
    pub(crate) fn all_archived_ops(&self) -> impl Iterator<Item = (u32, &HeldOp)> {
        let streams = self.archive.days.keys();
        streams.flat_map(|&stream| self.archived_ops(stream).map(move |held| (stream, held)))
    }

    /// Whether there are archived rows whose ops can't be had.
    pub(crate) fn archive_is_unreadable(&self) -> bool {
        self.read_archive().is_err()
    }

    /// The numbers of the archived rows of a stream.
    pub(crate) fn archived_numbers(&self, stream: u32) -> impl Iterator<Item = u32> {
        self.archive.of_stream(stream)
    }

    /// What the archived steps of a stream come to.
    pub(crate) fn archived_days(&self, stream: u32) -> Option<&ArchivedDaysRow> {
        self.archive.days.get(&stream)
    }

    /// The archived rows, for what is said of all rows.
    pub(crate) fn archived_rows(
        &self,
    ) -> (
        impl Iterator<Item = &ArchivedRow>,
        impl Iterator<Item = &ArchivedDaysRow>,
    ) {
        (self.archive.rows.values(), self.archive.days.values())
    }

    /// The last number of an archived row.
    pub(crate) fn last_archived(&self) -> Option<u32> {
        self.archive
            .rows
            .last_key_value()
            .map(|(&number, _)| number)
    }

    /// Whether all archived rows are there that the totals speak of, and totals of all that are.
    pub(crate) fn archive_is_whole(&self) -> bool {
        let mut rows: BTreeMap<u32, u32> = BTreeMap::new();
        for row in self.archive.rows.values() {
            let count = rows.entry(row.stream).or_default();
            *count = count.saturating_add(1);
        }
        let told = self.archive.days.iter();
        rows.into_iter()
            .eq(told.map(|(&stream, row)| (stream, row.rows)))
    }

    fn read_archive(&self) -> Result<&BTreeMap<u32, Vec<HeldOp>>, MalformedRow> {
        self.archive.read(self.enrolment().map(|one| one.tenant))
    }
}
