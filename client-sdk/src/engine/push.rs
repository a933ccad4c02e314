//! Whether this device is to be woken: what the person wants, and whether the server knows.

use askel_proto::v1;
use askel_sync::{
    id::StreamId,
    limits::{AWAKE_MINUTES_MIN, PUSH_TOKEN_BYTES_MAX},
    stream::StreamKey,
    time::{DAY_MS, Timestamp},
};

use super::{
    Decided, Engine,
    row::{ONLY, PushRow, PushTold, Row, Table, Write},
};
use crate::{Cause, Error, PushWish, QuietHours};

const DAY_MINUTES: u32 = 24 * 60;
/// The server is told again after so long, in milliseconds: push services forget tokens that nobody speaks
/// of.
const TOLD_AGAIN_MS: i64 = 30 * DAY_MS;
/// After a refusal it is told again so much later, in milliseconds.
const REFUSED_WAIT_MS: i64 = DAY_MS;

/// What the server is to be told.
#[derive(Debug, Clone)]
pub(crate) struct PushToTell {
    wish: Option<PushWish>,
    /// `None` to be woken no more.
    pub(crate) request: Option<v1::UpdatePushRegistrationRequest>,
}

impl Engine {
    /// Keeps a wish until the server knows it, and then as long as it holds.
    pub(crate) fn want_push(&self, wish: Option<PushWish>) -> Result<Decided<()>, Error> {
        if let Some(wish) = &wish {
            check(wish)?;
        }
        let held = self.model.push.as_ref();
        let is_news = match held {
            Some(row) => row.wish != wish,
            // Of who never asked nobody knows anything.
            None => wish.is_some(),
        };
        let row = PushRow { wish, told: None };
        let writes = is_news.then(|| Write::Put(ONLY, Row::Push(row)));
        Ok(Decided::new(writes.into_iter().collect(), ()))
    }

    /// What was asked for last.
    pub(crate) fn push_wish(&self) -> Option<PushWish> {
        self.model.push.as_ref()?.wish.clone()
    }

    /// What the server is to be told now: a wish that it does not know or may have forgotten. A restored
    /// one has, and all its streams have other handles.
    pub(crate) fn push_to_tell(&self, now: Timestamp) -> Option<PushToTell> {
        let row = self.model.push.as_ref()?;
        if self.is_erased() {
            return None;
        }
        if let Some(told) = &row.told {
            let wait_ms = told.again_at.saturating_ms_since(now);
            // A clock that was set makes nobody wait longer.
            let waits = (1..=TOLD_AGAIN_MS).contains(&wait_ms);
            if waits && told.under == self.device_stream_id() {
                return None;
            }
        }
        Some(PushToTell {
            wish: row.wish.clone(),
            request: row.wish.as_ref().map(|wish| self.push_request(wish)),
        })
    }

    /// Takes in that the server was told, and whether it agreed. What was asked for meanwhile is still to
    /// be told.
    pub(crate) fn push_told(&self, told: &PushToTell, agreed: bool, now: Timestamp) -> Decided<()> {
        let stands = |row: &&PushRow| row.wish == told.wish;
        let Some(row) = self.model.push.as_ref().filter(stands) else {
            return Decided::new(Vec::new(), ());
        };
        if agreed && row.wish.is_none() {
            return Decided::new(vec![Write::Delete(Table::Push, ONLY)], ());
        }
        let wait_ms = if agreed {
            TOLD_AGAIN_MS
        } else {
            REFUSED_WAIT_MS
        };
        let row = PushRow {
            wish: row.wish.clone(),
            told: Some(PushTold {
                again_at: now.saturating_add_ms(wait_ms),
                under: self.device_stream_id(),
            }),
        };
        Decided::new(vec![Write::Put(ONLY, Row::Push(row))], ())
    }

    fn device_stream_id(&self) -> Option<StreamId> {
        let device = self.model.enrolment()?.device;
        let (_, row) = self.model.stream_by_key(StreamKey::Device(device))?;
        row.id
    }

    fn push_request(&self, wish: &PushWish) -> v1::UpdatePushRegistrationRequest {
        let named = wish.time_zone.as_ref();
        let zone = named.and_then(|name| self.view.catalog.zone_named(name));
        let registration = v1::PushRegistration {
            token: wish.token.clone(),
            quiet_hours: wish.quiet_hours.map(|hours| v1::QuietHours {
                from_minute: hours.from_minute,
                until_minute: hours.until_minute,
            }),
            time_zone_id: zone.map_or(0, |zone| zone.id.get()),
        };
        v1::UpdatePushRegistrationRequest {
            push_registration: Some(registration),
        }
    }
}

/// As the server does.
fn check(wish: &PushWish) -> Result<(), Error> {
    let length = (1..=PUSH_TOKEN_BYTES_MAX).contains(&wish.token.len());
    if !length || !wish.token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Cause::OutOfBounds("the push token").into());
    }
    match wish.quiet_hours {
        Some(hours) if !leaves_enough(hours) => Err(Cause::OutOfBounds("the quiet hours").into()),
        _ => Ok(()),
    }
}

fn leaves_enough(hours: QuietHours) -> bool {
    let (from, until) = (hours.from_minute, hours.until_minute);
    let awake = from.saturating_add(DAY_MINUTES).saturating_sub(until) % DAY_MINUTES;
    from < DAY_MINUTES && until < DAY_MINUTES && awake >= AWAKE_MINUTES_MIN
}
