//! What the projector leaves behind: derived rows that make reading cheap, never truth.

use askel_sync::{
    admission::AdmittedOp,
    id::{GoalId, OpId, ParticipantId, PlaceId, TenantId},
    op::SessionRef,
    stream::StreamKey,
    time::LocalDate,
};
use async_trait::async_trait;

use crate::{OutboxDraft, StoreError, TallyChange};

/// A reason why a participant's awards may have changed: the last one, or one of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dirty {
    /// Whose.
    pub participant: ParticipantId,
    /// Rises at each new reason: cleaning names those it saw.
    pub generation: u64,
}

/// A derived op to be written to another stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxItem {
    /// In order of writing.
    pub id: u64,
    /// Where to.
    pub stream: StreamKey,
    /// The op's kind.
    pub kind: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl OutboxItem {
    /// Without its id.
    pub fn draft(&self) -> OutboxDraft<'_> {
        OutboxDraft {
            stream: self.stream,
            kind: self.kind,
            payload: &self.payload,
        }
    }
}

/// What there is for a projector to do, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Work {
    /// Dirty participants, longest waiting first.
    pub dirty: Vec<Dirty>,
    /// Outbox items, oldest first.
    pub outbox: Vec<OutboxItem>,
    /// SHA-256 of the content of the newest catalog, if there is one.
    pub catalog: Option<[u8; 32]>,
}

/// What a participant gives to a collective challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contribution {
    /// Which challenge.
    pub goal: GoalId,
    /// Whose.
    pub participant: ParticipantId,
    /// In all, not since the last time.
    pub points: u64,
}

/// The sum of a collective challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChallengeSum {
    /// Points together.
    pub total: u64,
    /// Participants with points.
    pub people: u32,
}

/// An attendance that came to be or ceased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttendanceChange {
    /// Whose.
    pub participant: ParticipantId,
    /// Where.
    pub place: PlaceId,
    /// The local day.
    pub date: LocalDate,
    /// Which session.
    pub session: SessionRef,
    /// Whether it stands.
    pub present: bool,
}

/// What a projection found, written with the ops it led to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Projection {
    /// Reasons that are dealt with: who has no other is clean now.
    pub clean: Vec<Dirty>,
    /// Dirty now.
    pub dirty: Vec<ParticipantId>,
    /// Outbox items whose op is in this append.
    pub sent: Vec<u64>,
    /// Contributions, replacing those held.
    pub contributions: Vec<Contribution>,
    /// Participants who were folded from scratch: whatever attendances were held of them before are
    /// void.
    pub afresh: Vec<ParticipantId>,
    /// Attendances, replacing those held.
    pub attendances: Vec<AttendanceChange>,
    /// Anonymous counts, each by the op that says it, replacing what was held of that op; `None`
    /// for one that counts nowhere, its place being unknown.
    pub tallies: Vec<(OpId, Option<TallyChange>)>,
}

/// Counts of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCount {
    /// Where.
    pub place: PlaceId,
    /// The local day.
    pub date: LocalDate,
    /// Which session.
    pub session: SessionRef,
    /// Known people, each once, with those who are erased.
    pub attendances: u64,
    /// How many of them are erased.
    pub erased: u64,
    /// Counted without a name.
    pub tallies: i64,
}

/// Stores what is derived.
#[async_trait]
pub trait ProjectionStore: Send + Sync {
    /// Dirty participants, longest waiting first. A store that keeps every reason lists a participant
    /// for each; `limit` is of what is listed.
    async fn list_dirty(&self, tenant: TenantId, limit: u32) -> Result<Vec<Dirty>, StoreError>;

    /// Outbox items, oldest first.
    async fn list_outbox(
        &self,
        tenant: TenantId,
        limit: u32,
    ) -> Result<Vec<OutboxItem>, StoreError>;

    /// Some of both, and which catalog is the newest then.
    async fn list_work(
        &self,
        tenant: TenantId,
        dirty_max: u32,
        outbox_max: u32,
    ) -> Result<Work, StoreError>;

    /// The ops that count people without a name, by id, after one, at most `limit`.
    async fn list_tallies(
        &self,
        tenant: TenantId,
        after: Option<OpId>,
        limit: u32,
    ) -> Result<Vec<AdmittedOp>, StoreError>;

    /// The sum of a challenge, with what the erased gave.
    async fn sum_challenge(
        &self,
        tenant: TenantId,
        goal: GoalId,
    ) -> Result<ChallengeSum, StoreError>;

    /// Participants with points in a challenge, by id.
    async fn list_contributors(
        &self,
        tenant: TenantId,
        goal: GoalId,
    ) -> Result<Vec<ParticipantId>, StoreError>;

    /// Counts by session between two local days, both included, by place, date and session; one
    /// place or all. The erased are counted as they were. Sessions that nobody attended and nobody
    /// counted at are left out.
    async fn count_sessions(
        &self,
        tenant: TenantId,
        place: Option<PlaceId>,
        first: LocalDate,
        last: LocalDate,
    ) -> Result<Vec<SessionCount>, StoreError>;

    /// Different participants with an attendance between two local days, both included: places that
    /// have any, ascending, then over all (`None`). Of the erased nobody can say any more who was the
    /// same: as many are counted as were at the session where most of them were.
    async fn count_participants(
        &self,
        tenant: TenantId,
        first: LocalDate,
        last: LocalDate,
    ) -> Result<Vec<(Option<PlaceId>, u64)>, StoreError>;
}
