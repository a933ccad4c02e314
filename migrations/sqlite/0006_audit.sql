CREATE TABLE audit (
    -- What was done, in a chain of hashes; append-only.
    tenant BLOB NOT NULL,
    -- From 1, dense.
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    at_ms INTEGER NOT NULL,
    -- The device that did it; NULL for the operator or the server.
    actor BLOB CHECK (length(actor) = 16),
    -- A name of docs/audit.md.
    action TEXT NOT NULL,
    -- A resource name with a random handle; never a text or an alias.
    target TEXT NOT NULL,
    -- The hash of the entry before, zeros for the first, and its own.
    previous_hash BLOB NOT NULL CHECK (length(previous_hash) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_by_time ON audit (tenant, at_ms);

CREATE TRIGGER audit_keeps_what_it_says BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_forgets_nothing BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
