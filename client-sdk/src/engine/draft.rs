//! A decision in the making: rows numbered and sequences given, nothing changed yet.

use std::collections::BTreeMap;

use askel_sync::{
    admission::ClockReading,
    id::OpId,
    key::KeyPair,
    limits::SEQUENCE_MAX,
    op::{Op, Origin, Payload},
};

use super::{
    model::{Model, RequestLimits},
    row::{BatchRow, Enrolment, LogRow, OwnOp, Row, Standing, Table, Write},
    seal::{self, Cut},
};
use crate::{Cause, Error};

/// Collects the writes of one transaction.
pub(crate) struct Draft<'m> {
    model: &'m Model,
    log: Option<(u32, LogRow)>,
    next: BTreeMap<Table, u32>,
    writes: Vec<Write>,
    /// Whether the open log's row changed: it is written once, at the end.
    log_moved: bool,
}

impl<'m> Draft<'m> {
    pub(crate) fn new(model: &'m Model) -> Self {
        let log = model.open_log().map(|(number, log)| (number, *log));
        Self {
            model,
            log,
            next: BTreeMap::new(),
            writes: Vec::new(),
            log_moved: false,
        }
    }

    /// The writes, in order.
    pub(crate) fn finish(mut self) -> Vec<Write> {
        if let (true, Some((number, log))) = (self.log_moved, self.log) {
            self.put(number, Row::Log(log));
        }
        self.writes
    }

    /// Inserts or replaces a row.
    pub(crate) fn put(&mut self, number: u32, row: Row) {
        self.writes.push(Write::Put(number, row));
    }

    pub(crate) fn delete(&mut self, table: Table, number: u32) {
        self.writes.push(Write::Delete(table, number));
    }

    /// Inserts a row under the next number of its table.
    pub(crate) fn append(&mut self, row: Row) -> Result<u32, Error> {
        let table = row.table();
        let number = match self.next.get(&table) {
            Some(&number) => number,
            None => self.first_free(table)?,
        };
        self.next
            .insert(table, number.checked_add(1).ok_or(NO_NUMBERS)?);
        self.put(number, row);
        Ok(number)
    }

    fn first_free(&self, table: Table) -> Result<u32, Error> {
        fn last<T>(rows: &BTreeMap<u32, T>) -> Option<u32> {
            rows.last_key_value().map(|(&number, _)| number)
        }
        let last = match table {
            Table::Log => last(&self.model.logs),
            Table::OwnOp => last(&self.model.own),
            Table::Batch => last(&self.model.batches),
            Table::Stream => last(&self.model.streams),
            Table::Window => last(&self.model.window),
            Table::Settled => last(&self.model.settled),
            Table::Carried => last(&self.model.carried),
            Table::Archived => self.model.last_archived(),
            Table::AcceptedOps => self.model.last_packed(),
            Table::Installation
            | Table::Catalog
            | Table::CatalogChunk
            | Table::Attempt
            | Table::Limits
            | Table::Push
            | Table::Outbox
            | Table::ArchivedDays => None,
        };
        match last {
            None => Ok(0),
            Some(number) => Ok(number.checked_add(1).ok_or(NO_NUMBERS)?),
        }
    }

    /// Writes a new op at the next sequence of the open log.
    pub(crate) fn write_op(&mut self, payload: &Payload, now: ClockReading) -> Result<OpId, Error> {
        let (_, log) = self.log.as_ref().ok_or(Cause::NotEnrolled)?;
        let origin = Origin {
            log: log.id,
            sequence: log.next_sequence,
        };
        let op = Op::new(origin, payload);
        let own = OwnOp {
            id: op.id(),
            log: origin.log,
            sequence: origin.sequence,
            segment: now.segment,
            written_at: now.wall,
            standing: Standing::Pending,
            op,
        };
        let id = own.id;
        self.append(Row::OwnOp(Box::new(own)))?;
        self.advance_log(|log| {
            log.next_sequence = log.next_sequence.saturating_add(1);
        })?;
        Ok(id)
    }

