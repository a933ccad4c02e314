//! Payloads: the kind, the shape, the fields; or the bare bytes of what has no shape.

use super::{
    FrameError,
    act::{Act, Load},
    field::Fields,
    odds::{Bit, Choice, Number},
    shape::{self, Form, Outline, STEPS_MAX, Step, Value},
    wire::Wire,
};

/// The odds of payloads.
#[derive(Debug, Clone)]
pub(super) struct Payloads {
    kinds: Vec<Kind>,
    key_count: Number,
    key: Number,
    raw_length: Number,
    scratch: Vec<u8>,
    values: Vec<Value>,
    /// The values of fields.
    pub(super) fields: Fields,
}

/// Kinds with odds of their own; all further ones share.
const KINDS_MAX: usize = 64;
/// Shapes of one kind that are kept in mind.
const SHAPES_MAX: usize = 64;

#[derive(Debug, Clone)]
struct Kind {
    number: u32,
    has_shape: Bit,
    choice: Choice<usize>,
    shapes: Vec<Shape>,
}

#[derive(Debug, Clone, Default)]
struct Shape {
    steps: Vec<Step>,
    /// Indexes into `steps` with those of their odds, in the order in which they explain each other.
    order: Vec<(usize, usize)>,
}

impl Payloads {
    pub(super) const NEW: Self = Self {
        kinds: Vec::new(),
        key_count: Number::NEW,
        key: Number::NEW,
        raw_length: Number::NEW,
        scratch: Vec::new(),
        values: Vec::new(),
        fields: Fields::NEW,
    };

    /// Forgets all values and keeps shapes and odds.
    pub(super) fn forget(&mut self) {
        self.fields.forget();
    }

    /// A payload: `given`, when it is written, appended to `out` when it is read.
    ///
    /// # Errors
    /// [`FrameError::Malformed`] for a shape that no payload has.
    pub(super) fn code<W: Wire>(
        &mut self,
        wire: &mut W,
        kind: u32,
        act: &mut Act,
        load: &mut Load<'_>,
    ) -> Result<(), FrameError> {
        let parsed = if W::READS {
            None
        } else {
            shape::parse(kind, load.given)
        };
        let index = self.kind(kind);
        let Some(entry) = self.kinds.get_mut(index) else {
            return Err(FrameError::Malformed);
        };
        if !entry.has_shape.code(wire, parsed.is_some()) {
            let Self {
                fields, raw_length, ..
            } = self;
            fields.raw(wire, act, raw_length, load);
            return Ok(());
        }
        let (steps, values) = parsed.unwrap_or_default();
        act.shape = self.shape(wire, kind, index, &steps)?;
        let shape = (index, values);
        self.values(wire, act, shape, load);
        Ok(())
    }

    fn kind(&mut self, kind: u32) -> usize {
        if let Some(index) = self.kinds.iter().position(|known| known.number == kind) {
            return index;
        }
        if self.kinds.len() >= KINDS_MAX {
            return KINDS_MAX.saturating_sub(1);
        }
        self.kinds.push(Kind {
            number: kind,
            has_shape: Bit::NEW,
            choice: Choice::NEW,
            shapes: Vec::new(),
        });
        self.kinds.len().saturating_sub(1)
    }

    fn shape<W: Wire>(
        &mut self,
        wire: &mut W,
        kind: u32,
        index: usize,
        steps: &[Step],
    ) -> Result<usize, FrameError> {
        let Self {
            kinds,
            key_count,
            key,
            fields,
            ..
        } = self;
        let entry = kinds.get_mut(index).ok_or(FrameError::Malformed)?;
        let known = entry.shapes.iter().position(|shape| shape.steps == steps);
        let next = entry.shapes.len();
        let mut fresh = None;
        let chosen = entry.choice.code(wire, known.unwrap_or(next), |wire, _| {
            fresh = Some(keys(wire, kind, steps, (key_count, key)));
            next
        });
        if let Some(steps) = fresh {
            let shape = Shape::new(kind, steps.ok_or(FrameError::Malformed)?, fields);
            if next >= SHAPES_MAX {
                entry.shapes.clear();
                entry.choice.forget();
                entry.shapes.push(shape);
                return Ok(0);
            }
            entry.shapes.push(shape);
        }
        Ok(chosen)
    }

    fn values<W: Wire>(
        &mut self,
        wire: &mut W,
        act: &mut Act,
        (index, given): (usize, Vec<Value>),
        load: &mut Load<'_>,
    ) {
        let Self {
            kinds,
            fields,
            scratch,
            values,
            ..
        } = self;
        let shapes = kinds.get(index).map_or(&[][..], |kind| &kind.shapes);
        let Some(shape) = shapes.get(act.shape) else {
            return;
        };
        scratch.clear();
        values.clear();
        values.resize(shape.steps.len(), Value::default());
        for (place, field) in &shape.order {
            let (Some(step), Some(slot)) = (shape.steps.get(*place), values.get_mut(*place)) else {
                continue;
            };
            let value = given.get(*place).copied().unwrap_or_default();
            let mut load = Load {
                given: load.given,
                out: scratch,
            };
            *slot = fields.code(wire, act, (step, *field, value), &mut load);
        }
        fields.finish(act);
        if W::READS {
            // Keys and numbers mostly take a few bytes each.
            let numbers = shape.steps.len().saturating_mul(4);
            load.out.reserve(scratch.len().saturating_add(numbers));
            shape::write(&shape.steps, values, scratch, load.out);
        }
    }
}

/// The keys of a shape that was not seen before, as its steps.
fn keys<W: Wire>(
    wire: &mut W,
    kind: u32,
    steps: &[Step],
    (length_odds, key_odds): (&mut Number, &mut Number),
) -> Option<Vec<Step>> {
    let length = length_odds.code(wire, u64::try_from(steps.len()).unwrap_or(u64::MAX));
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= STEPS_MAX)?;
    let mut outline = Outline::new(kind);
    let mut read = Vec::with_capacity(length);
    for index in 0..length {
        let key = steps.get(index).map_or(0, |step| step.key);
        read.push(outline.step(key_odds.code(wire, key))?);
    }
    outline.is_closed().then_some(read)
}

impl Shape {
    fn new(kind: u32, steps: Vec<Step>, fields: &mut Fields) -> Self {
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.retain(|index| {
            steps
                .get(*index)
                .is_some_and(|step| !matches!(step.form, Form::Open | Form::Close))
        });
        order.sort_by_key(|index| steps.get(*index).map_or(0, |step| step.role.order()));
        let order = order
            .into_iter()
            .map(|index| {
                let path = steps.get(index).map_or(0, |step| step.path);
                (index, fields.index(kind, path))
            })
            .collect();
        Self { steps, order }
    }
}
