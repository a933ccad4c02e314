//! What the same machine does with less around it: bare databases, a bare gRPC server. Measured in the
//! same run as Askel, in turn with it.

pub(crate) mod echo;
pub(crate) mod pgbench;
pub(crate) mod sqlite;
pub(crate) mod unnest;

use askel_server::entropy::{Entropy as _, SystemEntropy};

/// Rows of a batch.
pub(crate) const BATCH_ROWS: usize = 500;
/// Bytes of a row's payload: about those of a check-in.
const PAYLOAD_BYTES: usize = 32;
/// Bytes of its key.
const KEY_BYTES: usize = 16;

/// What a run of a baseline came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rate {
    /// Rows, or transactions of one row, a second.
    pub(crate) per_s: f64,
}

/// So many random keys, for so many rows.
fn keys(rows: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut bytes = vec![0; rows.saturating_mul(KEY_BYTES)];
    SystemEntropy.fill(&mut bytes)?;
    Ok(bytes.chunks(KEY_BYTES).map(<[u8]>::to_vec).collect())
}
