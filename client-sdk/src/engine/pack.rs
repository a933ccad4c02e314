//! How batches and pages are encoded on their way, and pages and ops at rest.

use askel_proto::v1;
use askel_sync::admission::AdmittedOp;

use super::row::{HeldOp, WindowRow};

/// A page to hand back to a restored server, as it came: the MAC covers all of it.
pub(super) fn returned_page(page: &WindowRow) -> v1::Page {
    v1::Page {
        stream_id: page.handle.to_vec(),
        first_position: page.first_position,
        next_position: page.next_position,
        ops: page
            .ops
            .iter()
            .map(|held: &HeldOp| AdmittedOp::to_proto(&held.admitted))
            .collect(),
        mac: page.mac.clone(),
        snapshot: page.density == super::row::Density::Snapshot,
        ..v1::Page::default()
    }
}
