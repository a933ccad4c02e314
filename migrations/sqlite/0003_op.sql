CREATE TABLE log (
    tenant BLOB NOT NULL,
    log BLOB NOT NULL CHECK (length(log) = 16),
    -- The one writer.
    device BLOB NOT NULL CHECK (length(device) = 16),
    -- The first sequence without an entry; entries are dense from 0. 0 after a restore that has lost
    -- them all.
    next_sequence INTEGER NOT NULL CHECK (next_sequence >= 0),
    -- When its first entry was written, by the server's clock.
    opened_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, log)
) STRICT, WITHOUT ROWID;

CREATE INDEX log_by_device ON log (tenant, device, opened_at_ms, log);

CREATE TABLE log_entry (
    -- What became of each op, at its place in its carrier log.
    tenant BLOB NOT NULL,
    log BLOB NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    -- Zeros once it is erased.
    op BLOB NOT NULL CHECK (length(op) = 16),
    -- 1 accepted, 2 rejected, 3 deferred.
    outcome INTEGER NOT NULL CHECK (outcome BETWEEN 1 AND 3),
    -- The name of the reason for a rejection.
    reason TEXT CHECK ((outcome = 2) = (reason IS NOT NULL)),
    -- When this outcome was written, by the server's clock.
    settled_at_ms INTEGER NOT NULL,
    -- 1 for an accepted op that was first written in another log.
    carried INTEGER NOT NULL CHECK (carried IN (0, 1)),
    PRIMARY KEY (tenant, log, sequence),
    FOREIGN KEY (tenant, log) REFERENCES log
) STRICT, WITHOUT ROWID;

-- Where an op is besides its origin, to erase it there.
CREATE INDEX log_entry_carried ON log_entry (tenant, op) WHERE carried = 1;

-- What was refused, so that what is about it need not wait.
CREATE INDEX log_entry_refused ON log_entry (tenant, op) WHERE outcome = 2;

CREATE TABLE op (
    -- Accepted ops with their admission, each once.
    tenant BLOB NOT NULL,
    -- Follows from origin, kind and payload.
    op BLOB NOT NULL CHECK (length(op) = 16),
    origin_log BLOB NOT NULL CHECK (length(origin_log) = 16),
    origin_sequence INTEGER NOT NULL,
    -- A number of askel.v1.OpKind, or of a later version's.
    kind INTEGER NOT NULL,
    payload BLOB NOT NULL,
    -- The admission.
    corrected_at_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    subject BLOB CHECK (length(subject) = 16),
    strength INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    author_role INTEGER NOT NULL,
    PRIMARY KEY (tenant, op)
) STRICT, WITHOUT ROWID;

-- Anonymous counts: counted anew with each catalog.
CREATE INDEX op_tally ON op (tenant, op) WHERE kind = 2;

-- Sightings of a pass, to erase them with it: the pass follows the tag and length of field 1.
CREATE INDEX op_pass_seen ON op (tenant, substr(payload, 3, 16)) WHERE kind = 32;

CREATE TABLE stream (
    tenant BLOB NOT NULL,
    -- What it is and whose: 1 ‖ participant, 2 ‖ device, 3 ‖ place ‖ date, 4 (catalog), 5 ‖ goal.
    -- Numbers are 4 bytes, big-endian; a date's sign bit is turned.
    stream BLOB NOT NULL,
    -- The handle that readers see. Random.
    handle BLOB NOT NULL CHECK (length(handle) = 16),
    -- The last position; positions are dense from 1.
    head INTEGER NOT NULL CHECK (head >= 0),
    -- The wrapping sum over its live ops, as a signed number.
    sum INTEGER NOT NULL,
    PRIMARY KEY (tenant, stream)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX stream_by_handle ON stream (tenant, handle);

CREATE TABLE stream_op (
    tenant BLOB NOT NULL,
    stream BLOB NOT NULL,
    position INTEGER NOT NULL CHECK (position > 0),
    -- NULL once it is erased.
    op BLOB,
    -- 0 once it is superseded or erased.
    live INTEGER NOT NULL CHECK (live IN (0, 1)),
    PRIMARY KEY (tenant, stream, position),
    FOREIGN KEY (tenant, stream) REFERENCES stream
) STRICT, WITHOUT ROWID;

-- Where an op is in streams that many read, to erase it there: a place's day, the catalogs, a
-- challenge.
CREATE INDEX stream_op_shared ON stream_op (tenant, op) WHERE stream >= x'03' AND op IS NOT NULL;

CREATE TABLE register (
    -- The live op of each register of a stream.
    tenant BLOB NOT NULL,
    stream BLOB NOT NULL,
    -- As `Register::to_bytes` of askel-sync.
    register BLOB NOT NULL,
    position INTEGER NOT NULL CHECK (position > 0),
    PRIMARY KEY (tenant, stream, register)
) STRICT, WITHOUT ROWID;
