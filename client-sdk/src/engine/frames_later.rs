//! Carried frames that the server can't take yet: what comes before them has not arrived, and may never.
//! They are handed in again, but not with every sync.

use askel_proto::v1;
use askel_sync::time::Timestamp;

use super::{
    Engine,
    asked::Asked,
    draft::Draft,
    liveness,
    row::{FrameLater, Later, Table},
};

impl Engine {
    /// Takes in what became of the frames that were handed in. Those for later stay, and those of which a
    /// later version's word was said.
    pub(super) fn take_frame_outcomes(
        &self,
        draft: &mut Draft<'_>,
        outcomes: &[v1::FrameOutcome],
        asked: &Asked,
        now: Timestamp,
    ) -> Vec<FrameLater> {
        use v1::frame_outcome::Result as Became;
        let mut all_later = self.model.attempt.frames_later.clone();
        for outcome in outcomes {
            let Some(number) = asked.frame(outcome.index) else {
                continue;
            };
            all_later.retain(|later| later.number != number);
            if matches!(outcome.result(), Became::Taken | Became::Refused) {
                draft.delete(Table::Carried, number);
                continue;
            }
            // A sealed frame looks random to its last byte.
            let frame = self.model.carried.get(&number);
            let jitter = frame.and_then(|frame| frame.last()).copied();
            let jitter = jitter.unwrap_or_default();
            all_later.push(FrameLater {
                number,
                later: liveness::later(self.frame_later(number), now, jitter),
            });
        }
        all_later
    }

    /// The frames that are handed in now.
    pub(super) fn frames_due(&self, now: Timestamp) -> impl Iterator<Item = (u32, &Vec<u8>)> {
        let frames = self.model.carried.iter();
        let frames = frames.map(|(&number, frame)| (number, frame));
        frames.filter(move |(number, _)| self.frame_waits_until(*number, now).is_none())
    }

    /// When the first frame may be handed in, by this device's clock; `None` if there is none.
    pub(super) fn first_frame_at(&self, now: Timestamp) -> Option<Timestamp> {
        let frames = self.model.carried.keys();
        let at = frames.map(|number| self.frame_waits_until(*number, now).unwrap_or(now));
        at.min()
    }

    fn frame_waits_until(&self, number: u32, now: Timestamp) -> Option<Timestamp> {
        liveness::waits_until(self.frame_later(number)?, now)
    }

    fn frame_later(&self, number: u32) -> Option<Later> {
        let mut frames = self.model.attempt.frames_later.iter();
        let frame = frames.find(|frame| frame.number == number)?;
        Some(frame.later)
    }
}
