//! The values of a payload's fields, each by what its role says.

use super::{
    act::{Act, Load},
    cite::Citable,
    odds::{Bit, Choice, Distance, Number},
    schema::{Path, Role},
    season::Seasons,
    shape::{Form, Step, Value, bytes},
    steps::Counts,
    text::Text,
    wire::Wire,
};
use crate::time::{HOUR_MS, MINUTE_MS, QUARTER_MS};

/// The odds and memories of all fields.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    /// One for each field of each kind.
    pub(super) known: Vec<Field>,
    places: Choice<u64>,
    goals: Choice<u64>,
    slots: Vec<(u64, u64)>,
    /// Counting devices.
    pub(super) sources: Choice<[u8; 16]>,
    /// All other handles.
    pub(super) handles: Choice<[u8; 16]>,
    /// Which awards are whose.
    pub(super) seasons: Seasons,
    grain: Tree4,
    times: [[Distance; 4]; 2],
    counts: Counts,
    /// Bytes by those before.
    pub(super) text: Text,
    /// The ops that others cite.
    pub(super) citable: Citable,
}

type Tree4 = super::odds::Tree<4>;

/// Fields with odds of their own; all further ones share.
const FIELDS_MAX: usize = 256;
/// Places whose slot is kept in mind.
const SLOTS_MAX: usize = 512;
/// Milliseconds that times are whole multiples of.
const GRAINS: [i64; 4] = [1, 1_000, MINUTE_MS, HOUR_MS];

/// One field of one kind.
#[derive(Debug, Clone)]
pub(super) struct Field {
    kind: u32,
    path: Path,
    last: u64,
    lasts: [u64; 8],
    /// What it was last time, for bytes.
    pub(super) bytes: Vec<u8>,
    /// Whether it is that again.
    pub(super) is_same: Bit,
    /// Whether it is as long as was to be expected.
    pub(super) is_as_long: Bit,
    /// Anything else: the number, or the length.
    pub(super) number: Number,
    distance: Distance,
    choice: Choice<u64>,
    /// Texts seen before.
    pub(super) words: Choice<Vec<u8>>,
}

impl Fields {
    pub(super) const NEW: Self = Self {
        known: Vec::new(),
        places: Choice::NEW,
        goals: Choice::NEW,
        slots: Vec::new(),
        sources: Choice::NEW,
        handles: Choice::NEW,
        seasons: Seasons::NEW,
        grain: Tree4::NEW,
        times: [const { [const { Distance::NEW }; 4] }; 2],
        counts: Counts::NEW,
        text: Text::NEW,
        citable: Citable::NEW,
    };

    /// Forgets all values and keeps the odds.
    pub(super) fn forget(&mut self) {
        for field in &mut self.known {
            field.last = 0;
            field.lasts = [0; 8];
            field.bytes.clear();
            field.choice.forget();
            field.words.forget();
        }
        self.places.forget();
        self.goals.forget();
        self.slots.clear();
        self.sources.forget();
        self.handles.forget();
        self.seasons.forget();
        self.counts.forget();
        self.citable.forget();
    }

    /// Which odds a field has.
    pub(super) fn index(&mut self, kind: u32, path: Path) -> usize {
        let known = |field: &Field| field.kind == kind && field.path == path;
        if let Some(index) = self.known.iter().position(known) {
            return index;
        }
        if self.known.len() >= FIELDS_MAX {
            return FIELDS_MAX.saturating_sub(1);
        }
        self.known.push(Field {
            kind,
            path,
            last: 0,
            lasts: [0; 8],
            bytes: Vec::new(),
            is_same: Bit::NEW,
            is_as_long: Bit::NEW,
            number: Number::NEW,
            distance: Distance::NEW,
            choice: Choice::NEW,
            words: Choice::NEW,
        });
        self.known.len().saturating_sub(1)
    }

    /// The value of one field: of `given`, when it is written. Its bytes go to `out`.
    pub(super) fn code<W: Wire>(
        &mut self,
        wire: &mut W,
        act: &mut Act,
        (step, index, value): (&Step, usize, Value),
        load: &mut Load<'_>,
    ) -> Value {
        if step.form != Form::Bytes {
            let number = self.number(wire, act, (step.role, index), value.number);
            return Value { number, at: 0 };
        }
        let at = load.out.len();
        let mut load = Load {
            given: bytes(value, load.given),
            out: load.out,
        };
        self.bytes(wire, act, (step.role, index), &mut load);
        let length = load.out.len().saturating_sub(at);
        Value {
            number: u64::try_from(length).unwrap_or(0),
            at,
        }
    }

    /// Keeps the op's own memories once all its fields are known.
    pub(super) fn finish(&mut self, act: &mut Act) {
        if let Some(reading) = act.reading {
            let due = self.counts.keep(reading, act.revision, act.count);
            act.due = due.and_then(begins_at);
        }
    }

