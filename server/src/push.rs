//! Waking phones. The message is the constant word "sync": it says nothing about anyone.
//!
//! Whom to wake ([`reasons`]) and when ([`due`], [`after_quiet`]) are worked out purely.

mod due;
mod reason;

pub use due::{QuietHours, after_quiet, due};
pub use reason::{Whom, reasons};

use askel_sync::id::{DeviceId, TenantId};
use async_trait::async_trait;

/// Sends wake-ups. Best effort: polling alone is enough.
#[async_trait]
pub trait Push: Send + Sync {
    /// Asks a device to sync.
    async fn wake(&self, tenant: TenantId, device: DeviceId);
}

/// Notes wake-ups in the log and sends none, for a server without a push service.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogPush;

#[async_trait]
impl Push for LogPush {
    async fn wake(&self, _tenant: TenantId, _device: DeviceId) {
        tracing::debug!(
            message_body = "sync",
            "wake-up not sent: no push service configured"
        );
    }
}
