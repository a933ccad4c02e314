//! What the parts of an answer do: the opening, pages of streams, streams that are gone.

use askel_proto::v1;
use askel_sync::{
    admission::{AdmittedOp, ClockReading},
    id::{DeviceId, StreamId},
    key::KeyList,
    op::Payload,
    stream::StreamSum,
    time::{DAY_MS, Timestamp},
};

use super::{
    Decided, Engine, ONLY, ToldPage,
    asked::Asked,
    catalog,
    draft::Draft,
    forget,
    model::LiveDraft,
    pack,
    row::{CatalogRow, Density, Enrolment, Installation, PageStanding, Row, StreamRow, WindowRow},
};
use crate::{Cause, Change, Error};

/// What a page brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Taken {
    /// Ops that are new here.
    pub(crate) ops: usize,
    /// Set when nothing of it was taken, and the stream has to be asked for again.
    pub(crate) again: Option<Again>,
}

/// How to ask again; the greater says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Again {
    AsBefore,
    /// In the long form and without context: the page refers to what is not held here.
    InFull,
}

/// What a page's ops do beside being kept.
struct Effects {
    catalog: CatalogRow,
    enrolment: Option<Enrolment>,
    announce: Vec<Change>,
}

impl Engine {
    /// Takes in the opening: which handles the streams have now, and a renewed lease.
    pub(crate) fn take_opening(&self, opening: &v1::SyncOpening) -> Result<Decided<()>, Error> {
        let mut draft = Draft::new(&self.model);
        for info in &opening.streams {
            self.take_stream_info(&mut draft, info)?;
        }
        if let Some(limits) = &opening.limits
            && self.model.announced() != Some(limits)
        {
            draft.put(ONLY, Row::Limits(*limits));
        }
        let enrolment = self.enrolment()?;
        let renewed = opening.staff_certificate.as_ref();
        if renewed.is_some_and(|renewed| enrolment.staff_certificate.as_ref() != Some(renewed)) {
            let enrolment = Enrolment {
                staff_certificate: renewed.cloned(),
                state: v1::DeviceState::Active,
                ..enrolment.clone()
            };
            draft.put(ONLY, installation(enrolment));
        }
        Ok(Decided::new(draft.finish(), ()))
    }

    /// Takes in a page with its cursor. A repetition changes nothing.
    pub(crate) fn take_page(
        &self,
        told: ToldPage,
        asked: &Asked,
        read: ClockReading,
    ) -> Result<Decided<Taken>, Error> {
        let now = read.wall;
        let (mut page, told_sum) = self.spelled_out(told, asked)?;
        let (number, row) = self.page_stream(&page, asked)?;
        let handle = self.told_handle(&page, row)?;
        if page.first_position == 0 {
            let first = if page.goes_on {
                asked.goes_on_at(number)
            } else {
                let stream = asked.stream(page.stream_index);
                stream.map(|stream| stream.position.saturating_add(1))
            };
            page.first_position = first.unwrap_or_default();
        }
        let next_expected = row.position.saturating_add(1);
        if page.first_position > next_expected {
            // The stream was set back since it was asked for.
            return Ok(Decided::new(Vec::new(), Taken::again(Again::AsBefore)));
        }
        let Some(ops) = self.read_page(&page, number, asked)? else {
            if asked.is_in_full() {
                return Err(Cause::Answer("a page can't be read").into());
            }
            return Ok(Decided::new(Vec::new(), Taken::again(Again::InFull)));
        };
        if page.next_position == 0 && page.stream_index > 0 {
            let count = u64::try_from(ops.len()).unwrap_or(u64::MAX);
            let next = page.first_position.saturating_add(count);
            page.next_position = next.saturating_sub(1);
        }
        let mut page_row = WindowRow {
            stream: number,
            handle,
            first_position: page.first_position,
            next_position: page.next_position,
            density: density(&page),
            mac: page.mac,
            received_at: self.came_at(read),
            standing: PageStanding::Held,
            ops,
        };
        page_row.skip_to(row.position);
        page_row
            .ops
            .retain(|_| !askel_sync::planted!(CursorWithoutPage));
        let sum = self.sum_with(number, row.sum, &page_row);
        let mut draft = Draft::new(&self.model);
        if !told_sum.fits(sum) || self.model.archive_is_unreadable() {
            if page.encoding != pack::ROWS && !asked.is_in_full() {
                return Ok(Decided::new(Vec::new(), Taken::again(Again::InFull)));
            }
            if self.may_begin_anew(row, now) {
                self.begin_anew(&mut draft, (number, row), self.server_time(now));
                self.count_mismatch(&mut draft);
                let again = Taken::again(Again::AsBefore);
                return Ok(Decided::new(draft.finish(), again));
            }
        }
        let moved = StreamRow {
            id: Some(handle),
            position: page_row.next_position.max(row.position),
            sum,
            ..row.clone()
        };
        if moved != *row {
            draft.put(number, Row::Stream(moved));
        }
        self.keep_page(draft, page_row)
    }

