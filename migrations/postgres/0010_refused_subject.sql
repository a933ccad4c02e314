SET LOCAL lock_timeout = '5s';

-- Whom a refused op is about, as far as that was known: its id is a hash that could be guessed by who knows
-- their pass, so it goes with them. NULL for nobody, for an op that was not refused, and once it is erased.
ALTER TABLE log_entry ADD COLUMN subject bytea CHECK (octet_length(subject) = 16);

-- Where refused ops about someone are, to erase their ids there.
CREATE INDEX log_entry_subject ON log_entry (tenant, subject) WHERE subject IS NOT NULL;
