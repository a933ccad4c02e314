//! Bad calls of every method, with marks in each field, in metadata, in paths and in bodies that are
//! no messages.

use std::collections::BTreeMap;

use askel_server::rpc::{ACCESS_TABLE, DESCRIPTOR_SETS};
use askel_sync::{admission::Role, key::credential::METADATA_KEY};
use prost::{
    Message as _,
    bytes::{Buf, BufMut, Bytes},
    encoding::{WireType, encode_key, encode_varint},
};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet, field_descriptor_proto::Type,
};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::{MetadataKey, MetadataMap},
};

use crate::{
    device::Device,
    marks::{ID, Marks, TEXT, long},
    world::World,
};

/// Every message by its full name, and every method's request.
struct Protocol {
    messages: BTreeMap<String, DescriptorProto>,
    methods: BTreeMap<String, String>,
}

impl Protocol {
    fn read() -> Self {
        let mut protocol = Self {
            messages: BTreeMap::new(),
            methods: BTreeMap::new(),
        };
        for set in DESCRIPTOR_SETS {
            for file in FileDescriptorSet::decode(*set).expect("descriptors").file {
                let package = file.package().to_owned();
                for message in &file.message_type {
                    protocol.message(&format!(".{package}"), message);
                }
                for service in &file.service {
                    for method in &service.method {
                        let path = format!("/{package}.{}/{}", service.name(), method.name());
                        protocol
                            .methods
                            .insert(path, method.input_type().to_owned());
                    }
                }
            }
        }
        protocol
    }

    fn message(&mut self, outer: &str, message: &DescriptorProto) {
        let name = format!("{outer}.{}", message.name());
        for nested in &message.nested_type {
            self.message(&name, nested);
        }
        self.messages.insert(name, message.clone());
    }

    /// A message with a mark in each field that takes one; `bytes` for those of bytes.
    fn marked(&self, name: &str, bytes: &[u8], depth: u32) -> Vec<u8> {
        let mut encoded = Vec::new();
        for field in &self.messages[name].field {
            self.field(field, bytes, depth, &mut encoded);
        }
        encoded
    }

    fn field(&self, field: &FieldDescriptorProto, bytes: &[u8], depth: u32, to: &mut Vec<u8>) {
        let number = u32::try_from(field.number()).expect("a number");
        let mut put = |content: &[u8]| {
            encode_key(number, WireType::LengthDelimited, to);
            encode_varint(content.len() as u64, to);
            to.put_slice(content);
        };
        match field.r#type() {
            Type::String => put(TEXT.as_bytes()),
            Type::Bytes => put(bytes),
            Type::Message if depth > 0 => put(&self.marked(field.type_name(), bytes, depth - 1)),
            Type::Message | Type::Group => {}
            Type::Fixed64 | Type::Sfixed64 | Type::Double => {
                encode_key(number, WireType::SixtyFourBit, to);
                to.put_slice(&bytes[..8]);
            }
            Type::Fixed32 | Type::Sfixed32 | Type::Float => {
                encode_key(number, WireType::ThirtyTwoBit, to);
                to.put_slice(&bytes[..4]);
            }
            _ => {
                encode_key(number, WireType::Varint, to);
                encode_varint(1, to);
            }
        }
    }
}

/// Bytes as they are.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = from.remaining();
        Ok(Some(from.copy_to_bytes(length)))
    }
}

/// Metadata that says a lot, none of it asked for.
fn say_a_lot(metadata: &mut MetadataMap) {
    let hex = data_encoding::HEXLOWER.encode(&ID);
    for (key, value) in [
        ("traceparent", format!("00-{TEXT}-b7ad6b7169203331-01")),
        ("tracestate", format!("person={hex}")),
        ("baggage", format!("person={TEXT},id={hex}")),
        ("accept-language", TEXT.to_owned()),
        ("x-forwarded-for", TEXT.to_owned()),
        ("forwarded", format!("for={TEXT}")),
        ("grpc-timeout", TEXT.to_owned()),
        ("x-person", hex.clone()),
        ("askel-pages", TEXT.to_owned()),
    ] {
        let key = MetadataKey::from_static(key);
        metadata.insert(key, value.parse().expect("ASCII"));
    }
    let key = MetadataKey::<tonic::metadata::Binary>::from_static("person-bin");
    metadata.insert_bin(key, tonic::metadata::MetadataValue::from_bytes(&ID));
}

