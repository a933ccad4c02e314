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

-- However a device comes to be revoked.
CREATE TRIGGER push_goes_with_its_device AFTER UPDATE OF state ON device WHEN new.state = 4
BEGIN
    DELETE FROM push WHERE tenant = new.tenant AND device = new.device;
END;
