SET LOCAL lock_timeout = '5s';

CREATE TABLE participant (
    -- People taking part: a pseudonym and nothing else.
    tenant bytea NOT NULL,
    participant bytea NOT NULL CHECK (octet_length(participant) = 16),
    PRIMARY KEY (tenant, participant)
);

CREATE TABLE invitation (
    tenant bytea NOT NULL,
    -- Random, for the resource name.
    invitation bytea NOT NULL CHECK (octet_length(invitation) = 16),
    -- Keyed hash of the code; the code itself is nowhere.
    code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    -- A number of askel.v1.Role.
    role smallint NOT NULL,
    -- A JSON array of place numbers; NULL for the whole tenant.
    scope text,
    -- Who comes back, for a re-invitation.
    participant bytea CHECK (octet_length(participant) = 16),
    -- The device that invites; NULL for the operator.
    inviter bytea CHECK (octet_length(inviter) = 16),
    created_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    -- The device that used it.
    used_by bytea CHECK (octet_length(used_by) = 16),
    PRIMARY KEY (tenant, invitation)
);

CREATE UNIQUE INDEX invitation_by_code ON invitation (tenant, code_hash);
CREATE INDEX invitation_by_age ON invitation (tenant, created_at_ms, invitation);
CREATE INDEX invitation_by_participant ON invitation (tenant, participant)
WHERE participant IS NOT NULL;
CREATE INDEX invitation_by_user ON invitation (tenant, used_by) WHERE used_by IS NOT NULL;

CREATE TABLE pass (
    tenant bytea NOT NULL,
    pass bytea NOT NULL CHECK (octet_length(pass) = 16),
    participant bytea NOT NULL,
    -- When it stopped being good.
    burned_at_ms bigint,
    PRIMARY KEY (tenant, pass),
    FOREIGN KEY (tenant, participant) REFERENCES participant
);

CREATE INDEX pass_by_participant ON pass (tenant, participant);

CREATE TABLE device (
    tenant bytea NOT NULL,
    -- Derived from tenant and key.
    device bytea NOT NULL CHECK (octet_length(device) = 16),
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    -- A number of askel.v1.Role.
    role smallint NOT NULL,
    -- NULL for staff, organisers and admins.
    participant bytea,
    -- As in invitation.
    scope text,
    -- 1 pending, 2 active, 3 probation, 4 revoked.
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
    -- When probation ends.
    probation_until_ms bigint CHECK ((state = 3) = (probation_until_ms IS NOT NULL)),
    inviter bytea CHECK (octet_length(inviter) = 16),
    enrolled_at_ms bigint NOT NULL,
    -- For staff, once active.
    lease_until_ms bigint,
    -- The pass it shows; NULL once it was revoked.
    pass bytea,
    PRIMARY KEY (tenant, device),
    FOREIGN KEY (tenant, participant) REFERENCES participant,
    FOREIGN KEY (tenant, pass) REFERENCES pass
);

-- Staff are the rows without a participant.
CREATE INDEX device_by_participant ON device (tenant, participant, device);
CREATE INDEX device_by_pass ON device (tenant, pass);

CREATE TABLE recovery_sheet (
    tenant bytea NOT NULL,
    -- Keyed hash of the code.
    code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    participant bytea NOT NULL,
    -- The device that asked for it; unused, the sheet ends with it.
    maker bytea NOT NULL CHECK (octet_length(maker) = 16),
    -- The device that used it. A participant has one unused sheet at most.
    used_by bytea CHECK (octet_length(used_by) = 16),
    PRIMARY KEY (tenant, code_hash),
    FOREIGN KEY (tenant, participant) REFERENCES participant
);

CREATE UNIQUE INDEX recovery_sheet_in_hand ON recovery_sheet (tenant, participant)
WHERE used_by IS NULL;

CREATE INDEX recovery_sheet_by_participant ON recovery_sheet (tenant, participant);
CREATE INDEX recovery_sheet_by_maker ON recovery_sheet (tenant, maker) WHERE used_by IS NULL;

CREATE TABLE approval (
    tenant bytea NOT NULL,
    -- The device to come, by its key.
    approved bytea NOT NULL CHECK (octet_length(approved) = 16),
    participant bytea NOT NULL,
    -- The device to be revoked when it comes.
    replaced bytea CHECK (octet_length(replaced) = 16),
    -- The device that approves; unused, the approval ends with it.
    maker bytea NOT NULL CHECK (octet_length(maker) = 16),
    expires_at_ms bigint NOT NULL,
    used boolean NOT NULL,
    PRIMARY KEY (tenant, approved),
    FOREIGN KEY (tenant, participant) REFERENCES participant
);

CREATE INDEX approval_by_maker ON approval (tenant, maker) WHERE NOT used;
CREATE INDEX approval_by_participant ON approval (tenant, participant);

CREATE TABLE card (
    -- Which pass a request for a paper card made, so that repeating it makes no second one.
    tenant bytea NOT NULL,
    request bytea NOT NULL CHECK (octet_length(request) = 16),
    pass bytea NOT NULL,
    PRIMARY KEY (tenant, request),
    FOREIGN KEY (tenant, pass) REFERENCES pass
);

CREATE INDEX card_by_pass ON card (tenant, pass);

CREATE TABLE enrol_failure (
    -- Failed attempts, for the limit on guessing; forgotten soon.
    tenant bytea NOT NULL,
    at_ms bigint NOT NULL,
    failures bigint NOT NULL,
    PRIMARY KEY (tenant, at_ms)
);

ALTER TABLE participant ENABLE ROW LEVEL SECURITY;
ALTER TABLE participant FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON participant
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON participant TO askel_serving;

ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON invitation
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON invitation TO askel_serving;

ALTER TABLE device ENABLE ROW LEVEL SECURITY;
ALTER TABLE device FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON device
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON device TO askel_serving;

ALTER TABLE pass ENABLE ROW LEVEL SECURITY;
ALTER TABLE pass FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON pass
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON pass TO askel_serving;

ALTER TABLE recovery_sheet ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_sheet FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON recovery_sheet
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON recovery_sheet TO askel_serving;

ALTER TABLE approval ENABLE ROW LEVEL SECURITY;
ALTER TABLE approval FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON approval
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON approval TO askel_serving;

ALTER TABLE card ENABLE ROW LEVEL SECURITY;
ALTER TABLE card FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON card
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON card TO askel_serving;

ALTER TABLE enrol_failure ENABLE ROW LEVEL SECURITY;
ALTER TABLE enrol_failure FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON enrol_failure
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON enrol_failure TO askel_serving;
