//! Kinds of later versions: kept as they came, and used by the version that knows them.

use std::sync::Arc;

use askel_client_sdk::{KeyStore as _, RowKey, RowWrite, SealedRow, Storage as _};
use askel_proto::v1::OpKind;
use askel_sync::{
    id::SlotId,
    op::{CheckIn, Manner, Payload, SessionRef, Witness},
    stream::StreamKey,
};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload as Sealed},
};

use crate::common::{BUDGET, Desk, PLACE, Phone, TUESDAY_NOON, enrolled};

/// A kind of one byte that no version has yet.
const LATER_KIND: u8 = 127;
/// Bytes of the nonce before a row's ciphertext.
const NONCE_BYTES: usize = 24;

#[tokio::test]
async fn a_kind_of_a_later_version_is_kept_and_harms_nothing() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let person = client
        .enrolled()
        .and_then(|enrolled| enrolled.participant)
        .expect("a person");
    desk.say_unknown(StreamKey::Participant(person), TUESDAY_NOON);
    desk.say_unknown(StreamKey::Catalog, TUESDAY_NOON);
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!(report.received, 2);
    let again = phone.open().sync(BUDGET).await.expect("a sync");
    assert_eq!(again.received, 0);
}

/// The version that knows a kind finds it in the rows as this one kept it. Here the kind changes its
/// number on the disk, from one that is unknown to one that is known: what an upgrade of the app does,
/// seen from the row.
#[tokio::test]
async fn an_op_of_a_later_kind_counts_after_the_upgrade_that_knows_it() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let person = client.enrolled().and_then(|one| one.participant);
    let stream = StreamKey::Participant(person.expect("a person"));
    let payload = Payload::CheckIn(CheckIn {
        place: PLACE,
        occurred_at: TUESDAY_NOON,
        session: SessionRef::Slot(SlotId::new(2)),
        manner: Manner::OnSite,
        catalog_version: 1,
        witness: Witness::SelfReport,
    });
    let op = (u32::from(LATER_KIND), payload.encode());
    desk.say_raw(stream, op, person, TUESDAY_NOON);
    client.sync(BUDGET).await.expect("a sync");
    assert!(client.attendances().is_empty());
    assert!(phone.open().attendances().is_empty());
    assert_eq!(with_kind_known(&phone, &payload.encode()), 1);
    let upgraded = phone.open();
    assert_eq!(upgraded.attendances().len(), 1);
    assert_eq!(upgraded.awards().len(), 1);
    assert_eq!(
        upgraded.check_in(PLACE).expect("known").session,
        SessionRef::Slot(SlotId::new(2))
    );
    assert_eq!(upgraded.status().pending, 0, "already here");
}

/// Gives the op with this payload a kind that is known. Returns in how many rows.
fn with_kind_known(phone: &Phone, payload: &[u8]) -> usize {
    let keys = phone.key_store.clone().load().expect("memory");
    let cipher = XChaCha20Poly1305::new((&keys.expect("kept").data_key).into());
    // As protobuf has it: the column of kinds of a page with one op.
    let kinds = |kind: u8| [0x1a, 1, kind];
    let known = kinds(u8::try_from(OpKind::CheckIn as i32).expect("small"));
    let later = kinds(LATER_KIND);
    let mut changed = 0;
    for row in phone.storage.rows() {
        let Some((nonce, sealed)) = row.sealed.split_first_chunk::<NONCE_BYTES>() else {
            continue;
        };
        let associated = associated(row.key);
        let opened = cipher.decrypt(
            &XNonce::from(*nonce),
            Sealed {
                msg: sealed,
                aad: &associated,
            },
        );
        // The outbox is sealed to the server.
        let Ok(mut plain) = opened else { continue };
        if !plain.windows(payload.len()).any(|part| part == payload) {
            continue;
        }
        let mut windows = plain.windows(later.len());
        let Some(at) = windows.position(|part| part == later) else {
            continue;
        };
        plain[at..at + known.len()].copy_from_slice(&known);
        let sealed = cipher.encrypt(
            &XNonce::from(*nonce),
            Sealed {
                msg: &plain,
                aad: &associated,
            },
        );
        let sealed = [&nonce[..], &sealed.expect("short")].concat();
        let row = RowWrite::Put(SealedRow {
            key: row.key,
            sealed,
        });
        phone.storage.clone().commit(&[row]).expect("memory");
        changed += 1;
    }
    changed
}

fn associated(key: RowKey) -> Vec<u8> {
    let number = key.number.to_be_bytes();
    [&b"askel/row/v1\0"[..], &[key.table], &number].concat()
}