    fn number<W: Wire>(
        &mut self,
        wire: &mut W,
        act: &mut Act,
        (role, index): (Role, usize),
        value: u64,
    ) -> u64 {
        let Some(field) = self.known.get_mut(index) else {
            return value;
        };
        match role {
            Role::Same | Role::Measure => {
                let value = field.same(wire, value);
                if role == Role::Measure {
                    act.measure = value;
                }
                value
            }
            Role::Next => {
                let value = field.next(wire, act.shape, value);
                act.stage = value;
                value
            }
            Role::Choice => {
                let Field { choice, number, .. } = field;
                choice.code(wire, value, |wire, value| number.code(wire, value))
            }
            Role::Place => {
                let number = &mut field.number;
                let seen = &mut self.places;
                let value = seen.code(wire, value, |wire, value| number.code(wire, value));
                act.about = Some(value);
                value
            }
            Role::Goal => {
                // Goals of a series have numbers in a row.
                let seen = &mut self.goals;
                let value = seen.code(wire, value, |wire, value| field.near(wire, value));
                act.about = Some(value);
                value
            }
            Role::Slot => self.slot(wire, act, index, value),
            Role::Time => self.time(wire, act, value),
            Role::Bucket => {
                let now = u64::try_from(act.near.div_euclid(QUARTER_MS)).unwrap_or(0);
                let counter = (act.source, act.measure);
                let reading = self
                    .counts
                    .bucket(wire, counter, (act.is_first, now), value);
                act.reading = Some(reading);
                act.claimed = begins_at(reading.bucket());
                reading.bucket()
            }
            Role::Revision => {
                act.revision = match act.reading {
                    Some(reading) => self.counts.revision(wire, reading, value),
                    None => field.near(wire, value),
                };
                act.revision
            }
            Role::Count => {
                act.count = match act.reading {
                    Some(reading) => self.counts.count(wire, reading, value),
                    None => field.near(wire, value),
                };
                act.count
            }
            _ => field.near(wire, value),
        }
    }

    fn slot<W: Wire>(&mut self, wire: &mut W, act: &Act, index: usize, value: u64) -> u64 {
        let Some(field) = self.known.get_mut(index) else {
            return value;
        };
        let place = act.about.unwrap_or(0);
        let known = self.slots.iter_mut().find(|(known, _)| *known == place);
        if let Some((_, last)) = &known
            && field.is_same.code(wire, *last == value)
        {
            return *last;
        }
        let Field { choice, number, .. } = field;
        let value = choice.code(wire, value, |wire, value| number.code(wire, value));
        if let Some((_, last)) = known {
            *last = value;
        } else {
            if self.slots.len() >= SLOTS_MAX {
                self.slots.clear();
            }
            self.slots.push((place, value));
        }
        value
    }

    fn time<W: Wire>(&mut self, wire: &mut W, act: &mut Act, value: u64) -> u64 {
        let sign = i64::from_le_bytes((value & 1).to_le_bytes()).wrapping_neg();
        let at = i64::from_le_bytes((value >> 1).to_le_bytes()) ^ sign;
        let is_whole = |grain: &&i64| at.checked_rem(**grain) == Some(0);
        let known = GRAINS
            .iter()
            .rposition(|grain| is_whole(&grain))
            .unwrap_or(0);
        let read = self.grain.code(wire, u32::try_from(known).unwrap_or(0));
        let choice = usize::try_from(read).unwrap_or(0);
        let grain = GRAINS.get(choice).copied().unwrap_or(1);
        let near = act.near.div_euclid(grain);
        let times = self.times.get_mut(usize::from(act.is_first));
        let Some(distance) = times.and_then(|times| times.get_mut(choice)) else {
            return value;
        };
        let at = distance
            .code(wire, near, at.div_euclid(grain))
            .wrapping_mul(grain);
        act.claimed = Some(at);
        u64::from_le_bytes((at.wrapping_shl(1) ^ at >> 63).to_le_bytes())
    }
}

impl Field {
    fn same<W: Wire>(&mut self, wire: &mut W, value: u64) -> u64 {
        if !self.is_same.code(wire, value == self.last) {
            self.last = self.number.code(wire, value);
        }
        self.last
    }

    fn next<W: Wire>(&mut self, wire: &mut W, shape: usize, value: u64) -> u64 {
        let Some(last) = self.lasts.get_mut(shape.min(7)) else {
            return value;
        };
        let expected = last.wrapping_add(1);
        *last = if self.is_same.code(wire, value == expected) {
            expected
        } else {
            self.number.code(wire, value)
        };
        *last
    }

    fn near<W: Wire>(&mut self, wire: &mut W, value: u64) -> u64 {
        let [last, value] = [self.last, value].map(|value| i64::from_le_bytes(value.to_le_bytes()));
        let value = self.distance.code(wire, last, value);
        self.last = u64::from_le_bytes(value.to_le_bytes());
        self.last
    }
}

/// When a bucket begins, in milliseconds.
fn begins_at(bucket: u64) -> Option<i64> {
    Some(i64::try_from(bucket).ok()?.saturating_mul(QUARTER_MS))
}
