//! `[redis]`: what passes hints on between several servers.

use super::faults::Reader;

/// The section `[redis]`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RedisConfig {
    /// `redis://` or, with TLS, `rediss://` with user and password; empty for none, which is right for
    /// one server. Its loss fails no call.
    pub url: String,
}

impl RedisConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            url: reader.parsed("redis.url", String::new(), "text"),
        }
    }
}

impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = if self.url.is_empty() { "" } else { "…" };
        f.debug_struct("RedisConfig").field("url", &url).finish()
    }
}