    /// Puts another payload into the slot of an unsealed register op.
    pub(crate) fn rewrite_op(
        &mut self,
        number: u32,
        held: &OwnOp,
        payload: &Payload,
        now: ClockReading,
    ) -> OpId {
        let op = Op::new(held.op.origin, payload);
        let id = op.id();
        let own = OwnOp {
            id,
            op,
            segment: now.segment,
            written_at: now.wall,
            ..held.clone()
        };
        self.put(number, Row::OwnOp(Box::new(own)));
        id
    }

    /// Carries an op that was offered before at the next sequence of the open log; its origin, and so
    /// its id, stay.
    pub(crate) fn offer_again(&mut self, number: u32, held: &OwnOp) -> Result<(), Error> {
        let (_, log) = self.log.as_ref().ok_or(Cause::NotEnrolled)?;
        let mut own = OwnOp {
            log: log.id,
            sequence: log.next_sequence,
            standing: Standing::Pending,
            ..held.clone()
        };
        if askel_sync::planted!(OfferedAsNew) {
            (own.op.origin.log, own.op.origin.sequence) = (own.log, own.sequence);
            own.id = own.op.id();
        }
        self.put(number, Row::OwnOp(Box::new(own)));
        self.advance_log(|log| {
            log.next_sequence = log.next_sequence.saturating_add(1);
        })
    }

    /// Makes a log the open one.
    pub(crate) fn open_log(&mut self, log: LogRow) -> Result<(), Error> {
        let number = self.append(Row::Log(log))?;
        self.log = Some((number, log));
        Ok(())
    }

    /// Seals every op of the open log that no batch has yet, as the model holds them: to be called before
    /// anything is written in this draft.
    pub(crate) fn seal(&mut self, enrolment: &Enrolment, key: &KeyPair) -> Result<(), Error> {
        let Some((_, log)) = self.log else {
            return Ok(());
        };
        let limits = self.model.limits();
        self.cut_again(enrolment, key, &limits)?;
        let mut last = None;
        let unsealed = self
            .model
            .carried_by(log.id, log.sealed_before)
            .map(|(_, own)| own);
        for cut in seal::batches(unsealed, &limits) {
            last = Some((cut.next_sequence, cut.last_op));
            self.append_batch(&cut, enrolment, key)?;
        }
        match last {
            None => Ok(()),
            Some((next_sequence, op)) => self.advance_log(|log| {
                log.sealed_before = next_sequence;
                log.last_sealed = Some(op);
            }),
        }
    }

    /// Cuts batches into smaller ones where the server has lowered its limits since they were sealed: the
    /// ops stay what they are.
    fn cut_again(
        &mut self,
        enrolment: &Enrolment,
        key: &KeyPair,
        limits: &RequestLimits,
    ) -> Result<(), Error> {
        for (&number, batch) in &self.model.batches {
            let ops = batch.next_sequence.saturating_sub(batch.first_sequence);
            let too_many = usize::try_from(ops).map_or(true, |ops| ops > limits.ops_per_batch);
            if ops < 2 || !(too_many || batch.sealed.batch.len() > limits.batch_bytes) {
                continue;
            }
            let ops = self
                .model
                .carried_by(batch.log, batch.first_sequence)
                .map(|(_, own)| own)
                .take_while(|own| own.sequence < batch.next_sequence);
            self.delete(Table::Batch, number);
            for cut in seal::batches(ops, limits) {
                self.append_batch(&cut, enrolment, key)?;
            }
        }
        Ok(())
    }

    fn append_batch(
        &mut self,
        cut: &Cut<'_>,
        enrolment: &Enrolment,
        key: &KeyPair,
    ) -> Result<(), Error> {
        let row = BatchRow {
            log: cut.log,
            first_sequence: cut.first_sequence,
            next_sequence: cut.next_sequence,
            sealed: cut.seal(enrolment, key),
        };
        self.append(Row::Batch(row)).map(drop)
    }

    /// Changes the open log's row.
    pub(crate) fn advance_log(&mut self, change: impl FnOnce(&mut LogRow)) -> Result<(), Error> {
        let (_, log) = self.log.as_mut().ok_or(Cause::NotEnrolled)?;
        change(log);
        self.log_moved = true;
        if log.next_sequence >= SEQUENCE_MAX {
            return Err(Cause::Invariant("a log is full").into());
        }
        Ok(())
    }
}

const NO_NUMBERS: Cause = Cause::Invariant("a table is full");
