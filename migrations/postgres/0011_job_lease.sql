SET LOCAL lock_timeout = '5s';

CREATE TABLE job_lease (
    -- Which of several nodes does a job of the tenant.
    tenant bytea NOT NULL,
    -- 1 projection, 2 retention.
    job smallint NOT NULL,
    -- The random name of the process.
    node bytea NOT NULL CHECK (octet_length(node) = 16),
    -- Rises when another node takes the job, and when someone is erased.
    generation bigint NOT NULL,
    -- When it ends unless it is renewed.
    until_ms bigint NOT NULL,
    PRIMARY KEY (tenant, job)
);

ALTER TABLE job_lease ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_lease FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON job_lease
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON job_lease TO askel_serving;
