SET LOCAL lock_timeout = '5s';

-- Who serves logs in as a member of this role, which owns nothing. It has to be there already where
-- the owner may make no roles.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'askel_serving') THEN
        CREATE ROLE askel_serving NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
EXCEPTION
    -- Made meanwhile, for another database of the same server.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

GRANT USAGE ON SCHEMA public TO askel_serving;
-- Who serves looks whether the schema is the one it knows.
GRANT SELECT ON _sqlx_migrations TO askel_serving;

-- The tenant that the transaction is of: what begins one says so first. NULL, which is nobody's,
-- where nothing was said.
CREATE FUNCTION current_tenant() RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN decode(nullif(current_setting('askel.tenant', true), ''), 'hex');

CREATE TABLE tenant (
    -- Controllers of data, side by side. Every other key begins with one.
    tenant bytea NOT NULL PRIMARY KEY CHECK (octet_length(tenant) = 16),
    -- SHA-256 of the root key; never changes.
    root_hash bytea NOT NULL CHECK (octet_length(root_hash) = 32),
    -- The newest signed key list, encoded, and its version.
    signed_key_list bytea NOT NULL,
    key_list_version bigint NOT NULL,
    -- All times are milliseconds since 1970-01-01T00:00:00Z.
    created_at_ms bigint NOT NULL
);

CREATE TABLE tenant_directory (
    -- The ids of all tenants and nothing else of them: jobs that go through all tenants begin here.
    -- The one table without row-level security, and therefore without a column named tenant.
    id bytea NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16)
);

GRANT SELECT, INSERT ON tenant_directory TO askel_serving;

-- Numbers of outbox items and of reasons for being dirty: each is given once, and that is all that
-- is asked of them. A row to count in would make all appends of a tenant wait for one another.
CREATE SEQUENCE reason_number;

GRANT USAGE ON SEQUENCE reason_number TO askel_serving;

ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON tenant
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant TO askel_serving;
