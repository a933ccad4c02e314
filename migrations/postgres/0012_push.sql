SET LOCAL lock_timeout = '5s';

CREATE TABLE push (
    -- Devices that want to be woken, and what is due to them. Goes with the device.
    tenant bytea NOT NULL,
    device bytea NOT NULL CHECK (octet_length(device) = 16),
    -- Where the push service finds the phone.
    token text NOT NULL,
    -- Minutes of the local day between which nobody is woken; NULL for never quiet.
    quiet_from smallint CHECK ((quiet_from IS NULL) = (quiet_until IS NULL)),
    quiet_until smallint,
    -- A time zone of the catalog; NULL for the home zone.
    zone bigint,
    -- When it is to be woken, or until when someone is at it; NULL when there is no reason.
    due_at_ms bigint,
    -- While someone is at it: when a reason that arose since is due.
    again_at_ms bigint,
    is_leased boolean NOT NULL DEFAULT false,
    failures bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, device),
    FOREIGN KEY (tenant, device) REFERENCES device ON DELETE CASCADE
);

CREATE INDEX push_by_due ON push (tenant, due_at_ms, device) WHERE due_at_ms IS NOT NULL;

-- However a device comes to be revoked.
CREATE FUNCTION forget_push_of_device() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM push WHERE tenant = new.tenant AND device = new.device;
    RETURN NULL;
END
$$;

CREATE TRIGGER push_goes_with_its_device AFTER UPDATE OF state ON device
FOR EACH ROW WHEN (new.state = 4) EXECUTE FUNCTION forget_push_of_device();

ALTER TABLE push ENABLE ROW LEVEL SECURITY;
ALTER TABLE push FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON push
USING (tenant = (SELECT current_tenant())) WITH CHECK (tenant = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON push TO askel_serving;