    /// Commits a page with what it changes.
    fn keep_page(
        &self,
        mut draft: Draft<'_>,
        mut page: WindowRow,
    ) -> Result<Decided<Taken>, Error> {
        let taken = Taken {
            ops: page.ops.len(),
            again: None,
        };
        let mut effects = Effects {
            catalog: self.model.catalog.clone(),
            enrolment: None,
            announce: Vec::new(),
        };
        for held in &page.ops {
            self.take_effect(&mut draft, &mut effects, &held.admitted, page.received_at);
        }
        self.forget_passes(&mut draft, &mut page);
        if !page.ops.is_empty() {
            draft.append(Row::Window(page))?;
        }
        if let Some(enrolment) = effects.enrolment {
            draft.put(ONLY, installation(enrolment));
        }
        let announce = effects.announce;
        Ok(Decided {
            announce,
            ..Decided::new(draft.finish(), taken)
        })
    }

    /// The stream a page is of.
    fn page_stream(&self, page: &v1::Page, asked: &Asked) -> Result<(u32, &StreamRow), Error> {
        let by_index = match page.stream_index {
            0 => None,
            index => Some(
                asked
                    .stream(index)
                    .and_then(|stream| self.model.streams.get_key_value(&stream.row))
                    .map(|(&number, row)| (number, row))
                    .ok_or(Cause::Answer("a page of a stream not asked for"))?,
            ),
        };
        if let Some(found) = by_index {
            return Ok(found);
        }
        let id = StreamId::try_from(&*page.stream_id)
            .map_err(|_| Cause::Answer("a page of no stream"))?;
        let found = self.model.stream_by_id(id);
        Ok(found.ok_or(Cause::Answer("a page of a stream not asked for"))?)
    }

    fn sum_with(&self, stream: u32, sum: StreamSum, page: &WindowRow) -> StreamSum {
        let mut live = LiveDraft::new(self.model.live());
        let mut sum = sum;
        for (index, held) in page.ops.iter().enumerate() {
            sum = live.add(stream, sum, &held.admitted);
            if let Some(pass) = forget::forgotten(held) {
                let before = page.ops.get(..index).unwrap_or_default();
                sum = self.sum_without(stream, sum, before, pass);
            }
        }
        sum
    }

    /// Whether a stream whose sum is wrong is pulled again: not twice in a day.
    fn may_begin_anew(&self, row: &StreamRow, now: Timestamp) -> bool {
        let now = self.server_time(now);
        row.begun_anew_at
            .is_none_or(|at| now.saturating_ms_since(at).saturating_abs() > DAY_MS)
    }

    fn count_mismatch(&self, draft: &mut Draft<'_>) {
        let mut attempt = self.model.attempt.clone();
        attempt.mismatches = attempt.mismatches.saturating_add(1);
        draft.put(ONLY, Row::Attempt(attempt));
    }

