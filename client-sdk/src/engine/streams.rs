//! The streams a device follows: their handles, their pages, and what of them is kept for how long.

use askel_proto::v1;
use askel_sync::{
    id::StreamId,
    stream::{StreamKey, StreamSum},
    time::{DAY_MS, Timestamp},
};

use super::{
    Engine,
    draft::Draft,
    model::{Live, LiveDraft},
    row::{Density, HeldOp, PageStanding, Row, StreamRow, Table, WindowRow},
};
use crate::{Cause, Error, Footprint};

/// Pages are kept this long: a restored server may want them back.
pub(super) const WINDOW_MS: i64 = 35 * DAY_MS;
/// Positions that pages may refer to.
const CONTEXT_OPS_MAX: u32 = 256;
/// What a row takes beside its bytes: the cipher's nonce and tag.
const SEAL_BYTES: usize = 24 + 16;

impl Engine {
    /// Takes in which handle a stream has now.
    pub(super) fn take_stream_info(
        &self,
        draft: &mut Draft<'_>,
        info: &v1::StreamInfo,
    ) -> Result<(), Error> {
        let mut streams = self.model.streams.iter();
        let Some((&number, row)) =
            streams.find(|(_, row)| Some(&row.selector) == info.selector.as_ref())
        else {
            return Ok(());
        };
        let id = StreamId::try_from(&*info.stream_id)
            .map_err(|_| Cause::Answer("a stream without a handle"))?;
        let Some(held) = row.id else {
            let row = StreamRow {
                id: Some(id),
                ..row.clone()
            };
            draft.put(number, Row::Stream(row));
            return Ok(());
        };
        if held == id {
            return Ok(());
        }
        // A restored server's stream goes on from its parent up to a head; any other is a new one.
        if info.parent_as_asked || info.parent_stream_id == held.as_bytes() {
            return self.set_back(draft, (number, row), id, info);
        }
        self.drop_stream_ops(draft, number);
        let fresh = StreamRow {
            id: Some(id),
            ..StreamRow::fresh(row.selector)
        };
        draft.put(number, Row::Stream(fresh));
        Ok(())
    }

    /// The server was restored: the stream goes on from where the backup was made. What this device
    /// holds beyond that is kept, to be handed back.
    fn set_back(
        &self,
        draft: &mut Draft<'_>,
        (number, row): (u32, &StreamRow),
        id: StreamId,
        info: &v1::StreamInfo,
    ) -> Result<(), Error> {
        let head = info.parent_head.min(row.position);
        let mut kept = Kept::default();
        kept.settled.extend(self.settled(number));
        let is_beyond = !kept.settled.is_empty() && self.settled_to(number, row) > head;
        let mut begins_anew = is_beyond || self.model.archive_is_unreadable();
        for (&page_number, page) in self.held_pages(number) {
            if page.next_position <= head {
                kept.pages.push(page.clone());
                continue;
            }
            if let Some(part) = first_part(page, head) {
                draft.append(Row::Window(part.clone()))?;
                kept.pages.push(part);
            } else if page.first_position <= head {
                begins_anew = true;
            }
            // What others have handed back comes by itself.
            set_aside(draft, page_number, page, info.healed_to);
        }
        let (position, sum) = if begins_anew {
            for (&page_number, page) in self.held_pages(number) {
                if page.next_position <= head {
                    draft.delete(Table::Window, page_number);
                }
            }
            self.drop_settled(draft, number);
            (0, StreamSum::default())
        } else {
            (head, kept.sum(number))
        };
        let row = StreamRow {
            id: Some(id),
            position,
            sum,
            ..row.clone()
        };
        draft.put(number, Row::Stream(row));
        Ok(())
    }

    /// The sum was found wrong: the stream is pulled again, and what is held goes back to the server.
    pub(super) fn begin_anew(
        &self,
        draft: &mut Draft<'_>,
        (number, row): (u32, &StreamRow),
        now: Timestamp,
    ) {
        for (&page_number, page) in self.held_pages(number) {
            set_aside(draft, page_number, page, 0);
        }
        self.drop_settled(draft, number);
        let row = StreamRow {
            position: 0,
            sum: StreamSum::default(),
            begun_anew_at: Some(now),
            ..row.clone()
        };
        draft.put(number, Row::Stream(row));
    }

    /// Drops a stream with its ops.
    pub(super) fn drop_stream(&self, draft: &mut Draft<'_>, stream: u32) {
        draft.delete(Table::Stream, stream);
        self.drop_stream_ops(draft, stream);
    }

    fn drop_stream_ops(&self, draft: &mut Draft<'_>, stream: u32) {
        for (&number, page) in &self.model.window {
            if page.stream == stream {
                draft.delete(Table::Window, number);
            }
        }
        self.drop_settled(draft, stream);
    }

    fn drop_settled(&self, draft: &mut Draft<'_>, stream: u32) {
        for (&number, row) in &self.model.settled {
            if row.stream == stream {
                draft.delete(Table::Settled, number);
            }
        }
        for number in self.model.archived_numbers(stream) {
            draft.delete(Table::Archived, number);
        }
        if self.model.archived_days(stream).is_some() {
            draft.delete(Table::ArchivedDays, stream);
        }
    }

