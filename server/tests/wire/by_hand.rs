//! HTTP/2 written by hand, as no library of a client would: one stream and one byte past what a connection
//! may have.

use std::{net::SocketAddr, time::Duration};

use askel_server::limits::{CONNECTION_CALLS_MAX, HEADER_BYTES_MAX};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::world::{Backend, World};

/// The client's preface, and empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// A method that reads a body of whoever asks.
const PATH: &[u8] = b"/askel.v1.EnrolmentService/Enrol";
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Kinds of frames.
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
/// `:status: 200`, of HPACK's own table.
const OK: &[u8] = &[0x88];
/// `:status: 431`, by name and in Huffman's code.
const TOO_LARGE: &[u8] = &[0x48, 0x83, 0x69, 0x90, 0xff];
/// `REFUSED_STREAM`: nothing was done for it.
const REFUSED: &[u8] = &[0, 0, 0, 7];
/// How long anything may take that comes at all.
const SOON: Duration = Duration::from_secs(20);

/// A connection that has said its preface.
async fn connected(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(PREFACE).await.expect("said");
    stream
}

/// A field that HPACK names by its number, and its value; numbers below 15.
fn named(name: u8, value: &[u8]) -> Vec<u8> {
    [&[name], &*text(value)].concat()
}

/// A text of HPACK's, not in Huffman's code.
fn text(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut left = text.len();
    if left < 127 {
        bytes.push(u8::try_from(left).expect("a byte"));
    } else {
        bytes.push(127);
        left -= 127;
        while left >= 128 {
            bytes.push(u8::try_from(left % 128 + 128).expect("a byte"));
            left /= 128;
        }
        bytes.push(u8::try_from(left).expect("a byte"));
    }
    [bytes, text.to_vec()].concat()
}

/// The head of a request, in one frame, and how much of the limit it takes: of each field its name, its
/// value and 32 more (RFC 9113, 6.5.2).
fn head(padding: usize) -> (Vec<u8>, usize) {
    let fields: [(&[u8], &[u8], Vec<u8>); 5] = [
        (b":method", b"POST", vec![0x83]),
        (b":scheme", b"http", vec![0x86]),
        (b":path", PATH, named(4, PATH)),
        (b":authority", b"askel", named(1, b"askel")),
        (
            b"content-type",
            b"application/grpc",
            // The number 31 takes more than the four bits there are.
            [vec![0x0f, 31 - 15], text(b"application/grpc")].concat(),
        ),
    ];
    let size: usize = fields
        .iter()
        .map(|(name, value, _)| name.len() + value.len() + 32)
        .sum();
    let mut bytes: Vec<u8> = fields.into_iter().flat_map(|(_, _, bytes)| bytes).collect();
    if padding == 0 {
        return (bytes, size);
    }
    bytes.push(0);
    bytes.extend(text(b"x-padding"));
    bytes.extend(text(&vec![b'x'; padding]));
    (bytes, size + b"x-padding".len() + padding + 32)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The next frame of this kind: its stream and what it says.
async fn next(connection: &mut TcpStream, kind: u8) -> (u32, Vec<u8>) {
    let reading = async {
        loop {
            let mut head = [0; 9];
            connection.read_exact(&mut head).await.expect("a frame");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).expect("small")];
            connection.read_exact(&mut payload).await.expect("whole");
            if head[3] == kind {
                let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                return (stream, payload);
            }
        }
    };
    timeout(SOON, reading).await.expect("soon")
}

#[tokio::test]
async fn a_connection_carries_so_many_calls_and_one_more_is_refused() {
    let world = World::start(Backend::Memory).await;
    let mut connection = connected(world.address).await;
    // Calls whose bodies are still to come, on streams 1, 3, 5 and on.
    let (head, _) = head(0);
    let last = 2 * CONNECTION_CALLS_MAX - 1;
    for stream in (1..=last).step_by(2) {
        let call = frame(HEADERS, END_HEADERS, stream, &head);
        connection.write_all(&call).await.expect("sent");
    }
    let one_more = frame(HEADERS, END_HEADERS | END_STREAM, last + 2, &head);
    connection.write_all(&one_more).await.expect("sent");
    let (stream, why) = next(&mut connection, RST_STREAM).await;
    assert_eq!((stream, &*why), (last + 2, REFUSED));
    // The last that there was room for is carried out once its body has ended.
    let end = frame(0, END_STREAM, last, &[]);
    connection.write_all(&end).await.expect("sent");
    let (stream, answer) = next(&mut connection, HEADERS).await;
    assert_eq!(stream, last);
    assert!(answer.starts_with(OK), "{answer:?}");
}

#[tokio::test]
async fn headers_stay_below_so_many_bytes_and_with_one_more_a_call_is_refused() {
    let world = World::start(Backend::Memory).await;
    let most = usize::try_from(HEADER_BYTES_MAX).expect("small");
    let (_, least) = head(1);
    // What h2 takes stays below what it is told.
    for (size, expected) in [(most - 1, OK), (most, TOO_LARGE)] {
        let (head, takes) = head(size - least + 1);
        assert_eq!(takes, size);
        let call = frame(HEADERS, END_HEADERS | END_STREAM, 1, &head);
        let mut connection = connected(world.address).await;
        connection.write_all(&call).await.expect("sent");
        let (_, answer) = next(&mut connection, HEADERS).await;
        assert!(answer.starts_with(expected), "{size}: {answer:?}");
    }
}
