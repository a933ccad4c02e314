//! The catalog: announced by op, fetched in chunks, verified, and only then in force.

use askel_proto::v1;
use askel_sync::{
    admission::ClockReading,
    catalog::{self, Catalog},
    limits::{CATALOG_BYTES_MAX, CATALOG_CHUNK_BYTES},
    time::Timestamp,
};
use sha2::{Digest as _, Sha256};

use super::{
    CatalogHeld, Decided, Engine,
    draft::Draft,
    liveness,
    model::Model,
    row::{CatalogEntry, CatalogRow, CatalogSlot, ONLY, Row, Table},
};
use crate::{Cause, Error};

/// The next piece of a catalog to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChunkWanted {
    pub(crate) hash: Vec<u8>,
    pub(crate) offset: u64,
}

/// What a fetched piece led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// The next piece is wanted.
    More,
    /// The catalog is in force.
    InForce,
    /// The content is not what was announced, or nobody whose keys are known has signed it: a later sync
    /// fetches it again.
    ThrownAway,
}

/// A catalog's content as the rows hold it.
pub(super) struct Held {
    pub(super) hash: [u8; 32],
    content: Vec<u8>,
}

impl Held {
    pub(super) fn parse(&self) -> Result<Catalog, catalog::CatalogError> {
        Catalog::read(&self.content)
    }
}

/// The catalog in force.
pub(super) fn held(model: &Model) -> Option<Held> {
    let entry = model.catalog.current.as_ref()?;
    let content = content(model, entry.slot);
    Some(Held {
        hash: Sha256::digest(&content).into(),
        content,
    })
}

/// What folds use until the first catalog is here: no places, no goals, days in UTC.
pub(super) fn blank() -> Result<Catalog, Error> {
    let utc = v1::TimeZone {
        id: 1,
        name: "UTC".to_owned(),
        ..v1::TimeZone::default()
    };
    let content = v1::Catalog {
        version: 1,
        tenant_id: vec![0; 16],
        time_zones: vec![utc],
        ..v1::Catalog::default()
    };
    Catalog::parse(&catalog::encode(&content))
        .map_err(|_| Cause::Invariant("the blank catalog is not one").into())
}

/// Lets a catalog that was thrown away wait no longer.
pub(super) fn hurry(draft: &mut Draft<'_>, row: &mut CatalogRow) {
    if row.later.take().is_some() {
        draft.put(ONLY, Row::Catalog(row.clone()));
    }
}

impl Engine {
    /// The version in force; `None` before the first.
    pub(crate) fn catalog_version(&self) -> Option<u32> {
        match self.catalog_held {
            CatalogHeld::Published => Some(self.view.catalog.version()),
            CatalogHeld::Blank => None,
        }
    }

    /// Takes in that a version exists: the newest is fetched, whatever was being fetched before.
    pub(super) fn announce_catalog(
        &self,
        draft: &mut Draft<'_>,
        row: &mut CatalogRow,
        published: &v1::CatalogPublished,
    ) {
        let known = [&row.current, &row.download]
            .into_iter()
            .filter_map(|entry| entry.as_ref().map(|entry| entry.published.version))
            .max();
        let too_long =
            usize::try_from(published.size_bytes).map_or(true, |bytes| bytes > CATALOG_BYTES_MAX);
        if known.is_some_and(|known| known >= published.version) || too_long {
            return;
        }
        let current = row
            .current
            .as_ref()
            .map_or(CatalogSlot::Odd, |current| current.slot);
        let slot = current.other();
        self.drop_chunks(draft, slot);
        row.download = Some(CatalogEntry {
            published: published.clone(),
            slot,
        });
        row.later = None;
        draft.put(ONLY, Row::Catalog(row.clone()));
    }

