//! What a way to the server does to messages.

use crate::chance::Chance;

/// How a way to the server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weather {
    /// Requests that don't arrive, in a hundred.
    pub lost: u32,
    /// Requests that arrive twice, in a hundred.
    pub doubled: u32,
    /// Answers that don't arrive, in a hundred.
    pub unanswered: u32,
    /// Answers that end after some part, in a hundred.
    pub cut: u32,
    /// The longest a message is under way, in milliseconds.
    pub delay_ms: u32,
}

/// Which way is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blocked {
    /// To the server.
    pub up: bool,
    /// From the server.
    pub down: bool,
}

/// What becomes of one call.
pub(super) struct Fate {
    pub(super) request_ms: u64,
    pub(super) lost: bool,
    /// A second copy arrives so much later.
    pub(super) doubled_after_ms: Option<u64>,
    pub(super) unanswered: bool,
    /// The answer ends after so many parts.
    pub(super) parts_max: Option<usize>,
    pub(super) answer_ms: u64,
}

impl Fate {
    /// Draws what happens to a call.
    pub(super) fn draw(weather: Weather, blocked: Blocked, chance: &mut Chance) -> Self {
        let latest = i64::from(weather.delay_ms.max(30));
        let mut delay = || u64::try_from(chance.between(10, latest)).unwrap_or(10);
        let (request_ms, answer_ms, again_ms) = (delay(), delay(), delay());
        Self {
            request_ms,
            answer_ms,
            lost: chance.percent(weather.lost) || blocked.up,
            doubled_after_ms: chance.percent(weather.doubled).then_some(again_ms * 3),
            unanswered: chance.percent(weather.unanswered) || blocked.down,
            parts_max: chance.percent(weather.cut).then(|| chance.below(6)),
        }
    }
}
