SET LOCAL lock_timeout = '5s';

CREATE TABLE erased (
    -- Random ids that name nothing any more: participants, devices, logs, passes.
    tenant bytea NOT NULL,
    id bytea NOT NULL CHECK (octet_length(id) = 16),
    -- The participant whose it was; itself for a participant.
    participant bytea NOT NULL CHECK (octet_length(participant) = 16),
    -- 1 a participant, 2 a device, 3 a log, 4 a pass.
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    PRIMARY KEY (tenant, id, kind)
);

CREATE INDEX erased_by_participant ON erased (tenant, participant, kind, id);

ALTER TABLE erased ENABLE ROW LEVEL SECURITY;
ALTER TABLE erased FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON erased
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON erased TO askel_serving;
