SET LOCAL lock_timeout = '5s';

CREATE TABLE catalog (
    -- Published catalogs.
    tenant bytea NOT NULL,
    -- From 1, dense.
    version bigint NOT NULL CHECK (version > 0),
    -- SHA-256 of the content.
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    signature bytea NOT NULL,
    published_at_ms bigint NOT NULL,
    -- The canonical content, last because it is long.
    content bytea NOT NULL,
    PRIMARY KEY (tenant, version)
);

CREATE INDEX catalog_by_hash ON catalog (tenant, hash, version);

ALTER TABLE catalog ENABLE ROW LEVEL SECURITY;
ALTER TABLE catalog FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON catalog
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON catalog TO askel_serving;
