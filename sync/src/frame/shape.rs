//! Payloads taken apart into fields, and put together again to the same bytes.
//!
//! Which fields a payload has, and in which order, is its *shape*. A kind has few, so a shape is told
//! once and chosen among the known ones from then on. Bytes that are no message, or another form of one
//! than the shortest, have no shape.

use super::schema::{Path, Role, role, within};

/// Fields of one payload, openings and endings of messages included.
pub(super) const STEPS_MAX: usize = 64;
/// Messages within messages.
const DEPTH_MAX: usize = 3;
/// Bytes of the longest varint.
const VARINT_BYTES_MAX: usize = 10;

/// How a field stands in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A varint.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// Four bytes.
    Fixed32,
    /// A length and so many bytes.
    Bytes,
    /// A message begins.
    Open,
    /// It ends.
    Close,
}

/// One field of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Field number and wire type; 0 where a message ends.
    pub(super) key: u64,
    pub(super) form: Form,
    pub(super) role: Role,
    pub(super) path: Path,
}

/// What a field holds: a number, or where its bytes begin and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Value {
    /// The number, or the count of bytes.
    pub(super) number: u64,
    /// Where its bytes begin.
    pub(super) at: usize,
}

/// Turns keys into steps, for a parser and for a decoder alike.
#[derive(Debug)]
pub(super) struct Outline {
    kind: u32,
    open: Vec<Path>,
    path: Path,
}

impl Outline {
    pub(super) const fn new(kind: u32) -> Self {
        Self {
            kind,
            open: Vec::new(),
            path: 0,
        }
    }

    /// The step of the next key; `None` when nothing can have it.
    pub(super) fn step(&mut self, key: u64) -> Option<Step> {
        if key == 0 {
            self.path = self.open.pop()?;
            return Some(Step {
                key,
                form: Form::Close,
                role: Role::Message,
                path: self.path,
            });
        }
        let field = key >> 3;
        // A field that no table has stands outside of all that tables have.
        let path = if field < 1 << 10 {
            within(self.path, field)
        } else {
            1 << 62 | self.path << 32 ^ field
        };
        let role = role(self.kind, path);
        let (form, role) = match (key & 7, role) {
            (0, Some(role)) if role.is_number() => (Form::Varint, role),
            (0, _) => (Form::Varint, Role::Near),
            (1, _) => (Form::Fixed64, Role::Near),
            (2, Some(Role::Message)) if self.open.len() < DEPTH_MAX => {
                self.open.push(self.path);
                self.path = path;
                (Form::Open, Role::Message)
            }
            (2, Some(role)) if !role.is_number() && role != Role::Message => (Form::Bytes, role),
            (2, _) => (Form::Bytes, Role::Bytes),
            (5, _) => (Form::Fixed32, Role::Near),
            _ => return None,
        };
        Some(Step {
            key,
            form,
            role,
            path,
        })
    }

    /// Whether every message that began has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.open.is_empty()
    }
}

/// The fields of a payload; `None` when putting them together would give other bytes.
pub(super) fn parse(kind: u32, payload: &[u8]) -> Option<(Vec<Step>, Vec<Value>)> {
    let mut parser = Parser {
        payload,
        outline: Outline::new(kind),
        steps: Vec::with_capacity(8),
        values: Vec::with_capacity(8),
    };
    parser.message(0, payload.len())?;
    Some((parser.steps, parser.values))
}

struct Parser<'a> {
    payload: &'a [u8],
    outline: Outline,
    steps: Vec<Step>,
    values: Vec<Value>,
}

