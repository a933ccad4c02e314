//! How the server will most likely judge an own op: the same judgement, by what this device knows.

use askel_sync::{
    admission::{
        AdmittedOp, Author, AuthorStanding, CheckInFact, ClockReading, Clocks, Facts, Judgement,
        PlaceScope, judge,
    },
    catalog::Catalog,
    id::{DeviceId, LogId, OpId, ParticipantId, PassTag, PlaceId},
    key::StaffCertificate,
    op::{CheckIn, Op, Origin, Payload, Register, SessionRef, Witness},
    time::{LocalDate, Timestamp},
};

use super::{
    model::Model,
    row::{Enrolment, OwnOp, Standing},
};

/// Judges own ops.
pub(crate) struct Estimator<'a> {
    model: &'a Model,
    catalog: &'a Catalog,
    enrolment: &'a Enrolment,
    author: Author,
}

impl<'a> Estimator<'a> {
    /// `None` before enrolment: then there are no own ops.
    pub(crate) fn new(
        model: &'a Model,
        catalog: &'a Catalog,
        lease: Option<&StaffCertificate>,
    ) -> Option<Self> {
        let enrolment = model.enrolment()?;
        let author = Author {
            device: enrolment.device,
            role: enrolment.role,
            participant: enrolment.participant,
            scope: match lease {
                Some(lease) if !lease.places.is_empty() => PlaceScope::Only(lease.places.clone()),
                _ => PlaceScope::All,
            },
            // Whether a lease was still good is the server's to say: it may have renewed it.
            lease_until: None,
            // Nor has the row of an enrolment the day on which a probation ends.
            standing: AuthorStanding::Full,
        };
        Some(Self {
            model,
            catalog,
            enrolment,
            author,
        })
    }

    /// The op with the judgement it will most likely get; `None` when it counts for nothing here.
    pub(crate) fn admit(&self, own: &OwnOp) -> Option<AdmittedOp> {
        if matches!(own.standing, Standing::Rejected { .. }) {
            return None;
        }
        let clocks = Clocks {
            written_in: own.segment,
            sent_with: Some(ClockReading {
                wall: own.written_at,
                segment: own.segment,
            }),
            told: None,
            received_at: self.server_time_at(own),
        };
        match judge(&own.op, own.log, &self.author, clocks, self) {
            Judgement::Accepted { admission, .. } => Some(AdmittedOp {
                op: own.op.clone(),
                admission,
            }),
            _ => None,
        }
    }

    /// Whether the server would refuse an op that was written now.
    pub(crate) fn refuses(&self, payload: &Payload, now: ClockReading) -> bool {
        let Some((_, log)) = self.model.open_log() else {
            return true;
        };
        let origin = Origin {
            log: log.id,
            sequence: log.next_sequence,
        };
        let clocks = Clocks {
            written_in: now.segment,
            sent_with: Some(now),
            told: None,
            received_at: self.model.server_time_of(now),
        };
        let judgement = judge(
            &Op::new(origin, payload),
            log.id,
            &self.author,
            clocks,
            self,
        );
        matches!(judgement, Judgement::Rejected(_))
    }

    /// What the server's clock said when an op was written: by what is known of that boot, else by what
    /// its clock and this one's differ by now.
    fn server_time_at(&self, own: &OwnOp) -> Timestamp {
        self.model.server_time_of(ClockReading {
            wall: own.written_at,
            segment: own.segment,
        })
    }

    fn fact(&self, check_in: &CheckIn, corrected_at: Timestamp, log: LogId) -> CheckInFact {
        CheckInFact {
            subject: self.enrolment.participant.unwrap_or(SOMEONE),
            place: check_in.place,
            corrected_at,
            session: check_in.session,
            pass: match check_in.witness {
                Witness::PassScan(pass) => Some(pass),
                _ => None,
            },
            log: Some(log),
        }
    }
}

/// Whose pass it is, only the server knows; the counts of a place don't ask.
const SOMEONE: ParticipantId = ParticipantId::from_bytes([0; 16]);

impl Facts for Estimator<'_> {
    fn pass_holder(&self, _: PassTag, _: Timestamp) -> Option<ParticipantId> {
        Some(SOMEONE)
    }

    fn check_in(&self, id: OpId) -> Option<CheckInFact> {
        if let Some((_, own)) = self.model.own_op(id)
            && let Ok(Some(Payload::CheckIn(check_in))) = own.op.parse()
        {
            let at = self.model.server_time_of(ClockReading {
                wall: check_in.occurred_at,
                segment: own.segment,
            });
            return Some(self.fact(&check_in, at, own.op.origin.log));
        }
        self.model
            .all_stream_ops()
            .find_map(|(_, held)| match held.admitted.op.parse() {
                Ok(Some(Payload::CheckIn(check_in))) if held.admitted.id() == id => {
                    Some(self.fact(
                        &check_in,
                        held.admitted.admission.corrected_at,
                        held.admitted.op.origin.log,
                    ))
                }
                Ok(Some(Payload::PassSeen(seen))) if seen.check_in == id => Some(CheckInFact {
                    subject: SOMEONE,
                    place: seen.place,
                    corrected_at: seen.occurred_at,
                    session: seen.session,
                    pass: Some(seen.pass),
                    log: None,
                }),
                _ => None,
            })
    }

    fn correction_revision(&self, _: OpId) -> Option<u32> {
        // Others' corrections may be on their way: that bound is the server's to hold.
        None
    }

    fn register_revision(&self, _: ParticipantId, _: &Register) -> Option<u32> {
        // Neither is this one: another device's values may be on their way.
        None
    }

    fn is_refused(&self, op: OpId) -> bool {
        let own = self.model.own_op(op);
        own.is_some_and(|(_, own)| matches!(own.standing, Standing::Rejected { .. }))
    }

    fn is_erased(&self, _: ParticipantId) -> bool {
        // Who was erased holds nothing that could be judged here.
        false
    }

    fn is_pass_erased(&self, _: PassTag) -> bool {
        false
    }

    fn is_log_erased(&self, _: LogId) -> bool {
        false
    }

    fn log_writer(&self, log: LogId) -> Option<(DeviceId, Option<ParticipantId>)> {
        self.model
            .log(log)
            .map(|_| (self.enrolment.device, self.enrolment.participant))
    }

    fn local_date(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate> {
        self.catalog.local_date(place, at)
    }

    fn session_date(
        &self,
        place: PlaceId,
        at: Timestamp,
        session: SessionRef,
    ) -> Option<LocalDate> {
        self.catalog.session_date(place, at, session)
    }
}
