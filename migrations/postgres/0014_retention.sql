SET LOCAL lock_timeout = '5s';

-- Which approvals ended long ago, to drop them.
CREATE INDEX approval_by_end ON approval (tenant, expires_at_ms);
