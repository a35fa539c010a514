-- The whole schema that the migrations add up to, for readers; nothing runs it.
-- Made from the catalog: go test ./db -run TestSchema -update

CREATE TYPE event_kind AS ENUM (
    'unknown',
    'session.completed',
    'feedback.received',
    'checkin.submitted',
    'milestone.achieved',
    'outcome.assessed',
    'course.completed',
    'enrollment',
    'placement',
    'volunteer.hours',
    'donation',
    'match',
    'event.attended',
    'directory'
);

CREATE SEQUENCE batch_id AS bigint INCREMENT BY 256 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;

CREATE SEQUENCE reject_id AS bigint INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;

CREATE TABLE company (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC'::text,
    week_start smallint NOT NULL DEFAULT 1,
    fiscal_start smallint NOT NULL DEFAULT 1,
    next_ordinal integer NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    erasures integer NOT NULL DEFAULT 0,
    min_group integer NOT NULL DEFAULT 5,
    settings_version bigint NOT NULL DEFAULT 0,
    CONSTRAINT company_key_key UNIQUE (key),
    CONSTRAINT company_pkey PRIMARY KEY (id),
    CONSTRAINT company_fiscal_start_check CHECK (((fiscal_start >= 1) AND (fiscal_start <= 12))),
    CONSTRAINT company_min_group_check CHECK (((min_group >= 3) AND (min_group <= 1000))),
    CONSTRAINT company_week_start_check CHECK (((week_start >= 0) AND (week_start <= 6)))
);

CREATE TABLE api_key (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    hash bytea NOT NULL,
    hint text NOT NULL,
    label text NOT NULL DEFAULT ''::text,
    scopes text[] NOT NULL,
    companies integer[] NOT NULL DEFAULT '{}'::integer[],
    all_companies boolean NOT NULL DEFAULT false,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_key_hash_key UNIQUE (hash),
    CONSTRAINT api_key_pkey PRIMARY KEY (id),
    CONSTRAINT api_key_hash_check CHECK ((length(hash) = 32))
);

CREATE TABLE batch (
    id bigint NOT NULL,
    events integer NOT NULL,
    committed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    folded_at timestamp with time zone,
    xid xid8 DEFAULT pg_current_xact_id(),
    CONSTRAINT batch_pkey PRIMARY KEY (id)
) WITH (fillfactor=80);
CREATE INDEX batch_unfolded ON batch USING btree (id) WHERE (folded_at IS NULL);
CREATE INDEX batch_xid ON batch USING btree (xid) WHERE (xid IS NOT NULL);

