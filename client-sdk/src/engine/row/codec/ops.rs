//! Rows that hold many ops of a stream.

use askel_sync::{admission::AdmittedOp, id::StreamId, time::Timestamp};
use prost::Message as _;

use super::{
    super::{Density, HeldOp, PageStanding, SettledRow, WindowRow},
    message as stored,
};

pub(super) fn window_to_stored(row: &WindowRow) -> stored::Window {
    stored::Window {
        stream: row.stream,
        handle: row.handle.to_vec(),
        first_position: row.first_position,
        next_position: row.next_position,
        snapshot: row.density == Density::Snapshot,
        mac: row.mac.clone(),
        received_at_ms: row.received_at.as_ms(),
        standing: match row.standing {
            PageStanding::Held => 0,
            PageStanding::Returnable => 1,
            PageStanding::Returned => 2,
            PageStanding::SetAside => 3,
            PageStanding::Covered => 4,
        },
        ops: encode(&row.ops),
    }
}

pub(super) fn window_from_stored(stored: stored::Window) -> Option<WindowRow> {
    Some(WindowRow {
        stream: stored.stream,
        handle: StreamId::try_from(&*stored.handle).ok()?,
        first_position: stored.first_position,
        next_position: stored.next_position,
        density: if stored.snapshot {
            Density::Snapshot
        } else {
            Density::Dense
        },
        mac: stored.mac,
        received_at: Timestamp::from_ms(stored.received_at_ms),
        standing: match stored.standing {
            0 => PageStanding::Held,
            1 => PageStanding::Returnable,
            2 => PageStanding::Returned,
            3 => PageStanding::SetAside,
            4 => PageStanding::Covered,
            _ => return None,
        },
        ops: decode(&stored.ops)?,
    })
}

pub(super) fn settled_to_stored(row: &SettledRow) -> stored::Settled {
    stored::Settled {
        stream: row.stream,
        frame: row.frame.clone(),
    }
}

pub(super) fn settled_from_stored(stored: stored::Settled) -> SettledRow {
    SettledRow {
        stream: stored.stream,
        ops: Vec::new(),
        frame: stored.frame,
    }
}

/// Young ops stay as they are: they are read and written often.
fn encode(ops: &[HeldOp]) -> Vec<u8> {
    let ops = ops.iter().map(|held| held.admitted.to_proto()).collect();
    stored::Ops { ops }.encode_to_vec()
}

fn decode(bytes: &[u8]) -> Option<Vec<HeldOp>> {
    let stored = stored::Ops::decode(bytes).ok()?;
    let held = |op| {
        let admitted = AdmittedOp::from_proto(op).ok()?;
        Some(HeldOp { admitted })
    };
    stored.ops.into_iter().map(held).collect()
}
