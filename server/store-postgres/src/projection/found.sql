-- What a projection found of people. No two of these parts touch the same row.
-- What is deleted by number is looked up as a range and in a hash of the numbers: a join would go over
-- all numbers for each row wherever statistics say that there are next to no rows.
WITH cleaned AS (
    DELETE FROM dirty
    WHERE tenant = $1 AND generation BETWEEN $2 AND $3
          AND (generation IN (SELECT unnest($4::bigint[]))) IS TRUE
), sent AS (
    DELETE FROM outbox
    WHERE tenant = $1 AND item BETWEEN $5 AND $6
          AND (item IN (SELECT unnest($7::bigint[]))) IS TRUE
), given AS (
    INSERT INTO contribution (tenant, goal, participant, points)
    SELECT $1, goal, participant, points
    FROM unnest($8::bigint[], $9::bytea[], $10::bigint[]) AS gift (goal, participant, points)
    ON CONFLICT (tenant, goal, participant) DO UPDATE SET points = excluded.points
), come AS (
    INSERT INTO attendance (tenant, place, date, session_kind, session, participant)
    SELECT $1, place, date, session_kind, session, participant
    FROM unnest($11::bigint[], $12::integer[], $13::smallint[], $14::bigint[], $15::bytea[])
         AS change (place, date, session_kind, session, participant)
    ON CONFLICT (tenant, participant, date, place, session_kind, session) DO NOTHING
)
SELECT true AS "done!"
