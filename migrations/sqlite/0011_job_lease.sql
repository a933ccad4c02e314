CREATE TABLE job_lease (
    -- Which of several nodes does a job of the tenant.
    tenant BLOB NOT NULL,
    -- 1 projection, 2 retention.
    job INTEGER NOT NULL,
    -- The random name of the process.
    node BLOB NOT NULL CHECK (length(node) = 16),
    -- Rises when another node takes the job, and when someone is erased.
    generation INTEGER NOT NULL,
    -- When it ends unless it is renewed.
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, job)
) STRICT, WITHOUT ROWID;
