//! What a restored server has lost and this device holds: when it goes back, and when it need not.
//!
//! Every author offers its own ops again, and the server finds its own out anew. Only what is still
//! missing after that goes back as pages, and not before the sync after the one that noticed: by then
//! most others were there too.

use std::collections::{BTreeMap, BTreeSet};

use askel_proto::v1;
use askel_sync::{
    admission::{AdmittedOp, Role},
    id::{OpId, StreamId},
    op::{OpKind, Payload},
};
use prost::Message as _;

use super::{
    Decided, Engine,
    asked::Asked,
    draft::Draft,
    pack,
    row::{PageStanding, Row, Table, WindowRow},
};

/// What the server says by an op of its own, whatever the op's id.
type Saying = (u32, Vec<u8>);

/// What a stream has now.
#[derive(Default)]
struct Present {
    ops: BTreeSet<OpId>,
    sayings: BTreeSet<Saying>,
}

impl Engine {
    /// Takes in that everything was pulled: pages of which nothing is missing any more need not go
    /// back, only a word of it.
    pub(crate) fn cover_pages(&self) -> Decided<()> {
        let mut draft = Draft::new(&self.model);
        let mut present: BTreeMap<u32, Present> = BTreeMap::new();
        for (&number, page) in &self.model.window {
            if !waits(page) {
                continue;
            }
            let present = present
                .entry(page.stream)
                .or_insert_with(|| self.present(page.stream));
            let is_back = |held: &super::row::HeldOp| {
                held.admitted.op.kind == OpKind::Blank as u32
                    || present.ops.contains(&held.admitted.id())
                    || saying(&held.admitted).is_some_and(|said| present.sayings.contains(&said))
            };
            if page.mac.is_empty() {
                // It was changed since: nobody would take it.
                draft.delete(Table::Window, number);
            } else if page.ops.iter().all(is_back) {
                let covered = WindowRow {
                    standing: PageStanding::Covered,
                    mac: Vec::new(),
                    ops: Vec::new(),
                    ..page.clone()
                };
                draft.put(number, Row::Window(covered));
            }
        }
        Decided::new(draft.finish(), ())
    }

    /// Takes in that a sync came to its end: what was set aside in it goes back in the next.
    pub(crate) fn ripen_pages(&self) -> Decided<()> {
        let mut draft = Draft::new(&self.model);
        for (&number, page) in &self.model.window {
            if page.standing == PageStanding::SetAside {
                let page = WindowRow {
                    standing: PageStanding::Returnable,
                    ..page.clone()
                };
                draft.put(number, Row::Window(page));
            }
        }
        Decided::new(draft.finish(), ())
    }

    fn present(&self, stream: u32) -> Present {
        let mut present = Present::default();
        let settled = self.settled(stream);
        let pages = self.held_pages(stream).flat_map(|(_, page)| &page.ops);
        for held in settled.chain(pages) {
            present.ops.insert(held.admitted.id());
            present.sayings.extend(saying(&held.admitted));
        }
        present
    }

    /// Whether pages go back now.
    pub(crate) fn has_pages_to_return(&self) -> bool {
        self.returnable().next().is_some()
    }

    /// Whether pages go back sooner or later.
    pub(super) fn has_pages_set_aside(&self) -> bool {
        self.model.window.values().any(waits)
    }

    fn returnable(&self) -> impl Iterator<Item = (&u32, &WindowRow)> {
        let pages = self.model.window.iter();
        pages.filter(|(_, page)| page.standing == PageStanding::Returnable)
    }

    /// Puts pages into a request, as many as there is room for, and a word of those that need not go
    /// back.
    pub(super) fn add_returned(
        &self,
        request: &mut v1::SyncRequest,
        asked: &mut Asked,
        with_pages: bool,
        has_room: &mut impl FnMut(usize) -> bool,
    ) {
        let Some(tenant) = self.model.enrolment().map(|one| one.tenant) else {
            return;
        };
        let pages_max = self.model.limits().returned_pages;
        for (page, numbers) in self.covered().into_iter().take(pages_max) {
            if !has_room(page.encoded_len()) {
                return;
            }
            request.returned_pages.push(page);
            asked.told.extend(numbers);
        }
        if !with_pages {
            return;
        }
        let room = pages_max.saturating_sub(request.returned_pages.len());
        for (&number, page) in self.returnable().take(room) {
            let page = pack::returned_page(tenant, page);
            if !has_room(page.encoded_len()) {
                return;
            }
            asked.returned.push(number);
            request.returned_pages.push(page);
        }
    }

    /// Spans of streams of before of which nothing is missing, each as a page without content, with
    /// the rows it is made of.
    fn covered(&self) -> Vec<(v1::Page, Vec<u32>)> {
        let mut pages: Vec<(StreamId, u64, u64, u32)> = self
            .model
            .window
            .iter()
            .filter(|(_, page)| page.standing == PageStanding::Covered)
            .map(|(&number, page)| (page.handle, page.first_position, page.next_position, number))
            .collect();
        pages.sort_unstable();
        let mut spans: Vec<(StreamId, u64, u64, Vec<u32>)> = Vec::new();
        for (handle, first, next, number) in pages {
            match spans.last_mut() {
                Some(span) if span.0 == handle && first <= span.2.saturating_add(1) => {
                    span.2 = span.2.max(next);
                    span.3.push(number);
                }
                _ => spans.push((handle, first, next, vec![number])),
            }
        }
        let page = |(handle, first, next, numbers): (StreamId, u64, u64, Vec<u32>)| {
            let page = v1::Page {
                stream_id: handle.to_vec(),
                first_position: first,
                next_position: next,
                ..v1::Page::default()
            };
            (page, numbers)
        };
        spans.into_iter().map(page).collect()
    }

    /// Takes in that a request was answered to its end: what it handed back is with the server, and what
    /// an earlier one handed back has had its time to come again.
    pub(crate) fn request_done(&self, asked: &Asked) -> Decided<()> {
        let mut draft = Draft::new(&self.model);
        self.note_clock_told(&mut draft, asked);
        // Never beside a clock, which goes with batches.
        self.note_sums_told(&mut draft, asked);
        for (&number, page) in &self.model.window {
            if page.standing == PageStanding::Returned || asked.told.contains(&number) {
                draft.delete(Table::Window, number);
            } else if asked.returned.contains(&number) {
                let page = WindowRow {
                    standing: PageStanding::Returned,
                    ..page.clone()
                };
                draft.put(number, Row::Window(page));
            }
        }
        Decided::new(draft.finish(), ())
    }
}

/// Whether a page goes back unless it comes back by others.
pub(super) fn waits(page: &WindowRow) -> bool {
    matches!(
        page.standing,
        PageStanding::SetAside | PageStanding::Returnable
    )
}

/// A fact that the server may write down anew under another id; `None` for the ops of others.
fn saying(admitted: &AdmittedOp) -> Option<Saying> {
    if admitted.admission.author_role != Role::Server {
        return None;
    }
    let said = match admitted.op.parse() {
        Ok(Some(Payload::AwardConfirmed(confirmed))) => confirmed.award.as_bytes().to_vec(),
        Ok(Some(Payload::PassSeen(seen))) => {
            let revision = seen.revision.to_be_bytes();
            [&seen.check_in.as_bytes()[..], &revision].concat()
        }
        _ => admitted.op.payload.to_vec(),
    };
    Some((admitted.op.kind, said))
}
