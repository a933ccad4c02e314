//! Pages of streams and frames at rest.

use std::collections::BTreeMap;

use askel_sync::{
    admission::AdmittedOp,
    frame::{CONTEXT_OPS_MAX, Chain, FrameError, FrameLimits, decode_ops, encode_ops},
    id::LogId,
    op::{Op, Origin},
    time::DAY_MS,
};
use proptest::prelude::*;

use crate::{
    strategies::{LIMITS, stream},
    year::{TENANT, year},
};

fn nothing(_: Origin) -> Option<Op> {
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_very_ops_come_back(context in stream(), ops in stream()) {
        let bytes = encode_ops(TENANT, &context, &|_| false, &ops);
        let read = decode_ops(TENANT, &context, &nothing, &bytes, LIMITS);
        prop_assert_eq!(read, Ok(ops));
    }

    #[test]
    fn own_ops_are_left_out_and_come_back(context in stream(), ops in stream(), log in 0..4_u8) {
        // Two ops at one place of a log can't both be held.
        let mut held: BTreeMap<Origin, Op> = BTreeMap::new();
        for admitted in &ops {
            held.insert(admitted.op.origin, admitted.op.clone());
        }
        let log = ops.first().map_or(LogId::from_bytes([log; 16]), |first| first.op.origin.log);
        let is_own = |op: &Op| op.origin.log == log && held.get(&op.origin) == Some(op);
        let bytes = encode_ops(TENANT, &context, &is_own, &ops);
        let own = |origin: Origin| held.get(&origin).cloned();
        let read = decode_ops(TENANT, &context, &own, &bytes, LIMITS);
        prop_assert_eq!(read, Ok(ops));
    }

    #[test]
    fn ops_that_only_one_side_saw_judged_can_be_referred_to(
        unjudged in stream(),
        context in stream(),
        ops in stream(),
    ) {
        let after = || {
            let mut chain = Chain::new(TENANT);
            chain.learn_unjudged(unjudged.iter().map(|admitted| &admitted.op));
            chain.learn(&context);
            chain
        };
        let bytes = after().encode(&|_| false, &ops);
        prop_assert_eq!(after().decode(&nothing, &bytes, LIMITS), Ok(ops));
    }

    #[test]
    fn a_chain_gives_back_all_its_frames(frames in prop::collection::vec(stream(), 0..4)) {
        let (mut writer, mut reader) = (Chain::new(TENANT), Chain::new(TENANT));
        for ops in frames {
            let bytes = writer.encode(&|_| false, &ops);
            let read = reader.decode(&nothing, &bytes, LIMITS);
            prop_assert_eq!(read, Ok(ops));
        }
    }
}

#[test]
fn of_a_long_context_the_last_ops_count() {
    let ops = year(40, 1);
    let (context, page) = ops.split_at(800);
    let last = &context[context.len() - CONTEXT_OPS_MAX..];
    let bytes = encode_ops(TENANT, context, &|_| false, page);
    assert_eq!(bytes, encode_ops(TENANT, last, &|_| false, page));
    let read = decode_ops(TENANT, last, &nothing, &bytes, LIMITS);
    assert_eq!(read.as_deref(), Ok(page));
}

#[test]
fn another_context_is_an_error() {
    let ops = year(30, 1);
    let (context, page) = ops.split_at(200);
    let bytes = encode_ops(TENANT, context, &|_| false, &page[..40]);
    for other in [&context[..199], &context[1..], &ops[..201], &[]] {
        let read = decode_ops(TENANT, other, &nothing, &bytes, LIMITS);
        assert!(read.is_err());
    }
}

#[test]
fn an_own_op_that_is_missing_is_an_error() {
    let ops = year(3, 1);
    let bytes = encode_ops(TENANT, &[], &|op| op.kind == 4, &ops);
    let read = decode_ops(TENANT, &[], &nothing, &bytes, LIMITS);
    assert_eq!(read, Err(FrameError::OwnOpMissing));
}

