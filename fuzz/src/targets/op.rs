//! Payloads of ops of any kind, in canonical form or not.

use askel_sync::op::Payload;

use crate::{Target, input::Input, targets::page::golden_ops};

pub(crate) const OP: Target = Target {
    name: "op",
    run,
    seeds: || {
        let seed = |op: &askel_sync::op::Op| {
            let kind = u16::try_from(op.kind).unwrap_or(u16::MAX);
            [&kind.to_be_bytes()[..], &op.payload].concat()
        };
        golden_ops().iter().map(|op| seed(&op.op)).collect()
    },
};

/// Two bytes of kind, then the payload.
fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let kind = input.u16().into();
    let Ok(Some(payload)) = Payload::parse(kind, input.rest()) else {
        return;
    };
    // What can be read is in order: it is written and read again as the same.
    assert_eq!(u32::try_from(i32::from(payload.kind())), Ok(kind));
    let again = Payload::parse(kind, &payload.encode());
    assert_eq!(again.as_ref(), Ok(&Some(payload)));
}
