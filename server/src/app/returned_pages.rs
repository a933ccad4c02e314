//! Pages that readers hand back to a restored server: what it lost and they hold.
//!
//! A page is taken for what the server itself once handed out, by its MAC. One that can't be used is
//! passed over: its reader drops it either way.

use askel_proto::v1;
use askel_store::{Claim, HealedBy, LOST_MAX, Lineage};
use askel_sync::{
    admission::AdmittedOp,
    id::{LogId, StreamId},
    page::{PageSpan, digest},
};

use super::{App, AppError, Caller, WantedStream, pages::decoded, streams::reads};
use crate::{
    ingest::{Head, Receipt, ReturnedPage},
    limits::STREAM_READ_OPS,
};

/// Reads and verifies pages; those of streams of before the last restore are left.
pub(super) async fn verified(
    app: &App,
    caller: &Caller,
    pages: Vec<v1::Page>,
) -> Result<Vec<ReturnedPage>, AppError> {
    let mut verified = Vec::with_capacity(pages.len());
    for page in pages {
        verified.extend(verified_one(app, caller, page).await?);
    }
    Ok(verified)
}

async fn verified_one(
    app: &App,
    caller: &Caller,
    page: v1::Page,
) -> Result<Option<ReturnedPage>, AppError> {
    let Ok(ancestor) = StreamId::try_from(&*page.stream_id) else {
        return Ok(None);
    };
    let named = app
        .store()
        .lookup_stream_id(caller.tenant, ancestor)
        .await?;
    let Some((key, Lineage::Ancestor { head, .. })) = named else {
        return Ok(None);
    };
    let span = PageSpan {
        stream: ancestor,
        first_position: page.first_position,
        next_position: page.next_position,
    };
    let returned = |by, ops| ReturnedPage {
        ancestor,
        key,
        after: span.first_position.saturating_sub(1),
        up_to: span.next_position,
        by,
        ops,
    };
    if page.mac.is_empty() {
        // A reader's word that nothing of it is missing: whoever reads the stream may say so.
        let says = is_bare(&page) && span.next_position > head && reads(caller, key);
        return Ok(says.then(|| returned(HealedBy::Word, Vec::new())));
    }
    let mac = page.mac.clone();
    let Some(ops) = ops_of(caller, page).filter(|_| span.next_position > head) else {
        return Ok(None);
    };
    let digest = digest(caller.tenant, &span, &ops);
    let verifies = app.keys(caller.tenant)?.page_mac().verifies(&digest, &mac);
    Ok(verifies.then(|| returned(HealedBy::Pages, ops)))
}

fn is_bare(page: &v1::Page) -> bool {
    page.ops.is_empty() && page.columns.is_empty()
}

/// The ops of a page that refers to nothing outside it.
fn ops_of(caller: &Caller, page: v1::Page) -> Option<Vec<AdmittedOp>> {
    match page.encoding {
        0 => {
            let ops = page.ops.into_iter().map(AdmittedOp::from_proto);
            ops.collect::<Result<_, _>>().ok()
        }
        _ => decoded(caller.tenant, &page.columns, STREAM_READ_OPS),
    }
}

/// What the caller's request says that the server must have held before a restore: positions that
/// the streams of before went on to, and ops of its logs that are neither here nor offered now. Whose a
/// log is was known before anything of it was acknowledged: of other logs nothing was lost.
pub(super) async fn claims(
    app: &App,
    caller: &Caller,
    wanted: &[WantedStream],
    heads: &[Head],
    receipt: &Receipt,
) -> Result<Vec<Claim>, AppError> {
    let streams = wanted.iter().filter_map(|wanted| match wanted {
        WantedStream::Readable {
            parent: Some(parent),
            ..
        } => Some(Claim::Stream {
            ancestor: parent.id,
            position: parent.claimed,
        }),
        _ => None,
    });
    let mut claims: Vec<Claim> = streams.collect();
    // A log may be ahead because its ops are on their way; only who meets a restored server says so.
    if claims.is_empty() {
        return Ok(claims);
    }
    let named: Vec<LogId> = heads.iter().map(|head| head.log).collect();
    let known = app.store().lookup_logs(caller.tenant, &named).await?;
    let is_its_own = |log| {
        let state = known.iter().find(|state| state.log == log);
        state.is_some_and(|state| state.device == caller.device.id)
    };
    let logs = heads.iter().filter(|head| is_its_own(head.log));
    let logs = logs.filter_map(|head| {
        let verdict = receipt.logs.iter().find(|told| told.log == head.log)?;
        let next_sequence = verdict.offered_from.unwrap_or(head.next_sequence);
        let lost = next_sequence.saturating_sub(verdict.settled_before);
        let can_be = verdict.conflict.is_none() && (1..=LOST_MAX).contains(&lost);
        can_be.then_some(Claim::Log {
            log: head.log,
            next_sequence,
        })
    });
    claims.extend(logs);
    Ok(claims)
}
