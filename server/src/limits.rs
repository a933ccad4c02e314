//! Every bound of the server that is not configured, by name. Those of ops, batches, pages and
//! catalogs are `askel_sync::limits`.

/// Anonymous counts put in their place in one round after a new catalog.
pub(crate) const PROJECTED_TALLIES_MAX: u32 = 500;
/// Bytes of any request's body with its framing: a catalog's, the largest, and what the envelope adds.
pub const BODY_BYTES_MAX: usize = askel_sync::limits::CATALOG_BYTES_MAX + 2 * ENVELOPE_BYTES_MAX;
/// Bytes of the body of a request that anyone may send, with its framing.
pub const OPEN_BODY_BYTES_MAX: usize = SMALL_REQUEST_BYTES_MAX + ENVELOPE_BYTES_MAX;
/// Milliseconds a request's body may take to arrive; that of a device of this server's may take longer as
/// long as it goes on.
pub const BODY_MS_MAX: u64 = 30_000;
/// Bytes a second, all in all, below which a body does not go on.
pub const BODY_BYTES_PER_S_MIN: u64 = 512;
/// Milliseconds between two looks of a watch whether its device may still hear.
pub(crate) const WATCH_RIGHT_MS: u64 = 30_000;
/// Answers to Sync that one device may leave unread; of more the first ends.
pub const DEVICE_ANSWERS_MAX: usize = 4;
/// Watches that one device may have open.
pub const DEVICE_WATCHES_MAX: usize = 4;
/// Milliseconds before the next connection is accepted after one could not be.
pub(crate) const ACCEPT_RETRY_MS: u64 = 100;
/// Milliseconds a connection may stay open before the head of its first request has come.
pub const FIRST_REQUEST_MS_MAX: u64 = 30_000;
/// Milliseconds that coming to terms on TLS may take.
pub const TLS_HANDSHAKE_MS_MAX: u64 = 10_000;
/// Bytes of a file with a certificate chain or a key.
pub const TLS_FILE_BYTES_MAX: u64 = 256 * 1_024;
/// Milliseconds between two questions whether an HTTP/2 peer is still there; as long to answer.
pub const KEEPALIVE_MS: u64 = 60_000;
/// Milliseconds that Redis may take to connect or to answer.
pub(crate) const REDIS_PATIENCE_MS: u64 = 1_000;
/// Milliseconds between two looks whether Redis is still there.
pub(crate) const REDIS_LOOK_MS: u64 = 2_000;
/// Milliseconds before the first new attempt to reach Redis; twice as long before each other.
pub(crate) const REDIS_RETRY_MS: u64 = 100;
/// The longest of these.
pub(crate) const REDIS_RETRY_MS_MAX: u64 = 2_000;
/// Milliseconds within which all watchers look again once Redis is back.
pub const REDIS_LOOK_AGAIN_MS: u64 = 4_000;
/// Hints a watcher may leave unread before it is told that it lagged.
pub const HINTS_WAITING_MAX: usize = 1_024;
/// Ops read from a stream in one go.
pub const STREAM_READ_OPS: u32 = 1_000;
/// Bytes of pages in one answer to Sync; what is left waits for the next.
pub const ANSWER_BYTES_MAX: usize = 1_024 * 1_024;
/// The revision of the limits that an opening tells.
pub const LIMITS_REVISION: u32 = 3;
/// Bytes of an answer that are ready before its first one is sent: a small answer leaves at once.
pub const GATHERED_BYTES: usize = 16 * 1_024;
/// Logs of a device that the short form of a Sync is compared with, the newest first.
pub const DEVICE_LOGS_MAX: u32 = 16;
/// Milliseconds by which a device's clock may be off without being told the server's time.
pub const CLOCK_TOLD_MS: i64 = 30_000;
/// Milliseconds by which what a device says of its clock differs from what was noted, to be noted anew.
pub const CLOCK_MOVED_MS_MIN: i64 = 1_000;
/// Days for which a device certainly holds its own ops once they were received; it keeps them 35.
pub const OWN_OPS_HELD_DAYS: i64 = 30;
/// The reader's own last ops that pages of a place's day refer to; one byte says how many.
pub const READER_CONTEXT_OPS: u32 = 63;
/// Places' days that a short form may list.
pub const PLACE_DAYS_MAX: usize = 64;
/// How far a reader may be behind and still be told what was superseded meanwhile.
pub const SNAPSHOT_BEHIND_OPS: u64 = 1_000;
/// How far a reader may be behind and still get large pages: a cut costs it one of them.
pub const SMALL_PAGES_BEHIND_OPS: u64 = 256;
/// Bytes of any request but Sync's and a catalog's.
pub const SMALL_REQUEST_BYTES_MAX: usize = 64 * 1_024;
/// Bytes that the envelope may add to a Sync request or a catalog before tonic cuts it off.
pub const ENVELOPE_BYTES_MAX: usize = 4 * 1_024;
/// Items of a list's page.
pub const PAGE_ITEMS_MAX: u32 = 100;
/// Items of a list's page when the caller names no size.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;
/// Log heads in one Sync.
pub const LOG_HEADS_MAX: usize = 64;
/// Bytes of an invitation or recovery code as typed.
pub const CODE_BYTES_MAX: usize = 128;
/// Places an invitation may name.
pub const INVITED_PLACES_MAX: usize = 64;
/// How often an append is decided anew after another writer came first.
pub const RACES_MAX: u32 = 8;
/// How often an append is repeated when the store is away.
pub const STORE_RETRIES_MAX: u32 = 3;
/// Milliseconds before the first such repetition; each further one waits twice as long.
pub const STORE_RETRY_DELAY_MS: u64 = 50;
/// Milliseconds after which it is not: who waited longer has little time left to be told that it is away.
pub const STORE_RETRIES_MS_MAX: u64 = 1_000;
/// Bytes of a request's body that cost as much as the call itself.
pub(crate) const CALL_COST_BYTES: usize = 2_048;
/// Calls of one device that may wait for their turn.
pub const DEVICE_CALLS_WAITING_MAX: usize = 4;
/// Milliseconds for which an answer that is not read counts as work under way.
pub(crate) const ANSWERING_MS_MAX: u64 = 2_000;
/// KiB of bodies of requests by devices of this server's that are held at a time.
pub const BODIES_KIB_MAX: usize = 48 * 1_024;
/// KiB of such bodies of one device.
pub const DEVICE_BODIES_KIB_MAX: usize = 2 * BODY_BYTES_MAX.div_ceil(1_024);
/// KiB of bodies of requests of whom nobody knows, or nobody yet, that are held at a time.
pub const STRANGERS_BODIES_KIB_MAX: usize = 16 * 1_024;
/// Bytes of a body that may come before it is asked whose it is.
pub const STRANGER_BODY_BYTES_MAX: usize = OPEN_BODY_BYTES_MAX;
/// Bytes of a body that count as nothing: health is answered, and a phone comes in, whatever else is held.
pub const BODY_FREE_BYTES: usize = 1_024;
/// The longest that a busy server asks a caller to wait, in milliseconds.
pub const BUSY_RETRY_MS_MAX: u64 = 3_600_000;
/// Calls under way on one connection.
pub const CONNECTION_CALLS_MAX: u32 = 128;
/// Bytes of the headers of a request.
pub const HEADER_BYTES_MAX: u32 = 16 * 1_024;
/// Milliseconds a busy server asks a caller to wait.
pub const BUSY_RETRY_MS: u64 = 1_000;
/// Milliseconds a stopping server asks a caller to wait.
pub const STOPPING_RETRY_MS: u64 = 2_000;
/// How long another device's approval is good, in milliseconds.
pub const APPROVAL_MS: i64 = 10 * 60_000;
/// The longest a participant's invitation is good, in milliseconds.
pub const PARTICIPANT_INVITATION_MS_MAX: i64 = 7 * 24 * 3_600_000;
/// The longest any other invitation is good, in milliseconds.
pub const STAFF_INVITATION_MS_MAX: i64 = 24 * 3_600_000;
/// How far from today a place's day may be asked for, in days; further back none is that is not kept.
pub const PLACE_DAYS_AWAY_MAX: i32 = 400;
/// The most days an encounter summary covers.
pub const SUMMARY_DAYS_MAX: i32 = 3_660;
/// Dirty participants projected in one transaction.
pub const PROJECTED_PARTICIPANTS_MAX: u32 = 256;
/// Ops of each of them that are read together; of who has more, the rest is read alone.
pub(crate) const PROJECTED_FIRST_OPS: u32 = 100;
/// Outbox items written in one transaction.
pub const PROJECTED_OUTBOX_MAX: u32 = 256;
/// Syncs of a tenant that wait for the projector; others are answered without what it finds.
pub(crate) const PROJECTOR_WAITING_MAX: u64 = 4;
/// Milliseconds a Sync waits for a projector that is busy.
pub const PROJECTOR_WAIT_MS: u64 = 2_000;
/// Milliseconds for which a node takes a device for what it was when it was last looked up.
pub(crate) const DEVICE_KNOWN_MS: u64 = 2_000;
/// Devices that a node holds so.
pub(crate) const DEVICES_KNOWN_MAX: usize = 20_000;
/// Milliseconds for which a catalog counts as the newest without a look at what other nodes published.
pub(crate) const CATALOG_LOOK_MS: u64 = 2_000;
/// Milliseconds after which anonymous counts are counted once more by a new catalog: longer than any node
/// goes on with the one before.
pub(crate) const RECOUNTED_MS: u64 = 10_000;
/// Milliseconds between two looks of the projector when nobody calls it.
pub const PROJECTOR_LOOK_MS: u64 = 30_000;
/// The same where several nodes serve: work that another node leaves is found no later.
pub const PROJECTOR_SHARED_LOOK_MS: u64 = 5_000;
/// Milliseconds for which a node has a job. Another one takes over so long after a crash, and at once after
/// an orderly stop.
pub(crate) const JOB_LEASE_MS: i64 = 30_000;
/// Milliseconds of a lease that are left when it is renewed.
pub(crate) const JOB_RENEWED_MS: i64 = 15_000;
/// Milliseconds for which a job that another node does is not asked for.
pub(crate) const JOB_ELSEWHERE_MS: u64 = 2_000;
/// Milliseconds between two times that what is past its time is dropped.
pub(crate) const RETENTION_EVERY_MS: i64 = 3_600_000;
/// Milliseconds for which a node has that job: it is renewed each time. Another node takes over so long
/// after a crash, and at its next look after an orderly stop.
pub const RETENTION_LEASE_MS: i64 = 2 * RETENTION_EVERY_MS;
/// Rows dropped in one transaction.
pub(crate) const RETENTION_ROWS_MAX: u32 = 500;
/// Milliseconds between two of them.
pub(crate) const RETENTION_PAUSE_MS: u64 = 500;
/// Days for which invitations and approvals are kept once they have ended, as in the journal.
pub(crate) const RIGHTS_KEPT_DAYS: i64 = 35;
/// Milliseconds for which failed attempts at enrolling are kept: as long as any window in which they count.
pub(crate) const ENROL_FAILURES_KEPT_MS: i64 = 24 * 3_600_000;
/// Days after which a place's day that is begun has a random handle, fewer than any is kept: a day that was
/// dropped and is begun anew is not taken for what it was.
pub const DAY_HANDLE_DAYS: i32 = 28;
/// Tenants with something to project that a node may leave unread before it looks at all of them.
pub(crate) const WORK_WAITING_MAX: usize = 1_024;
/// Milliseconds between two totals of a challenge that has not just been reached.
pub const CHALLENGE_TOTAL_EVERY_MS: i64 = 3_600_000;
/// Milliseconds after which a watcher is asked to come again, so that its right is checked anew.
pub const WATCH_MS_MAX: u64 = 30 * 60_000;
/// Fewer people than this are not told in a figure.
pub const FIGURE_PEOPLE_MIN: u64 = 5;
/// Rounds of the projector in one call; the rest is done in the background.
pub const PROJECTOR_ROUNDS_MAX: u32 = 16;
/// Bytes of one record of the journal: a catalog's content, and what is said of it.
pub const JOURNAL_RECORD_BYTES_MAX: usize = askel_sync::limits::CATALOG_BYTES_MAX + 64 * 1_024;
/// Logs of one record that says whose logs are.
pub const JOURNAL_OPENINGS_MAX: usize = askel_store::journal::OPENINGS_MAX;
/// Bytes below which the journal is left as it is. Above, it is folded whenever it has doubled.
pub const JOURNAL_FOLD_BYTES_MIN: u64 = 1024 * 1024;
/// Images of the journal that are remembered, so that one that says nothing new is not written again.
pub const JOURNAL_IMAGES_REMEMBERED: usize = 4_096;
/// Logs whose ends a node remembers, of all tenants.
pub(crate) const LOG_ENDS_REMEMBERED: usize = 20_000;
/// Milliseconds within which someone is woken for a reason, outside quiet hours.
pub const PUSH_DELAY_MS_MAX: i64 = 30 * 60_000;
/// Pushes of one tenant that a node takes at a time.
pub(crate) const PUSHES_LEASED_MAX: u32 = 128;
/// Pushes under way at a time on a node.
pub(crate) const PUSHES_AT_ONCE: usize = 32;
/// Milliseconds for which a push is a node's alone: longer than all it takes at a time can need.
pub const PUSH_LEASE_MS: i64 = 5 * 60_000;
/// How often a push may fail before it is given up. The last waits are an hour long.
pub const PUSH_FAILURES_MAX: u32 = 16;
/// Milliseconds before a push is tried again that was refused for a fault of the configuration.
pub const PUSH_REFUSED_WAIT_MS: u64 = 3_600_000;
/// Milliseconds for which a node sends nothing at most because the push service asked for patience.
pub(crate) const PUSH_PAUSE_MS_MAX: i64 = 5 * 60_000;
/// Stretches of one offset from UTC through which the end of quiet hours is looked for.
pub const QUIET_STRETCHES_MAX: usize = 16;
/// Spans that wait to be exported; those of a moment when there are more are not told.
pub const SPANS_WAITING_MAX: usize = 2_048;
/// Log lines that wait to be exported; the same.
pub const LINES_WAITING_MAX: usize = 2_048;
/// Calls that one transaction is linked to.
pub const SPAN_LINKS_MAX: u32 = 128;
/// Scrapes answered at a time; further ones are hung up on.
pub const SCRAPES_MAX: usize = 8;
/// Milliseconds for a scrape's whole connection.
pub const SCRAPE_MS_MAX: u64 = 10_000;
/// Milliseconds between two looks at what waits.
pub const LEVELS_LOOK_MS: u64 = 15_000;
/// What waits of one tenant is counted up to here.
pub const LEVELS_COUNTED_MAX: u32 = 1_000;
