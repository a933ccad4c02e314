//! What one node tells the others: its name, what kind of message it is, and ids, which are random.

use askel_sync::id::{DeviceId, StreamId};

use super::{Hint, Share, Use};

/// Bytes of the name that a node draws at each start.
const NODE_BYTES: usize = 8;
const ID_BYTES: usize = 16;
/// Streams in one message.
const STREAMS_MAX: usize = 1_024;

const MOVED: u8 = 1;
const RIGHTS: u8 = 2;
const MISSED: u8 = 3;
const WORK: u8 = 4;
const OPS: u8 = 5;
const GUESS: u8 = 6;

/// What a node tells the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// For those who watch.
    Hint(Hint),
    /// There is something to project.
    Work,
    /// A device has used something.
    Used(DeviceId, Use),
}

/// A node's name, drawn at each start: it does not listen to itself.
pub(super) type Node = [u8; NODE_BYTES];

/// The bytes that say it: one string of them, but for very many streams.
pub(super) fn encode(node: Node, message: &Message) -> Vec<Vec<u8>> {
    let bytes = |kind: u8, ids: &[[u8; ID_BYTES]]| {
        let head = node.into_iter().chain([kind]);
        head.chain(ids.iter().flatten().copied()).collect()
    };
    match message {
        Message::Work => vec![bytes(WORK, &[])],
        Message::Used(device, Use::Ops(ops)) => {
            let ops = u128::from(*ops).to_be_bytes();
            vec![bytes(OPS, &[*device.as_bytes(), ops])]
        }
        Message::Used(device, Use::Guess) => vec![bytes(GUESS, &[*device.as_bytes()])],
        Message::Hint(Hint::Moved(streams)) => {
            let ids: Vec<[u8; ID_BYTES]> = streams.iter().map(|id| *id.as_bytes()).collect();
            ids.chunks(STREAMS_MAX)
                .map(|ids| bytes(MOVED, ids))
                .collect()
        }
        Message::Hint(Hint::Rights(device)) => {
            let ids: Vec<[u8; ID_BYTES]> = device.iter().map(|id| *id.as_bytes()).collect();
            vec![bytes(RIGHTS, &ids)]
        }
        // How watchers share it out is each node's own matter.
        Message::Hint(Hint::Missed(_)) => vec![bytes(MISSED, &[])],
    }
}

/// Who sent a message, and what it says; `None` for what is no message of this version.
pub(super) fn decode(bytes: &[u8]) -> Option<(Node, Message)> {
    let (node, rest) = bytes.split_first_chunk::<NODE_BYTES>()?;
    let (kind, ids) = rest.split_first()?;
    let (ids, cut) = ids.as_chunks::<ID_BYTES>();
    if !cut.is_empty() || ids.len() > STREAMS_MAX {
        return None;
    }
    let hint = match (*kind, ids) {
        (WORK, []) => return Some((*node, Message::Work)),
        (OPS, [device, ops]) => {
            let ops = u32::try_from(u128::from_be_bytes(*ops)).ok()?;
            let device = DeviceId::from_bytes(*device);
            return Some((*node, Message::Used(device, Use::Ops(ops))));
        }
        (GUESS, [device]) => {
            let device = DeviceId::from_bytes(*device);
            return Some((*node, Message::Used(device, Use::Guess)));
        }
        (MOVED, [_, ..]) => Hint::Moved(ids.iter().copied().map(StreamId::from_bytes).collect()),
        (MISSED, []) => Hint::Missed(Share::ALL),
        (RIGHTS, []) => Hint::Rights(None),
        (RIGHTS, [device]) => Hint::Rights(Some(DeviceId::from_bytes(*device))),
        _ => return None,
    };
    Some((*node, Message::Hint(hint)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: Node = [7; NODE_BYTES];

    fn streams(count: usize) -> Message {
        let id = |index: usize| {
            let mut id = [0; ID_BYTES];
            id[..8].copy_from_slice(&index.to_be_bytes());
            StreamId::from_bytes(id)
        };
        Message::Hint(Hint::Moved((0..count).map(id).collect()))
    }

    #[test]
    fn a_message_comes_out_as_it_went_in() {
        let device = DeviceId::from_bytes([3; ID_BYTES]);
        for message in [
            streams(1),
            streams(STREAMS_MAX),
            Message::Hint(Hint::Rights(None)),
            Message::Hint(Hint::Rights(Some(device))),
            Message::Hint(Hint::Missed(Share::ALL)),
            Message::Work,
            Message::Used(device, Use::Ops(u32::MAX)),
            Message::Used(device, Use::Guess),
        ] {
            let strings = encode(NODE, &message);
            let read: Vec<_> = strings.iter().map(|bytes| decode(bytes)).collect();
            assert_eq!(read, [Some((NODE, message))]);
        }
    }

    #[test]
    fn very_many_streams_are_several_messages_and_none_is_none() {
        let told: usize = encode(NODE, &streams(STREAMS_MAX + 1))
            .iter()
            .map(|bytes| match decode(bytes) {
                Some((_, Message::Hint(Hint::Moved(ids)))) => ids.len(),
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
        later[NODE_BYTES] = 7;
        assert_eq!(decode(&later), None);
        let flood = encode(NODE, &streams(STREAMS_MAX))[0].repeat(2);
        assert_eq!(decode(&flood), None);
    }
}
