//! What a tablet forgets when the holder of a pass was erased.

use std::collections::BTreeSet;

use askel_sync::{
    admission::AdmittedOp,
    id::{LogId, OpId, PassTag},
    op::{Op, Origin, Payload, Witness},
    stream::{StreamSum, op_sum},
};

use super::{
    Engine,
    draft::Draft,
    row::{HeldOp, Row, Standing, Table, WindowRow},
};

impl Engine {
    /// The sum of a stream without what was seen of a pass, here and earlier in a page.
    pub(super) fn sum_without(
        &self,
        stream: u32,
        sum: StreamSum,
        before: &[HeldOp],
        pass: PassTag,
    ) -> StreamSum {
        let held = self.held_pages(stream).flat_map(|(_, page)| &page.ops);
        held.chain(before)
            .filter(|held| is_sighting(&held.admitted, pass))
            .fold(sum, |sum, held| sum.minus(op_sum(&held.admitted)))
    }

    /// Blanks what was seen of passes that a page says to forget; own scans that are with the server
    /// go.
    pub(super) fn forget_passes(&self, draft: &mut Draft<'_>, new: &mut WindowRow) {
        let passes: Vec<PassTag> = new.ops.iter().filter_map(forgotten).collect();
        if passes.is_empty() {
            return;
        }
        self.refuse_about(draft, &self.check_ins_of(new, &passes));
        for (&number, page) in &self.model.window {
            let mut blanked = page.clone();
            if page.stream == new.stream && blank(&mut blanked, &passes) {
                draft.put(number, Row::Window(blanked));
            }
        }
        blank(new, &passes);
        for (&number, own) in &self.model.own {
            let is_settled = matches!(own.standing, Standing::Accepted { .. });
            if is_settled && scanned(&own.op).is_some_and(|pass| passes.contains(&pass)) {
                draft.delete(Table::OwnOp, number);
            }
        }
    }

    /// The check-ins of passes that this tablet knows of.
    fn check_ins_of(&self, new: &WindowRow, passes: &[PassTag]) -> BTreeSet<OpId> {
        let is_of_them = |pass: &PassTag| passes.contains(pass);
        let held = self.held_pages(new.stream).flat_map(|(_, page)| &page.ops);
        let seen = held.chain(&new.ops).filter_map(|held| {
            let (pass, check_in) = sighting(&held.admitted)?;
            is_of_them(&pass).then_some(check_in)
        });
        let own = self.model.own.values();
        let own = own.filter(|own| scanned(&own.op).as_ref().is_some_and(is_of_them));
        seen.chain(own.map(|own| own.id)).collect()
    }
}

/// The pass that an op says to forget.
pub(super) fn forgotten(held: &HeldOp) -> Option<PassTag> {
    match held.admitted.op.parse() {
        Ok(Some(Payload::PassErased(pass))) => Some(pass),
        _ => None,
    }
}

fn is_sighting(admitted: &AdmittedOp, pass: PassTag) -> bool {
    sighting(admitted).is_some_and(|(seen, _)| seen == pass)
}

/// Which pass was seen, by which check-in.
fn sighting(admitted: &AdmittedOp) -> Option<(PassTag, OpId)> {
    match admitted.op.parse() {
        Ok(Some(Payload::PassSeen(seen))) => Some((seen.pass, seen.check_in)),
        _ => None,
    }
}

fn scanned(op: &Op) -> Option<PassTag> {
    match op.parse() {
        Ok(Some(Payload::CheckIn(check_in))) => match check_in.witness {
            Witness::PassScan(pass) => Some(pass),
            _ => None,
        },
        _ => None,
    }
}

/// Whether something was blanked. Such a page can't be handed back.
fn blank(page: &mut WindowRow, passes: &[PassTag]) -> bool {
    let mut is_changed = false;
    for (position, held) in (page.first_position..).zip(&mut page.ops) {
        if passes.iter().any(|pass| is_sighting(&held.admitted, *pass)) {
            let origin = Origin {
                log: LogId::from_bytes([0; 16]),
                sequence: position,
            };
            held.admitted.op = Op::new(origin, &Payload::Blank);
            held.admitted.admission.subject = None;
            is_changed = true;
        }
    }
    if is_changed {
        page.mac = Vec::new();
    }
    is_changed
}
