//! A hint as it goes from node to node: the node that sends it, what kind it is, and ids, which are
//! random.

use askel_sync::id::{DeviceId, StreamId};

use super::Hint;

/// Bytes of the name that a node draws at each start.
const NODE_BYTES: usize = 8;
const ID_BYTES: usize = 16;
/// Streams in one message.
const STREAMS_MAX: usize = 1_024;

const MOVED: u8 = 1;
const RIGHTS: u8 = 2;
const MISSED: u8 = 3;

/// A node's name, drawn at each start: it does not listen to itself.
pub(super) type Node = [u8; NODE_BYTES];

/// The messages that say a hint: one, but for very many streams.
pub(super) fn encode(node: Node, hint: &Hint) -> Vec<Vec<u8>> {
    let message = |kind: u8, ids: &[[u8; ID_BYTES]]| {
        let head = node.into_iter().chain([kind]);
        head.chain(ids.iter().flatten().copied()).collect()
    };
    match hint {
        Hint::Moved(streams) => {
            let ids: Vec<[u8; ID_BYTES]> = streams.iter().map(|id| *id.as_bytes()).collect();
            ids.chunks(STREAMS_MAX)
                .map(|ids| message(MOVED, ids))
                .collect()
        }
        Hint::Rights(device) => {
            let ids: Vec<[u8; ID_BYTES]> = device.iter().map(|id| *id.as_bytes()).collect();
            vec![message(RIGHTS, &ids)]
        }
        Hint::Missed => vec![message(MISSED, &[])],
    }
}

/// Who sent a message, and what it says; `None` for what is no message of this version.
pub(super) fn decode(bytes: &[u8]) -> Option<(Node, Hint)> {
    let (node, rest) = bytes.split_first_chunk::<NODE_BYTES>()?;
    let (kind, ids) = rest.split_first()?;
    let (ids, cut) = ids.as_chunks::<ID_BYTES>();
    if !cut.is_empty() || ids.len() > STREAMS_MAX {
        return None;
    }
    let hint = match (*kind, ids) {
        (MOVED, [_, ..]) => Hint::Moved(ids.iter().copied().map(StreamId::from_bytes).collect()),
        (MISSED, []) => Hint::Missed,
        (RIGHTS, []) => Hint::Rights(None),
        (RIGHTS, [device]) => Hint::Rights(Some(DeviceId::from_bytes(*device))),
        _ => return None,
    };
    Some((*node, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: Node = [7; NODE_BYTES];

    fn streams(count: usize) -> Hint {
        let id = |index: usize| {
            let mut id = [0; ID_BYTES];
            id[..8].copy_from_slice(&index.to_be_bytes());
            StreamId::from_bytes(id)
        };
        Hint::Moved((0..count).map(id).collect())
    }

    #[test]
    fn a_hint_comes_out_as_it_went_in() {
        let device = DeviceId::from_bytes([3; ID_BYTES]);
        for hint in [
            streams(1),
            streams(STREAMS_MAX),
            Hint::Rights(None),
            Hint::Rights(Some(device)),
            Hint::Missed,
        ] {
            let messages = encode(NODE, &hint);
            let read: Vec<_> = messages.iter().map(|bytes| decode(bytes)).collect();
            assert_eq!(read, [Some((NODE, hint))]);
        }
    }

    #[test]
    fn very_many_streams_are_several_messages_and_none_is_none() {
        let told: usize = encode(NODE, &streams(STREAMS_MAX + 1))
            .iter()
            .map(|bytes| match decode(bytes) {
                Some((_, Hint::Moved(ids))) => ids.len(),
                other => panic!("{other:?}"),
            })
            .sum();
        assert_eq!(told, STREAMS_MAX + 1);
        assert!(encode(NODE, &streams(0)).is_empty());
    }

    #[test]
    fn other_bytes_are_no_message() {
        let good = &encode(NODE, &streams(2))[0];
        for cut in (0..good.len()).filter(|cut| *cut != good.len() - ID_BYTES) {
            assert_eq!(decode(&good[..cut]), None, "{cut}");
        }
        let mut later = good.clone();
        later[NODE_BYTES] = 4;
        assert_eq!(decode(&later), None);
        let flood = encode(NODE, &streams(STREAMS_MAX))[0].repeat(2);
        assert_eq!(decode(&flood), None);
    }
}
