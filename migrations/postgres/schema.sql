CREATE FUNCTION public.current_tenant() RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN decode(NULLIF(current_setting('askel.tenant'::text, true), ''::text), 'hex'::text);

CREATE FUNCTION public.forget_push_of_device() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM push WHERE tenant = new.tenant AND device = new.device;
    RETURN NULL;
END
$$;

CREATE FUNCTION public.refuse_change_of_audit() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;

CREATE TABLE public.ancestor (
    tenant bytea NOT NULL,
    handle bytea NOT NULL,
    stream bytea NOT NULL,
    head bigint NOT NULL,
    claimed bigint NOT NULL,
    healed bytea NOT NULL,
    told bytea NOT NULL,
    CONSTRAINT ancestor_handle_check CHECK ((octet_length(handle) = 16))
);

ALTER TABLE ONLY public.ancestor FORCE ROW LEVEL SECURITY;

CREATE TABLE public.approval (
    tenant bytea NOT NULL,
    approved bytea NOT NULL,
    participant bytea NOT NULL,
    replaced bytea,
    maker bytea NOT NULL,
    expires_at_ms bigint NOT NULL,
    used boolean NOT NULL,
    CONSTRAINT approval_approved_check CHECK ((octet_length(approved) = 16)),
    CONSTRAINT approval_maker_check CHECK ((octet_length(maker) = 16)),
    CONSTRAINT approval_replaced_check CHECK ((octet_length(replaced) = 16))
);

ALTER TABLE ONLY public.approval FORCE ROW LEVEL SECURITY;

CREATE TABLE public.attendance (
    tenant bytea NOT NULL,
    place bigint NOT NULL,
    date integer NOT NULL,
    session_kind smallint NOT NULL,
    session bigint NOT NULL,
    participant bytea NOT NULL,
    CONSTRAINT attendance_participant_check CHECK ((octet_length(participant) = 16)),
    CONSTRAINT attendance_session_kind_check CHECK ((session_kind = ANY (ARRAY[0, 1])))
);

ALTER TABLE ONLY public.attendance FORCE ROW LEVEL SECURITY;

CREATE TABLE public.audit (
    tenant bytea NOT NULL,
    sequence bigint NOT NULL,
    at_ms bigint NOT NULL,
    actor bytea,
    action text NOT NULL,
    target text NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_actor_check CHECK ((octet_length(actor) = 16)),
    CONSTRAINT audit_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT audit_previous_hash_check CHECK ((octet_length(previous_hash) = 32)),
    CONSTRAINT audit_sequence_check CHECK ((sequence > 0))
);

ALTER TABLE ONLY public.audit FORCE ROW LEVEL SECURITY;

CREATE TABLE public.card (
    tenant bytea NOT NULL,
    request bytea NOT NULL,
    pass bytea NOT NULL,
    CONSTRAINT card_request_check CHECK ((octet_length(request) = 16))
);

ALTER TABLE ONLY public.card FORCE ROW LEVEL SECURITY;

