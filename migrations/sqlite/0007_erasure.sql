CREATE TABLE erased (
    -- Random ids that name nothing any more: participants, devices, logs, passes.
    tenant BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    -- The participant whose it was; itself for a participant.
    participant BLOB NOT NULL CHECK (length(participant) = 16),
    -- 1 a participant, 2 a device, 3 a log, 4 a pass.
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
    PRIMARY KEY (tenant, id, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX erased_by_participant ON erased (tenant, participant, kind, id);
