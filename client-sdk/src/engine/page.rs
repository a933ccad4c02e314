//! What the parts of an answer do: the opening, pages of streams, streams that are gone.

use askel_proto::v1;
use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, StreamId},
    key::KeyList,
    op::Payload,
    stream::StreamKey,
    time::Timestamp,
};

use super::{
    Decided, Engine, ONLY,
    draft::Draft,
    row::{CatalogRow, Enrolment, Installation, Row, StreamOp, StreamRow, Table},
};
use crate::{Cause, Change, Error};

/// What a page brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Taken {
    /// Ops that are new here.
    pub(crate) ops: usize,
}

/// What a page's ops do beside being kept.
struct Effects {
    catalog: CatalogRow,
    enrolment: Option<Enrolment>,
    announce: Vec<Change>,
}

impl Engine {
    /// Takes in the opening: which handles the streams have now, and a renewed lease.
    pub(crate) fn take_opening(&self, opening: &v1::SyncOpening) -> Result<Decided<()>, Error> {
        let mut draft = Draft::new(&self.model);
        for info in &opening.streams {
            self.take_stream_info(&mut draft, info)?;
        }
        let enrolment = self.enrolment()?;
        let renewed = opening.staff_certificate.as_ref();
        if renewed.is_some_and(|renewed| enrolment.staff_certificate.as_ref() != Some(renewed)) {
            let enrolment = Enrolment {
                staff_certificate: renewed.cloned(),
                state: v1::DeviceState::Active,
                ..enrolment.clone()
            };
            draft.put(ONLY, installation(enrolment));
        }
        Ok(Decided::new(draft.finish(), ()))
    }

    fn take_stream_info(&self, draft: &mut Draft<'_>, info: &v1::StreamInfo) -> Result<(), Error> {
        let Some((number, row)) = self
            .model
            .streams
            .iter()
            .find(|(_, row)| Some(&row.selector) == info.selector.as_ref())
        else {
            return Ok(());
        };
        let id = StreamId::try_from(&*info.stream_id)
            .map_err(|_| Cause::Answer("a stream without a handle"))?;
        if row.id == Some(id) {
            return Ok(());
        }
        // A restored server's stream goes on from its parent up to a head; any other is a new one.
        let continues = row
            .id
            .is_some_and(|held| info.parent_stream_id == held.as_bytes());
        let position = match row.id {
            None => row.position,
            Some(_) if continues => row.position.min(info.parent_head),
            Some(_) => 0,
        };
        for (&op, held) in &self.model.stream_ops {
            if held.stream == *number && held.position > position {
                draft.delete(Table::StreamOp, op);
            }
        }
        draft.put(
            *number,
            Row::Stream(StreamRow {
                id: Some(id),
                position,
                ..row.clone()
            }),
        );
        Ok(())
    }

    /// Takes in a page with its cursor. A repetition changes nothing.
    pub(crate) fn take_page(
        &self,
        page: v1::Page,
        now: Timestamp,
    ) -> Result<Decided<Taken>, Error> {
        if page.encoding != 0 {
            return Err(Cause::Answer("a page in an encoding of a later version").into());
        }
        let id = StreamId::try_from(&*page.stream_id)
            .map_err(|_| Cause::Answer("a page of no stream"))?;
        let (number, row) = self
            .model
            .stream_by_id(id)
            .ok_or(Cause::Answer("a page of a stream not asked for"))?;
        let key = self.model.stream_key(row);
        let next_expected = row.position.saturating_add(1);
        if !page.snapshot && page.first_position > next_expected {
            return Err(Cause::Answer("a page leaves out ops").into());
        }
        let mut draft = Draft::new(&self.model);
        let mut effects = Effects {
            catalog: self.model.catalog.clone(),
            enrolment: None,
            announce: Vec::new(),
        };
        let mut taken = Taken::default();
        for (position, op) in (page.first_position..).zip(page.ops) {
            if position <= row.position {
                continue;
            }
            let admitted = AdmittedOp::from_proto(op)
                .map_err(|_| Cause::Answer("a page holds an op that can't be read"))?;
            taken.ops = taken.ops.saturating_add(1);
            if self.take_effect(&mut draft, &mut effects, &admitted, now) == Kept::Yes
                || keeps_ops(key)
            {
                let op = StreamOp {
                    stream: number,
                    position,
                    id: admitted.id(),
                    admitted,
                };
                draft.append(Row::StreamOp(Box::new(op)))?;
            }
        }
        let position = page.next_position.max(row.position);
        if position != row.position {
            draft.put(
                number,
                Row::Stream(StreamRow {
                    position,
                    ..row.clone()
                }),
            );
        }
        if let Some(enrolment) = effects.enrolment {
            draft.put(ONLY, installation(enrolment));
        }
        let announce = effects.announce;
        Ok(Decided {
            announce,
            ..Decided::new(draft.finish(), taken)
        })
    }

