//! What stands beside the services: health, reflection in both versions, gRPC-Web.

use askel_proto::v1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::{
    v1 as reflection, v1::server_reflection_client::ServerReflectionClient,
    v1alpha as reflection_alpha,
    v1alpha::server_reflection_client::ServerReflectionClient as AlphaClient,
};

use crate::world::{Backend, World};

#[tokio::test]
async fn health_says_that_the_server_serves() {
    let world = World::start(Backend::Memory).await;
    let mut client = HealthClient::new(world.channel.clone());
    let answer = client
        .check(HealthCheckRequest::default())
        .await
        .expect("checked");
    assert_eq!(answer.into_inner().status, 1);
}

#[tokio::test]
async fn reflection_tells_every_service_without_a_credential() {
    use reflection::{
        ServerReflectionRequest, server_reflection_request::MessageRequest,
        server_reflection_response::MessageResponse,
    };
    let world = World::start(Backend::Memory).await;
    let mut client = ServerReflectionClient::new(world.channel.clone());
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await;
    let mut answers = answers.expect("asked").into_inner();
    let answer = answers.message().await.expect("open").expect("an answer");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("not a list")
    };
    let names: Vec<&str> = list
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    for name in ["Enrolment", "Sync", "Catalog", "Reading", "Admin"] {
        assert!(
            names.contains(&format!("askel.v1.{name}Service").as_str()),
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn reflection_speaks_its_older_version_too() {
    use reflection_alpha::{ServerReflectionRequest, server_reflection_request::MessageRequest};
    let world = World::start(Backend::Memory).await;
    let mut client = AlphaClient::new(world.channel.clone());
    let symbol = MessageRequest::FileContainingSymbol("askel.v1.SyncService".to_owned());
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(symbol),
    };
    let answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await;
    let mut answers = answers.expect("asked").into_inner();
    let answer = answers.message().await.expect("open").expect("an answer");
    assert!(format!("{:?}", answer.message_response).contains("FileDescriptorResponse"));
}

#[tokio::test]
async fn a_web_page_gets_the_same_refusal_over_http_1() {
    use prost::Message as _;
    let world = World::start(Backend::Memory).await;
    let message = v1::GetKeyListRequest {}.encode_to_vec();
    let length = u32::try_from(message.len()).expect("small").to_be_bytes();
    let body = [&[0][..], &length, &message].concat();
    let head = format!(
        "POST /askel.v1.CatalogService/GetKeyList HTTP/1.1\r\nhost: askel\r\n\
         content-type: application/grpc-web+proto\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(world.address)
        .await
        .expect("connected");
    stream
        .write_all(&[head.as_bytes(), &body].concat())
        .await
        .expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("application/grpc-web"), "{answer}");
    assert!(
        answer.contains("grpc-status:16") || answer.contains("grpc-status: 16"),
        "{answer}"
    );
}
