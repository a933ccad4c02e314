//! Frames: ops on their way to the server in other hands.
//!
//! One mechanism carries them all: a QR code, a file, another device, and the phone itself after it lost
//! its key.

use std::collections::{BTreeMap, BTreeSet};

use askel_proto::v1;
use askel_sync::{
    key::IngestPublicKey,
    lifeboat,
    limits::{BOOTS_TOLD_MAX, CARRIED_FRAME_BYTES_MAX, FRAME_BYTES_MAX},
    time::BootTime,
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::{
    Decided, Engine,
    draft::Draft,
    model::RequestLimits,
    pack,
    row::{Enrolment, OwnOp, Row, Table, Write},
    seal,
    server_time::boots_of,
};
use crate::{Cause, Error};

/// Frames of others that a device carries at a time.
pub(super) const CARRIED_HELD_MAX: usize = 256;
/// Ops in one row of the sealed outbox.
const OUTBOX_OPS: u32 = 32;
/// The least a frame may be limited to.
const FRAME_BYTES_MIN: usize = 256;

/// Gives the random bytes that sealing one frame takes.
pub(crate) type Entropy32<'e> = dyn FnMut() -> Result<[u8; 32], Error> + 'e;

impl Engine {
    /// What has to be on disk before frames are made: nothing in them changes any more.
    pub(crate) fn prepare_lifeboat(&self) -> Result<Decided<()>, Error> {
        let mut draft = Draft::new(&self.model);
        draft.seal(self.enrolment()?, &self.key)?;
        Ok(Decided::new(draft.finish(), ()))
    }

    /// Everything unconfirmed, in frames of so many bytes at most.
    pub(crate) fn lifeboat(
        &self,
        limit_bytes: usize,
        entropy: &mut Entropy32<'_>,
    ) -> Result<Vec<Vec<u8>>, Error> {
        if limit_bytes < FRAME_BYTES_MIN {
            return Err(Cause::OutOfBounds("the size of a frame").into());
        }
        let enrolment = self.enrolment()?;
        let ingest = self.ingest_key().ok_or(Cause::NoIngestKey)?;
        let limit = limit_bytes.min(CARRIED_FRAME_BYTES_MAX);
        let plain_limit = limit.saturating_sub(lifeboat::SEALED_FRAME_OVERHEAD_BYTES);
        let mut ops: Vec<&OwnOp> = self.model.unsettled().map(|(_, own)| own).collect();
        ops.sort_by_key(|own| (own.log, own.sequence));
        let mut rest = &*ops;
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let count = self.fitting(rest, plain_limit, enrolment);
            let (some, others) = rest
                .split_at_checked(count)
                .filter(|(some, _)| !some.is_empty())
                .ok_or(Cause::OutOfBounds("the size of a frame"))?;
            let boots = &self.model.attempt.boots;
            frames.push(self.seal_frame((some, boots), enrolment, &ingest, entropy()?)?);
            rest = others;
        }
        Ok(frames)
    }

    /// What of the sealed outbox changes with these writes.
    pub(crate) fn outbox_writes(
        &self,
        writes: &[Write],
        entropy: &mut Entropy32<'_>,
    ) -> Result<Vec<Write>, Error> {
        let (Some(enrolment), Some(ingest)) = (self.model.enrolment(), self.ingest_key()) else {
            return Ok(Vec::new());
        };
        let boots = self.boots_after(writes);
        let mut chunks: BTreeSet<u32> = writes.iter().filter_map(chunk_of).collect();
        // A frame that was sealed before its boot was tied does not tell that boot's time.
        chunks.extend(self.chunks_newly_tied(boots));
        let mut outbox = Vec::new();
        for chunk in chunks {
            let ops = self.chunk_after(chunk, writes);
            if !ops.is_empty() && !askel_sync::planted!(OutboxEmpty) {
                let sealed = self.seal_frame((&ops, boots), enrolment, &ingest, entropy()?)?;
                outbox.push(Write::Put(chunk, Row::Outbox(sealed)));
            } else if self.model.outbox.contains(&chunk) {
                outbox.push(Write::Delete(Table::Outbox, chunk));
            }
        }
        Ok(outbox)
    }

    /// What is known of boots after the writes.
    fn boots_after<'m>(&'m self, writes: &'m [Write]) -> &'m [BootTime] {
        let attempts = writes.iter().rev().filter_map(|write| match write {
            Write::Put(_, Row::Attempt(attempt)) => Some(attempt),
            _ => None,
        });
        let attempt = attempts.chain([&self.model.attempt]).next();
        attempt.map(|attempt| &*attempt.boots).unwrap_or_default()
    }

    /// The parts of the outbox with ops of boots of which something else is known now.
    fn chunks_newly_tied(&self, boots: &[BootTime]) -> BTreeSet<u32> {
        let before = &self.model.attempt.boots;
        let new = boots.iter().filter(|boot| !before.contains(boot));
        let new: BTreeSet<u64> = new.map(|boot| boot.boot_id).collect();
        if new.is_empty() {
            return BTreeSet::new();
        }
        let unsettled = self.model.unsettled();
        unsettled
            .filter(|(_, own)| new.contains(&own.segment.boot_id))
            .map(|(number, _)| number.div_euclid(OUTBOX_OPS))
            .collect()
    }

    /// The unconfirmed ops of a part of the outbox, as they stand after the writes.
    fn chunk_after<'m>(&'m self, chunk: u32, writes: &'m [Write]) -> Vec<&'m OwnOp> {
        let first = chunk.saturating_mul(OUTBOX_OPS);
        let numbers = first..=first.saturating_add(OUTBOX_OPS.saturating_sub(1));
        let held = self.model.own.range(numbers.clone());
        let mut ops: BTreeMap<u32, &OwnOp> = held.map(|(&number, own)| (number, own)).collect();
        for write in writes {
            match write {
                Write::Put(number, Row::OwnOp(own)) if numbers.contains(number) => {
                    ops.insert(*number, own);
                }
                Write::Delete(Table::OwnOp, number) => {
                    ops.remove(number);
                }
                _ => {}
            }
        }
        let mut ops: Vec<&OwnOp> = ops
            .into_values()
            .filter(|own| !own.standing.is_final())
            .collect();
        ops.sort_by_key(|own| (own.log, own.sequence));
        ops
    }

    /// How many of the first ops fit into a frame.
    fn fitting(&self, ops: &[&OwnOp], plain_limit: usize, enrolment: &Enrolment) -> usize {
        let fits = |count: usize| {
            let some = ops.get(..count).unwrap_or_default();
            let cuts = seal::batches(some.iter().copied(), &frame_limits());
            let batches = cuts
                .iter()
                .map(|cut| pack::packed(enrolment, cut.seal(enrolment, &self.key)));
            let boots = boots_of(&self.model.attempt.boots, some.iter().copied(), None);
            boots.len() <= BOOTS_TOLD_MAX
                && frame(enrolment, batches.collect(), boots).encoded_len() <= plain_limit
        };
        // The most that fit, between what surely does and what surely does not.
        let (mut most, mut too_many) = (0, ops.len().saturating_add(1));
        while too_many.saturating_sub(most) > 1 {
            let middle = most.midpoint(too_many);
            if fits(middle) {
                most = middle;
            } else {
                too_many = middle;
            }
        }
        most
    }

    fn seal_frame(
        &self,
        (ops, boots): (&[&OwnOp], &[BootTime]),
        enrolment: &Enrolment,
        ingest: &IngestPublicKey,
        entropy: [u8; 32],
    ) -> Result<Vec<u8>, Error> {
        let cuts = seal::batches(ops.iter().copied(), &frame_limits());
        let batches = cuts
            .iter()
            .map(|cut| pack::packed(enrolment, cut.seal(enrolment, &self.key)));
        let boots = boots_of(boots, ops.iter().copied(), None);
        let frame = frame(enrolment, batches.collect(), boots);
        let sealed = lifeboat::seal(ingest, enrolment.tenant, &frame, entropy);
        Ok(sealed.map_err(|_| Cause::Invariant("a frame can't be sealed"))?)
    }

    /// The key that frames are sealed to. One that has run out is better than none: the server says so.
    fn ingest_key(&self) -> Option<IngestPublicKey> {
        let keys = self.key_list()?;
        let mut ingest = keys.keys.iter().rev();
        ingest.find_map(|entry| match &entry.public_key {
            askel_sync::key::ListedKey::Ingest(key) if !entry.revoked => Some(*key),
            _ => None,
        })
    }

    /// Keeps a frame that this device is to carry. A second copy changes nothing.
    pub(crate) fn carry(&self, frames: &[Vec<u8>]) -> Result<Decided<usize>, Error> {
        let mut draft = Draft::new(&self.model);
        let mut taken: Vec<&[u8]> = Vec::new();
        for frame in frames {
            if frame.is_empty() || frame.len() > CARRIED_FRAME_BYTES_MAX {
                return Err(Cause::OutOfBounds("the size of a frame").into());
            }
            let is_held = self.model.carried.values().any(|held| held == frame);
            if is_held || taken.contains(&&**frame) {
                continue;
            }
            if self.model.carried.len().saturating_add(taken.len()) >= CARRIED_HELD_MAX {
                return Err(Cause::OutOfBounds("the number of frames").into());
            }
            taken.push(frame);
            draft.append(Row::Carried(frame.clone()))?;
        }
        Ok(Decided::new(draft.finish(), taken.len()))
    }

    /// How many frames are carried.
    pub(crate) fn carried_count(&self) -> usize {
        self.model.carried.len()
    }
}