impl Parser<'_> {
    fn message(&mut self, mut at: usize, end: usize) -> Option<()> {
        while at < end {
            let key = self.varint(&mut at, end)?;
            if key == 0 || key > u64::from(u32::MAX) {
                return None;
            }
            let step = self.outline.step(key)?;
            let value = match step.form {
                Form::Varint => Value {
                    number: self.varint(&mut at, end)?,
                    at: 0,
                },
                Form::Fixed64 => self.fixed(&mut at, end, 8)?,
                Form::Fixed32 => self.fixed(&mut at, end, 4)?,
                Form::Bytes | Form::Open => {
                    let number = self.varint(&mut at, end)?;
                    let value = Value { number, at };
                    at = at.checked_add(usize::try_from(number).ok()?)?;
                    (at <= end).then_some(value)?
                }
                Form::Close => return None,
            };
            self.push(step, value)?;
            if step.form == Form::Open {
                self.message(value.at, at)?;
                let close = self.outline.step(0)?;
                self.push(close, Value::default())?;
            }
        }
        Some(())
    }

    fn push(&mut self, step: Step, value: Value) -> Option<()> {
        if self.steps.len() >= STEPS_MAX {
            return None;
        }
        self.steps.push(step);
        self.values.push(value);
        Some(())
    }

    fn fixed(&self, at: &mut usize, end: usize, length: usize) -> Option<Value> {
        let from = *at;
        *at = from.checked_add(length).filter(|at| *at <= end)?;
        let mut bytes = [0; 8];
        for (slot, byte) in bytes.iter_mut().zip(self.payload.get(from..*at)?) {
            *slot = *byte;
        }
        Some(Value {
            number: u64::from_le_bytes(bytes),
            at: 0,
        })
    }

    /// A varint in its shortest form.
    fn varint(&self, at: &mut usize, end: usize) -> Option<u64> {
        let bytes = self.payload.get(*at..end)?;
        let mut value = 0_u64;
        let mut shift = 0_u32;
        for (index, byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << shift;
            if shifted >> shift != bits {
                return None;
            }
            value |= shifted;
            shift = shift.saturating_add(7);
            if byte & 0x80 == 0 {
                *at = at.saturating_add(index).saturating_add(1);
                return (index == 0 || *byte != 0).then_some(value);
            }
        }
        None
    }
}

/// Puts a payload together. `scratch` holds the bytes of fields.
pub(super) fn write(steps: &[Step], values: &[Value], scratch: &[u8], out: &mut Vec<u8>) {
    let mut open = Vec::new();
    for (step, value) in steps.iter().zip(values) {
        if step.form == Form::Close {
            if let Some(from) = open.pop() {
                close(from, out);
            }
            continue;
        }
        put_varint(step.key, out);
        match step.form {
            Form::Varint => put_varint(value.number, out),
            Form::Fixed64 => out.extend(value.number.to_le_bytes()),
            Form::Fixed32 => out.extend(value.number.to_le_bytes().iter().take(4)),
            Form::Bytes => {
                put_varint(value.number, out);
                out.extend_from_slice(bytes(*value, scratch));
            }
            Form::Open => {
                out.push(0);
                open.push(out.len());
            }
            Form::Close => {}
        }
    }
}

/// The bytes of a field.
pub(super) fn bytes(value: Value, scratch: &[u8]) -> &[u8] {
    let length = usize::try_from(value.number).unwrap_or(0);
    let end = value.at.saturating_add(length);
    scratch.get(value.at..end).unwrap_or_default()
}

/// Writes the length of the message that began at `from`, for which one byte was left free.
fn close(from: usize, out: &mut Vec<u8>) {
    let length = out.len().saturating_sub(from);
    let first = from.saturating_sub(1);
    if let (Ok(short @ 0..=0x7f), Some(slot)) = (u8::try_from(length), out.get_mut(first)) {
        *slot = short;
    } else {
        let mut prefix = Vec::with_capacity(VARINT_BYTES_MAX);
        put_varint(u64::try_from(length).unwrap_or(0), &mut prefix);
        out.splice(first..from, prefix);
    }
}

/// A varint in its shortest form.
#[inline]
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// A varint and the bytes after it.
pub(super) fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        let shift = u32::try_from(index).ok()?.checked_mul(7)?;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index.saturating_add(1)..)?));
        }
    }
    None
}
