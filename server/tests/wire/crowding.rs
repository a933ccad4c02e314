//! Strangers in a crowd: what they hold is not taken from devices.

use askel_proto::v1::{self, sync_service_client::SyncServiceClient};
use askel_server::limits::{BODY_FREE_BYTES, CONNECTION_CALLS_MAX};
use askel_sync::{admission::Role, op::Payload};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use prost::{Message as _, bytes::Bytes};
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status, body::Body, transport::Channel};
use tower::ServiceExt as _;

use crate::{
    acts,
    world::{Backend, NOON, World, refused},
};

/// Bytes of a body that a stranger may send.
const STRANGERS_BYTES: usize = 60 * 1_024;
/// Strangers, who send that much and then no more: some 70 MiB in all.
const STRANGERS: usize = 1_150;

/// What a Sync of somebody unknown says, the beginning of it.
fn call(body: Body) -> http::Request<Body> {
    http::Request::post("http://askel/askel.v1.SyncService/Sync")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .expect("a request")
}

/// A message of gRPC that is said to be so long, and the first bytes of it.
fn begun(length: usize, bytes: usize) -> Bytes {
    let mut message = vec![0];
    message.extend(u32::try_from(length).expect("short").to_be_bytes());
    message.resize(bytes, 7);
    message.into()
}

/// One who sends that much and waits.
async fn dripping(channel: Channel, bytes: Bytes) {
    let first = tokio_stream::once(Ok::<_, Status>(Frame::data(bytes)));
    let body = StreamBody::new(Box::pin(first.chain(tokio_stream::pending())));
    // Answered only when it is refused; what of it is held is over then.
    let answer = channel.oneshot(call(Body::new(body))).await;
    drop(answer);
    std::future::pending::<()>().await;
}

/// What somebody unknown is told who sends all of a body of that size.
async fn told(channel: Channel) -> Status {
    let bytes = STRANGERS_BYTES;
    let body = Full::new(begun(bytes - 5, bytes)).map_err(|never| match never {});
    let answer = channel.oneshot(call(Body::new(body))).await;
    let answer = answer.expect("answered");
    Status::from_header_map(answer.headers()).expect("refused at once")
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_send_slowly_take_no_room_from_devices_nor_from_small_calls() {
    let world = World::start(Backend::Memory).await;
    let mut phone = world.participant().await;
    let bytes = begun(1_000_000, STRANGERS_BYTES);
    let mut strangers = JoinSet::new();
    let connection = || Channel::from_shared(format!("http://{}", world.address));
    for crowd in 0..STRANGERS.div_ceil(CONNECTION_CALLS_MAX as usize) {
        let channel = connection().expect("a URL").connect_lazy();
        for _ in crowd * 128..STRANGERS.min((crowd + 1) * 128) {
            strangers.spawn(dripping(channel.clone(), bytes.clone()));
        }
    }
    let another = connection().expect("a URL").connect_lazy();
    loop {
        let status = told(another.clone()).await;
        if status.code() == Code::ResourceExhausted {
            refused(&status, Code::ResourceExhausted, "SERVER_OVERLOADED");
            break;
        }
        refused(&status, Code::Unauthenticated, "CREDENTIAL_MISSING");
    }
    // A small call, a stranger's that is let in, and a device's large one.
    world.enrolled(Role::Participant, &[]).await;
    let steps: Vec<Payload> = (1..=300).map(|count| acts::steps(NOON, count)).collect();
    let batch = phone.write(&steps);
    let request = phone.request(vec![phone.seal(&batch)]);
    assert!(request.encoded_len() > 4 * BODY_FREE_BYTES);
    let answer = phone.send(&world, request).await.expect("there is room");
    assert!(answer.outcome().exceptions.is_empty());
    assert_eq!(strangers.len(), STRANGERS, "they are still there");
}

#[tokio::test]
async fn a_large_body_is_not_taken_of_whom_nobody_knows() {
    let world = World::start(Backend::Memory).await;
    let request = v1::SyncRequest {
        batches: vec![v1::SealedBatch::default(); 40_000],
        ..v1::SyncRequest::default()
    };
    let mut client = SyncServiceClient::new(world.channel.clone());
    let error = client.sync(request).await.expect_err("refused");
    refused(&error, Code::Unauthenticated, "CREDENTIAL_MISSING");
}
