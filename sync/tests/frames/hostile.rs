//! Bytes from a stranger: an error or some ops, never harm.

use askel_sync::{
    frame::{BatchHints, FrameLimits, decode_batch, decode_ops, encode_ops, log_of_batch},
    id::{DeviceId, LogId},
    op::Origin,
    time::{ClockSegment, Timestamp},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    strategies::{LIMITS, stream},
    year::{TENANT, year},
};

fn hints() -> BatchHints {
    BatchHints {
        tenant: TENANT,
        device: DeviceId::from_bytes([2; 16]),
        log: LogId::from_bytes([0; 16]),
        clock_segment: ClockSegment::default(),
        wall: Timestamp::from_ms(1_767_225_600_000),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_without_harm(bytes in vec(any::<u8>(), 0..200), context in stream()) {
        let own = |_: Origin| None;
        if let Ok(ops) = decode_ops(TENANT, &context, &own, &bytes, LIMITS) {
            prop_assert!(ops.len() <= LIMITS.ops_max);
        }
        let _ = log_of_batch(&bytes);
        let ops: Vec<_> = context.into_iter().map(|held| held.op).collect();
        let mut prefixed = vec![0; 5];
        prefixed.extend(bytes);
        if let Ok(batch) = decode_batch(&ops, &hints(), &prefixed, LIMITS) {
            prop_assert!(batch.len() <= LIMITS.bytes_max + 200 * LIMITS.ops_max);
        }
    }

    #[test]
    fn a_damaged_frame_is_an_error(
        ops in stream(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
        is_cut in any::<bool>(),
    ) {
        let own = |_: Origin| None;
        let mut bytes = encode_ops(TENANT, &[], &|_| false, &ops);
        let at = at.index(bytes.len());
        if is_cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << bit;
        }
        // Of 65 536 damaged frames one may pass for whole; none of these does.
        if let Ok(read) = decode_ops(TENANT, &[], &own, &bytes, LIMITS) {
            prop_assert_eq!(read, ops);
        }
    }
}

#[test]
fn a_few_bytes_make_no_more_than_is_accepted() {
    let own = |_: Origin| None;
    let limits = FrameLimits {
        ops_max: 2_000,
        bytes_max: 10_000,
    };
    for fill in 0..=255_u8 {
        let mut bytes = vec![0, 0, 0xd0, 0x0f];
        bytes.extend([fill; 64]);
        if let Ok(ops) = decode_ops(TENANT, &year(1, 1), &own, &bytes, limits) {
            let payloads: usize = ops.iter().map(|held| held.op.payload.len()).sum();
            assert!(payloads <= limits.bytes_max);
        }
    }
}