/// The part of the outbox that an own op belongs to.
fn chunk_of(write: &Write) -> Option<u32> {
    match write {
        Write::Put(number, Row::OwnOp(_)) | Write::Delete(Table::OwnOp, number) => {
            Some(number.div_euclid(OUTBOX_OPS))
        }
        _ => None,
    }
}

fn frame(
    enrolment: &Enrolment,
    batches: Vec<v1::SealedBatch>,
    boots: BTreeMap<u64, BootTime>,
) -> v1::Frame {
    v1::Frame {
        tenant_id: enrolment.tenant.to_vec(),
        device_id: enrolment.device.to_vec(),
        batches,
        boots: boots.into_values().map(Into::into).collect(),
    }
}

/// Frames are for any server: no announcement holds for them. Of how many boots one tells is seen to for all
/// its batches.
fn frame_limits() -> RequestLimits {
    RequestLimits {
        boots_per_batch: usize::MAX,
        ..RequestLimits::default()
    }
}

/// What a file of frames begins with.
const FILE_MAGIC: &[u8; 8] = b"askelfr1";

/// Frames as a file: a magic word, then each frame behind its length (4 bytes, big-endian) and the first
/// four bytes of its SHA-256.
pub(crate) fn to_file(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = FILE_MAGIC.to_vec();
    for frame in frames {
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        file.extend(length.to_be_bytes());
        file.extend(check(frame));
        file.extend(frame);
    }
    file
}

/// The frames of a file.
pub(crate) fn from_file(file: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let malformed = || Error::from(Cause::Frames);
    let mut rest = file.strip_prefix(&FILE_MAGIC[..]).ok_or_else(malformed)?;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
        let (sum, after) = after.split_first_chunk::<4>().ok_or_else(malformed)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| malformed())?;
        let (frame, after) = after.split_at_checked(length).ok_or_else(malformed)?;
        if check(frame) != *sum || frames.len() == CARRIED_HELD_MAX {
            return Err(malformed());
        }
        frames.push(frame.to_vec());
        rest = after;
    }
    Ok(frames)
}

fn check(frame: &[u8]) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::digest(frame).into();
    digest.first_chunk().copied().unwrap_or_default()
}

const _: () = assert!(FRAME_BYTES_MAX >= FRAME_BYTES_MIN);
