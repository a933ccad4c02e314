//! What a device knows after its first sync: enough for the short form from then on.

use askel_proto::v1;
use askel_sync::{
    id::StreamId,
    op::Payload,
    stream::short::{SealedHead, state_tag},
    time::{ClockSegment, Timestamp},
};

use super::crowd::{Call, Device, count};

/// A device that has synced.
#[derive(Debug, Clone)]
pub(crate) struct Phone {
    pub(crate) device: Device,
    handles: Vec<StreamId>,
    positions: Vec<u64>,
    limits_revision: u32,
}

impl Phone {
    /// Of the opening of its first sync's answer.
    pub(crate) fn of(device: Device, opening: &v1::SyncOpening) -> anyhow::Result<Self> {
        let streams = &opening.streams;
        let handles = streams
            .iter()
            .map(|info| Ok(StreamId::try_from(&*info.stream_id)?))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            device,
            handles,
            positions: streams.iter().map(|info| info.head).collect(),
            limits_revision: opening.limits.map_or(0, |limits| limits.revision),
        })
    }

    /// A call in short form that hands in facts, one batch for each of the lists.
    pub(crate) fn hands_in(&mut self, batches: &[&[Payload]], now: Timestamp) -> Call {
        let ops = batches.iter().map(|facts| count(facts.len()));
        let ops = ops.fold(0, u64::saturating_add);
        let sealed = batches.iter().map(|facts| self.device.write(facts));
        let sealed = sealed.collect();
        Call {
            credential: self.device.credential(now),
            message: v1::SyncRequest {
                batches: sealed,
                positions: self.positions.clone(),
                state_tag: state_tag(&self.handles, self.head().as_ref(), self.limits_revision),
                ..v1::SyncRequest::default()
            },
            ops,
            settles: self.device.next,
            fetch: None,
        }
    }

    /// A call in short form with nothing new.
    pub(crate) fn looks(&mut self, now: Timestamp) -> Call {
        self.hands_in(&[], now)
    }

    /// Where it stands in its streams.
    pub(crate) fn cursors(&self) -> Vec<v1::Cursor> {
        let known = self.handles.iter().zip(&self.positions);
        let streams = self.device.streams().into_iter().zip(known);
        let cursors = streams.map(|(selector, (handle, position))| v1::Cursor {
            selector: Some(selector),
            stream_id: handle.to_vec(),
            position: *position,
        });
        cursors.collect()
    }

    fn head(&self) -> Option<SealedHead> {
        self.device.last_op.map(|last_op| SealedHead {
            log: self.device.log,
            next_sequence: self.device.next,
            last_op,
        })
    }
}

/// The message of a sync in long form from the beginning, which says the device's clock with a fact.
pub(crate) fn first_sync(
    device: &mut Device,
    fact: Option<Payload>,
    selectors: Vec<v1::StreamSelector>,
    now: Timestamp,
) -> v1::SyncRequest {
    let cursors = selectors.into_iter().map(|selector| v1::Cursor {
        selector: Some(selector),
        ..v1::Cursor::default()
    });
    v1::SyncRequest {
        versions: Some(v1::VersionRange {
            lowest: 1,
            highest: 1,
        }),
        batches: fact.map(|fact| device.write(&[fact])).into_iter().collect(),
        cursors: cursors.collect(),
        client_clock: Some(v1::ClientClock {
            wall_ms: now.as_ms(),
            segment: Some(ClockSegment::default().into()),
        }),
        ..v1::SyncRequest::default()
    }
}
