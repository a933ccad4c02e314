CREATE TABLE participant (
    -- People taking part: a pseudonym and nothing else.
    tenant BLOB NOT NULL,
    participant BLOB NOT NULL CHECK (length(participant) = 16),
    PRIMARY KEY (tenant, participant)
) STRICT, WITHOUT ROWID;

CREATE TABLE invitation (
    tenant BLOB NOT NULL,
    -- Random, for the resource name.
    invitation BLOB NOT NULL CHECK (length(invitation) = 16),
    -- Keyed hash of the code; the code itself is nowhere.
    code_hash BLOB NOT NULL CHECK (length(code_hash) = 32),
    -- A number of askel.v1.Role.
    role INTEGER NOT NULL,
    -- A JSON array of place numbers; NULL for the whole tenant.
    scope TEXT,
    -- Who comes back, for a re-invitation.
    participant BLOB CHECK (length(participant) = 16),
    -- The device that invites; NULL for the operator.
    inviter BLOB CHECK (length(inviter) = 16),
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    -- The device that used it.
    used_by BLOB CHECK (length(used_by) = 16),
    PRIMARY KEY (tenant, invitation)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX invitation_by_code ON invitation (tenant, code_hash);
CREATE INDEX invitation_by_age ON invitation (tenant, created_at_ms, invitation);
CREATE INDEX invitation_by_participant ON invitation (tenant, participant)
WHERE participant IS NOT NULL;
CREATE INDEX invitation_by_user ON invitation (tenant, used_by) WHERE used_by IS NOT NULL;

CREATE TABLE device (
    tenant BLOB NOT NULL,
    -- Derived from tenant and key.
    device BLOB NOT NULL CHECK (length(device) = 16),
    public_key BLOB NOT NULL CHECK (length(public_key) = 32),
    -- A number of askel.v1.Role.
    role INTEGER NOT NULL,
    -- NULL for staff, organisers and admins.
    participant BLOB,
    -- As in invitation.
    scope TEXT,
    -- 1 pending, 2 active, 3 probation, 4 revoked.
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    -- When probation ends.
    probation_until_ms INTEGER CHECK ((state = 3) = (probation_until_ms IS NOT NULL)),
    inviter BLOB CHECK (length(inviter) = 16),
    enrolled_at_ms INTEGER NOT NULL,
    -- For staff, once active.
    lease_until_ms INTEGER,
    -- The pass it shows; NULL once it was revoked.
    pass BLOB,
    PRIMARY KEY (tenant, device),
    FOREIGN KEY (tenant, participant) REFERENCES participant,
    FOREIGN KEY (tenant, pass) REFERENCES pass
) STRICT, WITHOUT ROWID;

-- Staff are the rows without a participant.
CREATE INDEX device_by_participant ON device (tenant, participant, device);
CREATE INDEX device_by_pass ON device (tenant, pass);

CREATE TABLE pass (
    tenant BLOB NOT NULL,
    pass BLOB NOT NULL CHECK (length(pass) = 16),
    participant BLOB NOT NULL,
    -- When it stopped being good.
    burned_at_ms INTEGER,
    PRIMARY KEY (tenant, pass),
    FOREIGN KEY (tenant, participant) REFERENCES participant
) STRICT, WITHOUT ROWID;

CREATE INDEX pass_by_participant ON pass (tenant, participant);

CREATE TABLE recovery_sheet (
    tenant BLOB NOT NULL,
    -- Keyed hash of the code.
    code_hash BLOB NOT NULL CHECK (length(code_hash) = 32),
    participant BLOB NOT NULL,
    -- The device that asked for it; unused, the sheet ends with it.
    maker BLOB NOT NULL CHECK (length(maker) = 16),
    -- The device that used it. A participant has one unused sheet at most.
    used_by BLOB CHECK (length(used_by) = 16),
    PRIMARY KEY (tenant, code_hash),
    FOREIGN KEY (tenant, participant) REFERENCES participant
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX recovery_sheet_in_hand ON recovery_sheet (tenant, participant)
WHERE used_by IS NULL;

CREATE INDEX recovery_sheet_by_participant ON recovery_sheet (tenant, participant);
CREATE INDEX recovery_sheet_by_maker ON recovery_sheet (tenant, maker) WHERE used_by IS NULL;

CREATE TABLE approval (
    tenant BLOB NOT NULL,
    -- The device to come, by its key.
    approved BLOB NOT NULL CHECK (length(approved) = 16),
    participant BLOB NOT NULL,
    -- The device to be revoked when it comes.
    replaced BLOB CHECK (length(replaced) = 16),
    -- The device that approves; unused, the approval ends with it.
    maker BLOB NOT NULL CHECK (length(maker) = 16),
    expires_at_ms INTEGER NOT NULL,
    used INTEGER NOT NULL CHECK (used IN (0, 1)),
    PRIMARY KEY (tenant, approved),
    FOREIGN KEY (tenant, participant) REFERENCES participant
) STRICT, WITHOUT ROWID;

CREATE INDEX approval_by_maker ON approval (tenant, maker) WHERE used = 0;
CREATE INDEX approval_by_participant ON approval (tenant, participant);

CREATE TABLE card (
    -- Which pass a request for a paper card made, so that repeating it makes no second one.
    tenant BLOB NOT NULL,
    request BLOB NOT NULL CHECK (length(request) = 16),
    pass BLOB NOT NULL,
    PRIMARY KEY (tenant, request),
    FOREIGN KEY (tenant, pass) REFERENCES pass
) STRICT, WITHOUT ROWID;

CREATE INDEX card_by_pass ON card (tenant, pass);

CREATE TABLE enrol_failure (
    -- Failed attempts, for the limit on guessing; forgotten soon.
    tenant BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    PRIMARY KEY (tenant, at_ms)
) STRICT, WITHOUT ROWID;
