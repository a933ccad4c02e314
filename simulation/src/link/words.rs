//! Parts of an answer in words.

use askel_client_sdk::TransportError;
use askel_proto::v1;

/// What a part is.
pub(super) fn what_is(part: &Result<v1::SyncResponse, TransportError>) -> String {
    use v1::sync_response::Part;
    match part {
        Err(error) => error.to_string(),
        Ok(response) => match &response.part {
            Some(Part::Opening(opening)) => format!("opening of {} streams", opening.streams.len()),
            Some(Part::Outcomes(outcomes)) => format!("outcomes of {} logs", outcomes.logs.len()),
            Some(Part::Page(page)) => format!(
                "page {}+{}",
                page.first_position,
                page.ops.len().max(page.columns.len())
            ),
            Some(Part::ShortPage(page)) => format!("short page of {} bytes", page.len()),
            Some(Part::StreamGone(_)) => "a stream is gone".to_owned(),
            Some(Part::Closing(closing)) => format!("closing, more: {}", closing.more),
            None => "nothing known".to_owned(),
        },
    }
}
