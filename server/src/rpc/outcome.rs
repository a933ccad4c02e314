//! Outcomes of ops as messages, with plain words in the reader's language.

use askel_proto::v1::{self, outcome_exception::Outcome as Told};

use askel_sync::id::LogId;

use crate::ingest::{Conflict, Exception, FrameResult, LogVerdict, Receipt};

/// The names of rejections of ops (docs/errors.md).
pub const REJECTIONS: &[&str] = &[
    "PAYLOAD_MALFORMED",
    "OP_NOT_ALLOWED",
    "PASS_UNKNOWN",
    "CITED_OP_UNKNOWN",
    "ORIGIN_NOT_YOURS",
    "LEASE_ENDED",
    "NEW_FACTS_ONLY",
    "REVISION_AHEAD",
    "ERASED",
];

/// Why ops are deferred (docs/errors.md).
pub const DEFERRALS: &[&str] = &["OP_KIND_UNKNOWN", "PLACE_UNKNOWN", "CITED_OP_UNKNOWN"];

/// What a rejection says to people, in Finnish, Swedish or English (for any other language).
pub fn rejection_text(reason: &str, language: &str) -> &'static str {
    let [fi, sv, en] = match reason {
        "PAYLOAD_MALFORMED" => [
            "Merkintä oli viallinen, eikä sitä voitu ottaa vastaan.",
            "Anteckningen var felaktig och kunde inte tas emot.",
            "The entry was broken and could not be taken in.",
        ],
        "OP_NOT_ALLOWED" => [
            "Tällä laitteella ei ole oikeutta tehdä tätä merkintää.",
            "Den här enheten får inte göra den här anteckningen.",
            "This device may not make this entry.",
        ],
        "PASS_UNKNOWN" => [
            "Korttia ei tunnistettu tai se ei ole enää käytössä.",
            "Kortet känns inte igen eller är inte längre i bruk.",
            "The card is not known, or is no longer in use.",
        ],
        "CITED_OP_UNKNOWN" => [
            "Merkintää, jota tämä koskee, ei ole saatu.",
            "Den anteckning som detta gäller har inte kommit fram.",
            "The entry that this is about has not arrived.",
        ],
        "ORIGIN_NOT_YOURS" => [
            "Merkintä kuuluu toiselle.",
            "Anteckningen hör till någon annan.",
            "The entry belongs to someone else.",
        ],
        "LEASE_ENDED" => [
            "Laitteen työskentelyaika oli päättynyt, kun merkintä tehtiin.",
            "Enhetens arbetstid hade gått ut när anteckningen gjordes.",
            "The device's lease had run out when the entry was made.",
        ],
        "NEW_FACTS_ONLY" => [
            "Uusi laitteesi voi vielä vain lisätä merkintöjä, ei muuttaa aiempia.",
            "Din nya enhet får än så länge bara lägga till, inte ändra det som varit.",
            "Your new device may add entries for now, and not yet change earlier ones.",
        ],
        "REVISION_AHEAD" => [
            "Aiempi korjaus samaan merkintään ei ole vielä perillä.",
            "En tidigare rättelse av samma anteckning har inte kommit fram än.",
            "An earlier correction of the same entry has not arrived yet.",
        ],
        "ERASED" => [
            "Henkilön tiedot on poistettu, eikä niihin voi enää lisätä mitään.",
            "Personens uppgifter har raderats, och inget kan läggas till dem längre.",
            "The person's data was erased, and nothing can be added to it any more.",
        ],
        _ => [
            "Merkintää ei voitu ottaa vastaan.",
            "Anteckningen kunde inte tas emot.",
            "The entry could not be taken in.",
        ],
    };
    match language.get(..2) {
        Some("fi") => fi,
        Some("sv") => sv,
        _ => en,
    }
}

/// What an app may offer to do about a rejection.
fn undo(reason: &str) -> v1::Undo {
    match reason {
        "CITED_OP_UNKNOWN" | "REVISION_AHEAD" => v1::Undo::Resubmit,
        _ => v1::Undo::Discard,
    }
}

/// The outcomes of a receipt and of carried frames; `None` when there is nothing to say. The log
/// that both sides mean is not named.
pub(super) fn outcomes(
    receipt: Receipt,
    frames: Vec<FrameResult>,
    meant: Option<LogId>,
    language: &str,
) -> Option<v1::Outcomes> {
    let logs = receipt.logs.into_iter().map(|verdict| {
        let is_meant = meant == Some(verdict.log);
        let mut outcome = log_outcome(verdict, language);
        if is_meant {
            outcome.log_id.clear();
        }
        outcome
    });
    let outcomes = v1::Outcomes {
        logs: logs.collect(),
        frames: (0..).zip(frames).map(frame_outcome).collect(),
    };
    (outcomes != v1::Outcomes::default()).then_some(outcomes)
}

