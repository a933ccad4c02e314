//! Leases of jobs: which of several nodes does what only one may do at a time.
//!
//! A lease ends by the clock, and clocks differ; what keeps two holders from writing side by side is the
//! generation, which an [append](crate::Append) under a lease checks in its own transaction. The clock
//! decides how soon another node takes over, and nothing else.

use askel_sync::{id::TenantId, time::Timestamp};
use async_trait::async_trait;

use crate::StoreError;

/// Bytes of a [`NodeId`].
pub const NODE_ID_BYTES: usize = 16;

/// A process that serves, by a random name that it draws at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; NODE_ID_BYTES]);

impl NodeId {
    /// From bytes.
    pub const fn from_bytes(bytes: [u8; NODE_ID_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; NODE_ID_BYTES] {
        &self.0
    }
}

/// What one node does for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Job {
    /// Folding dirty participants, writing the outbox, telling totals.
    Projection,
    /// Dropping what is past its time.
    Retention,
}

impl Job {
    /// Its number in tables; never used for another.
    pub const fn number(self) -> u8 {
        match self {
            Self::Projection => 1,
            Self::Retention => 2,
        }
    }
}

/// That a node does a job of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobLease {
    /// Which job.
    pub job: Job,
    /// Who does it.
    pub node: NodeId,
    /// From 1. Rises when another node takes the job, and when someone is erased: whatever was read under
    /// another generation is void.
    pub generation: u64,
    /// When it ends unless it is renewed.
    pub until: Timestamp,
}

/// What a node asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobBid {
    /// Which job.
    pub job: Job,
    /// Who asks.
    pub node: NodeId,
    /// Its time.
    pub now: Timestamp,
    /// How long it wants the job, in milliseconds from now; the same for all nodes.
    pub ms: i64,
}

impl JobBid {
    /// When the lease would end.
    pub fn until(&self) -> Timestamp {
        self.now.saturating_add_ms(self.ms)
    }

    /// An end later than this was told by a clock that runs ahead, and does not count.
    pub fn believable(&self) -> Timestamp {
        self.until().saturating_add_ms(self.ms)
    }

    /// What becomes of the lease that stands; `None` when it stays another's.
    pub fn decide(&self, standing: Option<&JobLease>) -> Option<JobLease> {
        let generation = match standing {
            None => 1,
            Some(standing) if standing.node == self.node => standing.generation,
            Some(JobLease {
                until, generation, ..
            }) if *until <= self.now || *until > self.believable() => generation.saturating_add(1),
            Some(_) => return None,
        };
        Some(JobLease {
            job: self.job,
            node: self.node,
            generation,
            until: self.until(),
        })
    }
}

/// Stores leases of jobs. They say nothing about anyone and are not kept over a restore.
#[async_trait]
pub trait JobLeaseStore: Send + Sync {
    /// Takes a job that is nobody's or whose lease has ended, or renews one's own; `None` while another
    /// node has it. Appends under the lease of before are over when this returns.
    async fn take_job(
        &self,
        tenant: TenantId,
        bid: &JobBid,
    ) -> Result<Option<JobLease>, StoreError>;

    /// Ends one's own lease now, so that another node need not wait; without effect on another's.
    async fn leave_job(&self, tenant: TenantId, lease: &JobLease) -> Result<(), StoreError>;
}
