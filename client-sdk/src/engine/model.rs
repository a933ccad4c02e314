//! What the rows say, in memory: a function of the rows and of nothing else.
//!
//! [`Model::apply`] is the only way anything changes here, at opening and after each commit alike: what
//! a client knows is what it would know after a restart.

mod archive;
mod index;
mod limits;
mod live;
mod packed;
mod streams;

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use askel_proto::v1;
use askel_sync::{
    id::{LogId, OpId, StepSourceId},
    op::{Measure, Origin, Payload, ProfileField},
    stream::{self, ProfileRegister},
    time::Quarter,
};

use super::row::{
    Attempt, BatchRow, CatalogRow, Enrolment, HeldOp, Installation, LogRow, LogStanding, OwnOp,
    PageStanding, PushRow, Row, SettledRow, Standing, StreamRow, Table, WindowRow, Write,
};
use archive::Archive;
use index::Index;
pub(crate) use limits::{Forms, RequestLimits};
pub(crate) use live::{Live, LiveDraft};
use packed::Packed;

/// All tables.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) installation: Option<Installation>,
    pub(crate) logs: BTreeMap<u32, LogRow>,
    pub(crate) own: BTreeMap<u32, OwnOp>,
    pub(crate) batches: BTreeMap<u32, BatchRow>,
    pub(crate) streams: BTreeMap<u32, StreamRow>,
    pub(crate) window: BTreeMap<u32, WindowRow>,
    pub(crate) settled: BTreeMap<u32, SettledRow>,
    archive: Archive,
    pub(crate) catalog: CatalogRow,
    pub(crate) chunks: BTreeMap<u32, Vec<u8>>,
    pub(crate) attempt: Attempt,
    announced: Option<v1::Limits>,
    pub(crate) push: Option<PushRow>,
    /// The numbers of the rows: what they hold is sealed.
    pub(crate) outbox: BTreeSet<u32>,
    pub(crate) carried: BTreeMap<u32, Vec<u8>>,
    packed: Packed,
    /// Built when it is first asked for: to open and to show what is settled needs none of it.
    index: OnceCell<Index>,
    /// Computed when a page first needs it.
    live: OnceCell<Live>,
}

/// What a register op sets: a later one in the same unsealed slot takes the place of the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Register {
    Steps(StepSourceId, i32, Quarter),
    Alias,
    Picture,
    Language,
}

impl Register {
    pub(crate) fn steps(source: StepSourceId, measure: Measure, bucket: Quarter) -> Self {
        Self::Steps(source, measure as i32, bucket)
    }

    /// The same in a stream.
    pub(crate) fn in_stream(self) -> stream::Register {
        match self {
            Self::Steps(source, measure, bucket) => stream::Register::Steps {
                measure: Measure::try_from(measure).unwrap_or(Measure::Unspecified),
                source,
                bucket,
            },
            Self::Alias => stream::Register::Profile(ProfileRegister::Alias),
            Self::Picture => stream::Register::Profile(ProfileRegister::Picture),
            Self::Language => stream::Register::Profile(ProfileRegister::Language),
        }
    }

