//! Corrections whose check-in was refused or erased: they have nothing to wait for.

use std::collections::{BTreeMap, BTreeSet};

use askel_proto::v1;
use askel_sync::{id::OpId, op::Payload};

use super::{
    Engine,
    draft::Draft,
    row::{OwnOp, Standing, Table},
};

/// As the server names it.
const CITED_OP_UNKNOWN: &str = "CITED_OP_UNKNOWN";

impl Engine {
    /// What an op comes to that the server defers. A correction of an own op that was refused, before or
    /// in this answer, has nothing to wait for: a restored server may have forgotten the refusal, and
    /// nobody offers the refused op again.
    pub(super) fn refused_with_what_it_cites(
        &self,
        own: &OwnOp,
        standing: Standing,
        refused: &BTreeMap<OpId, String>,
    ) -> Standing {
        let Some(cited) = corrected_by(own).filter(|_| !standing.is_final()) else {
            return standing;
        };
        let before = || text_of(&self.model.own_op(cited)?.1.standing);
        let now = refused.get(&cited).cloned();
        now.or_else(before).map_or(standing, about_nothing)
    }

    /// Corrections that the server defers wait for these no more: nothing brings them back.
    pub(super) fn refuse_about(&self, draft: &mut Draft<'_>, gone: &BTreeSet<OpId>) {
        let is_about = |own: &OwnOp| {
            matches!(own.standing, Standing::Deferred { .. })
                && corrected_by(own).is_some_and(|cited| gone.contains(&cited))
        };
        let mut refused = BTreeSet::new();
        for (&number, own) in self.model.own.iter().filter(|(_, own)| is_about(own)) {
            draft.put(number, own.with(about_nothing(String::new())));
            refused.insert(own.id);
        }
        if refused.is_empty() {
            return;
        }
        for (&number, batch) in &self.model.batches {
            let mut ops = self.ops_of(batch);
            if ops.all(|own| own.standing.is_final() || refused.contains(&own.id)) {
                draft.delete(Table::Batch, number);
            }
        }
    }
}

/// The words for a refusal; `None` for what is none.
pub(super) fn text_of(standing: &Standing) -> Option<String> {
    match standing {
        Standing::Rejected { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// The check-in that an own correction is about.
fn corrected_by(own: &OwnOp) -> Option<OpId> {
    match own.op.parse() {
        Ok(Some(Payload::Correction(correction))) => Some(correction.check_in),
        _ => None,
    }
}

/// What a correction comes to whose check-in is refused or erased: nobody has to be asked.
fn about_nothing(text: String) -> Standing {
    Standing::Rejected {
        reason: CITED_OP_UNKNOWN.to_owned(),
        text,
        undo: v1::Undo::Discard,
    }
}
