//! A request's body: a single message, within its limit and in time.

use std::{future::Future, pin::pin, time::Duration};

use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use prost::bytes::Bytes;
use tonic::body::Body;

use super::{access::Access, call::caller_of};
use crate::{
    app::{App, AppError, Reason},
    limits::{BODY_BYTES_PER_S_MIN, BODY_MS_MAX, STRANGER_BODY_BYTES_MAX},
    overload::{HeldRoom, Room, Whose, no_room},
};

/// A request with its whole body.
pub(super) struct Collected {
    pub(super) request: Request<Body>,
    pub(super) bytes: usize,
    /// For as long as the body is held.
    pub(super) room: Option<HeldRoom>,
}

/// Waits for all of a request's body.
pub(super) async fn collected(
    app: &App,
    room: &Room,
    access: Access,
    request: Request<Body>,
    bytes_max: usize,
) -> Result<Collected, AppError> {
    let (parts, body) = request.into_parts();
    let mut held = room.hold();
    let asker = whose(app, access, &parts.headers);
    let whole = whole(Limited::new(body, bytes_max), &mut held, asker).await?;
    Ok(Collected {
        bytes: whole.len(),
        request: Request::from_parts(parts, Body::new(Full::new(whole))),
        room: Some(held),
    })
}

/// Which device of this server's asks. Only of a body that is large or slow, or for which strangers have
/// no room, is it asked before there is nothing more to wait for.
async fn whose(app: &App, access: Access, headers: &HeaderMap) -> Result<Whose, AppError> {
    match access {
        Access::Roles(_) | Access::RolesAndProbation(_) => {
            let caller = caller_of(app, headers).await?;
            Ok(Whose {
                tenant: caller.tenant,
                device: caller.device.id,
            })
        }
        // Anyone may ask, and is nobody.
        Access::Open | Access::OpenStream => Err(Reason::CredentialMissing.into()),
    }
}

