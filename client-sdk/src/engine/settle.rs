//! Pages that no server will want back any more become rows of many ops; steps of long ago and
//! evidences, which show nowhere, go where opening does not read them.

use std::collections::BTreeSet;

use askel_sync::{
    admission::counted_in,
    fold::{ArchivedDays, day_begins},
    id::{ParticipantId, TenantId},
    op::{Op, OpKind, Payload, StepCount},
    stream::StreamKey,
    time::{DAY_MS, Quarter, Timestamp},
};

use super::{
    CatalogHeld, Decided, Engine,
    draft::Draft,
    model::Live,
    pack,
    row::{ArchivedDaysRow, ArchivedRow, HeldOp, Row, SettledRow, Table, WindowRow},
    streams::WINDOW_MS,
    tied_time::is_untold,
};
use crate::Error;

/// Steps younger than this are not archived: a phone that was away for 30 days brings as old ones, and
/// whoever holds them should not have to read the archive at each opening.
const ARCHIVE_AFTER_MS: i64 = WINDOW_MS + DAY_MS;
/// Steps that are not settled hold the archive back no longer than this: those are of phones that
/// were away for very long, or their clock is wrong.
const ARCHIVE_WAITS_MS: i64 = 2 * WINDOW_MS;

impl Engine {
    /// Merges pages that no server will want back any more into rows of many ops, where it is `now` by the
    /// server's time and a sync was answered whole; what is superseded leaves.
    pub(crate) fn settle_pages(&self, now: Timestamp) -> Result<Decided<()>, Error> {
        let tenant = self.enrolment()?.tenant;
        let mut draft = Draft::new(&self.model);
        for &stream in self.model.streams.keys() {
            for (&number, page) in self.held_pages(stream) {
                if is_untold(page.received_at, now) {
                    let page = WindowRow {
                        received_at: now,
                        ..page.clone()
                    };
                    draft.put(number, Row::Window(page));
                }
            }
            let aged = |page: &WindowRow| now.saturating_ms_since(page.received_at) > WINDOW_MS;
            let pages: Vec<(u32, &WindowRow)> = self
                .held_pages(stream)
                .take_while(|(_, page)| aged(page))
                .map(|(&number, page)| (number, page))
                .collect();
            if pages.is_empty() {
                continue;
            }
            let settling = Settling {
                tenant,
                stream,
                live: self.model.live(),
                archiving: self.archiving(stream, &pages, now),
            };
            let archived = self.settle_stream(&mut draft, &settling, &pages)?;
            if let Some(archiving) = &settling.archiving {
                self.archive(&mut draft, &settling, archiving, archived)?;
            }
        }
        Ok(Decided::new(draft.finish(), ()))
    }

    /// Settles pages but for what goes to the archive, which it gives.
    fn settle_stream(
        &self,
        draft: &mut Draft<'_>,
        settling: &Settling<'_>,
        pages: &[(u32, &WindowRow)],
    ) -> Result<Vec<HeldOp>, Error> {
        let stream = settling.stream;
        let goes = |held: &HeldOp| {
            let archiving = settling.archiving.as_ref();
            archiving.is_some_and(|archiving| self.may_archive(archiving, held))
        };
        // From the first row on that is not full, or has ops that leave.
        let rows = || {
            let rows = self.model.settled.iter();
            rows.filter(move |(_, row)| row.stream == stream)
        };
        let stays = |row: &SettledRow| {
            let mut ops = row.ops.iter();
            pack::is_full(&row.ops) && ops.all(|held| settling.is_live(held) && !goes(held))
        };
        let stay = rows()
            .take_while(|(_, row)| stays(row))
            .flat_map(|(_, row)| &row.ops);
        let mut ops: Vec<HeldOp> = Vec::new();
        for (&number, row) in rows().skip_while(|(_, row)| stays(row)) {
            ops.extend(row.ops.iter().cloned());
            draft.delete(Table::Settled, number);
        }
        for (number, page) in pages {
            ops.extend(page.ops.iter().cloned());
            draft.delete(Table::Window, *number);
        }
        ops.retain(|held| settling.is_live(held));
        let (archived, mut ops): (Vec<HeldOp>, Vec<HeldOp>) = ops.into_iter().partition(goes);
        // Those that will leave come last, so that few rows are written anew then.
        ops.sort_by_key(|held| held.admitted.op.kind == OpKind::StepCount as u32);
        for (frame, ops) in pack::frames(settling.tenant, stay, &ops) {
            draft.append(Row::Settled(SettledRow {
                stream,
                ops: ops.to_vec(),
                frame,
            }))?;
        }
        Ok(archived)
    }

