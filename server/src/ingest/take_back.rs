//! Taking what readers hand back to a restored server, as it was judged then.

use askel_store::{Healed, Returned};
use askel_sync::{
    admission::AdmittedOp,
    op::OpKind,
    stream::{Route, StreamKey, route},
};

use super::{
    ReturnedPage,
    decide::{Desk, derived},
    facts::check_in_fact,
};
use crate::entropy::EntropyFailed;

impl Desk<'_> {
    /// Takes what of a page is not here. Tells whether there is something for the projector.
    pub(super) fn take_back(&mut self, page: &ReturnedPage) -> Result<bool, EntropyFailed> {
        let mut stirred = false;
        for admitted in &page.ops {
            let id = admitted.id();
            let lost = admitted.op.kind != OpKind::Blank as u32
                && !self.known.admitted.contains_key(&id)
                && !self.known.is_of_the_erased(admitted);
            if lost {
                let returned = self.returned(page.key, admitted)?;
                stirred |= returned.dirty.is_some() || returned.derived.is_some();
                self.known.admitted.insert(id, admitted.clone());
                self.decided.append.returned.push(returned);
            }
        }
        self.decided.append.healed.push(Healed {
            by: page.by,
            ancestor: page.ancestor,
            after: page.after,
            up_to: page.up_to,
        });
        Ok(stirred)
    }

    fn returned(
        &mut self,
        key: StreamKey,
        admitted: &AdmittedOp,
    ) -> Result<Returned, EntropyFailed> {
        let payload = admitted.op.parse().ok().flatten();
        let mut route = payload.as_ref().map_or_else(Route::default, |payload| {
            let (id, admission) = (admitted.id(), &admitted.admission);
            route(id, payload, admission, Some(key), self.known)
        });
        if !route.streams.contains(&key) {
            // Of a kind that this version does not know, say: it goes where it was.
            route.streams = vec![key];
        }
        if let Some(payload) = &payload {
            self.known
                .check_ins
                .extend(check_in_fact(payload, admitted).map(|fact| (admitted.id(), fact)));
        }
        Ok(Returned {
            admitted: Box::new(admitted.clone()),
            streams: self.targets(route.streams)?,
            dirty: route.dirty,
            derived: route.derived.map(derived),
            tally: payload.and_then(|payload| self.tally(&payload, admitted)),
        })
    }
}
