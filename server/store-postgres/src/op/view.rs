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
    let mut found = Found::default();
    for row in rows(&mut reader, tenant, (&devices, &streams), logs_max).await? {
        found.note(row)?;
    }
    Ok(found)
}

/// What a row tells.
const HEAD: i16 = 1;
const LOG: i16 = 2;

/// A stream's head, or a log of a device.
struct ViewRow {
    what: i16,
    /// The stream, or the log.
    key: Vec<u8>,
    /// The stream's handle, or the log's device.
    id: Vec<u8>,
    /// The stream's head, or the log's next sequence.
    reached: i64,
    sum: i64,
    participant: Option<Vec<u8>>,
    last_op: Option<Vec<u8>>,
}

impl Found {
    fn note(&mut self, row: ViewRow) -> Result<(), StoreError> {
        match row.what {
            HEAD => {
                let head = StreamHead::try_from(StreamRow {
                    stream: row.key,
                    handle: row.id,
                    head: row.reached,
                    sum: row.sum,
                })?;
                self.heads.insert(head.key, head);
            }
            LOG => {
                let device = id(&row.id)?;
                self.logs.entry(device).or_default().push(LogState {
                    log: id(&row.key)?,
                    device,
                    participant: optional_id(row.participant.as_deref())?,
                    next_sequence: number(row.reached)?,
                    last_op: optional_id(row.last_op.as_deref())?,
                });
            }
            _ => return Err(StoreError::Inconsistent("a row nobody asked for")),
        }
        Ok(())
    }
}

/// The heads, and of each device the logs opened last, the newest first.
///
/// What is looked up for a row stands in a subquery of its own: a join may as well read a whole log and
/// throw it away, where statistics say that logs are short.
async fn rows(
    connection: &mut PgConnection,
    tenant: TenantId,
    (devices, streams): (&BTreeSet<DeviceId>, &BTreeSet<StreamKey>),
    logs_max: u32,
) -> Result<Vec<ViewRow>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let streams = stream_columns(streams.iter().copied())?;
    let devices = columns(devices.iter().map(DeviceId::as_bytes));
    let aside = &ASIDE_LOG[..];
    sqlx::query_as!(
        ViewRow,
        r#"SELECT what AS "what!", key AS "key!", id AS "id!", reached AS "reached!", sum AS "sum!",
                  participant AS "participant?", last_op AS "last_op?"
           FROM (
               SELECT 1::smallint AS what, stream AS key, handle AS id, head AS reached, sum,
                      NULL::bytea AS participant, NULL::bytea AS last_op,
                      0::bigint AS place, 0::bigint AS opened_at_ms
               FROM stream WHERE tenant = $1 AND stream = ANY($2)
               UNION ALL
               SELECT 2::smallint, part.log, wanted.device, part.next_sequence, 0,
                      owner.participant, last.op, wanted.place, part.opened_at_ms
               FROM unnest($3::bytea[]) WITH ORDINALITY AS wanted (device, place)
               CROSS JOIN LATERAL (
                   SELECT log.log, log.next_sequence, log.opened_at_ms FROM log
                   WHERE log.tenant = $1 AND log.device = wanted.device
                         AND substr(log.log, 1, 4) <> $4
                   ORDER BY log.opened_at_ms DESC, log.log DESC LIMIT $5
               ) AS part
               LEFT JOIN LATERAL (
                   SELECT device.participant FROM device
                   WHERE device.tenant = $1 AND device.device = wanted.device LIMIT 1
               ) AS owner ON true
               LEFT JOIN LATERAL (
                   SELECT log_entry.op FROM log_entry
                   WHERE log_entry.tenant = $1 AND log_entry.log = part.log
                         AND log_entry.sequence = part.next_sequence - 1 LIMIT 1
               ) AS last ON true
           ) AS found
           ORDER BY place, opened_at_ms DESC, key DESC"#,
        key,
        &streams,
        &devices,
        aside,
        i64::from(logs_max)
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)
}
