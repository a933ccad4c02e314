//! Odds to begin with: those of a made-up month, of which only the odds are kept.
//!
//! The month is generated here, from numbers, and is nobody's. It belongs to the encoding: another month
//! would be another encoding.

use std::sync::OnceLock;

use super::{
    row::{Row, Rows},
    wire::Learner,
};
use crate::{
    admission::{Admission, Flags, Role, Strength},
    award::award_id,
    id::{GoalId, LogId, OpId, ParticipantId, PassTag, PlaceId, SlotId, StepSourceId, TenantId},
    op::{
        Alias, AwardConfirmed, CheckIn, FavouriteAdded, FavouriteRemoved, Manner, Measure, Op,
        OpKind, Origin, Payload, ProfileField, ProfileSet, QuestJoined, SessionRef, StepCount,
        Witness,
    },
    time::{DAY_MS, HOUR_MS, Quarter, Timestamp},
};

/// Rows that hold nothing, with the odds of the month.
pub(super) fn rows() -> Rows {
    static ROWS: OnceLock<Rows> = OnceLock::new();
    ROWS.get_or_init(|| {
        let mut month = Month::new();
        for day in 0..DAYS {
            month.day(day);
        }
        let mut rows = month.rows;
        rows.forget();
        rows
    })
    .clone()
}

/// Days of the month.
const DAYS: u32 = 20;
/// When it begins: the first of January 2024.
const START_MS: i64 = 1_704_067_200_000;
/// Whose it would be.
const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const SUBJECT: ParticipantId = ParticipantId::from_bytes([2; 16]);
const PASS: PassTag = PassTag::from_bytes([3; 16]);

/// Who writes.
#[derive(Debug, Clone, Copy)]
enum Writer {
    Phone,
    OldPhone,
    Scanner,
    Server,
}

struct Month {
    rows: Rows,
    dice: u64,
    next: [u64; 4],
    revisions: [u32; 3],
}

impl Month {
    const fn new() -> Self {
        Self {
            rows: Rows::NEW,
            dice: 1,
            next: [0; 4],
            revisions: [0; 3],
        }
    }

    /// A number below a bound, by a linear congruence.
    fn below(&mut self, bound: u32) -> u32 {
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let high = u32::try_from(self.dice >> 33).unwrap_or(0);
        high.checked_rem(bound).unwrap_or(0)
    }

    /// An instant of a day between two hours.
    fn at(&mut self, day: u32, from: i64, to: i64) -> i64 {
        let span = to.saturating_sub(from).saturating_mul(HOUR_MS);
        let span = u32::try_from(span).unwrap_or(u32::MAX);
        i64::from(day)
            .saturating_mul(DAY_MS)
            .saturating_add(START_MS)
            .saturating_add(from.saturating_mul(HOUR_MS))
            .saturating_add(i64::from(self.below(span)))
    }

    fn day(&mut self, day: u32) {
        let evening = self.at(day, 18, 22);
        let check_in = self.visits(day, evening);
        if day % 7 == 5 {
            self.award(day, evening);
        }
        let night = self.at(day, 22, 24);
        self.choices(day, night);
        let counts = self.counts(day, night);
        if day % 7 == 5 {
            self.note(check_in, night);
        }
        for (hour, count) in (6..14).zip(counts) {
            let share = self.below(90).saturating_add(10);
            let count = count.saturating_mul(share) / 100;
            self.count(Writer::OldPhone, day, (hour, count.max(1)), night);
        }
    }

    fn visits(&mut self, day: u32, received: i64) -> OpId {
        let mut id = OpId::from_bytes([0; 16]);
        for from in [9, 14] {
            let witness = match self.below(3) {
                0 => Witness::SelfReport,
                _ => Witness::PassScan(PASS),
            };
            let at = self.at(day, from, 18);
            let check_in = CheckIn {
                place: PlaceId::new(self.below(40).saturating_add(1)),
                occurred_at: Timestamp::from_ms(at),
                session: SessionRef::Slot(SlotId::new(self.below(4))),
                manner: Manner::OnSite,
                catalog_version: 1,
                witness,
            };
            let payload = Payload::CheckIn(check_in);
            id = self.write(Writer::Scanner, at, received, &payload);
        }
        id
    }

    fn award(&mut self, day: u32, received: i64) {
        let at = received.saturating_add(i64::from(self.below(200)));
        let (goal, stage) = (GoalId::new(3), day / 7);
        let award = AwardConfirmed {
            award: award_id(TENANT, goal, stage, SUBJECT, None),
            goal,
            stage,
            rule_version: 1,
            catalog_hash: vec![7; 32],
            occurred_at: Timestamp::from_ms(at),
        };
        self.write(Writer::Server, at, at, &Payload::AwardConfirmed(award));
    }