    /// The register an op sets; `None` for every op that never changes.
    pub(crate) fn of(payload: &Payload) -> Option<Self> {
        match payload {
            Payload::StepCount(count) => {
                Some(Self::steps(count.source, count.measure, count.bucket))
            }
            Payload::ProfileSet(set) => match set.field {
                ProfileField::Alias(_) => Some(Self::Alias),
                ProfileField::Picture(_) => Some(Self::Picture),
                ProfileField::Language(_) => Some(Self::Language),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Model {
    /// Takes in one committed write.
    pub(crate) fn apply(&mut self, write: Write) {
        match write {
            Write::Put(number, row) => self.put(number, row),
            Write::Delete(table, number) => self.delete(table, number),
        }
    }

    fn put(&mut self, number: u32, row: Row) {
        match row {
            Row::Installation(row) => self.installation = Some(*row),
            Row::Log(row) => {
                self.logs.insert(number, row);
            }
            Row::OwnOp(row) => self.put_own(number, *row),
            Row::AcceptedOps(row) => self.put_packed(number, row.ops),
            Row::Batch(row) => {
                self.batches.insert(number, row);
            }
            Row::Stream(row) => {
                self.streams.insert(number, row);
            }
            Row::Window(row) => {
                // A page that was held before may change its standing.
                if self.window.contains_key(&number) || row.standing != PageStanding::Held {
                    self.live.take();
                }
                if let Some(live) = self.live.get_mut() {
                    live.take(row.stream, &row.ops);
                }
                self.window.insert(number, row);
            }
            // The same ops in another place.
            Row::Settled(row) => {
                self.settled.insert(number, row);
            }
            Row::Catalog(row) => self.catalog = row,
            Row::CatalogChunk(data) => {
                self.chunks.insert(number, data);
            }
            Row::Attempt(row) => self.attempt = row,
            Row::Limits(limits) => self.announced = Some(limits),
            Row::Push(row) => self.push = Some(row),
            Row::Outbox(_) => {
                self.outbox.insert(number);
            }
            Row::Carried(frame) => {
                self.carried.insert(number, frame);
            }
            // These too.
            Row::Archived(row) => self.archive.put(number, row),
            Row::ArchivedDays(row) => {
                self.archive.days.insert(number, row);
            }
        }
    }

    fn delete(&mut self, table: Table, number: u32) {
        match table {
            Table::Installation => self.installation = None,
            Table::Log => {
                self.logs.remove(&number);
            }
            Table::OwnOp => self.forget_own(number),
            Table::AcceptedOps => self.put_packed(number, BTreeMap::new()),
            Table::Batch => {
                self.batches.remove(&number);
            }
            Table::Stream => {
                self.streams.remove(&number);
            }
            Table::Window => {
                self.live.take();
                self.window.remove(&number);
            }
            Table::Settled => {
                self.live.take();
                self.settled.remove(&number);
            }
            Table::Catalog => self.catalog = CatalogRow::default(),
            Table::CatalogChunk => {
                self.chunks.remove(&number);
            }
            Table::Attempt => self.attempt = Attempt::default(),
            Table::Limits => self.announced = None,
            Table::Push => self.push = None,
            Table::Outbox => {
                self.outbox.remove(&number);
            }
            Table::Carried => {
                self.carried.remove(&number);
            }
            Table::Archived => {
                self.live.take();
                self.archive.delete(number);
            }
            Table::ArchivedDays => {
                self.archive.days.remove(&number);
            }
        }
    }

    fn put_own(&mut self, number: u32, own: OwnOp) {
        self.forget_own(number);
        if let Some(index) = self.index.get_mut() {
            index.add(number, &own);
        }
        self.own.insert(number, own);
    }

    fn forget_own(&mut self, number: u32) {
        if let Some(row) = self.own.remove(&number)
            && let Some(index) = self.index.get_mut()
        {
            index.remove(number, &row);
        }
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let mut index = Index::default();
            for (&number, own) in &self.own {
                index.add(number, own);
            }
            index
        })
    }

    pub(crate) fn enrolment(&self) -> Option<&Enrolment> {
        self.installation.as_ref()?.enrolment.as_ref()
    }

    /// The log that new ops go to, with its number.
    pub(crate) fn open_log(&self) -> Option<(u32, &LogRow)> {
        self.logs
            .iter()
            .rev()
            .find(|(_, log)| log.standing == LogStanding::Open)
            .map(|(&number, log)| (number, log))
    }

    pub(crate) fn log(&self, id: LogId) -> Option<(u32, &LogRow)> {
        self.logs
            .iter()
            .find(|(_, log)| log.id == id)
            .map(|(&number, log)| (number, log))
    }

    pub(crate) fn own_op(&self, id: OpId) -> Option<(u32, &OwnOp)> {
        let number = *self.index().own_by_id.get(&id)?;
        Some((number, self.own.get(&number)?))
    }

    /// The own op that was first written somewhere.
    pub(crate) fn own_of_origin(&self, origin: Origin) -> Option<&OwnOp> {
        self.own.get(self.index().own_by_origin.get(&origin)?)
    }

    /// The own ops that a log carries from a sequence on, ascending.
    pub(crate) fn carried_by(&self, log: LogId, from: u64) -> impl Iterator<Item = (u32, &OwnOp)> {
        self.index()
            .own_by_slot
            .range((log, from)..=(log, u64::MAX))
            .filter_map(|(_, &number)| Some((number, self.own.get(&number)?)))
    }

    /// The own op that a log carries at a sequence.
    pub(crate) fn carried_at(&self, log: LogId, sequence: u64) -> Option<(u32, &OwnOp)> {
        let number = *self.index().own_by_slot.get(&(log, sequence))?;
        Some((number, self.own.get(&number)?))
    }

    /// The newest own op of a register.
    pub(crate) fn own_register(&self, register: Register) -> Option<(u32, &OwnOp)> {
        let number = *self.index().own_by_register.get(&register)?;
        Some((number, self.own.get(&number)?))
    }

    /// Whether an own op may still change: it was first written in the open log, and no batch has it.
    pub(crate) fn is_unsealed(&self, own: &OwnOp) -> bool {
        self.open_log().is_some_and(|(_, log)| {
            own.log == log.id
                && (own.sequence >= log.sealed_before || askel_sync::planted!(SealedRewritten))
                && own.op.origin.log == log.id
                && own.op.origin.sequence == own.sequence
        })
    }

    /// Own ops without a final outcome, in the order they were written.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = (u32, &OwnOp)> {
        let row = |number: &u32| Some((*number, self.own.get(number)?));
        self.index().unsettled.iter().filter_map(row)
    }

    pub(crate) fn unsettled_count(&self) -> usize {
        self.index().unsettled.len()
    }

    /// Own ops the server refused.
    pub(crate) fn rejected(&self) -> impl Iterator<Item = &OwnOp> {
        self.index()
            .rejected
            .iter()
            .filter_map(|number| self.own.get(number))
    }

    pub(crate) fn rejected_count(&self) -> usize {
        self.index().rejected.len()
    }

    /// What one request may hold.
    pub(crate) fn limits(&self) -> RequestLimits {
        RequestLimits::of(self.announced.as_ref())
    }

    /// What the server announced last.
    pub(crate) fn announced(&self) -> Option<&v1::Limits> {
        self.announced.as_ref()
    }

    /// How many rows there are.
    pub(crate) fn row_count(&self) -> usize {
        let tables = [
            usize::from(self.installation.is_some()),
            self.logs.len(),
            self.own_rows(),
            self.batches.len(),
            self.streams.len(),
            self.window.len(),
            self.settled.len(),
            self.archive.rows.len(),
            self.archive.days.len(),
            self.chunks.len(),
            self.outbox.len(),
            self.carried.len(),
        ];
        tables.into_iter().fold(0, usize::saturating_add)
    }

    /// The live value of each register of the streams, as the server has them.
    pub(crate) fn live(&self) -> &Live {
        self.live.get_or_init(|| {
            let mut live = Live::default();
            for row in self.settled.values() {
                live.take(row.stream, &row.ops);
            }
            for (stream, held) in self.all_archived_ops() {
                live.take(stream, std::slice::from_ref(held));
            }
            for row in self.window.values() {
                if row.standing == PageStanding::Held {
                    live.take(row.stream, &row.ops);
                }
            }
            live
        })
    }
}