    /// When a catalog that was thrown away is fetched again.
    pub(super) fn catalog_waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        liveness::waits_until(self.model.catalog.later?, now)
    }

    /// What to fetch next, if a catalog is being fetched.
    pub(crate) fn chunk_wanted(&self, now: Timestamp) -> Option<ChunkWanted> {
        if self.catalog_waits_until(now).is_some() {
            return None;
        }
        let download = self.model.catalog.download.as_ref()?;
        Some(ChunkWanted {
            hash: download.published.hash.clone(),
            offset: u64::try_from(content(&self.model, download.slot).len()).ok()?,
        })
    }

    /// Takes in a fetched piece; the last one puts the catalog in force if it is what was announced,
    /// signed by the organiser and well formed, and else throws all of it away.
    pub(crate) fn take_chunk(
        &self,
        wanted: &ChunkWanted,
        chunk: &v1::CatalogChunk,
        now: ClockReading,
    ) -> Result<Decided<Fetched>, Error> {
        let mut draft = Draft::new(&self.model);
        let download = match &self.model.catalog.download {
            Some(download) if self.chunk_wanted(now.wall).as_ref() == Some(wanted) => download,
            // Another version was announced in the meantime.
            _ => return Ok(Decided::new(Vec::new(), Fetched::More)),
        };
        let left = download.published.size_bytes.saturating_sub(wanted.offset);
        let length = u64::try_from(chunk.data.len()).unwrap_or(u64::MAX);
        let whole = length == left || chunk.data.len() == CATALOG_CHUNK_BYTES;
        if chunk.offset != wanted.offset || length > left || !whole {
            return Err(Cause::Answer("a chunk of the catalog is out of place").into());
        }
        if length > 0 {
            let index = wanted.offset.div_euclid(CATALOG_CHUNK_BYTES as u64);
            let index = u32::try_from(index).map_err(|_| Cause::Answer("too many chunks"))?;
            draft.put(
                download.slot.chunk(index),
                Row::CatalogChunk(chunk.data.clone()),
            );
        }
        let mut fetched = Fetched::More;
        if length == left {
            let content = [content(&self.model, download.slot), chunk.data.clone()].concat();
            fetched = self.finish_download(&mut draft, download, &content, now)?;
        }
        Ok(Decided::new(draft.finish(), fetched))
    }

    fn finish_download(
        &self,
        draft: &mut Draft<'_>,
        download: &CatalogEntry,
        content: &[u8],
        now: ClockReading,
    ) -> Result<Fetched, Error> {
        if self.is_good(download, content, self.server_time_of(now))? {
            let former = self.model.catalog.current.as_ref();
            if let Some(former) = former {
                self.drop_chunks(draft, former.slot);
            }
            let row = CatalogRow {
                current: Some(download.clone()),
                download: None,
                later: None,
            };
            draft.put(ONLY, Row::Catalog(row));
            return Ok(Fetched::InForce);
        }
        self.drop_chunks(draft, download.slot);
        // The chunk of this very transaction too.
        let last = content
            .len()
            .saturating_sub(1)
            .div_euclid(CATALOG_CHUNK_BYTES);
        let last = u32::try_from(last).unwrap_or(u32::MAX);
        draft.delete(Table::CatalogChunk, download.slot.chunk(last));
        let [jitter, ..] = *self.enrolment()?.device.as_bytes();
        let held = &self.model.catalog;
        let row = CatalogRow {
            later: Some(liveness::later(held.later, now.wall, jitter)),
            ..held.clone()
        };
        draft.put(ONLY, Row::Catalog(row));
        Ok(Fetched::ThrownAway)
    }

    fn is_good(
        &self,
        download: &CatalogEntry,
        content: &[u8],
        now: Timestamp,
    ) -> Result<bool, Error> {
        let tenant = self.enrolment()?.tenant;
        let Some(keys) = self.key_list() else {
            return Ok(false);
        };
        let published = &download.published;
        let hash: [u8; 32] = Sha256::digest(content).into();
        let signed = || catalog::verify(content, &published.signature, tenant, keys, now).is_ok();
        let parsed = || Catalog::read(content).ok();
        Ok(published.hash == hash
            && signed()
            && parsed().is_some_and(|parsed| {
                parsed.tenant() == tenant && parsed.version() == published.version
            }))
    }

    fn drop_chunks(&self, draft: &mut Draft<'_>, slot: CatalogSlot) {
        for &number in self.model.chunks.keys().filter(|&&number| slot.has(number)) {
            draft.delete(Table::CatalogChunk, number);
        }
    }
}

fn content(model: &Model, slot: CatalogSlot) -> Vec<u8> {
    let chunks = model.chunks.iter().filter(|&(&number, _)| slot.has(number));
    chunks.flat_map(|(_, data)| data).copied().collect()
}
