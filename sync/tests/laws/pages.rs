//! What a page's MAC covers.

use askel_sync::{
    admission::{AdmittedOp, Flags, Role, Strength},
    id::{LogId, ParticipantId, StreamId, TenantId},
    page::{PageKey, PageSpan, digest},
};
use proptest::prelude::*;

use crate::{
    acts::month,
    world::{TENANT, tuesday},
};

const SPAN: PageSpan = PageSpan {
    stream: StreamId::from_bytes([3; 16]),
    first_position: 7,
    next_position: 9,
};

/// Every way to change one op a little.
const CHANGES: [fn(&mut AdmittedOp); 10] = [
    |op| op.op.kind += 1,
    |op| op.op.payload = [&op.op.payload[..], &[0]].concat().into(),
    |op| op.op.origin.log = LogId::from_bytes([0xaa; 16]),
    |op| op.op.origin.sequence += 1,
    |op| op.admission.corrected_at = tuesday(-1),
    |op| op.admission.received_at = tuesday(-1),
    |op| op.admission.strength = Strength::Live,
    |op| op.admission.flags = Flags::from_bits(1 << 20),
    |op| op.admission.author_role = Role::Admin,
    |op| op.admission.subject = Some(ParticipantId::from_bytes([0xaa; 16])),
];

proptest! {
    #[test]
    fn a_changed_page_has_another_digest(ops in month()) {
        let of = |ops: &[AdmittedOp]| digest(TENANT, &SPAN, ops);
        let whole = of(&ops);
        prop_assert_ne!(whole, of(&ops[1..]));
        for change in CHANGES {
            let mut other = ops.clone();
            change(other.last_mut().expect("one at least"));
            prop_assert_ne!(whole, of(&other));
        }
        let tenant = TenantId::from_bytes([9; 16]);
        prop_assert_ne!(whole, digest(tenant, &SPAN, &ops));
        let spans = [
            PageSpan { stream: StreamId::from_bytes([4; 16]), ..SPAN },
            PageSpan { first_position: 8, ..SPAN },
            PageSpan { next_position: 8, ..SPAN },
        ];
        for span in &spans {
            prop_assert_ne!(whole, digest(TENANT, span, &ops));
        }
    }
}

#[test]
fn only_the_own_key_and_the_whole_mac_verify() {
    let digest = digest(TENANT, &SPAN, &[]);
    let key = PageKey::from_bytes([1; 32]);
    let mac = key.mac(&digest);
    assert!(key.verifies(&digest, &mac));
    assert!(!key.verifies(&[0; 32], &mac));
    assert!(!key.verifies(&digest, &mac[..7]));
    assert!(!key.verifies(&digest, &[]));
    assert!(!PageKey::from_bytes([2; 32]).verifies(&digest, &mac));
}
