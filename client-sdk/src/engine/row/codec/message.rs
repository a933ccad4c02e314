//! The messages that rows are encoded as. Tags are never reused.

use askel_proto::v1;
use bytes::Bytes;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Installation {
    #[prost(message, optional, tag = "1")]
    pub(super) enrolment: Option<Enrolment>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Enrolment {
    #[prost(string, tag = "1")]
    pub(super) server_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) tenant: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) root_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) device: Vec<u8>,
    #[prost(enumeration = "v1::Role", tag = "5")]
    pub(super) role: i32,
    #[prost(bytes = "vec", optional, tag = "6")]
    pub(super) participant: Option<Vec<u8>>,
    #[prost(enumeration = "v1::DeviceState", tag = "7")]
    pub(super) state: i32,
    #[prost(message, optional, tag = "8")]
    pub(super) key_list: Option<v1::SignedKeyList>,
    #[prost(message, optional, tag = "9")]
    pub(super) pass: Option<v1::SignedPass>,
    #[prost(message, optional, tag = "10")]
    pub(super) staff_certificate: Option<v1::SignedStaffCertificate>,
    #[prost(string, tag = "11")]
    pub(super) audience: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Log {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub(super) next_sequence: u64,
    #[prost(uint64, tag = "3")]
    pub(super) sealed_before: u64,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(super) last_sealed: Option<Vec<u8>>,
    #[prost(bool, tag = "5")]
    pub(super) abandoned: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OwnOp {
    #[prost(uint32, tag = "1")]
    pub(super) kind: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) payload: Bytes,
    #[prost(message, optional, tag = "3")]
    pub(super) origin: Option<v1::OpOrigin>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) log: Vec<u8>,
    #[prost(uint64, tag = "5")]
    pub(super) sequence: u64,
    #[prost(fixed64, tag = "6")]
    pub(super) boot_id: u64,
    #[prost(sint64, tag = "7")]
    pub(super) wall_minus_monotonic_ms: i64,
    #[prost(sint64, tag = "8")]
    pub(super) written_at_ms: i64,
    #[prost(oneof = "own_op::Standing", tags = "9, 10, 11")]
    pub(super) standing: Option<own_op::Standing>,
}

/// Accepted own ops of one log.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AcceptedOps {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) log: Vec<u8>,
    /// The clock segments that the ops were written in, each once.
    #[prost(fixed64, repeated, tag = "2")]
    pub(super) boot_ids: Vec<u64>,
    #[prost(sint64, repeated, tag = "3")]
    pub(super) wall_minus_monotonic_ms: Vec<i64>,
    #[prost(message, repeated, tag = "4")]
    pub(super) ops: Vec<AcceptedOp>,
    /// Of each op, one after the other: reading them is sooner done than hashing. Earlier versions wrote
    /// none.
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) ids: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AcceptedOp {
    /// Among all own ops.
    #[prost(uint32, tag = "1")]
    pub(super) number: u32,
    #[prost(uint32, tag = "2")]
    pub(super) kind: u32,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) payload: Bytes,
    #[prost(uint64, tag = "4")]
    pub(super) sequence: u64,
    /// None when it was first written where it lies.
    #[prost(message, optional, tag = "5")]
    pub(super) origin: Option<v1::OpOrigin>,
    /// Which of the segments.
    #[prost(uint32, tag = "6")]
    pub(super) segment: u32,
    #[prost(sint64, tag = "7")]
    pub(super) written_at_ms: i64,
    #[prost(sint64, tag = "8")]
    pub(super) accepted_at_ms: i64,
}

pub(super) mod own_op {
    //! What became of an own op; none while it is pending.

    use askel_proto::v1;

    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(in super::super) enum Standing {
        #[prost(sint64, tag = "9")]
        AcceptedAtMs(i64),
        #[prost(message, tag = "10")]
        Rejected(v1::Rejected),
        #[prost(sint64, tag = "11")]
        DeferredUntilMs(i64),
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Batch {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) log: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub(super) first_sequence: u64,
    #[prost(uint64, tag = "3")]
    pub(super) next_sequence: u64,
    #[prost(message, optional, tag = "4")]
    pub(super) sealed: Option<v1::SealedBatch>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stream {
    #[prost(message, optional, tag = "1")]
    pub(super) selector: Option<v1::StreamSelector>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) id: Option<Vec<u8>>,
    #[prost(uint64, tag = "3")]
    pub(super) position: u64,
    #[prost(fixed64, tag = "4")]
    pub(super) sum: u64,
    #[prost(sint64, optional, tag = "5")]
    pub(super) begun_anew_at_ms: Option<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Window {
    #[prost(uint32, tag = "1")]
    pub(super) stream: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) handle: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub(super) first_position: u64,
    #[prost(uint64, tag = "4")]
    pub(super) next_position: u64,
    #[prost(bool, tag = "5")]
    pub(super) snapshot: bool,
    #[prost(bytes = "vec", tag = "6")]
    pub(super) mac: Vec<u8>,
    #[prost(sint64, tag = "7")]
    pub(super) received_at_ms: i64,
    /// 0 held, 1 returnable, 2 returned, 3 set aside, 4 covered.
    #[prost(uint32, tag = "8")]
    pub(super) standing: u32,
    #[prost(bytes = "bytes", tag = "9")]
    pub(super) ops: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Settled {
    #[prost(uint32, tag = "1")]
    pub(super) stream: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) frame: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Archived {
    #[prost(uint32, tag = "1")]
    pub(super) stream: u32,
    /// The encoding of the frame.
    #[prost(uint32, tag = "2")]
    pub(super) encoding: u32,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) frame: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ArchivedDays {
    /// How the totals are made of ops.
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(uint32, tag = "2")]
    pub(super) rows: u32,
    #[prost(uint32, tag = "3")]
    pub(super) before: u32,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) zone: Vec<u8>,
    #[prost(message, repeated, tag = "5")]
    pub(super) runs: Vec<DayRun>,
}

