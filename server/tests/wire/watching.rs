//! Watching: hints that streams moved, and the end when the server stops.

use std::time::Duration;

use askel_proto::v1::{self, sync_service_client::SyncServiceClient};
use tonic::{Code, Streaming};

use crate::{
    acts,
    catalog::BASEMENT,
    device::{Device, at},
    world::{World, refused},
};

/// Watches the device's own stream from where it stands; returns its handle too.
pub(crate) async fn watch(
    world: &World,
    phone: &mut Device,
) -> (Streaming<v1::WatchResponse>, Vec<u8>) {
    let read = phone.sync(world).await;
    let own = read.stream(&acts::own_stream()).clone();
    let id = askel_sync::id::StreamId::try_from(&*own.stream_id).expect("an id");
    let request = v1::WatchRequest {
        cursors: vec![at(acts::own_stream(), id, own.head)],
    };
    let mut client = SyncServiceClient::new(world.channel.clone());
    let hints = client
        .watch(phone.call(request))
        .await
        .expect("watching")
        .into_inner();
    (hints, own.stream_id)
}

async fn a_watch_stands_and_then_tells_what_moved(world: World) {
    let mut phone = world.participant().await;
    let (mut hints, own) = watch(&world, &mut phone).await;
    let first = hints.message().await.expect("open").expect("an answer");
    assert!(first.stream_ids.is_empty());
    phone.check_in(&world, BASEMENT).await;
    let hint = hints.message().await.expect("open").expect("a hint");
    assert_eq!(hint.stream_ids, [own]);
}

async fn a_cursor_behind_is_told_at_once(world: World) {
    let mut phone = world.participant().await;
    phone.check_in(&world, BASEMENT).await;
    let request = v1::WatchRequest {
        cursors: vec![crate::device::from_beginning(acts::own_stream())],
    };
    let mut client = SyncServiceClient::new(world.channel.clone());
    let mut hints = client
        .watch(phone.call(request))
        .await
        .expect("watching")
        .into_inner();
    hints
        .message()
        .await
        .expect("open")
        .expect("the watch stands");
    let hint = hints.message().await.expect("open").expect("a hint");
    assert_eq!(hint.stream_ids.len(), 1);
}

async fn a_stopping_server_ends_watches_and_silent_connections_in_time(mut world: World) {
    let mut phone = world.participant().await;
    let (mut hints, _) = watch(&world, &mut phone).await;
    hints
        .message()
        .await
        .expect("open")
        .expect("the watch stands");
    let address = world.address;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(
            tokio::net::TcpStream::connect(address)
                .await
                .expect("connected"),
        );
    }
    let ended = tokio::spawn(async move { hints.message().await });
    let stopped = tokio::time::timeout(Duration::from_secs(10), world.stop()).await;
    stopped.expect("stopped in time");
    let error = ended.await.expect("joined").expect_err("ended");
    refused(&error, Code::Unavailable, "SERVER_STOPPING");
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
    drop(silent);
}

on_both_stores!(
    a_watch_stands_and_then_tells_what_moved,
    a_cursor_behind_is_told_at_once,
    a_stopping_server_ends_watches_and_silent_connections_in_time,
);
