-- All that an append writes of logs, ops and streams, and whom it marks. What somebody else made meanwhile
-- violates a key: then nothing of this stands.
WITH new_log AS (
    INSERT INTO log (tenant, log, device, next_sequence, opened_at_ms)
    SELECT $1, log, device, next_sequence, $2
    FROM unnest($3::bytea[], $4::bytea[], $5::bigint[]) AS made (log, device, next_sequence)
), new_stream AS (
    INSERT INTO stream (tenant, stream, handle, head, sum)
    SELECT $1, stream, handle, head, sum
    FROM unnest($6::bytea[], $7::bytea[], $8::bigint[], $9::bigint[])
         AS made (stream, handle, head, sum)
), new_op AS (
    INSERT INTO op (tenant, op, origin_log, origin_sequence, kind, payload, corrected_at_ms,
                    received_at_ms, subject, strength, flags, author_role)
    SELECT $1, op, origin_log, origin_sequence, kind, payload, corrected_at_ms, received_at_ms,
           nullif(subject, ''), strength, flags, author_role
    FROM unnest($10::bytea[], $11::bytea[], $12::bigint[], $13::bigint[], $14::bytea[],
                $15::bigint[], $16::bigint[], $17::bytea[], $18::smallint[], $19::bigint[],
                $20::smallint[])
         AS made (op, origin_log, origin_sequence, kind, payload, corrected_at_ms, received_at_ms,
                  subject, strength, flags, author_role)
), new_place AS (
    INSERT INTO stream_op (tenant, stream, position, op, live)
    SELECT $1, stream, position, op, live
    FROM unnest($21::bytea[], $22::bigint[], $23::bytea[], $24::boolean[])
         AS made (stream, position, op, live)
-- What is there, and locked, is changed by key: an update that joins may as well read all of a tenant's
-- rows for each change, where statistics say that there are few.
), moved_log AS (
    INSERT INTO log (tenant, log, device, next_sequence, opened_at_ms)
    SELECT $1, log, device, next_sequence, $2
    FROM unnest($25::bytea[], $26::bytea[], $27::bigint[]) AS moved (log, device, next_sequence)
    ON CONFLICT (tenant, log) DO UPDATE SET next_sequence = excluded.next_sequence
), moved_stream AS (
    INSERT INTO stream (tenant, stream, handle, head, sum)
    SELECT $1, stream, handle, head, sum
    FROM unnest($28::bytea[], $29::bytea[], $30::bigint[], $31::bigint[])
         AS moved (stream, handle, head, sum)
    ON CONFLICT (tenant, stream) DO UPDATE SET head = excluded.head, sum = excluded.sum
), new_entry AS (
    INSERT INTO log_entry (tenant, log, sequence, op, outcome, reason, settled_at_ms, carried,
                           subject)
    SELECT $1, log, sequence, op, outcome, nullif(reason, ''), $2, carried, nullif(subject, '')
    FROM unnest($32::bytea[], $33::bigint[], $34::bytea[], $35::smallint[], $36::text[],
                $37::boolean[], $38::bytea[], $39::boolean[])
         AS entry (log, sequence, op, outcome, reason, carried, subject, stands)
    WHERE NOT stands
), settled AS (
    INSERT INTO log_entry (tenant, log, sequence, op, outcome, reason, settled_at_ms, carried,
                           subject)
    SELECT $1, log, sequence, op, outcome, nullif(reason, ''), $2, carried, nullif(subject, '')
    FROM unnest($32::bytea[], $33::bigint[], $34::bytea[], $35::smallint[], $36::text[],
                $37::boolean[], $38::bytea[], $39::boolean[])
         AS entry (log, sequence, op, outcome, reason, carried, subject, stands)
    WHERE stands
    ON CONFLICT (tenant, log, sequence) DO UPDATE
    SET outcome = excluded.outcome, reason = excluded.reason,
        settled_at_ms = excluded.settled_at_ms, carried = excluded.carried,
        subject = excluded.subject
), marked AS (
    INSERT INTO dirty (tenant, generation, participant)
    SELECT $1, nextval('reason_number'), participant FROM unnest($40::bytea[]) AS participant
)
SELECT true AS "done!"
