//! What devices are compared with that sync in short form: many do so at once, and are looked up
//! together.

use std::collections::{BTreeSet, HashMap};

use askel_store::{ASIDE_LOG, DeviceView, LogState, StoreError, StreamHead};
use askel_sync::{
    id::{DeviceId, TenantId},
    stream::StreamKey,
};
use sqlx::PgConnection;

use super::row::StreamRow;
use crate::{
    PostgresStore,
    column::{columns, id, number, optional_id, stream_columns},
    error::store_error,
    gather::Turn,
};

/// Whose view, of which streams, and of how many logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AskedView {
    device: DeviceId,
    streams: Vec<StreamKey>,
    logs_max: u32,
}

/// What was found for several.
#[derive(Default)]
struct Found {
    heads: HashMap<StreamKey, StreamHead>,
    logs: HashMap<DeviceId, Vec<LogState>>,
}

impl Found {
    fn view(&self, asked: &AskedView) -> DeviceView {
        let heads = asked.streams.iter().filter_map(|key| self.heads.get(key));
        let mut logs = self.logs.get(&asked.device).cloned().unwrap_or_default();
        logs.truncate(usize::try_from(asked.logs_max).unwrap_or(usize::MAX));
        DeviceView {
            heads: heads.copied().collect(),
            logs,
        }
    }
}

/// A device's view.
pub(super) async fn of_device(
    store: &PostgresStore,
    tenant: TenantId,
    device: DeviceId,
    streams: &[StreamKey],
    logs_max: u32,
) -> Result<DeviceView, StoreError> {
    let asked = AskedView {
        device,
        streams: streams.to_vec(),
        logs_max,
    };
    let found = match store.views.ask(tenant, asked.clone()).await {
        Turn::Answered(view) => return Ok(view),
        Turn::LookUp(group) => {
            let all: Vec<AskedView> = group.questions().cloned().collect();
            let found = look_up(store, tenant, &all).await?;
            group.answer(|asked| found.view(asked))
        }
        Turn::Alone => None,
    };
    if let Some(view) = found {
        return Ok(view);
    }
    let all = [asked];
    let found = look_up(store, tenant, &all).await?;
    let [asked] = all;
    Ok(found.view(&asked))
}

async fn look_up(
    store: &PostgresStore,
    tenant: TenantId,
    asked: &[AskedView],
) -> Result<Found, StoreError> {
    let streams: BTreeSet<StreamKey> = asked.iter().flat_map(|one| &one.streams).copied().collect();
    let devices: BTreeSet<DeviceId> = asked.iter().map(|one| one.device).collect();
    let logs_max = asked.iter().map(|one| one.logs_max).max().unwrap_or(0);
    let mut reader = store.read(tenant).await?;
    Ok(Found {
        heads: heads(&mut reader, tenant, &streams).await?,
        logs: logs(&mut reader, tenant, &devices, logs_max).await?,
    })
}

async fn heads(
    connection: &mut PgConnection,
    tenant: TenantId,
    streams: &BTreeSet<StreamKey>,
) -> Result<HashMap<StreamKey, StreamHead>, StoreError> {
    if streams.is_empty() {
        return Ok(HashMap::new());
    }
    let key = &tenant.as_bytes()[..];
    let wanted = stream_columns(streams.iter().copied())?;
    let rows = sqlx::query_as!(
        StreamRow,
        "SELECT stream, handle, head, sum FROM stream WHERE tenant = $1 AND stream = ANY($2)",
        key,
        &wanted
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let heads = rows.into_iter().map(|row| {
        let head = StreamHead::try_from(row)?;
        Ok((head.key, head))
    });
    heads.collect()
}

/// Of each device the logs opened last, the newest first.
async fn logs(
    connection: &mut PgConnection,
    tenant: TenantId,
    devices: &BTreeSet<DeviceId>,
    limit: u32,
) -> Result<HashMap<DeviceId, Vec<LogState>>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let devices = columns(devices.iter().map(DeviceId::as_bytes));
    let aside = &ASIDE_LOG[..];
    let rows = sqlx::query!(
        r#"SELECT wanted.device AS "device!", part.log AS "log!",
                  part.next_sequence AS "next_sequence!",
                  device.participant AS "participant?", log_entry.op AS "last_op?"
           FROM unnest($2::bytea[]) WITH ORDINALITY AS wanted (device, place)
           CROSS JOIN LATERAL (
               SELECT log.log, log.next_sequence, log.opened_at_ms FROM log
               WHERE log.tenant = $1 AND log.device = wanted.device
                     AND substr(log.log, 1, 4) <> $3
               ORDER BY log.opened_at_ms DESC, log.log DESC LIMIT $4
           ) AS part
           LEFT JOIN device ON device.tenant = $1 AND device.device = wanted.device
           LEFT JOIN log_entry ON log_entry.tenant = $1 AND log_entry.log = part.log
                AND log_entry.sequence = part.next_sequence - 1
           ORDER BY wanted.place, part.opened_at_ms DESC, part.log DESC"#,
        key,
        &devices,
        aside,
        i64::from(limit)
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let mut logs: HashMap<DeviceId, Vec<LogState>> = HashMap::new();
    for row in rows {
        let device = id(&row.device)?;
        let state = LogState {
            log: id(&row.log)?,
            device,
            participant: optional_id(row.participant.as_deref())?,
            next_sequence: number(row.next_sequence)?,
            last_op: optional_id(row.last_op.as_deref())?,
        };
        logs.entry(device).or_default().push(state);
    }
    Ok(logs)
}
