CREATE TABLE ancestor (
    -- Streams of before a restore.
    tenant BLOB NOT NULL,
    -- The handle of before.
    handle BLOB NOT NULL CHECK (length(handle) = 16),
    -- The stream that continues it, as in stream.
    stream BLOB NOT NULL,
    -- Up to this position both say the same.
    head INTEGER NOT NULL,
    -- The furthest position that somebody claimed or handed back.
    claimed INTEGER NOT NULL,
    -- Spans handed back: pairs of (position before the first, last position), 8 bytes each,
    -- big-endian.
    healed BLOB NOT NULL,
    -- Those, and spans of which readers say that nothing is missing, in the same way.
    told BLOB NOT NULL,
    PRIMARY KEY (tenant, handle)
) STRICT, WITHOUT ROWID;

CREATE INDEX ancestor_by_stream ON ancestor (tenant, stream);

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

CREATE INDEX approval_by_end ON approval (tenant, expires_at_ms);

CREATE INDEX approval_by_maker ON approval (tenant, maker) WHERE used = 0;

CREATE INDEX approval_by_participant ON approval (tenant, participant);

CREATE TABLE attendance (
    -- Derived: who was at which session, once.
    tenant BLOB NOT NULL,
    place INTEGER NOT NULL,
    -- Local day, as days since 1970-01-01.
    date INTEGER NOT NULL,
    -- 0 a slot, 1 a dated session of the catalog; then its number.
    session_kind INTEGER NOT NULL CHECK (session_kind IN (0, 1)),
    session INTEGER NOT NULL,
    participant BLOB NOT NULL CHECK (length(participant) = 16),
    PRIMARY KEY (tenant, place, date, session_kind, session, participant)
) STRICT, WITHOUT ROWID;

CREATE INDEX attendance_by_date
ON attendance (tenant, date, place, session_kind, session, participant);

CREATE INDEX attendance_by_participant ON attendance (tenant, participant);

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

CREATE TRIGGER audit_forgets_nothing BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_keeps_what_it_says BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TABLE card (
    -- Which pass a request for a paper card made, so that repeating it makes no second one.
    tenant BLOB NOT NULL,
    request BLOB NOT NULL CHECK (length(request) = 16),
    pass BLOB NOT NULL,
    PRIMARY KEY (tenant, request),
    FOREIGN KEY (tenant, pass) REFERENCES pass
) STRICT, WITHOUT ROWID;

CREATE INDEX card_by_pass ON card (tenant, pass);

CREATE TABLE catalog (
    -- Published catalogs. A row id keeps the large contents out of the key's tree.
    tenant BLOB NOT NULL,
    -- From 1, dense.
    version INTEGER NOT NULL CHECK (version > 0),
    -- SHA-256 of the content.
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    signature BLOB NOT NULL,
    published_at_ms INTEGER NOT NULL,
    -- The canonical content, last because it is long.
    content BLOB NOT NULL,
    UNIQUE (tenant, version)
) STRICT;

CREATE INDEX catalog_by_hash ON catalog (tenant, hash, version);

CREATE TABLE contribution (
    -- What each participant gives to a collective challenge, in all.
    tenant BLOB NOT NULL,
    goal INTEGER NOT NULL,
    participant BLOB NOT NULL CHECK (length(participant) = 16),
    points INTEGER NOT NULL CHECK (points > 0),
    PRIMARY KEY (tenant, goal, participant)
) STRICT, WITHOUT ROWID;

CREATE INDEX contribution_by_participant ON contribution (tenant, participant);

CREATE TABLE counter (
    -- The last number given to an outbox item or to a reason for being dirty.
    tenant BLOB NOT NULL PRIMARY KEY CHECK (length(tenant) = 16),
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

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
    pass BLOB, clock_boot_id INTEGER, clock_wall_minus_monotonic_ms INTEGER, clock_ahead_ms INTEGER,
    PRIMARY KEY (tenant, device),
    FOREIGN KEY (tenant, participant) REFERENCES participant,
    FOREIGN KEY (tenant, pass) REFERENCES pass
) STRICT, WITHOUT ROWID;

CREATE INDEX device_by_participant ON device (tenant, participant, device);

CREATE INDEX device_by_pass ON device (tenant, pass);

CREATE TRIGGER push_goes_with_its_device AFTER UPDATE OF state ON device WHEN new.state = 4
BEGIN
    DELETE FROM push WHERE tenant = new.tenant AND device = new.device;
END;

