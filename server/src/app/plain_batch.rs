//! Compact batches: the very bytes that were signed are rebuilt from columns.

use askel_proto::v1;
use askel_sync::{
    admission::ClockReading,
    frame::{BatchHints, ENCODING, FrameLimits, LogRef, decode_batch, log_of_batch},
    id::{DeviceId, LogId, OpId, TenantId},
    limits::{BATCH_BYTES_MAX, BATCH_CONTEXT_OPS_MAX, OPS_PER_BATCH_MAX},
    op::Op,
    time::{ClockSegment, Timestamp},
};

use super::{App, AppError};
use crate::limits::DEVICE_LOGS_MAX;

/// Whose batches, and what they may refer to.
pub(super) struct PlainBatches {
    tenant: TenantId,
    device: DeviceId,
    clock: Clock,
    /// Logs that the request names in full.
    named: Vec<LogId>,
}

/// The device's clock, by which batches are written short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// As the request says.
    Told(ClockReading),
    /// As the device said before, or never: it may mean another.
    Remembered(Option<ClockReading>),
}

impl Clock {
    /// What it says.
    pub(super) const fn reading(self) -> Option<ClockReading> {
        match self {
            Self::Told(reading) => Some(reading),
            Self::Remembered(reading) => reading,
        }
    }
}

/// What a sealed batch came to.
pub(super) enum Plain {
    /// As it was signed.
    Rebuilt(v1::SealedBatch),
    /// It refers to what is not here. The log, if that is known.
    Wanted(Option<LogId>),
    /// It can't be read.
    Malformed,
}

/// What a reader accepts of a compact batch.
const LIMITS: FrameLimits = FrameLimits {
    ops_max: OPS_PER_BATCH_MAX,
    bytes_max: BATCH_BYTES_MAX,
};

impl PlainBatches {
    pub(super) const fn of(tenant: TenantId, device: DeviceId, clock: Clock) -> Self {
        Self {
            tenant,
            device,
            clock,
            named: Vec::new(),
        }
    }

    /// With logs that the request names in full: a server that lost a log finds it by these.
    pub(super) fn naming(self, logs: impl IntoIterator<Item = LogId>) -> Self {
        Self {
            named: logs.into_iter().collect(),
            ..self
        }
    }

    /// A batch in plain; one that is plain already is as it was. That both sides meant the same is
    /// for the signature to say.
    pub(super) async fn rebuild(
        &self,
        app: &App,
        sealed: v1::SealedBatch,
    ) -> Result<Plain, AppError> {
        if sealed.encoding != ENCODING {
            // Plain, or unknown: opening it tells.
            return Ok(Plain::Rebuilt(sealed));
        }
        if sealed.columns.len() > BATCH_BYTES_MAX {
            return Ok(Plain::Malformed);
        }
        let log = match log_of_batch(&sealed.columns) {
            Ok(LogRef::Full(log)) => Some(log),
            Ok(LogRef::Prefix(prefix)) => self.log_by_prefix(app, &prefix).await?,
            Err(_) => return Ok(Plain::Malformed),
        };
        let Some(log) = log else {
            return Ok(Plain::Wanted(None));
        };
        let Some(context) = self.context(app, log, &sealed).await? else {
            return Ok(Plain::Wanted(Some(log)));
        };
        let rebuilt = decode_batch(&context, &self.hints(log), &sealed.columns, LIMITS);
        Ok(match rebuilt {
            Ok(batch) => Plain::Rebuilt(v1::SealedBatch {
                batch,
                signature: sealed.signature,
                ..v1::SealedBatch::default()
            }),
            // With other ops before it or another clock, what can be read may come out as what can't.
            Err(_) if !context.is_empty() || self.may_be_wrong() => Plain::Wanted(Some(log)),
            Err(_) => Plain::Malformed,
        })
    }

    /// Whether a batch may mean another clock.
    const fn may_be_wrong(&self) -> bool {
        matches!(self.clock, Clock::Remembered(_))
    }

    fn hints(&self, log: LogId) -> BatchHints {
        let clock = self.clock.reading();
        BatchHints {
            tenant: self.tenant,
            device: self.device,
            log,
            clock_segment: clock.map_or(ClockSegment::default(), |clock| clock.segment),
            wall: match self.clock {
                Clock::Told(told) => told.wall,
                Clock::Remembered(_) => Timestamp::from_ms(0),
            },
        }
    }

    async fn log_by_prefix(&self, app: &App, prefix: &[u8]) -> Result<Option<LogId>, AppError> {
        let fits = |log: &LogId| log.as_bytes().starts_with(prefix);
        if let Some(named) = self.named.iter().copied().find(fits) {
            return Ok(Some(named));
        }
        let logs = app
            .store()
            .list_device_logs(self.tenant, self.device, DEVICE_LOGS_MAX)
            .await?;
        Ok(logs.into_iter().map(|log| log.log).find(fits))
    }

    /// The accepted ops that a batch refers to; `None` when one of them is not here.
    async fn context(
        &self,
        app: &App,
        log: LogId,
        sealed: &v1::SealedBatch,
    ) -> Result<Option<Vec<Op>>, AppError> {
        let count = usize::try_from(sealed.context_ops).unwrap_or(usize::MAX);
        if count == 0 {
            return Ok(Some(Vec::new()));
        }
        if count > BATCH_CONTEXT_OPS_MAX {
            return Ok(None);
        }
        let store = app.store();
        let first = sealed.context_first_sequence;
        let entries = store
            .list_entries(self.tenant, log, first, sealed.context_ops)
            .await?;
        let ids: Vec<OpId> = entries.iter().map(|(_, op, ..)| *op).collect();
        let admitted = store.lookup_ops(self.tenant, &ids).await?;
        let ops: Vec<Op> = admitted.into_iter().map(|admitted| admitted.op).collect();
        Ok((ops.len() == count).then_some(ops))
    }
}
