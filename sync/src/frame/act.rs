//! The op in hand: what is known of it while its payload is coded.

use super::{odds::Number, season::Grounds, steps::Reading, wire::Wire};
use crate::id::{ParticipantId, TenantId};

/// What is known of an op while its payload is coded.
#[derive(Debug, Clone)]
pub(super) struct Act {
    /// The tenant.
    pub(super) tenant: TenantId,
    /// Near when it happened, in milliseconds.
    pub(super) near: i64,
    /// Whether it is the first op of its batch.
    pub(super) is_first: bool,
    /// Whom it is about.
    pub(super) subject: Option<ParticipantId>,
    /// When it happened, by its writer, once that is known.
    pub(super) claimed: Option<i64>,
    /// Its place or goal, once that is known.
    pub(super) about: Option<u64>,
    /// When the next count may be expected, after a count.
    pub(super) due: Option<i64>,
    /// Which of its kind's shapes it has.
    pub(super) shape: usize,
    /// Bytes that may still be read.
    pub(super) budget: usize,
    /// Whether more bytes were asked for.
    pub(super) is_over: bool,
    /// The counting device.
    pub(super) source: [u8; 16],
    /// What it counts.
    pub(super) measure: u64,
    /// Which count it is.
    pub(super) reading: Option<Reading>,
    /// Which version of it.
    pub(super) revision: u64,
    /// The count.
    pub(super) count: u64,
    /// Which stage of its goal.
    pub(super) stage: u64,
}

impl Act {
    pub(super) const fn new(tenant: TenantId, near: i64, is_first: bool, budget: usize) -> Self {
        Self {
            tenant,
            near,
            is_first,
            subject: None,
            claimed: None,
            about: None,
            due: None,
            shape: 0,
            budget,
            is_over: false,
            source: [0; 16],
            measure: 0,
            reading: None,
            revision: 0,
            count: 0,
            stage: 0,
        }
    }

    /// What an award's id is computed from, if all of it is known.
    pub(super) fn grounds(&self) -> Option<Grounds> {
        Some(Grounds {
            tenant: self.tenant,
            goal: u32::try_from(self.about?).ok()?,
            stage: u32::try_from(self.stage).ok()?,
            subject: self.subject?,
            at: self.claimed?,
        })
    }

    /// Takes bytes off the budget, if there are so many.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        match self.budget.checked_sub(bytes) {
            Some(budget) => self.budget = budget,
            None => self.is_over = true,
        }
        !self.is_over
    }

    /// A length, and its bytes off the budget; 0 when there are not so many.
    pub(super) fn length<W: Wire>(
        &mut self,
        wire: &mut W,
        odds: &mut Number,
        length: usize,
    ) -> usize {
        let length = odds.code(wire, u64::try_from(length).unwrap_or(u64::MAX));
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if self.take(length) { length } else { 0 }
    }
}

/// Bytes on their way: from a payload that is written, or to one that is read.
#[derive(Debug)]
pub(super) struct Load<'a> {
    /// What is written; empty when it is read.
    pub(super) given: &'a [u8],
    /// Where the bytes are gathered.
    pub(super) out: &'a mut Vec<u8>,
}