    /// What an op does here beside being folded.
    fn take_effect(
        &self,
        draft: &mut Draft<'_>,
        effects: &mut Effects,
        admitted: &AdmittedOp,
        now: Timestamp,
    ) -> Kept {
        match admitted.op.parse() {
            Ok(Some(Payload::CatalogPublished(published))) => {
                self.announce_catalog(draft, &mut effects.catalog, &published);
            }
            Ok(Some(Payload::KeyListPublished(published))) => {
                self.take_key_list(effects, &published);
            }
            Ok(Some(Payload::OutcomeChanged(changed))) => {
                self.change_outcome(draft, &changed, now);
            }
            Ok(Some(Payload::DeviceChanged(changed))) => {
                effects.announce.extend(device_change(&changed));
            }
            // A kind of a later version: the next version of the app will want it.
            Ok(None) => return Kept::Yes,
            Ok(Some(_)) | Err(_) => {}
        }
        Kept::No
    }

    /// A key list is taken from nobody but the root, and never an older one.
    fn take_key_list(&self, effects: &mut Effects, published: &v1::KeyListPublished) {
        use prost::Message as _;
        let Ok(signed) = v1::SignedKeyList::decode(&*published.signed_key_list) else {
            return;
        };
        let Some(enrolment) = effects.enrolment.as_ref().or(self.model.enrolment()) else {
            return;
        };
        let verify = |signed: &v1::SignedKeyList, version_held| {
            KeyList::verify(signed, enrolment.tenant, &enrolment.root_hash, version_held)
        };
        let held = verify(&enrolment.key_list, 0).map_or(0, |held| held.version);
        if verify(&signed, held).is_ok() && signed != enrolment.key_list {
            effects.enrolment = Some(Enrolment {
                key_list: signed,
                ..enrolment.clone()
            });
        }
    }

    /// Takes in that a stream is no longer this reader's.
    pub(crate) fn take_stream_gone(&self, gone: &v1::StreamGone) -> Decided<()> {
        let mut draft = Draft::new(&self.model);
        let stream = self
            .model
            .streams
            .iter()
            .find(|(_, row)| Some(&row.selector) == gone.selector.as_ref());
        if let Some((&number, _)) = stream {
            self.drop_stream(&mut draft, number);
        }
        Decided::new(draft.finish(), ())
    }
}

/// Whether an op is kept for its own sake, whatever its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

/// Streams whose ops are folded; of the others only the effects are kept.
fn keeps_ops(key: Option<StreamKey>) -> bool {
    match key {
        Some(StreamKey::Device(_) | StreamKey::Catalog) => false,
        Some(_) | None => true,
    }
}

fn installation(enrolment: Enrolment) -> Row {
    Row::Installation(Box::new(Installation {
        enrolment: Some(enrolment),
    }))
}

fn device_change(changed: &v1::DeviceChanged) -> Option<Change> {
    let until = Timestamp::from_ms(changed.refusable_until_ms);
    Some(Change::Device {
        device: DeviceId::try_from(&*changed.device_id).ok()?,
        change: changed.change(),
        refusable_until: (changed.refusable_until_ms != 0).then_some(until),
    })
}