/// Totals of consecutive days.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DayRun {
    #[prost(enumeration = "v1::Measure", tag = "1")]
    pub(super) measure: i32,
    #[prost(sint32, tag = "2")]
    pub(super) first_date: i32,
    #[prost(uint64, repeated, tag = "3")]
    pub(super) totals: Vec<u64>,
}

/// Ops of a page: a column a field, all of one length.
///
/// A column is a packed repeated field. It is taken as the bytes it has then, and read as it goes: a
/// vector for each of them takes longer than all the rest.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Ops {
    /// The ids of the logs, each once.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) logs: Bytes,
    /// The ids of whom ops are about, each once.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) subjects: Bytes,
    /// Of `uint32`.
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) kind: Bytes,
    /// Which of the logs, `uint32`.
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) log: Bytes,
    /// Of `uint64`.
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) sequence: Bytes,
    /// Of `uint32`.
    #[prost(bytes = "bytes", tag = "6")]
    pub(super) payload_bytes: Bytes,
    /// All of them, one behind the other.
    #[prost(bytes = "bytes", tag = "7")]
    pub(super) payloads: Bytes,
    /// The time of receipt, after that of the op before, `sint64`.
    #[prost(bytes = "bytes", tag = "8")]
    pub(super) received_after_ms: Bytes,
    /// The corrected time, before that of receipt, `sint64`.
    #[prost(bytes = "bytes", tag = "9")]
    pub(super) corrected_before_ms: Bytes,
    /// Which of the subjects, from 1; 0 for nobody. `uint32`.
    #[prost(bytes = "bytes", tag = "10")]
    pub(super) subject: Bytes,
    /// Of `Strength`.
    #[prost(bytes = "bytes", tag = "11")]
    pub(super) strength: Bytes,
    /// Of `uint32`.
    #[prost(bytes = "bytes", tag = "12")]
    pub(super) flags: Bytes,
    /// Of `Role`.
    #[prost(bytes = "bytes", tag = "13")]
    pub(super) author_role: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Catalog {
    #[prost(message, optional, tag = "1")]
    pub(super) current: Option<CatalogEntry>,
    #[prost(message, optional, tag = "2")]
    pub(super) download: Option<CatalogEntry>,
    #[prost(message, optional, tag = "3")]
    pub(super) later: Option<Later>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CatalogEntry {
    #[prost(message, optional, tag = "1")]
    pub(super) published: Option<v1::CatalogPublished>,
    #[prost(bool, tag = "2")]
    pub(super) odd: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Attempt {
    #[prost(uint32, tag = "1")]
    pub(super) failures: u32,
    #[prost(sint64, optional, tag = "2")]
    pub(super) next_at_ms: Option<i64>,
    #[prost(string, optional, tag = "3")]
    pub(super) last_reason: Option<String>,
    #[prost(sint64, tag = "4")]
    pub(super) server_offset_ms: i64,
    #[prost(uint32, tag = "5")]
    pub(super) healed: u32,
    #[prost(uint32, tag = "6")]
    pub(super) mismatches: u32,
    #[prost(sint64, optional, tag = "7")]
    pub(super) at_ms: Option<i64>,
    #[prost(uint32, tag = "8")]
    pub(super) notice: u32,
    #[prost(message, repeated, tag = "9")]
    pub(super) boots: Vec<v1::BootTime>,
    #[prost(fixed64, optional, tag = "10")]
    pub(super) told_boot_id: Option<u64>,
    #[prost(sint64, tag = "11")]
    pub(super) told_wall_minus_monotonic_ms: i64,
    #[prost(sint64, tag = "12")]
    pub(super) told_at_ms: i64,
    #[prost(sint64, optional, tag = "13")]
    pub(super) sums_told_at_ms: Option<i64>,
    #[prost(uint32, optional, tag = "14")]
    pub(super) request_room: Option<u32>,
    #[prost(message, repeated, tag = "15")]
    pub(super) frames_later: Vec<FrameLater>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct FrameLater {
    #[prost(uint32, tag = "1")]
    pub(super) number: u32,
    #[prost(message, optional, tag = "2")]
    pub(super) later: Option<Later>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Later {
    #[prost(uint32, tag = "1")]
    pub(super) times: u32,
    #[prost(sint64, tag = "2")]
    pub(super) until_ms: i64,
}