/// All of it, in the time that anyone has; and for who is known, in as much more as a line takes that is
/// slow but goes on.
async fn whole(
    mut body: Limited<Body>,
    held: &mut HeldRoom,
    asker: impl Future<Output = Result<Whose, AppError>>,
) -> Result<Bytes, AppError> {
    let mut late = pin!(tokio::time::sleep(Duration::from_millis(BODY_MS_MAX)));
    // Asked once: whoever is not known is refused.
    let mut asker = pin!(asker);
    let mut allowed_ms = BODY_MS_MAX;
    let mut whole = Vec::new();
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = &mut late => {
                let too_slow = |_| Reason::RequestTooSlow;
                if !held.is_known() {
                    held.know(asker.as_mut().await.map_err(too_slow)?);
                    make_room(held, whole.len())?;
                }
                let allowed_now_ms = BODY_MS_MAX.saturating_add(line_ms(whole.len()));
                let more_ms = allowed_now_ms.saturating_sub(allowed_ms);
                if more_ms < STEP_MS {
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
            None => return Ok(whole.into()),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    let bytes = whole.len().saturating_add(data.len());
                    if !held.is_known() && bytes > STRANGER_BODY_BYTES_MAX {
                        held.know(asker.as_mut().await?);
                    }
                    if !held.grow(bytes) {
                        if held.is_known() {
                            return Err(no_room());
                        }
                        held.know(asker.as_mut().await.map_err(|_| no_room())?);
                        make_room(held, bytes)?;
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

fn make_room(held: &mut HeldRoom, bytes: usize) -> Result<(), AppError> {
    if held.grow(bytes) {
        Ok(())
    } else {
        Err(no_room())
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
    use askel_sync::id::{DeviceId, TenantId};
    use http_body_util::StreamBody;
    use tokio_stream::StreamExt as _;

    use super::*;
    use crate::limits::{
        BODIES_KIB_MAX, BODY_BYTES_MAX, BODY_FREE_BYTES, OPEN_BODY_BYTES_MAX,
        STRANGERS_BODIES_KIB_MAX,
    };

    /// A body of so many bytes, some of them each second.
    fn slow(bytes: usize, bytes_per_s: usize) -> Limited<Body> {
        let parts = (0..bytes.div_ceil(bytes_per_s)).map(move |_| vec![7; bytes_per_s]);
        let frames = tokio_stream::iter(parts).then(async |part| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Full::new(Bytes::from(part)).frame().await.expect("a frame")
        });
        Limited::new(Body::new(StreamBody::new(Box::pin(frames))), BODY_BYTES_MAX)
    }

    /// Devices' room and strangers', in KiB.
    fn room(of_devices: usize, of_strangers: usize) -> Room {
        Room::new(of_devices, of_strangers)
    }

    fn someone(is_known: bool) -> impl Future<Output = Result<Whose, AppError>> {
        let device = Whose {
            tenant: TenantId::from_bytes([1; 16]),
            device: DeviceId::from_bytes([2; 16]),
        };
        let unknown = || Reason::CredentialInvalid.into();
        std::future::ready(is_known.then_some(device).ok_or_else(unknown))
    }

    async fn refusal_in(room: &Room, body: Limited<Body>, is_known: bool) -> Option<Reason> {
        let error = whole(body, &mut room.hold(), someone(is_known)).await;
        Some(error.err()?.reason())
    }

    async fn refusal(body: Limited<Body>, is_known: bool) -> Option<Reason> {
        let room = room(BODIES_KIB_MAX, STRANGERS_BODIES_KIB_MAX);
        refusal_in(&room, body, is_known).await
    }

    fn of(bytes: usize) -> Limited<Body> {
        let body = Body::new(Full::new(Bytes::from(vec![0_u8; bytes])));
        Limited::new(body, BODY_BYTES_MAX)
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_that_goes_on_is_waited_for_if_its_device_is_known() {
        assert_eq!(refusal(slow(600_000, 2_000), true).await, None);
        let too_slow = Some(Reason::RequestTooSlow);
        assert_eq!(refusal(slow(60_000, 1_000), false).await, too_slow);
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
        for (most, is_known) in [(BODY_BYTES_MAX, true), (OPEN_BODY_BYTES_MAX, false)] {
            for (bytes, refused) in [(most, None), (most + 1, Some(Reason::MessageTooLarge))] {
                let body = Body::new(Full::new(Bytes::from(vec![0_u8; bytes])));
                let body = Limited::new(body, most);
                assert_eq!(refusal(body, is_known).await, refused, "{bytes}");
            }
        }
    }

    #[tokio::test]
    async fn a_large_body_is_a_known_devices() {
        let most = STRANGER_BODY_BYTES_MAX;
        assert_eq!(refusal(of(most), false).await, None);
        let refused = refusal(of(most + 1), false).await;
        assert_eq!(refused, Some(Reason::CredentialInvalid));
        assert_eq!(refusal(of(most + 1), true).await, None);
    }

    #[tokio::test]
    async fn where_strangers_have_no_room_a_device_has() {
        let room = room(4, 4);
        let mut strangers = room.hold();
        assert!(strangers.grow(4 * 1_024));
        let no_room = Some(Reason::ServerOverloaded);
        assert_eq!(refusal_in(&room, of(1_025), false).await, no_room);
        assert_eq!(refusal_in(&room, of(BODY_FREE_BYTES), false).await, None);
        assert_eq!(refusal_in(&room, of(4 * 1_024), true).await, None);
        assert_eq!(refusal_in(&room, of(4 * 1_024 + 1), true).await, no_room);
        drop(strangers);
        assert_eq!(refusal_in(&room, of(4 * 1_024), false).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_slow_leaves_the_room_of_strangers() {
        let room = room(64, 64);
        let body = slow(60_000, 1_500);
        let mut held = room.hold();
        whole(body, &mut held, someone(true)).await.expect("whole");
        assert!(held.is_known());
        assert_eq!(refusal_in(&room, of(64 * 1_024), false).await, None);
    }
}