    /// The pages of a stream that are part of it as the server has it, in ascending position.
    pub(super) fn held_pages(&self, stream: u32) -> impl Iterator<Item = (&u32, &WindowRow)> {
        self.model
            .window
            .iter()
            .filter(move |(_, page)| page.stream == stream && page.standing == PageStanding::Held)
    }

    /// How many of the last positions of the participant's stream are held without a gap.
    pub(super) fn context_held(&self) -> u32 {
        let participant = self.model.enrolment().and_then(|one| one.participant);
        let Some((number, row)) =
            participant.and_then(|id| self.model.stream_by_key(StreamKey::Participant(id)))
        else {
            return 0;
        };
        let mut first = row.position.saturating_add(1);
        for page in self.pages_backwards(number) {
            let joins = page.density == Density::Dense
                && page.next_position.saturating_add(1) == first
                && Some(page.handle) == row.id;
            if !joins {
                break;
            }
            first = page.first_position;
        }
        let held = row.position.saturating_add(1).saturating_sub(first);
        u32::try_from(held).map_or(CONTEXT_OPS_MAX, |held| held.min(CONTEXT_OPS_MAX))
    }

    /// How many positions pages could refer to if there were no gap.
    pub(super) fn context_most(&self) -> u32 {
        let participant = self.model.enrolment().and_then(|one| one.participant);
        let stream =
            participant.and_then(|id| self.model.stream_by_key(StreamKey::Participant(id)));
        let position = stream.map_or(0, |(_, row)| row.position);
        u32::try_from(position).map_or(CONTEXT_OPS_MAX, |position| position.min(CONTEXT_OPS_MAX))
    }

    pub(super) fn pages_backwards(&self, stream: u32) -> impl Iterator<Item = &WindowRow> {
        let mut pages: Vec<&WindowRow> = self.held_pages(stream).map(|(_, page)| page).collect();
        pages.sort_by_key(|page| std::cmp::Reverse(page.next_position));
        pages.into_iter()
    }

    /// The settled ops of a stream, the archived ones too.
    pub(super) fn settled(&self, stream: u32) -> impl Iterator<Item = &HeldOp> {
        let rows = self.model.settled.values();
        let rows = rows.filter(move |row| row.stream == stream);
        rows.flat_map(|row| &row.ops)
            .chain(self.model.archived_ops(stream))
    }

    /// The position up to which ops are settled.
    fn settled_to(&self, stream: u32, row: &StreamRow) -> u64 {
        let oldest = self
            .held_pages(stream)
            .map(|(_, page)| page.first_position)
            .min();
        oldest.map_or(row.position, |first| first.saturating_sub(1))
    }

    /// How many bytes the ops of streams take at rest.
    pub(crate) fn footprint(&self) -> Footprint {
        let bytes = |row: Row| row.encode().len().saturating_add(SEAL_BYTES);
        let settled = self.model.settled.values().cloned().map(Row::Settled);
        let (archived, days) = self.model.archived_rows();
        let settled = settled
            .chain(archived.cloned().map(Row::Archived))
            .chain(days.cloned().map(Row::ArchivedDays));
        let window = self.model.window.values().cloned().map(Row::Window);
        let document_bytes = settled.map(bytes).fold(0, usize::saturating_add);
        let window_bytes = window.map(bytes).fold(0, usize::saturating_add);
        Footprint {
            document_bytes,
            window_bytes,
            rows: self.model.row_count(),
        }
    }
}

/// What stays of a stream that is set back.
#[derive(Default)]
struct Kept<'m> {
    settled: Vec<&'m HeldOp>,
    pages: Vec<WindowRow>,
}

impl Kept<'_> {
    fn sum(&self, stream: u32) -> StreamSum {
        let nothing = Live::default();
        let mut live = LiveDraft::new(&nothing);
        let pages = self.pages.iter().flat_map(|page| &page.ops);
        let ops = self.settled.iter().copied().chain(pages);
        ops.fold(StreamSum::default(), |sum, held| {
            live.add(stream, sum, &held.admitted)
        })
    }
}

/// The part of a page up to a position within it; `None` if nothing of it is, or it can't be told.
fn first_part(page: &WindowRow, head: u64) -> Option<WindowRow> {
    let count = head.checked_add(1)?.checked_sub(page.first_position)?;
    if count == 0 || page.density == Density::Snapshot {
        return None;
    }
    let count = usize::try_from(count).ok()?;
    Some(WindowRow {
        next_position: head,
        mac: Vec::new(),
        ops: page.ops.iter().take(count).cloned().collect(),
        ..page.clone()
    })
}

/// Keeps a page to be handed back, if it can be.
fn set_aside(draft: &mut Draft<'_>, number: u32, page: &WindowRow, healed_to: u64) {
    if page.mac.is_empty() || page.next_position <= healed_to {
        draft.delete(Table::Window, number);
        return;
    }
    let page = WindowRow {
        standing: PageStanding::SetAside,
        ..page.clone()
    };
    draft.put(number, Row::Window(page));
}