CREATE TABLE public.catalog (
    tenant bytea NOT NULL,
    version bigint NOT NULL,
    hash bytea NOT NULL,
    signature bytea NOT NULL,
    published_at_ms bigint NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT catalog_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT catalog_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.catalog FORCE ROW LEVEL SECURITY;

CREATE TABLE public.contribution (
    tenant bytea NOT NULL,
    goal bigint NOT NULL,
    participant bytea NOT NULL,
    points bigint NOT NULL,
    CONSTRAINT contribution_participant_check CHECK ((octet_length(participant) = 16)),
    CONSTRAINT contribution_points_check CHECK ((points > 0))
);

ALTER TABLE ONLY public.contribution FORCE ROW LEVEL SECURITY;

CREATE TABLE public.device (
    tenant bytea NOT NULL,
    device bytea NOT NULL,
    public_key bytea NOT NULL,
    role smallint NOT NULL,
    participant bytea,
    scope text,
    state smallint NOT NULL,
    probation_until_ms bigint,
    inviter bytea,
    enrolled_at_ms bigint NOT NULL,
    lease_until_ms bigint,
    pass bytea,
    clock_boot_id bigint,
    clock_wall_minus_monotonic_ms bigint,
    clock_ahead_ms bigint,
    CONSTRAINT device_check CHECK (((state = 3) = (probation_until_ms IS NOT NULL))),
    CONSTRAINT device_device_check CHECK ((octet_length(device) = 16)),
    CONSTRAINT device_inviter_check CHECK ((octet_length(inviter) = 16)),
    CONSTRAINT device_public_key_check CHECK ((octet_length(public_key) = 32)),
    CONSTRAINT device_state_check CHECK (((state >= 1) AND (state <= 4)))
);

ALTER TABLE ONLY public.device FORCE ROW LEVEL SECURITY;

CREATE TABLE public.dirty (
    tenant bytea NOT NULL,
    generation bigint NOT NULL,
    participant bytea NOT NULL,
    CONSTRAINT dirty_participant_check CHECK ((octet_length(participant) = 16))
);

ALTER TABLE ONLY public.dirty FORCE ROW LEVEL SECURITY;

CREATE TABLE public.enrol_failure (
    tenant bytea NOT NULL,
    at_ms bigint NOT NULL,
    failures bigint NOT NULL
);

ALTER TABLE ONLY public.enrol_failure FORCE ROW LEVEL SECURITY;

CREATE TABLE public.erased (
    tenant bytea NOT NULL,
    id bytea NOT NULL,
    participant bytea NOT NULL,
    kind smallint NOT NULL,
    CONSTRAINT erased_id_check CHECK ((octet_length(id) = 16)),
    CONSTRAINT erased_kind_check CHECK (((kind >= 1) AND (kind <= 4))),
    CONSTRAINT erased_participant_check CHECK ((octet_length(participant) = 16))
);

ALTER TABLE ONLY public.erased FORCE ROW LEVEL SECURITY;

CREATE TABLE public.frozen_attendance (
    tenant bytea NOT NULL,
    place bigint NOT NULL,
    date integer NOT NULL,
    session_kind smallint NOT NULL,
    session bigint NOT NULL,
    people bigint NOT NULL,
    CONSTRAINT frozen_attendance_session_kind_check CHECK ((session_kind = ANY (ARRAY[0, 1])))
);

ALTER TABLE ONLY public.frozen_attendance FORCE ROW LEVEL SECURITY;

CREATE TABLE public.frozen_contribution (
    tenant bytea NOT NULL,
    goal bigint NOT NULL,
    points bigint NOT NULL,
    people bigint NOT NULL
);

ALTER TABLE ONLY public.frozen_contribution FORCE ROW LEVEL SECURITY;

CREATE TABLE public.invitation (
    tenant bytea NOT NULL,
    invitation bytea NOT NULL,
    code_hash bytea NOT NULL,
    role smallint NOT NULL,
    scope text,
    participant bytea,
    inviter bytea,
    created_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    used_by bytea,
    CONSTRAINT invitation_code_hash_check CHECK ((octet_length(code_hash) = 32)),
    CONSTRAINT invitation_invitation_check CHECK ((octet_length(invitation) = 16)),
    CONSTRAINT invitation_inviter_check CHECK ((octet_length(inviter) = 16)),
    CONSTRAINT invitation_participant_check CHECK ((octet_length(participant) = 16)),
    CONSTRAINT invitation_used_by_check CHECK ((octet_length(used_by) = 16))
);

ALTER TABLE ONLY public.invitation FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_lease (
    tenant bytea NOT NULL,
    job smallint NOT NULL,
    node bytea NOT NULL,
    generation bigint NOT NULL,
    until_ms bigint NOT NULL,
    CONSTRAINT job_lease_node_check CHECK ((octet_length(node) = 16))
);

ALTER TABLE ONLY public.job_lease FORCE ROW LEVEL SECURITY;

CREATE TABLE public.log (
    tenant bytea NOT NULL,
    log bytea NOT NULL,
    device bytea NOT NULL,
    next_sequence bigint NOT NULL,
    opened_at_ms bigint NOT NULL,
    CONSTRAINT log_device_check CHECK ((octet_length(device) = 16)),
    CONSTRAINT log_log_check CHECK ((octet_length(log) = 16)),
    CONSTRAINT log_next_sequence_check CHECK ((next_sequence >= 0))
)
WITH (fillfactor='70');

ALTER TABLE ONLY public.log FORCE ROW LEVEL SECURITY;

CREATE TABLE public.log_claim (
    tenant bytea NOT NULL,
    log bytea NOT NULL,
    next_sequence bigint NOT NULL,
    CONSTRAINT log_claim_log_check CHECK ((octet_length(log) = 16))
);

ALTER TABLE ONLY public.log_claim FORCE ROW LEVEL SECURITY;

CREATE TABLE public.log_entry (
    tenant bytea NOT NULL,
    log bytea NOT NULL,
    sequence bigint NOT NULL,
    op bytea NOT NULL,
    outcome smallint NOT NULL,
    reason text,
    settled_at_ms bigint NOT NULL,
    carried boolean NOT NULL,
    subject bytea,
    CONSTRAINT log_entry_check CHECK (((outcome = 2) = (reason IS NOT NULL))),
    CONSTRAINT log_entry_op_check CHECK ((octet_length(op) = 16)),
    CONSTRAINT log_entry_outcome_check CHECK (((outcome >= 1) AND (outcome <= 3))),
    CONSTRAINT log_entry_sequence_check CHECK ((sequence >= 0)),
    CONSTRAINT log_entry_subject_check CHECK ((octet_length(subject) = 16))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

ALTER TABLE ONLY public.log_entry FORCE ROW LEVEL SECURITY;

CREATE TABLE public.op (
    tenant bytea NOT NULL,
    op bytea NOT NULL,
    origin_log bytea NOT NULL,
    origin_sequence bigint NOT NULL,
    kind bigint NOT NULL,
    payload bytea NOT NULL,
    corrected_at_ms bigint NOT NULL,
    received_at_ms bigint NOT NULL,
    subject bytea,
    strength smallint NOT NULL,
    flags bigint NOT NULL,
    author_role smallint NOT NULL,
    seen_pass bytea GENERATED ALWAYS AS (
CASE
    WHEN (kind = 32) THEN substr(payload, 3, 16)
    ELSE NULL::bytea
END) STORED,
    CONSTRAINT op_op_check CHECK ((octet_length(op) = 16)),
    CONSTRAINT op_origin_log_check CHECK ((octet_length(origin_log) = 16)),
    CONSTRAINT op_subject_check CHECK ((octet_length(subject) = 16))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

ALTER TABLE ONLY public.op FORCE ROW LEVEL SECURITY;

CREATE TABLE public.outbox (
    tenant bytea NOT NULL,
    item bigint NOT NULL,
    stream bytea NOT NULL,
    kind bigint NOT NULL,
    payload bytea NOT NULL
);

ALTER TABLE ONLY public.outbox FORCE ROW LEVEL SECURITY;

CREATE TABLE public.participant (
    tenant bytea NOT NULL,
    participant bytea NOT NULL,
    CONSTRAINT participant_participant_check CHECK ((octet_length(participant) = 16))
);

ALTER TABLE ONLY public.participant FORCE ROW LEVEL SECURITY;

CREATE TABLE public.pass (
    tenant bytea NOT NULL,
    pass bytea NOT NULL,
    participant bytea NOT NULL,
    burned_at_ms bigint,
    CONSTRAINT pass_pass_check CHECK ((octet_length(pass) = 16))
);

ALTER TABLE ONLY public.pass FORCE ROW LEVEL SECURITY;

CREATE TABLE public.push (
    tenant bytea NOT NULL,
    device bytea NOT NULL,
    token text NOT NULL,
    quiet_from smallint,
    quiet_until smallint,
    zone bigint,
    due_at_ms bigint,
    again_at_ms bigint,
    is_leased boolean DEFAULT false NOT NULL,
    failures bigint DEFAULT 0 NOT NULL,
    CONSTRAINT push_check CHECK (((quiet_from IS NULL) = (quiet_until IS NULL))),
    CONSTRAINT push_device_check CHECK ((octet_length(device) = 16))
);

ALTER TABLE ONLY public.push FORCE ROW LEVEL SECURITY;

CREATE SEQUENCE public.reason_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.recovery_sheet (
    tenant bytea NOT NULL,
    code_hash bytea NOT NULL,
    participant bytea NOT NULL,
    maker bytea NOT NULL,
    used_by bytea,
    CONSTRAINT recovery_sheet_code_hash_check CHECK ((octet_length(code_hash) = 32)),
    CONSTRAINT recovery_sheet_maker_check CHECK ((octet_length(maker) = 16)),
    CONSTRAINT recovery_sheet_used_by_check CHECK ((octet_length(used_by) = 16))
);

ALTER TABLE ONLY public.recovery_sheet FORCE ROW LEVEL SECURITY;

CREATE TABLE public.register (
    tenant bytea NOT NULL,
    stream bytea NOT NULL,
    register bytea NOT NULL,
    "position" bigint NOT NULL,
    CONSTRAINT register_position_check CHECK (("position" > 0))
);

ALTER TABLE ONLY public.register FORCE ROW LEVEL SECURITY;

CREATE TABLE public.renewal (
    tenant bytea NOT NULL,
    seed bytea NOT NULL,
    CONSTRAINT renewal_seed_check CHECK ((octet_length(seed) = 32))
);

ALTER TABLE ONLY public.renewal FORCE ROW LEVEL SECURITY;

CREATE TABLE public.stream (
    tenant bytea NOT NULL,
    stream bytea NOT NULL,
    handle bytea NOT NULL,
    head bigint NOT NULL,
    sum bigint NOT NULL,
    CONSTRAINT stream_handle_check CHECK ((octet_length(handle) = 16)),
    CONSTRAINT stream_head_check CHECK ((head >= 0))
)
WITH (fillfactor='70');

ALTER TABLE ONLY public.stream FORCE ROW LEVEL SECURITY;

CREATE TABLE public.stream_op (
    tenant bytea NOT NULL,
    stream bytea NOT NULL,
    "position" bigint NOT NULL,
    op bytea,
    live boolean NOT NULL,
    CONSTRAINT stream_op_position_check CHECK (("position" > 0))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

ALTER TABLE ONLY public.stream_op FORCE ROW LEVEL SECURITY;

CREATE TABLE public.tally (
    tenant bytea NOT NULL,
    op bytea NOT NULL,
    place bigint NOT NULL,
    date integer NOT NULL,
    session_kind smallint NOT NULL,
    session bigint NOT NULL,
    delta bigint NOT NULL,
    CONSTRAINT tally_op_check CHECK ((octet_length(op) = 16)),
    CONSTRAINT tally_session_kind_check CHECK ((session_kind = ANY (ARRAY[0, 1])))
);

ALTER TABLE ONLY public.tally FORCE ROW LEVEL SECURITY;

CREATE TABLE public.tenant (
    tenant bytea NOT NULL,
    root_hash bytea NOT NULL,
    signed_key_list bytea NOT NULL,
    key_list_version bigint NOT NULL,
    created_at_ms bigint NOT NULL,
    CONSTRAINT tenant_root_hash_check CHECK ((octet_length(root_hash) = 32)),
    CONSTRAINT tenant_tenant_check CHECK ((octet_length(tenant) = 16))
);

ALTER TABLE ONLY public.tenant FORCE ROW LEVEL SECURITY;

CREATE TABLE public.tenant_directory (
    id bytea NOT NULL,
    CONSTRAINT tenant_directory_id_check CHECK ((octet_length(id) = 16))
);

ALTER TABLE ONLY public.ancestor
    ADD CONSTRAINT ancestor_pkey PRIMARY KEY (tenant, handle);

ALTER TABLE ONLY public.approval
    ADD CONSTRAINT approval_pkey PRIMARY KEY (tenant, approved);

ALTER TABLE ONLY public.attendance
    ADD CONSTRAINT attendance_pkey PRIMARY KEY (tenant, participant, date, place, session_kind, session);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (tenant, sequence);

ALTER TABLE ONLY public.card
    ADD CONSTRAINT card_pkey PRIMARY KEY (tenant, request);

ALTER TABLE ONLY public.catalog
    ADD CONSTRAINT catalog_pkey PRIMARY KEY (tenant, version);

ALTER TABLE ONLY public.contribution
    ADD CONSTRAINT contribution_pkey PRIMARY KEY (tenant, goal, participant);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (tenant, device);

ALTER TABLE ONLY public.dirty
    ADD CONSTRAINT dirty_pkey PRIMARY KEY (tenant, generation);

ALTER TABLE ONLY public.enrol_failure
    ADD CONSTRAINT enrol_failure_pkey PRIMARY KEY (tenant, at_ms);

ALTER TABLE ONLY public.erased
    ADD CONSTRAINT erased_pkey PRIMARY KEY (tenant, id, kind);

ALTER TABLE ONLY public.frozen_attendance
    ADD CONSTRAINT frozen_attendance_pkey PRIMARY KEY (tenant, place, date, session_kind, session);

ALTER TABLE ONLY public.frozen_contribution
    ADD CONSTRAINT frozen_contribution_pkey PRIMARY KEY (tenant, goal);

ALTER TABLE ONLY public.invitation
    ADD CONSTRAINT invitation_pkey PRIMARY KEY (tenant, invitation);

ALTER TABLE ONLY public.job_lease
    ADD CONSTRAINT job_lease_pkey PRIMARY KEY (tenant, job);

ALTER TABLE ONLY public.log_claim
    ADD CONSTRAINT log_claim_pkey PRIMARY KEY (tenant, log);

ALTER TABLE ONLY public.log_entry
    ADD CONSTRAINT log_entry_pkey PRIMARY KEY (tenant, log, sequence);

ALTER TABLE ONLY public.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (tenant, log);

ALTER TABLE ONLY public.op
    ADD CONSTRAINT op_pkey PRIMARY KEY (tenant, op);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (tenant, item);

ALTER TABLE ONLY public.participant
    ADD CONSTRAINT participant_pkey PRIMARY KEY (tenant, participant);

ALTER TABLE ONLY public.pass
    ADD CONSTRAINT pass_pkey PRIMARY KEY (tenant, pass);

ALTER TABLE ONLY public.push
    ADD CONSTRAINT push_pkey PRIMARY KEY (tenant, device);

ALTER TABLE ONLY public.recovery_sheet
    ADD CONSTRAINT recovery_sheet_pkey PRIMARY KEY (tenant, code_hash);

ALTER TABLE ONLY public.register
    ADD CONSTRAINT register_pkey PRIMARY KEY (tenant, stream, register);

ALTER TABLE ONLY public.renewal
    ADD CONSTRAINT renewal_pkey PRIMARY KEY (tenant, seed);

ALTER TABLE ONLY public.stream_op
    ADD CONSTRAINT stream_op_pkey PRIMARY KEY (tenant, stream, "position");

ALTER TABLE ONLY public.stream
    ADD CONSTRAINT stream_pkey PRIMARY KEY (tenant, stream);

ALTER TABLE ONLY public.tally
    ADD CONSTRAINT tally_pkey PRIMARY KEY (tenant, op);

ALTER TABLE ONLY public.tenant_directory
    ADD CONSTRAINT tenant_directory_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (tenant);

CREATE INDEX ancestor_by_stream ON public.ancestor USING btree (tenant, stream);

CREATE INDEX approval_by_end ON public.approval USING btree (tenant, expires_at_ms);

CREATE INDEX approval_by_maker ON public.approval USING btree (tenant, maker) WHERE (NOT used);

CREATE INDEX approval_by_participant ON public.approval USING btree (tenant, participant);

CREATE INDEX attendance_by_date ON public.attendance USING btree (tenant, date, place, session_kind, session);

CREATE INDEX audit_by_time ON public.audit USING btree (tenant, at_ms);

CREATE INDEX card_by_pass ON public.card USING btree (tenant, pass);

CREATE INDEX catalog_by_hash ON public.catalog USING btree (tenant, hash, version);

CREATE INDEX contribution_by_participant ON public.contribution USING btree (tenant, participant);

CREATE INDEX device_by_participant ON public.device USING btree (tenant, participant, device);

CREATE INDEX device_by_pass ON public.device USING btree (tenant, pass);

CREATE INDEX erased_by_participant ON public.erased USING btree (tenant, participant, kind, id);

CREATE INDEX frozen_attendance_by_date ON public.frozen_attendance USING btree (tenant, date, place, session_kind, session, people);

CREATE INDEX invitation_by_age ON public.invitation USING btree (tenant, created_at_ms, invitation);

CREATE UNIQUE INDEX invitation_by_code ON public.invitation USING btree (tenant, code_hash);

CREATE INDEX invitation_by_participant ON public.invitation USING btree (tenant, participant) WHERE (participant IS NOT NULL);

CREATE INDEX invitation_by_user ON public.invitation USING btree (tenant, used_by) WHERE (used_by IS NOT NULL);

CREATE INDEX log_by_device ON public.log USING btree (tenant, device, opened_at_ms, log);

CREATE INDEX log_entry_carried ON public.log_entry USING btree (tenant, op) WHERE carried;

CREATE INDEX log_entry_refused ON public.log_entry USING btree (tenant, op) WHERE (outcome = 2);

CREATE INDEX log_entry_subject ON public.log_entry USING btree (tenant, subject) WHERE (subject IS NOT NULL);

CREATE INDEX op_pass_seen ON public.op USING btree (tenant, seen_pass) WHERE (seen_pass IS NOT NULL);

CREATE INDEX op_tally ON public.op USING btree (tenant, op) WHERE (kind = 2);

CREATE INDEX pass_by_participant ON public.pass USING btree (tenant, participant);

CREATE INDEX push_by_due ON public.push USING btree (tenant, due_at_ms, device) WHERE (due_at_ms IS NOT NULL);

CREATE INDEX recovery_sheet_by_maker ON public.recovery_sheet USING btree (tenant, maker) WHERE (used_by IS NULL);

CREATE INDEX recovery_sheet_by_participant ON public.recovery_sheet USING btree (tenant, participant);

CREATE UNIQUE INDEX recovery_sheet_in_hand ON public.recovery_sheet USING btree (tenant, participant) WHERE (used_by IS NULL);

CREATE UNIQUE INDEX stream_by_handle ON public.stream USING btree (tenant, handle);

CREATE INDEX stream_op_shared ON public.stream_op USING btree (tenant, op) WHERE ((stream >= '\x03'::bytea) AND (op IS NOT NULL));

CREATE INDEX tally_by_date ON public.tally USING btree (tenant, date, place, session_kind, session, delta);

CREATE INDEX tally_by_place ON public.tally USING btree (tenant, place, date, session_kind, session, delta);

CREATE TRIGGER audit_keeps_what_it_says BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_audit();

CREATE TRIGGER push_goes_with_its_device AFTER UPDATE OF state ON public.device FOR EACH ROW WHEN ((new.state = 4)) EXECUTE FUNCTION public.forget_push_of_device();

ALTER TABLE ONLY public.approval
    ADD CONSTRAINT approval_tenant_participant_fkey FOREIGN KEY (tenant, participant) REFERENCES public.participant(tenant, participant);

ALTER TABLE ONLY public.card
    ADD CONSTRAINT card_tenant_pass_fkey FOREIGN KEY (tenant, pass) REFERENCES public.pass(tenant, pass);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_tenant_participant_fkey FOREIGN KEY (tenant, participant) REFERENCES public.participant(tenant, participant);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_tenant_pass_fkey FOREIGN KEY (tenant, pass) REFERENCES public.pass(tenant, pass);

ALTER TABLE ONLY public.pass
    ADD CONSTRAINT pass_tenant_participant_fkey FOREIGN KEY (tenant, participant) REFERENCES public.participant(tenant, participant);

ALTER TABLE ONLY public.push
    ADD CONSTRAINT push_tenant_device_fkey FOREIGN KEY (tenant, device) REFERENCES public.device(tenant, device) ON DELETE CASCADE;

ALTER TABLE ONLY public.recovery_sheet
    ADD CONSTRAINT recovery_sheet_tenant_participant_fkey FOREIGN KEY (tenant, participant) REFERENCES public.participant(tenant, participant);

ALTER TABLE public.ancestor ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.approval ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.attendance ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.card ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.catalog ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.contribution ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.device ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.dirty ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.enrol_failure ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.erased ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.frozen_attendance ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.frozen_contribution ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.invitation ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_lease ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.log ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.log_claim ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.log_entry ENABLE ROW LEVEL SECURITY;

CREATE POLICY of_one_tenant ON public.ancestor USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.approval USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.attendance USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.audit USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.card USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.catalog USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.contribution USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.device USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.dirty USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.enrol_failure USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.erased USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.frozen_attendance USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.frozen_contribution USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.invitation USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.job_lease USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.log USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.log_claim USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.log_entry USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.op USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.outbox USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.participant USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.pass USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.push USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.recovery_sheet USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.register USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.renewal USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.stream USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.stream_op USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.tally USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

CREATE POLICY of_one_tenant ON public.tenant USING ((tenant = ( SELECT public.current_tenant() AS current_tenant))) WITH CHECK ((tenant = ( SELECT public.current_tenant() AS current_tenant)));

ALTER TABLE public.op ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.outbox ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.participant ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.pass ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.push ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.recovery_sheet ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.register ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.renewal ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.stream ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.stream_op ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.tally ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.tenant ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA public TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ancestor TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.approval TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.attendance TO askel_serving;

GRANT SELECT,INSERT ON TABLE public.audit TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.card TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.catalog TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.contribution TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.dirty TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.enrol_failure TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.erased TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.frozen_attendance TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.frozen_contribution TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.invitation TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.job_lease TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.log TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.log_claim TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.log_entry TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.op TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.participant TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.pass TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.push TO askel_serving;

GRANT USAGE ON SEQUENCE public.reason_number TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.recovery_sheet TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.register TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.renewal TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.stream TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.stream_op TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tally TO askel_serving;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tenant TO askel_serving;

GRANT SELECT,INSERT ON TABLE public.tenant_directory TO askel_serving;
