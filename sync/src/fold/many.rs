//! Many ops at once: the same as one by one, but sooner.

use std::sync::Arc;

use super::{
    ArchivedDays, ParticipantState,
    participant::{reading, witness},
};
use crate::{
    admission::{Admission, AdmittedOp},
    catalog::Catalog,
    op::{Payload, StepCount},
};

impl ParticipantState {
    /// Takes in many ops: the same as one by one, but sooner, and what they change is not told.
    pub fn apply_all<'a>(
        &mut self,
        ops: impl IntoIterator<Item = &'a AdmittedOp>,
        catalog: &Catalog,
    ) {
        let is_apart = |_: &StepCount, _: &Admission| true;
        self.apply_where(ops, is_apart, catalog);
    }

    /// The same, if each step count is apart from archived ones; else nothing changes, and the answer is
    /// `false`.
    pub fn apply_all_beside<'a>(
        &mut self,
        archived: &ArchivedDays,
        ops: impl IntoIterator<Item = &'a AdmittedOp>,
        catalog: &Catalog,
    ) -> bool {
        let is_apart = |count: &StepCount, admission: &Admission| {
            archived.is_count_apart(count, admission, catalog)
        };
        self.apply_where(ops, is_apart, catalog)
    }

    fn apply_where<'a>(
        &mut self,
        ops: impl IntoIterator<Item = &'a AdmittedOp>,
        is_apart: impl Fn(&StepCount, &Admission) -> bool,
        catalog: &Catalog,
    ) -> bool {
        let mut check_ins = Vec::new();
        let mut corrections = Vec::new();
        let mut readings = Vec::new();
        let mut others = Vec::new();
        for AdmittedOp { op, admission } in ops {
            let is_subject = self.is_subject(admission);
            match op.parse() {
                Ok(Some(Payload::StepCount(count))) => {
                    if !is_apart(&count, admission) {
                        return false;
                    }
                    if is_subject {
                        readings.extend(reading(&count, admission));
                    }
                }
                _ if !is_subject => {}
                Ok(Some(Payload::CheckIn(check_in))) => {
                    check_ins.push((op.id(), witness(&check_in, admission)));
                }
                Ok(Some(Payload::Correction(correction))) => {
                    corrections.push((op.id(), correction));
                }
                Ok(Some(payload)) => others.push((op, admission, payload)),
                Ok(None) | Err(_) => {}
            }
        }
        self.rebase(catalog);
        for (op, admission, payload) in others {
            self.take(op.id(), admission, payload, catalog);
        }
        if !(check_ins.is_empty() && corrections.is_empty()) {
            Arc::make_mut(&mut self.attendances).apply_all(check_ins, &corrections, catalog);
        }
        if !readings.is_empty() {
            Arc::make_mut(&mut self.steps).apply_all(&readings, catalog);
        }
        true
    }
}
