SET LOCAL lock_timeout = '5s';

-- What a device last said of its clock, all NULL before it did: the boot's random id, as a signed
-- number; wall minus monotonic clock; its wall clock minus the server's.
ALTER TABLE device ADD COLUMN clock_boot_id bigint;
ALTER TABLE device ADD COLUMN clock_wall_minus_monotonic_ms bigint;
ALTER TABLE device ADD COLUMN clock_ahead_ms bigint;
