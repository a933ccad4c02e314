//! Payloads and selectors, in few words.

use askel_proto::v1::{self, stream_selector::Stream};
use askel_sync::{
    id::{OpId, ParticipantId, PassTag, PlaceId, SlotId, StepSourceId},
    op::{
        Alias, CheckIn, Correction, CorrectionReason, Erase, FavouriteAdded, Manner, Measure,
        Payload, ProfileField, ProfileSet, SessionRef, StepCount, Tally, Verdict, Witness,
    },
    time::{Quarter, Timestamp},
};

fn seen(place: u32, at: Timestamp, witness: Witness) -> Payload {
    Payload::CheckIn(CheckIn {
        place: PlaceId::new(place),
        occurred_at: at,
        session: SessionRef::Slot(SlotId::new(0)),
        manner: Manner::OnSite,
        catalog_version: 1,
        witness,
    })
}

pub(crate) fn check_in(place: u32, at: Timestamp) -> Payload {
    seen(place, at, Witness::SelfReport)
}

pub(crate) fn scan(place: u32, pass: PassTag, at: Timestamp) -> Payload {
    seen(place, at, Witness::PassScan(pass))
}

pub(crate) fn tally(place: u32, delta: i32, at: Timestamp) -> Payload {
    Payload::Tally(Tally {
        place: PlaceId::new(place),
        occurred_at: at,
        session: SessionRef::Slot(SlotId::new(0)),
        manner: Manner::OnSite,
        delta,
    })
}

pub(crate) fn void(check_in: OpId, at: Timestamp) -> Payload {
    Payload::Correction(Correction {
        check_in,
        revision: 1,
        verdict: Verdict::Void,
        reason: CorrectionReason::ScannedByMistake,
        occurred_at: at,
    })
}

pub(crate) fn steps(bucket_at: Timestamp, count: u32) -> Payload {
    Payload::StepCount(StepCount {
        source: StepSourceId::from_bytes([5; 16]),
        bucket: Quarter::containing(bucket_at).expect("after 1970"),
        count,
        revision: 1,
        measure: Measure::Steps,
    })
}

pub(crate) fn profile(field: ProfileField, at: Timestamp) -> Payload {
    Payload::ProfileSet(ProfileSet {
        occurred_at: at,
        field,
        revision: 1,
    })
}

pub(crate) fn erase(participant: ParticipantId, at: Timestamp) -> Payload {
    Payload::Erase(Erase {
        participant,
        occurred_at: at,
    })
}

pub(crate) fn favourite_added(place: u32, at: Timestamp) -> Payload {
    Payload::FavouriteAdded(FavouriteAdded {
        place: PlaceId::new(place),
        occurred_at: at,
    })
}

pub(crate) const ALIAS: Alias = Alias {
    word: 3,
    number: 14,
};

fn selector(stream: Stream) -> v1::StreamSelector {
    v1::StreamSelector {
        stream: Some(stream),
    }
}

pub(crate) fn own_stream() -> v1::StreamSelector {
    selector(Stream::Participant(v1::ParticipantStream {}))
}

pub(crate) fn device_stream() -> v1::StreamSelector {
    selector(Stream::Device(v1::DeviceStream {}))
}

pub(crate) fn catalog_stream() -> v1::StreamSelector {
    selector(Stream::Catalog(v1::CatalogStream {}))
}

pub(crate) fn challenge_stream(goal: u32) -> v1::StreamSelector {
    selector(Stream::Challenge(v1::ChallengeStream { goal_id: goal }))
}

/// 12 April 2016.
pub(crate) fn place_day(place: u32) -> v1::StreamSelector {
    selector(Stream::PlaceDay(v1::PlaceDayStream {
        place_id: place,
        date: 16_903,
    }))
}