CREATE TABLE event (
    company_id integer NOT NULL,
    key uuid NOT NULL,
    batch_id bigint NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL DEFAULT now(),
    kind event_kind NOT NULL,
    type text NOT NULL,
    programme text NOT NULL,
    participant text,
    volunteer text,
    session text,
    duration_ms bigint,
    score integer,
    score_raw double precision,
    score_scale smallint,
    confidence integer,
    dimension text,
    status text,
    from_volunteer boolean,
    mood text,
    level text,
    points bigint,
    amount numeric(20,4),
    currency text,
    department text,
    payload text NOT NULL,
    source text,
    alias uuid,
    slot uuid,
    supersedes uuid,
    supersedes_key uuid,
    revised_at timestamp with time zone,
    amends smallint,
    attributes text,
    CONSTRAINT event_pkey PRIMARY KEY (company_id, key)
);
CREATE INDEX event_alias ON event USING btree (company_id, alias) WHERE (alias IS NOT NULL);
CREATE INDEX event_arrival ON event USING btree (company_id, batch_id);
CREATE INDEX event_batch ON event USING brin (batch_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX event_directory ON event USING btree (company_id, participant) WHERE (kind = 'directory'::event_kind);
CREATE INDEX event_occurred ON event USING btree (company_id, occurred_at);
CREATE INDEX event_slot ON event USING btree (company_id, slot) WHERE (slot IS NOT NULL);
CREATE INDEX event_supersedes ON event USING btree (company_id, supersedes) WHERE (supersedes IS NOT NULL);
CREATE INDEX event_supersedes_key ON event USING btree (company_id, supersedes_key) WHERE (supersedes_key IS NOT NULL);

CREATE TABLE event_conflict (
    company_id integer NOT NULL,
    key uuid NOT NULL,
    batch_id bigint NOT NULL,
    received_at timestamp with time zone NOT NULL DEFAULT now(),
    payload text NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id()
);
CREATE INDEX event_conflict_batch ON event_conflict USING btree (company_id, batch_id);
CREATE INDEX event_conflict_key ON event_conflict USING btree (company_id, key);
CREATE INDEX event_conflict_xid ON event_conflict USING btree (xid) WHERE (xid IS NOT NULL);

CREATE TABLE person (
    company_id integer NOT NULL,
    key text NOT NULL,
    ordinal integer NOT NULL,
    department text,
    department_key text,
    department_at timestamp with time zone,
    CONSTRAINT person_company_id_ordinal_key UNIQUE (company_id, ordinal),
    CONSTRAINT person_pkey PRIMARY KEY (company_id, key)
);
CREATE INDEX person_department ON person USING btree (company_id, department_key) WHERE (department_key IS NOT NULL);

CREATE TABLE rollup_tally (
    company_id integer NOT NULL,
    programme text NOT NULL,
    grain "char" NOT NULL,
    bucket date NOT NULL,
    measure text NOT NULL,
    n bigint NOT NULL,
    sum bigint NOT NULL,
    CONSTRAINT rollup_tally_pkey PRIMARY KEY (company_id, programme, grain, bucket, measure)
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.05);

CREATE TABLE rollup_set (
    company_id integer NOT NULL,
    programme text NOT NULL,
    grain "char" NOT NULL,
    bucket date NOT NULL,
    set text NOT NULL,
    members bytea STORAGE EXTERNAL NOT NULL,
    CONSTRAINT rollup_set_pkey PRIMARY KEY (company_id, programme, grain, bucket, set)
) WITH (fillfactor=80, autovacuum_vacuum_scale_factor=0.05);
CREATE INDEX rollup_set_enrolment ON rollup_set USING btree (company_id, grain, bucket) WHERE ((set = ANY (ARRAY['enrolled'::text, 'completed'::text])) AND (programme <> '*'::text));

CREATE TABLE rollup_page (
    company_id integer NOT NULL,
    programme text NOT NULL,
    grain "char" NOT NULL,
    bucket date NOT NULL,
    facet "char" NOT NULL,
    page integer NOT NULL,
    data bytea STORAGE EXTERNAL NOT NULL,
    CONSTRAINT rollup_page_pkey PRIMARY KEY (company_id, programme, grain, bucket, facet, page)
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.05, toast_tuple_target=8160);

CREATE TABLE source (
    company_id integer NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    scheme text NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    disabled_at timestamp with time zone,
    CONSTRAINT source_company_id_name_key UNIQUE (company_id, name),
    CONSTRAINT source_pkey PRIMARY KEY (company_id, id)
);
CREATE INDEX source_id ON source USING btree (id);

CREATE TABLE source_secret (
    company_id integer NOT NULL,
    source_id text NOT NULL,
    id integer NOT NULL,
    label text NOT NULL DEFAULT ''::text,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    last_used_at timestamp with time zone,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT source_secret_pkey PRIMARY KEY (company_id, source_id, id)
);

CREATE TABLE correction (
    company_id integer NOT NULL,
    key uuid NOT NULL,
    stands boolean NOT NULL,
    occurred_at timestamp with time zone,
    programme text,
    participant text,
    volunteer text,
    duration_ms bigint,
    CONSTRAINT correction_pkey PRIMARY KEY (company_id, key)
);
CREATE INDEX correction_stands ON correction USING btree (company_id, occurred_at) WHERE stands;

CREATE TABLE reject (
    company_id integer NOT NULL,
    id bigint NOT NULL DEFAULT nextval('reject_id'::regclass),
    digest uuid NOT NULL,
    status text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    pointer text NOT NULL,
    payload bytea NOT NULL,
    size integer NOT NULL,
    source text NOT NULL,
    provider text NOT NULL,
    delivery text NOT NULL,
    api_key integer NOT NULL,
    strict boolean NOT NULL,
    schema smallint NOT NULL,
    key uuid,
    due_at timestamp with time zone,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    attempts integer NOT NULL,
    settled_at timestamp with time zone,
    receipt bigint,
    xid xid8 DEFAULT pg_current_xact_id(),
    CONSTRAINT reject_company_id_digest_key UNIQUE (company_id, digest),
    CONSTRAINT reject_pkey PRIMARY KEY (company_id, id)
);
CREATE INDEX reject_due ON reject USING btree (due_at, company_id) WHERE (status = 'QUARANTINED'::text);
CREATE INDEX reject_xid ON reject USING btree (xid);

CREATE TABLE intake_count (
    company_id integer NOT NULL,
    day date NOT NULL,
    what text NOT NULL,
    n bigint NOT NULL,
    CONSTRAINT intake_count_pkey PRIMARY KEY (company_id, day, what)
);

CREATE TABLE import_progress (
    company_id integer NOT NULL,
    file bytea NOT NULL,
    "position" bigint NOT NULL,
    line bigint NOT NULL,
    sum bytea NOT NULL,
    counts bigint[] NOT NULL,
    rejects bigint NOT NULL,
    updated_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT import_progress_pkey PRIMARY KEY (company_id, file)
);

CREATE TABLE erasure (
    company_id integer NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    deleted bigint NOT NULL,
    struck bigint NOT NULL,
    mentions bigint NOT NULL,
    conflicts bigint NOT NULL,
    rejects bigint NOT NULL,
    CONSTRAINT erasure_pkey PRIMARY KEY (company_id, id)
);

CREATE TABLE company_setting (
    company_id integer NOT NULL,
    name text NOT NULL,
    valid_from date NOT NULL,
    value text,
    CONSTRAINT company_setting_pkey PRIMARY KEY (company_id, name, valid_from)
);

CREATE TABLE programme_cost (
    company_id integer NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    programme text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    amount numeric(16,4) NOT NULL,
    note text NOT NULL DEFAULT ''::text,
    CONSTRAINT programme_cost_pkey PRIMARY KEY (company_id, id),
    CONSTRAINT programme_cost_amount_check CHECK ((amount >= (0)::numeric)),
    CONSTRAINT programme_cost_check CHECK ((last_day >= first_day))
);

CREATE TABLE audit_log (
    company_id integer NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    subject text NOT NULL,
    valid_from date,
    old text,
    new text,
    version bigint NOT NULL,
    item text NOT NULL DEFAULT ''::text,
    before jsonb,
    CONSTRAINT audit_log_pkey PRIMARY KEY (company_id, id)
);
CREATE INDEX audit_log_at ON audit_log USING btree (company_id, at);

CREATE TABLE cohort (
    company_id integer NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    filter jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT cohort_pkey PRIMARY KEY (company_id, key)
);

CREATE TABLE value_map (
    company_id integer NOT NULL,
    version bigint NOT NULL,
    saved_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    map jsonb NOT NULL,
    CONSTRAINT value_map_pkey PRIMARY KEY (company_id, version)
);

CREATE TABLE person_attribute (
    company_id integer NOT NULL,
    ordinal integer NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    value_key text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT person_attribute_pkey PRIMARY KEY (company_id, ordinal, name)
) WITH (fillfactor=80);
CREATE INDEX person_attribute_value ON person_attribute USING btree (company_id, name, value_key) INCLUDE (ordinal) WHERE (value <> ''::text);

CREATE TABLE cohort_version (
    company_id integer NOT NULL,
    key text NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    saved_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    name text NOT NULL,
    filter jsonb,
    CONSTRAINT cohort_version_pkey PRIMARY KEY (company_id, key, id)
);
