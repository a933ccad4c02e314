//! The short form of a Sync: what both sides know goes into one hash, and only positions travel.

use askel_store::{LogState, StreamHead};
use askel_sync::{
    catalog::Catalog,
    id::{GoalId, StreamId},
    stream::{
        StreamKey,
        listed::{ListedDay, neighbour},
        short::{SealedHead, standard_streams, state_tag, sums_tag},
    },
};

use super::{
    App, AppError, Caller, WantedStream,
    streams::{Neighbour, covers, is_past},
};
use crate::limits::{DEVICE_LOGS_MAX, LIMITS_REVISION};

/// A Sync in short form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShortForm {
    /// In the standard streams, in their order.
    pub(crate) positions: Vec<u64>,
    /// The places' days that the device follows beside them.
    pub(crate) days: Vec<ListedDay>,
    pub(crate) state_tag: u64,
    /// As [`sums_tag`] makes it; 0 for nothing said.
    pub(crate) sums_tag: u32,
}

/// What a short form came to.
pub(crate) struct Matched {
    /// The log that caller and server agree on; `None` while nothing is sealed.
    pub(crate) log: Option<LogState>,
    pub(crate) wanted: Vec<WantedStream>,
    /// Whether the caller stands where all its streams do, and holds something else.
    pub(crate) sums_differ: bool,
}

/// Compares with what stands here, after everything handed in was taken in; `None` when the caller
/// has to say it in full.
pub(super) async fn matched(
    app: &App,
    caller: &Caller,
    short: &ShortForm,
) -> Result<Option<Matched>, AppError> {
    let Some(keys) = keys(app, caller, short).await? else {
        return Ok(None);
    };
    let device = caller.device.id;
    let view = app
        .store()
        .view_of_device(caller.tenant, device, &keys, DEVICE_LOGS_MAX)
        .await?;
    let mut found = view.heads;
    found.retain(|head| !is_past(app, head.key));
    let Some((heads, days)) = reached(short, &keys, &found) else {
        return Ok(None);
    };
    let logs = view.logs;
    let begun = short.days.iter().zip(&days);
    let begun = begun.filter(|(day, _)| day.position > 0);
    let of_days = begun.filter_map(|(_, head)| Some(head.as_ref()?.id));
    let handles: Vec<StreamId> = heads.iter().map(|head| head.id).chain(of_days).collect();
    let tag = |head: Option<SealedHead>| state_tag(&handles, head.as_ref(), LIMITS_REVISION);
    // One who speaks of no log, while something of one is here, was put back to before its first op. A log
    // that a restore lost is known by its name, and may be the one that its writer gave up for that.
    let kept = logs.iter().find(|log| log.next_sequence > 0);
    let given_up = |log: &LogState| SealedHead::given_up(log.log);
    let newest = [kept.map(given_up), logs.first().map(given_up)];
    let log = logs
        .iter()
        .find(|log| sealed_head(log).is_some_and(|head| tag(Some(head)) == short.state_tag))
        .cloned();
    if log.is_none() && !newest.iter().any(|head| tag(*head) == short.state_tag) {
        return Ok(None);
    }
    let sums_differ = short.sums_tag != 0 && sums_differ(short, &heads, &days);
    let positions: Vec<u64> = short.days.iter().map(|day| day.position).collect();
    let days = days.into_iter().zip(&positions).enumerate();
    let days = days.map(|(index, (head, position))| {
        let neighbour = neighbour(&positions, index).and_then(|index| short.days.get(index));
        (
            head,
            position,
            neighbour.map(|day| Neighbour {
                key: day.stream(),
                position: day.position,
            }),
        )
    });
    let standard = heads.into_iter().zip(&short.positions);
    let standard = standard.map(|(head, position)| (Some(head), position, None));
    let wanted = (1..).zip(standard.chain(days));
    let wanted = wanted.filter_map(|(index, (head, position, neighbour))| {
        Some(WantedStream::Standard {
            head: head?,
            index,
            position: *position,
            neighbour,
        })
    });
    Ok(Some(Matched {
        log,
        wanted: wanted.collect(),
        sums_differ,
    }))
}

fn sums_differ(short: &ShortForm, heads: &[StreamHead], days: &[Option<StreamHead>]) -> bool {
    let positions = short.positions.iter().copied();
    let positions = positions.chain(short.days.iter().map(|day| day.position));
    let heads = || heads.iter().copied().map(Some).chain(days.iter().copied());
    let stands = positions
        .zip(heads())
        .all(|(position, head)| position == head.map_or(0, |head| head.head));
    stands && sums_tag(heads().flatten().map(|head| head.sum)) != short.sums_tag
}

/// The standard streams, and after them the days; `None` when the caller has to ask in full: another
/// number of streams, or a place that is not its own.
async fn keys(
    app: &App,
    caller: &Caller,
    short: &ShortForm,
) -> Result<Option<Vec<StreamKey>>, AppError> {
    if caller.is_on_probation() || !short.days.iter().all(|day| covers(caller, day.place)) {
        return Ok(None);
    }
    let catalog = app.catalogs.newest(caller.tenant).await?;
    let goals = catalog.as_deref().map(challenges).unwrap_or_default();
    let mut keys = standard_streams(caller.device.id, caller.participant(), goals);
    if keys.len() != short.positions.len() {
        return Ok(None);
    }
    keys.extend(short.days.iter().map(ListedDay::stream));
    Ok(Some(keys))
}

/// Where the standard streams stand, and the days, `None` for one that nobody wrote to; `None` for all
/// when the caller can't mean these: one that does not exist, or a position that is not reached.
fn reached(
    short: &ShortForm,
    keys: &[StreamKey],
    found: &[StreamHead],
) -> Option<(Vec<StreamHead>, Vec<Option<StreamHead>>)> {
    let (standard, days) = keys.split_at_checked(short.positions.len())?;
    let of = |key: &StreamKey| found.iter().find(|head| head.key == *key).copied();
    let heads: Vec<StreamHead> = standard.iter().map(of).collect::<Option<_>>()?;
    let days: Vec<Option<StreamHead>> = days.iter().map(of).collect();
    let listed = short.days.iter().map(|day| day.position);
    let positions = short.positions.iter().copied().chain(listed);
    let stands = heads.iter().copied().map(Some).chain(days.iter().copied());
    let reaches =
        |(position, head): (u64, Option<StreamHead>)| position <= head.map_or(0, |head| head.head);
    positions.zip(stands).all(reaches).then_some((heads, days))
}

/// The goals that have a stream of their own.
fn challenges(catalog: &Catalog) -> Vec<GoalId> {
    let collective = catalog
        .goals()
        .filter(|goal| goal.rule.collective().is_some());
    collective.map(|goal| goal.id).collect()
}

fn sealed_head(log: &LogState) -> Option<SealedHead> {
    Some(SealedHead {
        log: log.log,
        next_sequence: log.next_sequence,
        last_op: log.last_op?,
    })
}
