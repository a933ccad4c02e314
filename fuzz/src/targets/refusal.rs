//! What a server, or whoever stands between, says when it refuses: read without harm, and a wait is
//! never shorter than what was asked.

use askel_client_sdk::TransportError;
use tonic::{
    Code, Status,
    metadata::{AsciiMetadataValue, MetadataMap},
};

use crate::{Target, input::Input};

pub(crate) const REFUSAL: Target = Target {
    name: "refusal",
    run,
    seeds: || {
        use prost::Message as _;
        // google.rpc.Status with an ErrorInfo and a RetryInfo, by tag, length and text.
        let any = |name: &str, value: &[u8]| prost_types::Any {
            type_url: format!("type.googleapis.com/google.rpc.{name}"),
            value: value.to_vec(),
        };
        let info = [
            &b"\x0a\x10CREDENTIAL_STALE\x12\x05askel"[..],
            b"\x1a\x13\x0a\x0eserver_time_ms\x12\x0116",
        ];
        let wait = prost_types::Duration {
            seconds: 30,
            nanos: 5,
        };
        let retry = [&[0x0A][..], &wait.encode_length_delimited_to_vec()].concat();
        let details = [any("ErrorInfo", &info.concat()), any("RetryInfo", &retry)];
        let details = details
            .iter()
            .flat_map(|any| [&[0x1A][..], &any.encode_length_delimited_to_vec()].concat());
        let status: Vec<u8> = [0x08, 0x08].into_iter().chain(details).collect();
        let length = u16::try_from(status.len()).unwrap_or(u16::MAX);
        vec![[&[8][..], &length.to_be_bytes(), &status, &[0, 2], b"no"].concat()]
    },
};

/// The code, the details, the text, and metadata beside.
fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let code = Code::from(i32::from(input.u8()));
    let details = input.piece().to_vec();
    let text = String::from_utf8_lossy(input.piece()).into_owned();
    let mut metadata = MetadataMap::new();
    if let Ok(value) = AsciiMetadataValue::try_from(input.rest()) {
        metadata.insert("server_time_ms", value);
    }
    let status = Status::with_details_and_metadata(code, text, details.into(), metadata);
    if let TransportError::Refused(refusal) = TransportError::from(status) {
        assert!(!format!("{refusal:?}").is_empty());
    }
}