    fn choices(&mut self, day: u32, received: i64) {
        let at = self.at(day, 6, 20);
        let occurred_at = Timestamp::from_ms(at);
        let which = usize::try_from(self.below(3)).unwrap_or(0);
        let field = match which {
            0 => ProfileField::Picture(self.below(24)),
            1 => ProfileField::Language("fi".to_owned()),
            _ => ProfileField::Alias(Alias {
                word: self.below(40),
                number: self.below(99),
            }),
        };
        let place = PlaceId::new(self.below(40).saturating_add(1));
        let payload = match day % 4 {
            0 => {
                let revision = self.revisions.get_mut(which).map_or(1, |revision| {
                    *revision = revision.saturating_add(1);
                    *revision
                });
                Payload::ProfileSet(ProfileSet {
                    occurred_at,
                    field,
                    revision,
                })
            }
            1 => Payload::QuestJoined(QuestJoined {
                goal: GoalId::new(self.below(20)),
                occurred_at,
            }),
            _ => Payload::FavouriteAdded(FavouriteAdded { place, occurred_at }),
        };
        let id = self.write(Writer::Phone, at, received, &payload);
        if day % 4 == 3 {
            let removed = FavouriteRemoved {
                place,
                occurred_at: occurred_at.saturating_add_ms(HOUR_MS),
                added: vec![id],
            };
            let payload = Payload::FavouriteRemoved(removed);
            self.write(Writer::Phone, at, received, &payload);
        }
    }

    /// The phone's hours, of which the first was sent before it was over.
    fn counts(&mut self, day: u32, received: i64) -> Vec<u32> {
        let hours: Vec<u32> = (6..22)
            .map(|hour| {
                let shift = self.below(5).saturating_add(self.below(4));
                let low = self.below(16).saturating_add(4);
                let count = low.checked_shl(shift).unwrap_or(0).max(1);
                let count = count.saturating_add(self.below(count));
                self.count(Writer::Phone, day, (hour, count), received);
                count
            })
            .collect();
        hours
    }

    fn count(&mut self, writer: Writer, day: u32, (hour, count): (i64, u32), received: i64) {
        let begins = i64::from(day)
            .saturating_mul(DAY_MS)
            .saturating_add(START_MS)
            .saturating_add(hour.saturating_mul(HOUR_MS));
        let source = match writer {
            Writer::Phone => [4; 16],
            _ => [5; 16],
        };
        let Some(bucket) = Quarter::containing(Timestamp::from_ms(begins)) else {
            return;
        };
        let step = StepCount {
            source: StepSourceId::from_bytes(source),
            bucket,
            count,
            revision: 1,
            measure: Measure::Steps,
        };
        self.write(writer, begins, received, &Payload::StepCount(step));
    }

    fn note(&mut self, check_in: OpId, received: i64) {
        let mut payload = vec![0x0a, 16];
        payload.extend(check_in.as_bytes());
        payload.extend([0x12, u8::try_from(NOTE.len()).unwrap_or(0)]);
        payload.extend(NOTE);
        let kind = OpKind::Evidence as u32;
        self.raw(Writer::Phone, (received, received), kind, payload);
    }

    fn write(&mut self, writer: Writer, at: i64, received: i64, payload: &Payload) -> OpId {
        let kind = payload.kind() as u32;
        self.raw(writer, (at, received), kind, payload.encode())
    }

    fn raw(
        &mut self,
        writer: Writer,
        (at, received): (i64, i64),
        kind: u32,
        payload: Vec<u8>,
    ) -> OpId {
        let index = writer as usize;
        let mut sequence = 0;
        if let Some(next) = self.next.get_mut(index) {
            sequence = *next;
            *next = sequence.saturating_add(1);
        }
        let log = u8::try_from(index).unwrap_or(0);
        let op = Op {
            kind,
            payload: payload.into(),
            origin: Origin {
                log: LogId::from_bytes([log; 16]),
                sequence,
            },
        };
        let (strength, author_role) = match writer {
            Writer::Phone | Writer::OldPhone => (Strength::Unspecified, Role::Participant),
            Writer::Scanner => (Strength::Card, Role::Staff),
            Writer::Server => (Strength::Unspecified, Role::Server),
        };
        let admission = Admission {
            corrected_at: Timestamp::from_ms(at.min(received)),
            received_at: Timestamp::from_ms(received),
            subject: Some(SUBJECT),
            strength,
            flags: Flags::default(),
            author_role,
        };
        let row = Row {
            op: &op,
            admission: Some(&admission),
            is_own: false,
        };
        self.rows.put(&mut Learner, TENANT, row);
        op.id()
    }
}

/// What people might write, in several languages.
const NOTE: &[u8] =
    b"kiva paikka, olen mukana taas huomenna. Det var bra och trevligt! A nice place";