#[test]
fn another_own_op_than_the_writer_thought_is_an_error() {
    let ops = year(3, 1);
    let bytes = encode_ops(TENANT, &[], &|op| op.kind == 4, &ops);
    let own = |origin: Origin| {
        let mut own = ops.iter().find(|held| held.op.origin == origin)?.op.clone();
        // The count of one op is another.
        if origin.sequence == 5 {
            let mut changed = own.payload.to_vec();
            *changed.get_mut(25)? ^= 1;
            own.payload = changed.into();
        }
        Some(own)
    };
    let read = decode_ops(TENANT, &[], &own, &bytes, LIMITS);
    assert_eq!(read, Err(FrameError::ContextMismatch));
}

#[test]
fn limits_hold_at_them_and_one_past() {
    let ops = year(10, 1);
    let bytes = encode_ops(TENANT, &[], &|_| false, &ops);
    let payloads: usize = ops.iter().map(|held| held.op.payload.len()).sum();
    let limits = |ops_max, bytes_max| FrameLimits { ops_max, bytes_max };
    let read = |limits| decode_ops(TENANT, &[], &nothing, &bytes, limits);
    assert_eq!(read(limits(ops.len(), payloads)).as_deref(), Ok(&ops[..]));
    let one_less = read(limits(ops.len() - 1, payloads));
    assert_eq!(one_less, Err(FrameError::TooManyOps));
    let one_less = read(limits(ops.len(), payloads - 1));
    assert_eq!(one_less, Err(FrameError::TooManyBytes));
}

#[test]
fn a_year_is_small() {
    let ops = year(365, 2);
    let (mut apart, mut chained) = (0, 0);
    let mut chain = Chain::new(TENANT);
    let mut context: &[AdmittedOp] = &[];
    for page in ops.chunks(1_024) {
        apart += encode_ops(TENANT, context, &|_| false, page).len();
        chained += chain.encode(&|_| false, page).len();
        context = page;
    }
    assert!(apart < 21_500, "{apart}");
    assert!(chained < 20_200, "{chained}");
}

#[test]
fn a_day_after_what_is_held_takes_as_little_as_in_a_long_frame() {
    let ops = year(60, 2);
    let day = |held: &AdmittedOp| held.admission.received_at.as_ms() / DAY_MS;
    let (mut pages, mut at) = (0, 256);
    while at < ops.len() {
        let same = ops[at..].iter().take_while(|op| day(op) == day(&ops[at]));
        let end = at + same.count();
        pages += encode_ops(TENANT, &ops[..at], &|_| false, &ops[at..end]).len();
        at = end;
    }
    let whole = encode_ops(TENANT, &ops[..256], &|_| false, &ops[256..]).len();
    assert!(pages * 100 < whole * 115, "{pages} {whole}");
}

#[test]
fn an_op_that_is_left_out_costs_its_judgement_only() {
    let ops = year(30, 2);
    let is_own = |op: &Op| op.kind < 30;
    let bytes = encode_ops(TENANT, &ops[..256], &is_own, &ops[256..]);
    // Three times of receipt a day, and next to nothing for each op.
    let days = 20;
    assert!(bytes.len() < days * 3 * 5, "{}", bytes.len());
}

#[test]
fn the_id_of_an_award_takes_next_to_nothing() {
    let ops = year(200, 2);
    let awards: Vec<AdmittedOp> = ops.into_iter().filter(|held| held.op.kind == 30).collect();
    let (context, page) = awards.split_at(8);
    let bytes = encode_ops(TENANT, context, &|_| false, page);
    // Times of receipt and of confirmation, a goal, a hash now and then; 16 bytes of an id are more.
    assert!(
        bytes.len() < page.len() * 9,
        "{} {}",
        bytes.len(),
        page.len()
    );
    let read = decode_ops(TENANT, context, &nothing, &bytes, LIMITS);
    assert_eq!(read.as_deref(), Ok(page));
}
