CREATE TABLE renewal (
    -- The random seeds by which streams got new handles.
    tenant BLOB NOT NULL,
    seed BLOB NOT NULL CHECK (length(seed) = 32),
    PRIMARY KEY (tenant, seed)
) STRICT, WITHOUT ROWID;

CREATE TABLE ancestor (
    -- Streams of before a restore.
    tenant BLOB NOT NULL,
    -- The handle of before.
    handle BLOB NOT NULL CHECK (length(handle) = 16),
    -- The stream that continues it, as in stream.
    stream BLOB NOT NULL,
    -- Up to this position both say the same.
    head INTEGER NOT NULL,
    -- The furthest position that somebody claimed or handed back.
    claimed INTEGER NOT NULL,
    -- Spans handed back: pairs of (position before the first, last position), 8 bytes each,
    -- big-endian.
    healed BLOB NOT NULL,
    -- Those, and spans of which readers say that nothing is missing, in the same way.
    told BLOB NOT NULL,
    PRIMARY KEY (tenant, handle)
) STRICT, WITHOUT ROWID;

CREATE INDEX ancestor_by_stream ON ancestor (tenant, stream);

CREATE TABLE log_claim (
    -- How far writers say their logs were settled, where that is further than this server knows.
    tenant BLOB NOT NULL,
    log BLOB NOT NULL CHECK (length(log) = 16),
    next_sequence INTEGER NOT NULL,
    PRIMARY KEY (tenant, log)
) STRICT, WITHOUT ROWID;
