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

CREATE TABLE contribution (
    -- What each participant gives to a collective challenge, in all.
    tenant BLOB NOT NULL,
    goal INTEGER NOT NULL,
    participant BLOB NOT NULL CHECK (length(participant) = 16),
    points INTEGER NOT NULL CHECK (points > 0),
    PRIMARY KEY (tenant, goal, participant)
) STRICT, WITHOUT ROWID;

CREATE INDEX contribution_by_participant ON contribution (tenant, participant);

CREATE TABLE frozen_contribution (
    -- What people gave who are erased: how much and how many, of nobody.
    tenant BLOB NOT NULL,
    goal INTEGER NOT NULL,
    points INTEGER NOT NULL,
    people INTEGER NOT NULL,
    PRIMARY KEY (tenant, goal)
) STRICT, WITHOUT ROWID;

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

CREATE INDEX tally_by_place ON tally (tenant, place, date, session_kind, session, delta);
CREATE INDEX tally_by_date ON tally (tenant, date, place, session_kind, session, delta);
