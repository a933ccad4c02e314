//! Where ops were first written: the same log as the op before, at the next place, mostly.

use super::{
    cite::handle,
    odds::{Bit, Choice, Distance},
    wire::{Learner, Wire},
};
use crate::{id::LogId, op::Origin};

/// The logs, and the odds of which one is next.
#[derive(Debug, Clone)]
pub(super) struct Origins {
    logs: Vec<Log>,
    choice: Choice<[u8; 16]>,
    is_same_log: [Bit; 32],
    /// The last two answers.
    history: usize,
    is_next: [Bit; 2],
    sequence: Distance,
    current: usize,
    /// Whether the op in hand is of the same log as the one before.
    pub(super) is_same: bool,
}

/// What is known of a log.
#[derive(Debug, Clone)]
pub(super) struct Log {
    id: [u8; 16],
    next: u64,
    /// The kind of its last op, 0 before any.
    pub(super) kind: u32,
    /// When its last op happened, by its writer.
    pub(super) claimed: Option<i64>,
    /// By how much that was corrected.
    pub(super) shift: i64,
    /// Its counting device.
    pub(super) source: [u8; 16],
    /// When its next count may be expected.
    pub(super) due: Option<i64>,
    /// Whom its last op was about.
    pub(super) subject: Subject,
    /// How it was judged.
    pub(super) verdict: Verdict,
}

/// Whom an op is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Subject {
    /// Not known yet.
    #[default]
    Unknown,
    /// Nobody.
    Nobody,
    /// This participant.
    Participant([u8; 16]),
}

/// Strength, flags and role, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Verdict(pub(super) [u64; 3]);

/// Logs kept in mind; the next one makes a new beginning.
const LOGS_MAX: usize = 512;

impl Origins {
    pub(super) const NEW: Self = Self {
        logs: Vec::new(),
        choice: Choice::NEW,
        is_same_log: [Bit::NEW; 32],
        history: 0,
        is_next: [Bit::NEW; 2],
        sequence: Distance::NEW,
        current: 0,
        is_same: false,
    };

    /// Forgets the logs and keeps the odds.
    pub(super) fn forget(&mut self) {
        self.logs.clear();
        self.choice.forget();
        self.current = 0;
        self.history = 0;
    }

    /// The log of the op in hand.
    pub(super) fn log(&mut self) -> Option<&mut Log> {
        self.logs.get_mut(self.current)
    }

    /// The next op is here.
    pub(super) fn expect(&mut self, origin: Origin) {
        let id = *origin.log.as_bytes();
        self.choice.code(&mut Learner, id, handle);
        self.turn_to(id);
        if let Some(log) = self.log() {
            log.next = origin.sequence;
        }
    }

    /// Which log, and where in it. The op before was received at `received`.
    pub(super) fn code<W: Wire>(&mut self, wire: &mut W, received: i64, origin: Origin) -> Origin {
        let mut id = *origin.log.as_bytes();
        self.is_same = false;
        if let Some(before) = self.logs.get(self.current)
            && let context = before.outlook(received) << 3 | before.class() << 2
            && let Some(odds) = self.is_same_log.get_mut(context | self.history & 3)
        {
            self.is_same = odds.code(wire, before.id == id);
            self.history = self.history << 1 | usize::from(self.is_same);
            if self.is_same {
                id = before.id;
            }
        }
        if !self.is_same {
            id = self.choice.code(wire, id, handle);
            self.turn_to(id);
        }
        Origin {
            log: LogId::from_bytes(id),
            sequence: self.sequence(wire, origin.sequence),
        }
    }

    fn sequence<W: Wire>(&mut self, wire: &mut W, sequence: u64) -> u64 {
        let Some(log) = self.logs.get_mut(self.current) else {
            return sequence;
        };
        let is_known = usize::from(log.kind != 0);
        let odds = self.is_next.get_mut(is_known);
        let sequence = if odds.is_some_and(|odds| odds.code(wire, sequence == log.next)) {
            log.next
        } else {
            let [from, to] = [log.next, sequence].map(u64::cast_signed);
            self.sequence.code(wire, from, to).cast_unsigned()
        };
        log.next = sequence.wrapping_add(1);
        sequence
    }

    fn turn_to(&mut self, id: [u8; 16]) {
        if let Some(index) = self.logs.iter().position(|log| log.id == id) {
            self.current = index;
            return;
        }
        if self.logs.len() >= LOGS_MAX {
            self.logs.clear();
        }
        self.current = self.logs.len();
        self.logs.push(Log {
            id,
            next: 0,
            kind: 0,
            claimed: None,
            shift: 0,
            source: [0; 16],
            due: None,
            subject: Subject::Unknown,
            verdict: Verdict::default(),
        });
    }
}

impl Log {
    /// Whether more counts were written before an op was received: 0 when it never counted, 1 when more
    /// are due, 2 when none are.
    pub(super) fn outlook(&self, received: i64) -> usize {
        self.due
            .map_or(0, |due| 1_usize.saturating_add(usize::from(due > received)))
    }

    /// Whose log it looks like: 1 for the server's.
    fn class(&self) -> usize {
        usize::from(self.kind >= SERVER_KINDS)
    }
}

/// Kinds from here on are mostly the server's own.
pub(super) const SERVER_KINDS: u32 = 30;
