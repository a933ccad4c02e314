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
), moved_log AS (
    UPDATE log SET next_sequence = moved.next_sequence
    FROM unnest($25::bytea[], $26::bigint[]) AS moved (log, next_sequence)
    WHERE log.tenant = $1 AND log.log = moved.log
), moved_stream AS (
    UPDATE stream SET head = moved.head, sum = moved.sum
    FROM unnest($27::bytea[], $28::bigint[], $29::bigint[]) AS moved (stream, head, sum)
    WHERE stream.tenant = $1 AND stream.stream = moved.stream
), new_entry AS (
    INSERT INTO log_entry (tenant, log, sequence, op, outcome, reason, settled_at_ms, carried,
                           subject)
    SELECT $1, log, sequence, op, outcome, nullif(reason, ''), $2, carried, nullif(subject, '')
    FROM unnest($30::bytea[], $31::bigint[], $32::bytea[], $33::smallint[], $34::text[],
                $35::boolean[], $36::bytea[], $37::boolean[])
         AS entry (log, sequence, op, outcome, reason, carried, subject, stands)
    WHERE NOT stands
), settled AS (
    UPDATE log_entry
    SET outcome = entry.outcome, reason = nullif(entry.reason, ''), settled_at_ms = $2,
        carried = entry.carried, subject = nullif(entry.subject, '')
    FROM unnest($30::bytea[], $31::bigint[], $32::bytea[], $33::smallint[], $34::text[],
                $35::boolean[], $36::bytea[], $37::boolean[])
         AS entry (log, sequence, op, outcome, reason, carried, subject, stands)
    WHERE log_entry.tenant = $1 AND log_entry.log = entry.log
          AND log_entry.sequence = entry.sequence AND entry.stands
), marked AS (
    INSERT INTO dirty (tenant, generation, participant)
    SELECT $1, nextval('reason_number'), participant FROM unnest($38::bytea[]) AS participant
)
SELECT true AS "done!"
