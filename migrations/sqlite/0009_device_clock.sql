-- What a device last said of its clock, all NULL before it did: the boot's random id, as a signed
-- number; wall minus monotonic clock; its wall clock minus the server's.
ALTER TABLE device ADD COLUMN clock_boot_id INTEGER;
ALTER TABLE device ADD COLUMN clock_wall_minus_monotonic_ms INTEGER;
ALTER TABLE device ADD COLUMN clock_ahead_ms INTEGER;
