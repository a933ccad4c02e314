SET LOCAL lock_timeout = '5s';

-- Vacuum comes to log_entry, op and stream_op after some thousand dead rows, however many rows live: what
-- an erasure leaves behind would else stay in the files until a fifth of the table is dead. Where log and
-- stream leave room in their pages, their counters move without a word to the indexes.

CREATE TABLE log (
    tenant bytea NOT NULL,
    log bytea NOT NULL CHECK (octet_length(log) = 16),
    -- The one writer.
    device bytea NOT NULL CHECK (octet_length(device) = 16),
    -- The first sequence without an entry; entries are dense from 0. 0 after a restore that has lost
    -- them all.
    next_sequence bigint NOT NULL CHECK (next_sequence >= 0),
    -- When its first entry was written, by the server's clock.
    opened_at_ms bigint NOT NULL,
    PRIMARY KEY (tenant, log)
) WITH (fillfactor = 70);

CREATE INDEX log_by_device ON log (tenant, device, opened_at_ms, log);

CREATE TABLE log_entry (
    -- What became of each op, at its place in its carrier log.
    tenant bytea NOT NULL,
    log bytea NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    -- Zeros once it is erased.
    op bytea NOT NULL CHECK (octet_length(op) = 16),
    -- 1 accepted, 2 rejected, 3 deferred.
    outcome smallint NOT NULL CHECK (outcome BETWEEN 1 AND 3),
    -- The name of the reason for a rejection.
    reason text CHECK ((outcome = 2) = (reason IS NOT NULL)),
    -- When this outcome was written, by the server's clock.
    settled_at_ms bigint NOT NULL,
    -- True for an accepted op that was first written in another log.
    carried boolean NOT NULL,
    -- No foreign key: whoever writes here has locked or made the row of log, and looking that up again
    -- for each row is the dearest part of an insert.
    PRIMARY KEY (tenant, log, sequence)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Where an op is besides its origin, to erase it there.
CREATE INDEX log_entry_carried ON log_entry (tenant, op) WHERE carried;

-- What was refused, so that what is about it need not wait.
CREATE INDEX log_entry_refused ON log_entry (tenant, op) WHERE outcome = 2;

CREATE TABLE op (
    -- Accepted ops with their admission, each once.
    tenant bytea NOT NULL,
    -- Follows from origin, kind and payload.
    op bytea NOT NULL CHECK (octet_length(op) = 16),
    origin_log bytea NOT NULL CHECK (octet_length(origin_log) = 16),
    origin_sequence bigint NOT NULL,
    -- A number of askel.v1.OpKind, or of a later version's.
    kind bigint NOT NULL,
    payload bytea NOT NULL,
    -- The admission.
    corrected_at_ms bigint NOT NULL,
    received_at_ms bigint NOT NULL,
    subject bytea CHECK (octet_length(subject) = 16),
    strength smallint NOT NULL,
    flags bigint NOT NULL,
    author_role smallint NOT NULL,
    -- Of a sighting of a pass, whose kind is 32, the pass: it follows the tag and length of field 1.
    -- A column, as an index on an expression is of no use under row-level security.
    seen_pass bytea GENERATED ALWAYS AS (CASE WHEN kind = 32 THEN substr(payload, 3, 16) END) STORED,
    PRIMARY KEY (tenant, op)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Anonymous counts: counted anew with each catalog.
CREATE INDEX op_tally ON op (tenant, op) WHERE kind = 2;

-- Sightings of a pass, to erase them with it.
CREATE INDEX op_pass_seen ON op (tenant, seen_pass) WHERE seen_pass IS NOT NULL;

CREATE TABLE stream (
    tenant bytea NOT NULL,
    -- What it is and whose: 1 ‖ participant, 2 ‖ device, 3 ‖ place ‖ date, 4 (catalog), 5 ‖ goal.
    -- Numbers are 4 bytes, big-endian; a date's sign bit is turned.
    stream bytea NOT NULL,
    -- The handle that readers see. Random.
    handle bytea NOT NULL CHECK (octet_length(handle) = 16),
    -- The last position; positions are dense from 1.
    head bigint NOT NULL CHECK (head >= 0),
    -- The wrapping sum over its live ops, as a signed number.
    sum bigint NOT NULL,
    PRIMARY KEY (tenant, stream)
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX stream_by_handle ON stream (tenant, handle);

CREATE TABLE stream_op (
    tenant bytea NOT NULL,
    stream bytea NOT NULL,
    position bigint NOT NULL CHECK (position > 0),
    -- NULL once it is erased.
    op bytea,
    -- False once it is superseded or erased.
    live boolean NOT NULL,
    -- No foreign key, as in log_entry.
    PRIMARY KEY (tenant, stream, position)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Where an op is in streams that many read, to erase it there: a place's day, the catalogs, a
-- challenge.
CREATE INDEX stream_op_shared ON stream_op (tenant, op) WHERE stream >= '\x03' AND op IS NOT NULL;

CREATE TABLE register (
    -- The live op of each register of a stream.
    tenant bytea NOT NULL,
    stream bytea NOT NULL,
    -- As `Register::to_bytes` of askel-sync.
    register bytea NOT NULL,
    position bigint NOT NULL CHECK (position > 0),
    PRIMARY KEY (tenant, stream, register)
);

ALTER TABLE log ENABLE ROW LEVEL SECURITY;
ALTER TABLE log FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON log
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON log TO askel_serving;

ALTER TABLE log_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE log_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON log_entry
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON log_entry TO askel_serving;

ALTER TABLE op ENABLE ROW LEVEL SECURITY;
ALTER TABLE op FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON op
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON op TO askel_serving;

ALTER TABLE stream ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON stream
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON stream TO askel_serving;

ALTER TABLE stream_op ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream_op FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON stream_op
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON stream_op TO askel_serving;

ALTER TABLE register ENABLE ROW LEVEL SECURITY;
ALTER TABLE register FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON register
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON register TO askel_serving;
