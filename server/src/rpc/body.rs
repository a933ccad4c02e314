//! A request's body: a single message, within its limit and in time.

use std::{future::Future, pin::pin, time::Duration};

use askel_sync::key::credential::METADATA_KEY;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use prost::bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tonic::body::Body;

use super::access::Access;
use crate::{
    app::{App, AppError, Reason, authenticate},
    limits::{BODY_BYTES_PER_S_MIN, BODY_MS_MAX},
    overload::{Room, no_room},
};

/// A request with its whole body.
pub(super) struct Collected {
    pub(super) request: Request<Body>,
    pub(super) bytes: usize,
    /// For as long as the body is held.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Waits for all of a request's body.
pub(super) async fn collected(
    app: &App,
    room: &Room,
    access: Access,
    request: Request<Body>,
    bytes_max: usize,
) -> Result<Collected, AppError> {
    let (head, body) = request.into_parts();
    let is_known = is_known(app, access, &head.headers);
    let (whole, room) = whole(Limited::new(body, bytes_max), room, is_known).await?;
    Ok(Collected {
        bytes: whole.len(),
        request: Request::from_parts(head, Body::new(Full::new(whole))),
        room,
    })
}

/// Whether a device of this server's asks. Only who is slow is asked for it before there is nothing more
/// to wait for.
async fn is_known(app: &App, access: Access, headers: &HeaderMap) -> bool {
    let credential = headers
        .get(METADATA_KEY)
        .and_then(|value| value.to_str().ok());
    match (access, credential) {
        (Access::Roles(_) | Access::RolesAndProbation(_), Some(credential)) => {
            authenticate(app, credential).await.is_ok()
        }
        _ => false,
    }
}

/// All of it, in the time that anyone has; and for who is known, in as much more as a line takes that is
/// slow but goes on.
async fn whole(
    mut body: Limited<Body>,
    room: &Room,
    is_known: impl Future<Output = bool>,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), AppError> {
    let mut late = pin!(tokio::time::sleep(Duration::from_millis(BODY_MS_MAX)));
    let mut is_known = pin!(is_known);
    let mut may_take_longer = false;
    let mut allowed_ms = BODY_MS_MAX;
    let mut whole = Vec::new();
    let mut held = None;
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = &mut late => {
                may_take_longer = may_take_longer || is_known.as_mut().await;
                let allowed_now_ms = BODY_MS_MAX.saturating_add(line_ms(whole.len()));
                let more_ms = allowed_now_ms.saturating_sub(allowed_ms);
                if !may_take_longer || more_ms < STEP_MS {
                    return Err(Reason::RequestTooSlow.into());
                }
                allowed_ms = allowed_now_ms;
                let more = Duration::from_millis(more_ms);
                let former = late.deadline();
                late.as_mut().reset(former.checked_add(more).unwrap_or(former));
                continue;
            }
        };
        match frame {
            None => return Ok((whole.into(), held)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    if !room.hold(&mut held, whole.len().saturating_add(data.len())) {
                        return Err(no_room());
                    }
                    whole.extend_from_slice(&data);
                }
            }
            Some(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Reason::MessageTooLarge.into());
            }
            Some(Err(_)) => return Err(Reason::MessageMalformed.into()),
        }
    }
}

/// Who has sent less since the last look than the slowest line would in this time is not going on.
const STEP_MS: u64 = 1_000;

/// How long the slowest line takes for so many bytes, in milliseconds.
fn line_ms(bytes: usize) -> u64 {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    bytes.saturating_mul(1_000) / BODY_BYTES_PER_S_MIN
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;
    use tokio_stream::StreamExt as _;

    use super::*;
    use crate::limits::{BODIES_KIB_MAX, BODY_BYTES_MAX, OPEN_BODY_BYTES_MAX};

    /// A body of so many bytes, some of them each second.
    fn slow(bytes: usize, bytes_per_s: usize) -> Limited<Body> {
        let parts = (0..bytes.div_ceil(bytes_per_s)).map(move |_| vec![7; bytes_per_s]);
        let frames = tokio_stream::iter(parts).then(async |part| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Full::new(Bytes::from(part)).frame().await.expect("a frame")
        });
        Limited::new(Body::new(StreamBody::new(Box::pin(frames))), BODY_BYTES_MAX)
    }

    async fn refusal(body: Limited<Body>, is_known: bool) -> Option<Reason> {
        let room = Room::new(BODIES_KIB_MAX);
        let error = whole(body, &room, async move { is_known }).await.err()?;
        Some(error.reason())
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_that_goes_on_is_waited_for_if_its_device_is_known() {
        assert_eq!(refusal(slow(600_000, 2_000), true).await, None);
        let too_slow = Some(Reason::RequestTooSlow);
        assert_eq!(refusal(slow(600_000, 2_000), false).await, too_slow);
        assert_eq!(
            refusal(slow(20_000, 2_000), false).await,
            None,
            "within the time of all"
        );
        assert_eq!(refusal(slow(10_000, 1), true).await, too_slow);
        let least = usize::try_from(BODY_BYTES_PER_S_MIN).expect("small");
        assert_eq!(refusal(slow(200_000, least - 100), true).await, too_slow);
        assert_eq!(refusal(slow(200_000, least + 100), true).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let first = Full::new(Bytes::from("some")).frame().await;
        let first = tokio_stream::once(first.expect("a frame"));
        let never = StreamBody::new(Box::pin(first.chain(tokio_stream::pending())));
        let body = Limited::new(Body::new(never), BODY_BYTES_MAX);
        assert_eq!(refusal(body, true).await, Some(Reason::RequestTooSlow));
    }

    #[tokio::test]
    async fn a_body_is_whole_up_to_its_limit_and_refused_past_it() {
        for most in [BODY_BYTES_MAX, OPEN_BODY_BYTES_MAX] {
            for (bytes, refused) in [(most, None), (most + 1, Some(Reason::MessageTooLarge))] {
                let body = Body::new(Full::new(Bytes::from(vec![0_u8; bytes])));
                assert_eq!(
                    refusal(Limited::new(body, most), false).await,
                    refused,
                    "{bytes}"
                );
            }
        }
    }

    #[tokio::test]
    async fn bodies_that_are_held_leave_room_for_others_only_when_they_go() {
        let room = Room::new(4);
        let body = |bytes: usize| {
            let body = Body::new(Full::new(Bytes::from(vec![0_u8; bytes])));
            Limited::new(body, BODY_BYTES_MAX)
        };
        let known = async || true;
        let first = whole(body(3 * 1_024), &room, known()).await;
        let (_, held) = first.expect("room");
        let refused = whole(body(1_025), &room, known()).await;
        let error = refused.map(|_| ()).expect_err("no room");
        assert_eq!(error.reason(), Reason::ServerOverloaded);
        assert!(whole(body(1_024), &room, known()).await.is_ok());
        drop(held);
        assert!(whole(body(4 * 1_024), &room, known()).await.is_ok());
    }
}
