//! Sealed batches, as a server takes them from a device whose key is good.

use askel_proto::v1;
use askel_sync::{
    key::Purpose,
    limits::{OPS_PER_BATCH_MAX, SEQUENCE_MAX},
    log::Batch,
};
use prost::Message as _;

use crate::{
    Target,
    world::{TENANT, device, golden, phone},
};

pub(crate) const BATCH: Target = Target {
    name: "batch",
    run,
    seeds: || {
        let names = ["sealed-batch.bin", "sealed-batch-of-boots.bin"];
        let seeds = names.map(|name| {
            let sealed = golden(name);
            let batch = v1::SealedBatch::decode(&*sealed).expect("golden").batch;
            [sealed, batch]
        });
        seeds.concat()
    },
};

/// The bytes as a sealed batch, and as a batch that the device did sign.
fn run(bytes: &[u8]) {
    if let Ok(sealed) = v1::SealedBatch::decode(bytes) {
        open(&sealed);
    }
    open(&v1::SealedBatch {
        batch: bytes.to_vec(),
        signature: phone().sign(Purpose::Batch, TENANT, bytes),
        ..v1::SealedBatch::default()
    });
}

fn open(sealed: &v1::SealedBatch) {
    let key = phone();
    let open = |sealed| Batch::open(sealed, TENANT, device(), &key.public_key());
    let Ok(batch) = open(sealed) else {
        return;
    };
    assert!(batch.ops.len() <= OPS_PER_BATCH_MAX);
    for (sequence, _, op) in batch.sequenced() {
        assert!(sequence < SEQUENCE_MAX);
        assert!(op.origin.log != batch.log || op.origin.sequence == sequence);
        // Whether it can be read or not, it has an id and answers.
        let _ = (op.id(), op.parse());
    }
    // What was read is sealed again as the same batch.
    assert_eq!(open(&batch.seal(TENANT, &key)).as_ref(), Ok(&batch));
}
