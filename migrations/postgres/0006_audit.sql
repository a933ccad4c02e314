SET LOCAL lock_timeout = '5s';

CREATE TABLE audit (
    -- What was done, in a chain of hashes; append-only.
    tenant bytea NOT NULL,
    -- From 1, dense.
    sequence bigint NOT NULL CHECK (sequence > 0),
    at_ms bigint NOT NULL,
    -- The device that did it; NULL for the operator or the server.
    actor bytea CHECK (octet_length(actor) = 16),
    -- A name of docs/audit.md.
    action text NOT NULL,
    -- A resource name with a random handle; never a text or an alias.
    target text NOT NULL,
    -- The hash of the entry before, zeros for the first, and its own.
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (tenant, sequence)
);

CREATE INDEX audit_by_time ON audit (tenant, at_ms);

CREATE FUNCTION refuse_change_of_audit() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;

CREATE TRIGGER audit_keeps_what_it_says
BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();

ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON audit
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT ON audit TO askel_serving;