    /// What an op does here beside being folded.
    fn take_effect(
        &self,
        draft: &mut Draft<'_>,
        effects: &mut Effects,
        admitted: &AdmittedOp,
        came_at: Timestamp,
    ) {
        match admitted.op.parse() {
            Ok(Some(Payload::CatalogPublished(published))) => {
                self.announce_catalog(draft, &mut effects.catalog, &published);
            }
            Ok(Some(Payload::KeyListPublished(published))) => {
                self.take_key_list(draft, effects, &published);
            }
            Ok(Some(Payload::OutcomeChanged(changed))) => {
                self.change_outcome(draft, &changed, came_at);
            }
            Ok(Some(Payload::DeviceChanged(changed))) => {
                effects.announce.extend(device_change(&changed));
            }
            // A kind of a later version stays in its page: the next version of the app will want it.
            Ok(_) | Err(_) => {}
        }
    }

    /// A key list is taken from nobody but the root, and never an older one.
    fn take_key_list(
        &self,
        draft: &mut Draft<'_>,
        effects: &mut Effects,
        published: &v1::KeyListPublished,
    ) {
        use prost::Message as _;
        let Ok(signed) = v1::SignedKeyList::decode(&*published.signed_key_list) else {
            return;
        };
        let Some(enrolment) = effects.enrolment.as_ref().or(self.model.enrolment()) else {
            return;
        };
        let verify = |signed: &v1::SignedKeyList, version_held| {
            KeyList::verify(signed, enrolment.tenant, &enrolment.root_hash, version_held)
        };
        let held = verify(&enrolment.key_list, 0).map_or(0, |held| held.version);
        if verify(&signed, held).is_ok() && signed != enrolment.key_list {
            effects.enrolment = Some(Enrolment {
                key_list: signed,
                ..enrolment.clone()
            });
            // Whoever signed a catalog that was thrown away may be known now.
            catalog::hurry(draft, &mut effects.catalog);
        }
    }

    /// Takes in that a stream is no longer this reader's.
    pub(crate) fn take_stream_gone(&self, gone: &v1::StreamGone) -> Decided<()> {
        let mut draft = Draft::new(&self.model);
        let stream = self
            .model
            .streams
            .iter()
            .find(|(_, row)| Some(&row.selector) == gone.selector.as_ref());
        if let Some((&number, _)) = stream {
            self.drop_stream(&mut draft, number);
        }
        Decided::new(draft.finish(), ())
    }
}

impl Taken {
    fn again(again: Again) -> Self {
        Self {
            ops: 0,
            again: Some(again),
        }
    }
}

impl WindowRow {
    /// Leaves out what is held already; such a page can't be handed back.
    fn skip_to(&mut self, position: u64) {
        if self.first_position > position || self.ops.is_empty() {
            return;
        }
        let held = position
            .saturating_sub(self.first_position)
            .saturating_add(1);
        let held = match self.density {
            Density::Dense => usize::try_from(held).unwrap_or(usize::MAX),
            // Where its ops lie is not told: all of them, or none.
            Density::Snapshot if position >= self.next_position => usize::MAX,
            Density::Snapshot => 0,
        };
        self.ops.drain(..held.min(self.ops.len()));
        self.first_position = position.saturating_add(1);
        self.mac = Vec::new();
    }
}

fn density(page: &v1::Page) -> Density {
    if page.snapshot {
        Density::Snapshot
    } else {
        Density::Dense
    }
}

fn installation(enrolment: Enrolment) -> Row {
    Row::Installation(Box::new(Installation {
        enrolment: Some(enrolment),
    }))
}

fn device_change(changed: &v1::DeviceChanged) -> Option<Change> {
    let until = Timestamp::from_ms(changed.refusable_until_ms);
    Some(Change::Device {
        device: DeviceId::try_from(&*changed.device_id).ok()?,
        change: changed.change(),
        refusable_until: (changed.refusable_until_ms != 0).then_some(until),
    })
}
