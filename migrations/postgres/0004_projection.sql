SET LOCAL lock_timeout = '5s';

CREATE TABLE dirty (
    -- Reasons why a participant's awards may have changed. Each is written once and deleted once: a row
    -- that is marked again and again would leave more dead ones than any look passes over cheaply.
    tenant bytea NOT NULL,
    -- In order of marking: who waits longest comes first.
    generation bigint NOT NULL,
    participant bytea NOT NULL CHECK (octet_length(participant) = 16),
    PRIMARY KEY (tenant, generation)
);

CREATE TABLE outbox (
    -- Derived ops that are still to be written to another stream.
    tenant bytea NOT NULL,
    item bigint NOT NULL,
    -- As in stream.
    stream bytea NOT NULL,
    kind bigint NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (tenant, item)
);

CREATE TABLE contribution (
    -- What each participant gives to a collective challenge, in all.
    tenant bytea NOT NULL,
    goal bigint NOT NULL,
    participant bytea NOT NULL CHECK (octet_length(participant) = 16),
    points bigint NOT NULL CHECK (points > 0),
    PRIMARY KEY (tenant, goal, participant)
);

CREATE INDEX contribution_by_participant ON contribution (tenant, participant);

CREATE TABLE frozen_contribution (
    -- What people gave who are erased: how much and how many, of nobody.
    tenant bytea NOT NULL,
    goal bigint NOT NULL,
    points bigint NOT NULL,
    people bigint NOT NULL,
    PRIMARY KEY (tenant, goal)
);

CREATE TABLE attendance (
    -- Derived: who was at which session, once.
    tenant bytea NOT NULL,
    place bigint NOT NULL,
    -- Local day, as days since 1970-01-01.
    date integer NOT NULL,
    -- 0 a slot, 1 a dated session of the catalog; then its number.
    session_kind smallint NOT NULL CHECK (session_kind IN (0, 1)),
    session bigint NOT NULL,
    participant bytea NOT NULL CHECK (octet_length(participant) = 16),
    PRIMARY KEY (tenant, participant, date, place, session_kind, session)
);

-- What is asked of one place is asked day by day. Of whom it was is in the row: the same key many times
-- takes next to no room.
CREATE INDEX attendance_by_date ON attendance (tenant, date, place, session_kind, session);

CREATE TABLE frozen_attendance (
    -- How many were at a session who are erased.
    tenant bytea NOT NULL,
    -- As in attendance.
    place bigint NOT NULL,
    date integer NOT NULL,
    session_kind smallint NOT NULL CHECK (session_kind IN (0, 1)),
    session bigint NOT NULL,
    people bigint NOT NULL,
    PRIMARY KEY (tenant, place, date, session_kind, session)
);

CREATE INDEX frozen_attendance_by_date
ON frozen_attendance (tenant, date, place, session_kind, session, people);

CREATE TABLE tally (
    -- People counted without a name, by the op that says so; the session follows from the catalog.
    tenant bytea NOT NULL,
    op bytea NOT NULL CHECK (octet_length(op) = 16),
    place bigint NOT NULL,
    date integer NOT NULL,
    session_kind smallint NOT NULL CHECK (session_kind IN (0, 1)),
    session bigint NOT NULL,
    -- How many more, or fewer.
    delta bigint NOT NULL,
    PRIMARY KEY (tenant, op)
);

CREATE INDEX tally_by_place ON tally (tenant, place, date, session_kind, session, delta);
CREATE INDEX tally_by_date ON tally (tenant, date, place, session_kind, session, delta);

ALTER TABLE dirty ENABLE ROW LEVEL SECURITY;
ALTER TABLE dirty FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON dirty
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON dirty TO askel_serving;

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON outbox
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO askel_serving;

ALTER TABLE contribution ENABLE ROW LEVEL SECURITY;
ALTER TABLE contribution FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON contribution
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON contribution TO askel_serving;

ALTER TABLE frozen_contribution ENABLE ROW LEVEL SECURITY;
ALTER TABLE frozen_contribution FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON frozen_contribution
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON frozen_contribution TO askel_serving;

ALTER TABLE attendance ENABLE ROW LEVEL SECURITY;
ALTER TABLE attendance FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON attendance
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON attendance TO askel_serving;

ALTER TABLE frozen_attendance ENABLE ROW LEVEL SECURITY;
ALTER TABLE frozen_attendance FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON frozen_attendance
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON frozen_attendance TO askel_serving;

ALTER TABLE tally ENABLE ROW LEVEL SECURITY;
ALTER TABLE tally FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON tally
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON tally TO askel_serving;
