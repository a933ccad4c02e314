//! The engine: everything the SDK decides, without I/O.
//!
//! Events come in (a person checks in, an answer's part arrives) with the time and the random bytes they
//! need; out go [`Decided`] rows to commit, requests to send and changes to announce. Nothing changes
//! in the engine until the rows are committed and handed back to [`Engine::apply`]: a commit that failed
//! has changed nothing here.

mod answer;
mod asked;
mod before;
mod catalog;
mod check_in;
mod cited;
mod daily_sums;
mod draft;
mod enrolment;
mod estimate;
mod forget;
mod frames_later;
mod hand_back;
#[cfg(feature = "inspection")]
mod inspection;
mod known;
mod lifeboat;
mod liveness;
mod model;
mod outcome;
mod pack;
mod page;
mod place;
mod push;
mod record;
mod refold;
mod refused;
mod request;
mod row;
mod seal;
mod server_time;
mod settle;
mod short_form;
mod slow_line;
mod status;
mod steps;
mod streams;
mod tied_time;
mod told_page;
mod upkeep;
mod view;

use std::{cell::OnceCell, collections::BTreeSet, sync::Arc};

use askel_proto::v1::KeyPurpose;
use askel_sync::{
    admission::ClockReading,
    key::{KeyList, KeyPair, PublicKey, StaffCertificate, device_id},
};
use bytes::Bytes;

pub(crate) use self::{slow_line::handed_in, status::Gain, tied_time::told_time};
pub(crate) use asked::Asked;
pub(crate) use catalog::Fetched;
pub(crate) use check_in::CheckInMade;
pub(crate) use enrolment::{Right, own_devices};
pub(crate) use lifeboat::{from_file, to_file};
pub use liveness::retry_wait_ms;
pub(crate) use outcome::Settled;
pub(crate) use page::Again;
pub(crate) use request::{Batches, Form, Wish};
pub(crate) use row::{MalformedRow, Row, Write};
pub(crate) use told_page::ToldPage;

use crate::{Cause, Change, Error, NoticeKind, RejectedOp, storage::RowKey};
use before::Before;
use model::Model;
use refold::packed;
use row::{Attempt, ONLY, OwnOp, PageStanding, Standing, Table};
use view::{Refold, View};

/// What was decided, to be committed before anyone is told.
#[derive(Debug)]
pub(crate) struct Decided<T> {
    /// The rows, one transaction.
    pub(crate) writes: Vec<Write>,
    /// What to announce beside what the rows change.
    pub(crate) announce: Vec<Change>,
    /// The answer to whoever asked.
    pub(crate) answer: T,
}

impl<T> Decided<T> {
    fn new(writes: Vec<Write>, answer: T) -> Self {
        Self {
            writes,
            announce: Vec::new(),
            answer,
        }
    }
}

/// The state of one installation.
pub(crate) struct Engine {
    key: KeyPair,
    model: Model,
    view: View,
    /// Verified against the root hash of the invitation when it is first needed.
    key_list: OnceCell<Option<KeyList>>,
    lease: Option<StaffCertificate>,
    /// Whether a catalog of the organiser's is held, or only a blank one.
    catalog_held: CatalogHeld,
}

/// Which catalog the view folds with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CatalogHeld {
    /// None was fetched yet.
    Blank,
    Published,
}

impl Engine {
    /// The first rows of a database. `frames` are what a database of before, which can't be read any
    /// more, wanted to hand in.
    pub(crate) fn first_rows(frames: Vec<Vec<u8>>, was_begun_before: bool) -> Vec<Write> {
        let installation = Write::Put(ONLY, Row::Installation(Box::default()));
        let notice = was_begun_before.then_some(NoticeKind::KeyLost);
        let carried = (0..).zip(frames);
        std::iter::once(installation)
            .chain(notice.map(told))
            .chain(carried.map(|(number, frame)| Write::Put(number, Row::Carried(frame))))
            .collect()
    }

    /// The rows of a database whose person was erased.
    pub(crate) fn rows_of_an_erased() -> Vec<Write> {
        vec![
            Write::Put(ONLY, Row::Installation(Box::default())),
            told(NoticeKind::Erased),
        ]
    }

    /// The clock as the newest op read it, if no jump lies between: a clock that is read anew after a
    /// restart says the same of its segment but for a jitter.
    pub(crate) fn steady(&self, read: ClockReading) -> ClockReading {
        let Some((_, newest)) = self.model.own.last_key_value() else {
            return read;
        };
        let moved_ms = read
            .segment
            .wall_minus_monotonic_ms
            .saturating_sub(newest.segment.wall_minus_monotonic_ms);
        let is_same = read.segment.boot_id != 0
            && read.segment.boot_id == newest.segment.boot_id
            && moved_ms.saturating_abs() < JITTER_MS_MAX;
        ClockReading {
            segment: if is_same {
                newest.segment
            } else {
                read.segment
            },
            ..read
        }
    }

