CREATE TABLE tenant (
    -- Controllers of data, side by side. Every other key begins with one.
    tenant BLOB NOT NULL PRIMARY KEY CHECK (length(tenant) = 16),
    -- SHA-256 of the root key; never changes.
    root_hash BLOB NOT NULL CHECK (length(root_hash) = 32),
    -- The newest signed key list, encoded, and its version.
    signed_key_list BLOB NOT NULL,
    key_list_version INTEGER NOT NULL,
    -- All times are milliseconds since 1970-01-01T00:00:00Z.
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counter (
    -- The last number given to an outbox item or to a reason for being dirty.
    tenant BLOB NOT NULL PRIMARY KEY CHECK (length(tenant) = 16),
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
