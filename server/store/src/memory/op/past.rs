//! Days of places that are past their time.

use askel_sync::{id::PlaceId, stream::StreamKey, time::LocalDate};

use super::Ops;
use crate::Dropping;

impl Ops {
    /// The first day of the first place from there on.
    pub(in crate::memory) fn first_day(&self, from: PlaceId) -> Option<StreamKey> {
        let from = StreamKey::PlaceDay(from, LocalDate::from_days(i32::MIN));
        let (first, _) = self.streams.range(from..).next()?;
        matches!(first, StreamKey::PlaceDay(..)).then_some(*first)
    }

    /// Drops as much of a day as there is room for.
    pub(in crate::memory) fn drop_day(&mut self, day: StreamKey, dropping: &mut Dropping) {
        let Some(stream) = self.streams.get_mut(&day) else {
            return;
        };
        let room = usize::try_from(dropping.room()).unwrap_or(usize::MAX);
        // What stands before them in the stream is gone already.
        let held = stream.places.iter_mut().filter(|place| place.op.is_some());
        let mut ops: u64 = 0;
        for place in held.take(room) {
            place.op = None;
            place.live = false;
            ops = ops.saturating_add(1);
        }
        dropping.count(|dropped| &mut dropped.place_day_ops, ops);
        if dropping.room() > 0 {
            let handle = stream.head.id;
            self.streams.remove(&day);
            self.ids.remove(&handle);
            self.ancestors.retain(|_, ancestor| ancestor.stream != day);
            dropping.count(|dropped| &mut dropped.place_days, 1);
        }
    }
}
