//! Fields of bytes: handles, words, hashes, text.

use super::{
    act::{Act, Load},
    cite::handle,
    field::{Field, Fields},
    odds::Number,
    schema::Role,
    wire::Wire,
};
use crate::op::OpKind;

impl Fields {
    pub(super) fn bytes<W: Wire>(
        &mut self,
        wire: &mut W,
        act: &mut Act,
        (role, index): (Role, usize),
        load: &mut Load<'_>,
    ) {
        let Some(field) = self.known.get_mut(index) else {
            return;
        };
        let is_handle = matches!(
            role,
            Role::Source | Role::Handle | Role::Cited(_) | Role::Award
        );
        if is_handle {
            let id: Option<[u8; 16]> = load.given.try_into().ok();
            if field.is_as_long.code(wire, id.is_some()) && act.take(16) {
                let id = id.unwrap_or_default();
                let id = self.handle(wire, act, (role, index), id);
                load.out.extend_from_slice(&id);
                return;
            }
        }
        match role {
            Role::Word => self.word(wire, act, index, load),
            Role::Noise => self.noise(wire, act, index, load),
            _ => self.text(wire, act, index, load),
        }
    }

    fn handle<W: Wire>(
        &mut self,
        wire: &mut W,
        act: &mut Act,
        (role, index): (Role, usize),
        id: [u8; 16],
    ) -> [u8; 16] {
        let Some(field) = self.known.get_mut(index) else {
            return id;
        };
        if let Role::Cited(kind) = role {
            // Who cites a check-in may not know its place.
            let about = act.about.filter(|_| kind != OpKind::CheckIn);
            return self.citable.code(wire, kind, about, id);
        }
        if let (Role::Award, Some(grounds)) = (role, act.grounds()) {
            let award = self.seasons.code(wire, grounds, id);
            return award.unwrap_or_else(|| self.handles.code(wire, id, handle));
        }
        let expected = if role == Role::Source {
            act.source
        } else {
            field.last_handle()
        };
        let id = if field.is_same.code(wire, id == expected) {
            expected
        } else {
            let seen = if role == Role::Source {
                &mut self.sources
            } else {
                &mut self.handles
            };
            seen.code(wire, id, handle)
        };
        if role == Role::Source {
            act.source = id;
        }
        field.keep(&id);
        id
    }

    fn word<W: Wire>(&mut self, wire: &mut W, act: &mut Act, index: usize, load: &mut Load<'_>) {
        let Some(Field { words, number, .. }) = self.known.get_mut(index) else {
            return;
        };
        let text = &mut self.text;
        let mut budget = act.clone();
        let word = words.code(wire, load.given.to_vec(), |wire, given| {
            let length = budget.length(wire, number, given.len());
            let mut word = Vec::new();
            text.code(wire, &given, length, &mut word);
            word
        });
        act.is_over |= budget.is_over;
        if act.take(word.len()) {
            load.out.extend(word);
        }
    }

    fn noise<W: Wire>(&mut self, wire: &mut W, act: &mut Act, index: usize, load: &mut Load<'_>) {
        let Some(field) = self.known.get_mut(index) else {
            return;
        };
        if field.repeated(wire, act, load) {
            return;
        }
        let length = act.length(wire, &mut field.number, load.given.len());
        field.bytes.clear();
        for index in 0..length {
            let byte = load.given.get(index).copied().unwrap_or(0);
            let byte = wire.raw(8, u32::from(byte));
            field.bytes.push(byte.to_le_bytes()[0]);
        }
        load.out.extend_from_slice(&field.bytes);
    }

    fn text<W: Wire>(&mut self, wire: &mut W, act: &mut Act, index: usize, load: &mut Load<'_>) {
        let Some(field) = self.known.get_mut(index) else {
            return;
        };
        if field.repeated(wire, act, load) {
            return;
        }
        let is_as_long = field.bytes.len() == load.given.len();
        let length = if field.is_as_long.code(wire, is_as_long) && act.take(field.bytes.len()) {
            field.bytes.len()
        } else {
            act.length(wire, &mut field.number, load.given.len())
        };
        field.bytes.clear();
        self.text.code(wire, load.given, length, &mut field.bytes);
        load.out.extend_from_slice(&field.bytes);
    }

    /// Bytes without a shape.
    pub(super) fn raw<W: Wire>(
        &mut self,
        wire: &mut W,
        act: &mut Act,
        number: &mut Number,
        load: &mut Load<'_>,
    ) {
        let length = act.length(wire, number, load.given.len());
        self.text.code(wire, load.given, length, load.out);
    }
}

impl Field {
    fn repeated<W: Wire>(&mut self, wire: &mut W, act: &mut Act, load: &mut Load<'_>) -> bool {
        let is_same = self.is_same.code(wire, self.bytes == load.given);
        if is_same && act.take(self.bytes.len()) {
            load.out.extend_from_slice(&self.bytes);
        }
        is_same
    }

    fn last_handle(&self) -> [u8; 16] {
        self.bytes[..].try_into().unwrap_or_default()
    }

    fn keep(&mut self, id: &[u8; 16]) {
        if self.bytes != id {
            self.bytes.clear();
            self.bytes.extend_from_slice(id);
        }
    }
}
