SET LOCAL lock_timeout = '5s';

CREATE TABLE renewal (
    -- The random seeds by which streams got new handles.
    tenant bytea NOT NULL,
    seed bytea NOT NULL CHECK (octet_length(seed) = 32),
    PRIMARY KEY (tenant, seed)
);

CREATE TABLE ancestor (
    -- Streams of before a restore.
    tenant bytea NOT NULL,
    -- The handle of before.
    handle bytea NOT NULL CHECK (octet_length(handle) = 16),
    -- The stream that continues it, as in stream.
    stream bytea NOT NULL,
    -- Up to this position both say the same.
    head bigint NOT NULL,
    -- The furthest position that somebody claimed or handed back.
    claimed bigint NOT NULL,
    -- Spans handed back: pairs of (position before the first, last position), 8 bytes each,
    -- big-endian.
    healed bytea NOT NULL,
    -- Those, and spans of which readers say that nothing is missing, in the same way.
    told bytea NOT NULL,
    PRIMARY KEY (tenant, handle)
);

CREATE INDEX ancestor_by_stream ON ancestor (tenant, stream);

CREATE TABLE log_claim (
    -- How far writers say their logs were settled, where that is further than this server knows.
    tenant bytea NOT NULL,
    log bytea NOT NULL CHECK (octet_length(log) = 16),
    next_sequence bigint NOT NULL,
    PRIMARY KEY (tenant, log)
);

ALTER TABLE renewal ENABLE ROW LEVEL SECURITY;
ALTER TABLE renewal FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON renewal
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON renewal TO askel_serving;

ALTER TABLE ancestor ENABLE ROW LEVEL SECURITY;
ALTER TABLE ancestor FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON ancestor
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON ancestor TO askel_serving;

ALTER TABLE log_claim ENABLE ROW LEVEL SECURITY;
ALTER TABLE log_claim FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON log_claim
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON log_claim TO askel_serving;
