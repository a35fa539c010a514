-- The event log: what arrived, once, for ever. Everything else can be recomputed
-- from it.

-- +goose Up
CREATE TYPE event_kind AS ENUM (
    'unknown', 'session.completed', 'feedback.received', 'checkin.submitted', 'milestone.achieved',
    'outcome.assessed', 'course.completed', 'enrollment', 'placement', 'volunteer.hours', 'donation',
    'match', 'event.attended', 'directory'
);

-- A batch is one commit; its id is the receipt that callers hold. Instances
-- reserve ids in blocks, so that a batch costs no round trip to be numbered.
CREATE SEQUENCE batch_id INCREMENT BY 256;

CREATE TABLE batch (
    id            bigint      PRIMARY KEY,
    events        integer     NOT NULL,
    committed_at  timestamptz NOT NULL DEFAULT now(),
    folded_at     timestamptz                           -- when the rollups took it up; NULL until then
) WITH (fillfactor = 80);

-- The folders' work list: empty but for the last moments.
CREATE INDEX batch_unfolded ON batch (id) WHERE folded_at IS NULL;

CREATE TABLE event (
    company_id    integer     NOT NULL,
    key           uuid        NOT NULL,                 -- 128-bit identity, see docs/decisions/0002
    batch_id      bigint      NOT NULL,
    occurred_at   timestamptz NOT NULL,                 -- the event's own time; decides the period
    received_at   timestamptz NOT NULL DEFAULT now(),
    kind          event_kind  NOT NULL,
    type          text        NOT NULL,                 -- as the source named it
    programme     text        NOT NULL,
    participant   text,
    volunteer     text,
    session       text,                                 -- session or match
    duration_ms   bigint,
    score         integer,                              -- millionths of 0..1
    score_raw     double precision,                     -- as sent
    score_scale   smallint,                             -- upper end of the scale it was sent on: 1, 5, 10, 100
    confidence    integer,                              -- millionths
    dimension     text,
    status        text,
    from_volunteer boolean,
    mood          text,
    level         text,
    points        bigint,
    amount        numeric(20,4),
    currency      text,
    department    text,
    payload       text        NOT NULL,                 -- the event as sent, byte for byte
    PRIMARY KEY (company_id, key)
);

-- Batches lie in the log in the order they were committed, so a block-range
-- index finds one for next to nothing per insert.
CREATE INDEX event_batch ON event USING brin (batch_id) WITH (pages_per_range = 32, autosummarize = on);

-- A second event under a known key but with another body: the first was kept,
-- this one is kept here.
CREATE TABLE event_conflict (
    company_id    integer     NOT NULL,
    key           uuid        NOT NULL,
    batch_id      bigint      NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT now(),
    payload       text        NOT NULL
);
CREATE INDEX event_conflict_key ON event_conflict (company_id, key);

-- +goose Down
DROP TABLE event_conflict;
DROP TABLE event;
DROP TABLE batch;
DROP SEQUENCE batch_id;
DROP TYPE event_kind;