/// Calls a path with these bytes; how it is answered does not matter here.
async fn call(world: &World, path: &str, mut request: Request<Bytes>) {
    say_a_lot(request.metadata_mut());
    let mut client = Grpc::new(world.channel.clone());
    client.ready().await.expect("ready");
    let path = path.parse().expect("a path");
    let request = request.map(tokio_stream::once);
    let answered = client.streaming(request, path, Raw).await;
    if let Ok(answer) = answered {
        let patience = std::time::Duration::from_millis(50);
        let _ = tokio::time::timeout(patience, answer.into_inner().message()).await;
    }
}

/// Calls each method badly, as each role and as nobody.
pub(crate) async fn every_method(world: &World, marks: &mut Marks) {
    let protocol = Protocol::read();
    let mut callers = Vec::new();
    for (role, places) in [
        (Role::Participant, &[][..]),
        (Role::Staff, &[1]),
        (Role::Organiser, &[]),
        (Role::Admin, &[]),
    ] {
        let device = world.enrolled(role, places).await;
        marks.device(&device);
        callers.push(device);
    }
    let long = long();
    for (path, _) in ACCESS_TABLE {
        let input = &protocol.methods[*path];
        let short = Bytes::from(protocol.marked(input, &ID, 5));
        let longer = Bytes::from(protocol.marked(input, &long, 5));
        let none = Bytes::from_static(TEXT.as_bytes());
        for body in [short, longer, none] {
            for device in &callers {
                call(world, path, device.call(body.clone())).await;
            }
            for credential in [None, Some(TEXT), Some("")] {
                let mut request = Request::new(body.clone());
                if let Some(credential) = credential {
                    let credential = credential.parse().expect("ASCII");
                    request.metadata_mut().insert(METADATA_KEY, credential);
                }
                call(world, path, request).await;
            }
        }
    }
    paths_that_there_are_not(world, &callers[0]).await;
    framing_that_is_none(world).await;
}

async fn paths_that_there_are_not(world: &World, device: &Device) {
    let hex = data_encoding::HEXLOWER.encode(&ID);
    for path in [
        format!("/askel.v1.SyncService/{TEXT}"),
        format!("/{TEXT}/Sync"),
        format!("/{hex}"),
        format!("/askel.v1.SyncService/Sync?who={hex}"),
    ] {
        call(world, &path, device.call(Bytes::from_static(&ID))).await;
    }
}

/// Bytes in place of HTTP/2, of a head, and of a message's frame.
async fn framing_that_is_none(world: &World) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let hex = data_encoding::HEXLOWER.encode(&ID);
    let body = format!(
        "POST /askel.v1.SyncService/Sync HTTP/1.1\r\nhost: {TEXT}\r\ncontent-type: application/grpc-web\r\ncontent-length: 32\r\nuser-agent: {TEXT}\r\nconnection: close\r\n\r\n{hex}"
    );
    let get = format!("GET /{TEXT}?{hex} HTTP/1.1\r\nhost: {TEXT}\r\nconnection: close\r\n\r\n");
    for bytes in [
        TEXT.as_bytes().to_vec(),
        body.into_bytes(),
        get.into_bytes(),
        [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            &ID[..],
            TEXT.as_bytes(),
        ]
        .concat(),
    ] {
        let stream = tokio::net::TcpStream::connect(world.address).await;
        let mut stream = stream.expect("connected");
        stream.write_all(&bytes).await.expect("sent");
        stream.shutdown().await.expect("said");
        let patience = std::time::Duration::from_millis(300);
        let _ = tokio::time::timeout(patience, stream.read_to_end(&mut Vec::new())).await;
    }
}
