-- What a projection found of people. No two of these parts touch the same row.
WITH clean AS (
    -- Locks in the order of bytes, as everyone does.
    SELECT dirty.participant
    FROM unnest($2::bytea[], $3::bigint[]) AS seen (participant, generation)
    JOIN dirty ON dirty.tenant = $1 AND dirty.participant = seen.participant
         AND dirty.generation = seen.generation
    ORDER BY dirty.participant FOR UPDATE OF dirty
), cleaned AS (
    DELETE FROM dirty USING clean
    WHERE dirty.tenant = $1 AND dirty.participant = clean.participant
), sent AS (
    DELETE FROM outbox WHERE tenant = $1 AND item = ANY($4::bigint[])
), given_no_more AS (
    DELETE FROM contribution
    USING unnest($5::bigint[], $6::bytea[], $7::bigint[]) AS gift (goal, participant, points)
    WHERE contribution.tenant = $1 AND contribution.goal = gift.goal
          AND contribution.participant = gift.participant AND gift.points = 0
), given AS (
    INSERT INTO contribution (tenant, goal, participant, points)
    SELECT $1, goal, participant, points
    FROM unnest($5::bigint[], $6::bytea[], $7::bigint[]) AS gift (goal, participant, points)
    WHERE points <> 0
    ON CONFLICT (tenant, goal, participant) DO UPDATE SET points = excluded.points
), gone AS (
    DELETE FROM attendance
    USING unnest($8::bigint[], $9::integer[], $10::smallint[], $11::bigint[], $12::bytea[],
                 $13::boolean[]) AS change (place, date, session_kind, session, participant, present)
    WHERE attendance.tenant = $1 AND attendance.place = change.place
          AND attendance.date = change.date AND attendance.session_kind = change.session_kind
          AND attendance.session = change.session
          AND attendance.participant = change.participant AND NOT change.present
), come AS (
    INSERT INTO attendance (tenant, place, date, session_kind, session, participant)
    SELECT $1, place, date, session_kind, session, participant
    FROM unnest($8::bigint[], $9::integer[], $10::smallint[], $11::bigint[], $12::bytea[],
                $13::boolean[]) AS change (place, date, session_kind, session, participant, present)
    WHERE present
    ON CONFLICT (tenant, place, date, session_kind, session, participant) DO NOTHING
)
SELECT true AS "done!"
