//! Every bound of ops, logs, rules and catalogs by name. Each has a test at it and one past it.

/// Bytes of one op's payload.
pub const PAYLOAD_BYTES_MAX: usize = 1_024;
/// Ops in one sealed batch.
pub const OPS_PER_BATCH_MAX: usize = 500;
/// Bytes of one sealed batch.
pub const BATCH_BYTES_MAX: usize = 64 * 1_024;
/// Sealed batches in one Sync.
pub const BATCHES_PER_SYNC_MAX: usize = 32;
/// Cursors in one Sync or Watch.
pub const CURSORS_MAX: usize = 64;
/// Bytes of one Sync request.
pub const SYNC_REQUEST_BYTES_MAX: usize = 1_024 * 1_024;
/// Bytes of a page in a first sync.
pub const FIRST_PAGE_BYTES_MAX: usize = 4 * 1_024;
/// Bytes of any other page.
pub const PAGE_BYTES_MAX: usize = 64 * 1_024;
/// Bytes of a carried frame that goes through one QR code, sealed.
pub const FRAME_BYTES_MAX: usize = 2_900;
/// Bytes of any other carried frame, sealed.
pub const CARRIED_FRAME_BYTES_MAX: usize = 64 * 1_024;
/// Carried frames in one Sync.
pub const CARRIED_FRAMES_MAX: usize = 32;
/// Pages handed back in one Sync.
pub const RETURNED_PAGES_MAX: usize = 64;
/// Ops before a page that its columns may refer to.
pub const PAGE_CONTEXT_OPS_MAX: usize = 256;
/// Accepted ops of a log that a compact batch may refer to.
pub const BATCH_CONTEXT_OPS_MAX: usize = 16;
/// Ops a device may hand in within an hour, its own and those it carries.
pub const OPS_PER_HOUR_MAX: usize = 20_000;
/// Sequences a log may reach.
pub const SEQUENCE_MAX: u64 = 1 << 48;

/// Steps one 15-minute bucket may hold; the fastest measured hour of the walking data is 10 554.
pub const STEPS_PER_BUCKET_MAX: u32 = 20_000;
/// Revisions a register may reach. No writer can come near it by steps of the next.
pub const REVISION_MAX: u32 = 1_000_000_000;
/// How far a register's revision may be above the live one.
pub const REVISION_AHEAD_MAX: u32 = 1_000;
/// People one Tally may add or take away.
pub const TALLY_DELTA_MAX: i32 = 100;
/// Op ids one op may cite.
pub const CITED_OPS_MAX: usize = 32;
/// The number behind an alias's word.
pub const ALIAS_NUMBER_MAX: u32 = 9_999;
/// Pictures of the fixed set of drawings.
pub const PICTURE_MAX: u32 = 63;
/// Bytes of a code that a place shows.
pub const VENUE_CODE_BYTES_MAX: usize = 128;

/// How far a device's clock may be off before an op is flagged, in milliseconds.
pub const CLOCK_SKEW_TOLERATED_MS: i64 = 2 * 60_000;
/// For how long whoever registered someone may judge their own check-in again, in milliseconds.
pub const OWN_CORRECTION_MS_MAX: i64 = 10 * 60_000;
/// How long an op waits for the one that it is about, in milliseconds.
pub const CITED_OP_WAIT_MS_MAX: i64 = 35 * 24 * 3_600_000;
/// Boots whose time one request or frame tells.
pub const BOOTS_TOLD_MAX: usize = 32;
/// How far a call credential's time may be off, in milliseconds.
pub const CREDENTIAL_SKEW_MS_MAX: i64 = 10 * 60_000;
/// The longest lease of a staff certificate, in milliseconds.
pub const STAFF_LEASE_MS_MAX: i64 = 8 * 24 * 3_600_000;

/// Levels of a rule tree.
pub const RULE_DEPTH_MAX: usize = 8;
/// Operators in a rule tree.
pub const RULE_NODES_MAX: usize = 64;
/// The largest target of a rule.
pub const RULE_TARGET_MAX: u64 = 1_000_000_000_000;
/// The fewest people a collective total is told for.
pub const COLLECTIVE_PEOPLE_MIN: u32 = 5;
/// Entries of one list of a filter.
pub const FILTER_ENTRIES_MAX: usize = 32;
/// Points one unit of a contribution may give.
pub const CONTRIBUTION_POINTS_MAX: u32 = 100_000;

/// Bytes of a catalog.
pub const CATALOG_BYTES_MAX: usize = 1_024 * 1_024;
/// Bytes of one chunk of a catalog: with what the calls around it say again, a cut costs below 4 KiB.
pub const CATALOG_CHUNK_BYTES: usize = 3 * 1_024;
/// Entries of one list of a catalog.
pub const CATALOG_ENTRIES_MAX: usize = 10_000;
/// Bytes of one text of a catalog.
pub const TEXT_BYTES_MAX: usize = 2_000;
/// How far a time zone may be from UTC, in minutes either way.
pub const ZONE_OFFSET_MINUTES_MAX: i32 = 14 * 60;
/// The latest end of an opening interval, in minutes of its local day: four in the next morning.
pub const OPENING_UNTIL_MINUTE_MAX: u32 = 28 * 60;
/// Transitions of one time zone.
pub const TRANSITIONS_MAX: usize = 1_000;
/// Keys of a key list.
pub const KEYS_MAX: usize = 64;

/// Bytes of a push token; those of today have fewer than 300.
pub const PUSH_TOKEN_BYTES_MAX: usize = 4_096;
/// Minutes of a day that quiet hours leave at least.
pub const AWAKE_MINUTES_MIN: u32 = 60;

/// Bytes of a pass as text.
pub const PASS_TEXT_BYTES_MAX: usize = 512;
/// Bytes of a server's URL in a link.
pub const SERVER_URL_BYTES_MAX: usize = 200;