    /// Whether the rows are a database's, and its device is the one with this key.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.model.installation {
            None => false,
            Some(installation) => installation.enrolment.as_ref().is_none_or(|enrolment| {
                enrolment.device == device_id(enrolment.tenant, &self.public_key())
            }),
        }
    }

    /// Builds the state from all rows.
    pub(crate) fn load(key: KeyPair, rows: impl IntoIterator<Item = Write>) -> Result<Self, Error> {
        let mut model = Model::default();
        for row in rows {
            model.apply(row);
        }
        pack::open_settled(&mut model).map_err(|_| Cause::DatabaseUnreadable)?;
        let blank = Arc::new(catalog::blank()?);
        let mut engine = Self {
            key,
            view: View::new(&Model::default(), blank, None),
            model,
            key_list: OnceCell::new(),
            lease: None,
            catalog_held: CatalogHeld::Blank,
        };
        engine.read_trust();
        engine.refold_all();
        Ok(engine)
    }

    /// Takes in rows that were committed, and tells what changed for the app.
    pub(crate) fn apply(&mut self, writes: Vec<Write>) -> Vec<Change> {
        let before = Before::of(self);
        let mut refold = Refold::Nothing;
        let mut new_own = Vec::new();
        let mut new_pages = Vec::new();
        // Pages that are merged take their ops along.
        let merges = writes
            .iter()
            .any(|write| matches!(write, Write::Put(_, Row::Settled(_) | Row::Archived(_))));
        let packed: BTreeSet<u32> = writes.iter().flat_map(packed).collect();
        let mut trust_moved = false;
        for write in &writes {
            if let Write::Delete(Table::OwnOp, number) = write
                && packed.contains(number)
            {
                continue;
            }
            let is_merged = matches!(
                write,
                Write::Delete(Table::Window | Table::Settled | Table::Archived, _)
            );
            if !(merges && is_merged) {
                refold = refold.max(self.refold_for(write));
            }
            match write {
                Write::Put(number, Row::OwnOp(_)) => new_own.push(*number),
                Write::Put(number, Row::Window(page)) if page.standing == PageStanding::Held => {
                    new_pages.push(*number);
                }
                Write::Put(_, Row::Installation(_)) => trust_moved = true,
                _ => {}
            }
        }
        let days_moved = !new_own.is_empty() || !new_pages.is_empty();
        let mut changes = self.rejections(&writes);
        for write in writes {
            self.model.apply(write);
        }
        if trust_moved {
            self.read_trust();
        }
        self.follow(refold, &new_own, &new_pages);
        changes.extend(before.changes(self));
        if days_moved {
            let days = self.view.days.keys();
            changes.extend(days.map(|&(place, date)| Change::PlaceDay { place, date }));
        }
        changes
    }

    /// What has to be written beside, and before: no own op that the writes touch stays in a row that it
    /// shares.
    pub(crate) fn unpacked(&self, writes: &[Write]) -> Vec<Write> {
        self.model.unpacked(writes)
    }

    /// The device's public key.
    pub(crate) fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// The folds with what is archived.
    fn whole_view(&self) -> View {
        let catalog = Arc::clone(&self.view.catalog);
        View::whole(&self.model, catalog, self.lease.as_ref())
    }

    /// Verifies what the installation's row says to trust.
    fn read_trust(&mut self) {
        self.key_list.take();
        self.lease = self.verified_lease();
    }

    fn verified_lease(&self) -> Option<StaffCertificate> {
        let enrolment = self.model.enrolment()?;
        let signed = enrolment.staff_certificate.as_ref()?;
        let keys = &self.key_list()?.keys;
        let certifiers = keys
            .iter()
            .filter(|entry| entry.purpose == KeyPurpose::StaffCertifier && !entry.revoked);
        let mut signing = certifiers.filter_map(|entry| entry.public_key.signing());
        signing.find_map(|key| StaffCertificate::verify(signed, enrolment.tenant, key).ok())
    }

    /// The organisation's keys.
    fn key_list(&self) -> Option<&KeyList> {
        let verified = || {
            let enrolment = self.model.enrolment()?;
            let root_hash = &enrolment.root_hash;
            KeyList::verify(&enrolment.key_list, enrolment.tenant, root_hash, 0).ok()
        };
        self.key_list.get_or_init(verified).as_ref()
    }

    fn rejections(&self, writes: &[Write]) -> Vec<Change> {
        let newly = |write: &Write| match write {
            Write::Put(number, Row::OwnOp(own)) => {
                let was_rejected = self
                    .model
                    .own
                    .get(number)
                    .is_some_and(|held| matches!(held.standing, Standing::Rejected { .. }));
                if was_rejected { None } else { rejected_op(own) }
            }
            _ => None,
        };
        writes
            .iter()
            .filter_map(newly)
            .map(Change::Rejected)
            .collect()
    }

    fn enrolment(&self) -> Result<&row::Enrolment, Error> {
        Ok(self.model.enrolment().ok_or(Cause::NotEnrolled)?)
    }
}

/// What two readings of one clock differ by.
const JITTER_MS_MAX: i64 = 1_000;

fn told(kind: NoticeKind) -> Write {
    let attempt = Attempt {
        notice: Some(kind),
        ..Attempt::default()
    };
    Write::Put(ONLY, Row::Attempt(attempt))
}

fn rejected_op(own: &OwnOp) -> Option<RejectedOp> {
    match &own.standing {
        Standing::Rejected { reason, text, undo } => Some(RejectedOp {
            op: own.id,
            kind: own.op.kind,
            reason: reason.clone(),
            text: text.clone(),
            undo: *undo,
        }),
        _ => None,
    }
}

/// Reads the rows of a database that was opened with its key.
pub(crate) fn decode_row(key: RowKey, bytes: Bytes) -> Result<Write, MalformedRow> {
    Ok(Write::Put(key.number, Row::decode(key, bytes)?))
}

/// Whether a row is sealed to the server: it can be handed in without the database's key.
pub(crate) fn is_sealed_to_the_server(key: RowKey) -> bool {
    key.table == Table::Outbox as u8 || key.table == Table::Carried as u8
}