    /// Appends to the archive of a stream: at most its last row, if that is not full, is written anew,
    /// and what comes after an op that is superseded.
    fn archive(
        &self,
        draft: &mut Draft<'_>,
        settling: &Settling<'_>,
        archiving: &Archiving,
        new: Vec<HeldOp>,
    ) -> Result<(), Error> {
        let (stream, catalog) = (settling.stream, &self.view.catalog);
        let is_live = |held: &HeldOp| settling.is_live(held);
        let rows: Vec<(u32, &[HeldOp])> = self.model.archived(stream).collect();
        let stays = |ops: &[HeldOp]| pack::is_full(ops) && ops.iter().all(is_live);
        let stay = rows.iter().take_while(|(_, ops)| stays(ops)).count();
        let (stay, again) = rows.split_at_checked(stay).unwrap_or_default();
        let held = self.model.archived_days(stream);
        let is_as_told = held.is_none_or(|held| held.days.holds_under(catalog));
        let is_as_kept = new.is_empty() && again.iter().all(|(_, ops)| ops.iter().all(is_live));
        if is_as_told && is_as_kept {
            return Ok(());
        }
        let mut ops: Vec<HeldOp> = Vec::new();
        for (number, row) in again {
            ops.extend(row.iter().filter(|held| is_live(held)).cloned());
            draft.delete(Table::Archived, *number);
        }
        ops.extend(new);
        let kept = || stay.iter().flat_map(|(_, ops)| *ops);
        let frames = pack::frames(settling.tenant, kept(), &ops);
        let count = stay.len().saturating_add(frames.len());
        for (frame, _) in frames {
            draft.append(Row::Archived(ArchivedRow { stream, frame }))?;
        }
        if count == 0 {
            draft.delete(Table::ArchivedDays, stream);
            return Ok(());
        }
        let all = kept().chain(&ops).map(|held| &held.admitted);
        let days = ArchivedDays::of(archiving.participant, all, archiving.before, catalog);
        let row = ArchivedDaysRow {
            rows: u32::try_from(count).unwrap_or(u32::MAX),
            days: days.into(),
        };
        draft.put(stream, Row::ArchivedDays(row));
        Ok(())
    }

    /// Whether and how steps of a stream are archived now.
    fn archiving(
        &self,
        stream: u32,
        aged: &[(u32, &WindowRow)],
        now: Timestamp,
    ) -> Option<Archiving> {
        let row = self.model.streams.get(&stream)?;
        let StreamKey::Participant(participant) = self.model.stream_key(row)? else {
            return None;
        };
        // Without a catalog nobody knows the days; without the ops of the archive it can't go on.
        if self.catalog_held == CatalogHeld::Blank || self.model.archive_is_unreadable() {
            return None;
        }
        let ago = |ms: i64| Quarter::containing(now.saturating_add_ms(ms.saturating_neg()));
        let aged: BTreeSet<u32> = aged.iter().map(|(number, _)| *number).collect();
        let window = self.model.window.iter();
        let window =
            window.filter(|(number, page)| page.stream == stream && !aged.contains(number));
        let of_window = window.flat_map(|(_, page)| &page.ops).filter_map(|held| {
            let count = step_count(&held.admitted.op)?;
            let counted = counted_in(&count, &held.admitted.admission);
            Some(counted.map_or(count.bucket, |counted| counted.min(count.bucket)))
        });
        let own = self.model.own.values();
        let of_own = own.filter_map(|own| Some(step_count(&own.op)?.bucket));
        let oldest = of_window
            .chain(of_own)
            .fold(ago(ARCHIVE_AFTER_MS)?, Quarter::min);
        let before = day_begins(oldest.max(ago(ARCHIVE_WAITS_MS)?), &self.view.catalog);
        let held = self.model.archived_days(stream);
        Some(Archiving {
            participant,
            before: held.map_or(before, |held| held.days.before().max(before)),
        })
    }

    /// An op is not archived while it is looked for: as the server's copy of an own one.
    fn may_archive(&self, archiving: &Archiving, held: &HeldOp) -> bool {
        ArchivedDays::takes(archiving.before, &held.admitted)
            && self.model.own_of_origin(held.admitted.op.origin).is_none()
    }
}

/// The settling of a stream.
struct Settling<'m> {
    tenant: TenantId,
    stream: u32,
    live: &'m Live,
    archiving: Option<Archiving>,
}

/// What goes to the archive.
struct Archiving {
    participant: ParticipantId,
    /// Steps of earlier quarters.
    before: Quarter,
}

impl Settling<'_> {
    fn is_live(&self, held: &HeldOp) -> bool {
        !self.live.is_superseded(self.stream, &held.admitted)
    }
}

fn step_count(op: &Op) -> Option<StepCount> {
    match op.parse() {
        Ok(Some(Payload::StepCount(count))) => Some(count),
        _ => None,
    }
}