/// Whether everything that was handed in is of the log that both sides mean, and accepted.
pub(super) fn is_all_accepted(receipt: &Receipt, meant: Option<LogId>) -> bool {
    receipt.logs.iter().all(|verdict| {
        meant == Some(verdict.log)
            && verdict.exceptions.is_empty()
            && verdict.conflict.is_none()
            && !verdict.plain_wanted
    })
}

fn frame_outcome((index, result): (u32, FrameResult)) -> v1::FrameOutcome {
    use v1::frame_outcome::Result as Told;
    let result = match result {
        FrameResult::Taken => Told::Taken,
        FrameResult::Refused => Told::Refused,
        FrameResult::Later => Told::Later,
    };
    v1::FrameOutcome {
        index,
        result: result.into(),
    }
}

fn log_outcome(verdict: LogVerdict, language: &str) -> v1::LogOutcome {
    use v1::log_conflict::Cause;
    let conflict = verdict.conflict.map(|conflict| v1::LogConflict {
        cause: match conflict {
            Conflict::SequenceTaken => Cause::SequenceTaken,
            Conflict::HeadAhead => Cause::HeadAhead,
            Conflict::NotTheWriter => Cause::NotTheWriter,
        }
        .into(),
        // How far a log has come is its writer's affair alone.
        server_next_sequence: match conflict {
            Conflict::NotTheWriter => 0,
            Conflict::SequenceTaken | Conflict::HeadAhead => verdict.settled_before,
        },
    });
    // Of what could not be read no exception is known: nothing is said to be settled, though later
    // batches of the log were read.
    let is_unread = verdict.plain_wanted && verdict.conflict.is_none();
    let settled_before = match verdict.conflict {
        Some(Conflict::NotTheWriter) => 0,
        _ if is_unread => 0,
        _ => verdict.settled_before,
    };
    let foreign = verdict.conflict == Some(Conflict::NotTheWriter);
    let last_op = verdict.last_op.filter(|_| !foreign && !is_unread);
    let last_op_id_prefix = last_op
        .map(|op| op.as_bytes().iter().take(8).copied().collect())
        .unwrap_or_default();
    let exceptions = verdict.exceptions.into_iter().filter(|_| !is_unread);
    v1::LogOutcome {
        log_id: verdict.log.to_vec(),
        settled_before,
        exceptions: exceptions
            .map(|(sequence, told)| exception(sequence, told, language))
            .collect(),
        conflict,
        plain_wanted: verdict.plain_wanted,
        last_op_id_prefix,
    }
}

fn exception(sequence: u64, exception: Exception, language: &str) -> v1::OutcomeException {
    let outcome = match exception {
        Exception::Rejected(reason) => Told::Rejected(v1::Rejected {
            text: rejection_text(&reason, language).to_owned(),
            undo: undo(&reason).into(),
            reason,
        }),
        Exception::Deferred(deferral) => Told::Deferred(v1::Deferred {
            until_ms: 0,
            reason: deferral.to_string(),
        }),
    };
    v1::OutcomeException {
        sequence,
        outcome: Some(outcome),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use askel_sync::admission::{Deferral, Rejection};

    #[test]
    fn the_names_are_those_of_admission() {
        let names = [
            Rejection::Malformed,
            Rejection::NotAllowed,
            Rejection::PassUnknown,
            Rejection::CitedOpUnknown,
            Rejection::OriginNotYours,
            Rejection::LeaseEnded,
            Rejection::NewFactsOnly,
            Rejection::RevisionAhead,
            Rejection::Erased,
        ]
        .map(|rejection| rejection.to_string());
        assert_eq!(names.as_slice(), REJECTIONS);
        let deferrals = [
            Deferral::KindUnknown,
            Deferral::PlaceUnknown,
            Deferral::CitedOpUnknown,
        ];
        assert_eq!(
            deferrals.map(|deferral| deferral.to_string()).as_slice(),
            DEFERRALS
        );
    }

    #[test]
    fn every_rejection_has_words_of_its_own_in_three_languages() {
        let mut texts: Vec<&str> = REJECTIONS
            .iter()
            .flat_map(|reason| ["fi-simple", "sv", "en"].map(|tag| rejection_text(reason, tag)))
            .collect();
        assert!(!texts.contains(&rejection_text("OTHER", "fi")));
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), REJECTIONS.len() * 3);
    }
}
