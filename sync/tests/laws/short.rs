//! Batches and pages of the short form.

use askel_sync::{
    short::{ShortBatch, ShortPage},
    stream::StreamSum,
};
use proptest::{collection::vec, prelude::*};

fn batch() -> impl Strategy<Value = ShortBatch> {
    let context = prop_oneof![Just((0, 0)), (1..=u32::MAX, any::<u64>())];
    let columns = vec(any::<u8>(), 0..40);
    (any::<[u8; 32]>(), context, columns).prop_map(|(half, context, columns)| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&half);
        ShortBatch {
            signature,
            context_ops: context.0,
            context_first_sequence: context.1,
            columns,
        }
    })
}

fn page() -> impl Strategy<Value = ShortPage> {
    let numbers = (any::<u32>(), any::<u32>(), any::<u32>());
    (numbers, any::<[u8; 8]>(), vec(any::<u8>(), 0..40)).prop_map(
        |((stream_index, reader_context, sum), mac, columns)| ShortPage {
            stream_index,
            reader_context,
            mac,
            sum,
            columns,
        },
    )
}

proptest! {
    #[test]
    fn a_batch_is_read_as_it_was_written(batch in batch()) {
        prop_assert_eq!(ShortBatch::from_bytes(&batch.to_bytes()), Some(batch));
    }

    #[test]
    fn a_page_is_read_as_it_was_written(page in page()) {
        prop_assert_eq!(ShortPage::from_bytes(&page.to_bytes()), Some(page));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in vec(any::<u8>(), 0..120)) {
        let _ = ShortBatch::from_bytes(&bytes);
        let _ = ShortPage::from_bytes(&bytes);
    }
}

#[test]
fn what_is_cut_off_is_none() {
    let page = ShortPage {
        stream_index: 3,
        reader_context: 5,
        mac: [7; 8],
        sum: ShortPage::sum_of(StreamSum::default()),
        columns: Vec::new(),
    };
    let bytes = page.to_bytes();
    assert_eq!(bytes.len(), 1 + 1 + 8 + 4);
    for length in 0..bytes.len() {
        assert_eq!(ShortPage::from_bytes(&bytes[..length]), None, "{length}");
    }
}