CREATE TABLE dirty (
    -- Participants whose awards may have changed.
    tenant BLOB NOT NULL,
    participant BLOB NOT NULL CHECK (length(participant) = 16),
    -- The number of the first reason: who waits longest comes first.
    first INTEGER NOT NULL,
    -- The number of the last reason.
    generation INTEGER NOT NULL,
    PRIMARY KEY (tenant, participant)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX dirty_by_age ON dirty (tenant, first);

CREATE TABLE enrol_failure (
    -- Failed attempts, for the limit on guessing; forgotten soon.
    tenant BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    PRIMARY KEY (tenant, at_ms)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE frozen_attendance (
    -- How many were at a session who are erased.
    tenant BLOB NOT NULL,
    -- As in attendance.
    place INTEGER NOT NULL,
    date INTEGER NOT NULL,
    session_kind INTEGER NOT NULL CHECK (session_kind IN (0, 1)),
    session INTEGER NOT NULL,
    people INTEGER NOT NULL,
    PRIMARY KEY (tenant, place, date, session_kind, session)
) STRICT, WITHOUT ROWID;

CREATE INDEX frozen_attendance_by_date
ON frozen_attendance (tenant, date, place, session_kind, session, people);

CREATE TABLE frozen_contribution (
    -- What people gave who are erased: how much and how many, of nobody.
    tenant BLOB NOT NULL,
    goal INTEGER NOT NULL,
    points INTEGER NOT NULL,
    people INTEGER NOT NULL,
    PRIMARY KEY (tenant, goal)
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

CREATE INDEX invitation_by_age ON invitation (tenant, created_at_ms, invitation);

CREATE UNIQUE INDEX invitation_by_code ON invitation (tenant, code_hash);

CREATE INDEX invitation_by_participant ON invitation (tenant, participant)
WHERE participant IS NOT NULL;

CREATE INDEX invitation_by_user ON invitation (tenant, used_by) WHERE used_by IS NOT NULL;

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

CREATE TABLE log (
    tenant BLOB NOT NULL,
    log BLOB NOT NULL CHECK (length(log) = 16),
    -- The one writer.
    device BLOB NOT NULL CHECK (length(device) = 16),
    -- The first sequence without an entry; entries are dense from 0. 0 after a restore that has lost
    -- them all.
    next_sequence INTEGER NOT NULL CHECK (next_sequence >= 0),
    -- When its first entry was written, by the server's clock.
    opened_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, log)
) STRICT, WITHOUT ROWID;

CREATE INDEX log_by_device ON log (tenant, device, opened_at_ms, log);

CREATE TABLE log_claim (
    -- How far writers say their logs were settled, where that is further than this server knows.
    tenant BLOB NOT NULL,
    log BLOB NOT NULL CHECK (length(log) = 16),
    next_sequence INTEGER NOT NULL,
    PRIMARY KEY (tenant, log)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_entry (
    -- What became of each op, at its place in its carrier log.
    tenant BLOB NOT NULL,
    log BLOB NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    -- Zeros once it is erased.
    op BLOB NOT NULL CHECK (length(op) = 16),
    -- 1 accepted, 2 rejected, 3 deferred.
    outcome INTEGER NOT NULL CHECK (outcome BETWEEN 1 AND 3),
    -- The name of the reason for a rejection.
    reason TEXT CHECK ((outcome = 2) = (reason IS NOT NULL)),
    -- When this outcome was written, by the server's clock.
    settled_at_ms INTEGER NOT NULL,
    -- 1 for an accepted op that was first written in another log.
    carried INTEGER NOT NULL CHECK (carried IN (0, 1)), subject BLOB CHECK (length(subject) = 16),
    PRIMARY KEY (tenant, log, sequence),
    FOREIGN KEY (tenant, log) REFERENCES log
) STRICT, WITHOUT ROWID;

CREATE INDEX log_entry_carried ON log_entry (tenant, op) WHERE carried = 1;

CREATE INDEX log_entry_refused ON log_entry (tenant, op) WHERE outcome = 2;

CREATE INDEX log_entry_subject ON log_entry (tenant, subject) WHERE subject IS NOT NULL;

CREATE TABLE op (
    -- Accepted ops with their admission, each once.
    tenant BLOB NOT NULL,
    -- Follows from origin, kind and payload.
    op BLOB NOT NULL CHECK (length(op) = 16),
    origin_log BLOB NOT NULL CHECK (length(origin_log) = 16),
    origin_sequence INTEGER NOT NULL,
    -- A number of askel.v1.OpKind, or of a later version's.
    kind INTEGER NOT NULL,
    payload BLOB NOT NULL,
    -- The admission.
    corrected_at_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    subject BLOB CHECK (length(subject) = 16),
    strength INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    author_role INTEGER NOT NULL,
    PRIMARY KEY (tenant, op)
) STRICT, WITHOUT ROWID;

CREATE INDEX op_pass_seen ON op (tenant, substr(payload, 3, 16)) WHERE kind = 32;

CREATE INDEX op_tally ON op (tenant, op) WHERE kind = 2;

CREATE TABLE outbox (
    -- Derived ops that are still to be written to another stream.
    tenant BLOB NOT NULL,
    item INTEGER NOT NULL,
    -- As in stream.
    stream BLOB NOT NULL,
    kind INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (tenant, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE participant (
    -- People taking part: a pseudonym and nothing else.
    tenant BLOB NOT NULL,
    participant BLOB NOT NULL CHECK (length(participant) = 16),
    PRIMARY KEY (tenant, participant)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE push (
    -- Devices that want to be woken, and what is due to them. Goes with the device.
    tenant BLOB NOT NULL,
    device BLOB NOT NULL CHECK (length(device) = 16),
    -- Where the push service finds the phone.
    token TEXT NOT NULL,
    -- Minutes of the local day between which nobody is woken; NULL for never quiet.
    quiet_from INTEGER CHECK ((quiet_from IS NULL) = (quiet_until IS NULL)),
    quiet_until INTEGER,
    -- A time zone of the catalog; NULL for the home zone.
    zone INTEGER,
    -- When it is to be woken, or until when someone is at it; NULL when there is no reason.
    due_at_ms INTEGER,
    -- While someone is at it: when a reason that arose since is due.
    again_at_ms INTEGER,
    is_leased INTEGER NOT NULL DEFAULT 0 CHECK (is_leased IN (0, 1)),
    failures INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, device),
    FOREIGN KEY (tenant, device) REFERENCES device ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX push_by_due ON push (tenant, due_at_ms, device) WHERE due_at_ms IS NOT NULL;

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

CREATE INDEX recovery_sheet_by_maker ON recovery_sheet (tenant, maker) WHERE used_by IS NULL;

CREATE INDEX recovery_sheet_by_participant ON recovery_sheet (tenant, participant);

CREATE UNIQUE INDEX recovery_sheet_in_hand ON recovery_sheet (tenant, participant)
WHERE used_by IS NULL;

CREATE TABLE register (
    -- The live op of each register of a stream.
    tenant BLOB NOT NULL,
    stream BLOB NOT NULL,
    -- As `Register::to_bytes` of askel-sync.
    register BLOB NOT NULL,
    position INTEGER NOT NULL CHECK (position > 0),
    PRIMARY KEY (tenant, stream, register)
) STRICT, WITHOUT ROWID;

CREATE TABLE renewal (
    -- The random seeds by which streams got new handles.
    tenant BLOB NOT NULL,
    seed BLOB NOT NULL CHECK (length(seed) = 32),
    PRIMARY KEY (tenant, seed)
) STRICT, WITHOUT ROWID;

CREATE TABLE stream (
    tenant BLOB NOT NULL,
    -- What it is and whose: 1 ‖ participant, 2 ‖ device, 3 ‖ place ‖ date, 4 (catalog), 5 ‖ goal.
    -- Numbers are 4 bytes, big-endian; a date's sign bit is turned.
    stream BLOB NOT NULL,
    -- The handle that readers see. Random.
    handle BLOB NOT NULL CHECK (length(handle) = 16),
    -- The last position; positions are dense from 1.
    head INTEGER NOT NULL CHECK (head >= 0),
    -- The wrapping sum over its live ops, as a signed number.
    sum INTEGER NOT NULL,
    PRIMARY KEY (tenant, stream)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX stream_by_handle ON stream (tenant, handle);

CREATE TABLE stream_op (
    tenant BLOB NOT NULL,
    stream BLOB NOT NULL,
    position INTEGER NOT NULL CHECK (position > 0),
    -- NULL once it is erased.
    op BLOB,
    -- 0 once it is superseded or erased.
    live INTEGER NOT NULL CHECK (live IN (0, 1)),
    PRIMARY KEY (tenant, stream, position),
    FOREIGN KEY (tenant, stream) REFERENCES stream
) STRICT, WITHOUT ROWID;

CREATE INDEX stream_op_shared ON stream_op (tenant, op) WHERE stream >= x'03' AND op IS NOT NULL;

CREATE TABLE tally (
    -- People counted without a name, by the op that says so; the session follows from the catalog.
    tenant BLOB NOT NULL,
    op BLOB NOT NULL CHECK (length(op) = 16),
    place INTEGER NOT NULL,
    date INTEGER NOT NULL,
    session_kind INTEGER NOT NULL CHECK (session_kind IN (0, 1)),
    session INTEGER NOT NULL,
    -- How many more, or fewer.
    delta INTEGER NOT NULL,
    PRIMARY KEY (tenant, op)
) STRICT, WITHOUT ROWID;

CREATE INDEX tally_by_date ON tally (tenant, date, place, session_kind, session, delta);

CREATE INDEX tally_by_place ON tally (tenant, place, date, session_kind, session, delta);

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
