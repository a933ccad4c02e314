CREATE TABLE catalog (
    -- Published catalogs. A row id keeps the large contents out of the key's tree.
    tenant BLOB NOT NULL,
    -- From 1, dense.
    version INTEGER NOT NULL CHECK (version > 0),
    -- SHA-256 of the content.
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    signature BLOB NOT NULL,
    published_at_ms INTEGER NOT NULL,
    -- The canonical content, last because it is long.
    content BLOB NOT NULL,
    UNIQUE (tenant, version)
) STRICT;

CREATE INDEX catalog_by_hash ON catalog (tenant, hash, version);
