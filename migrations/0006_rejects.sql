-- What was not taken into the log: events that were refused, bodies that held no
-- events, and events dated so far ahead that they wait. They are kept as they were
-- sent, bounded per company, to be put right and taken in after all.

-- +goose Up
CREATE SEQUENCE reject_id;

CREATE TABLE reject (
    company_id   integer     NOT NULL,
    id           bigint      NOT NULL DEFAULT nextval('reject_id'),
    digest       uuid        NOT NULL,  -- of what was sent and how: sent again it is the same reject
    status       text        NOT NULL,  -- REJECTED, QUARANTINED, REPLAYED, DISMISSED
    code         text        NOT NULL,
    message      text        NOT NULL,
    pointer      text        NOT NULL,
    payload      bytea       NOT NULL,  -- not text: what is refused need not be UTF-8
    size         integer     NOT NULL,  -- bytes of what was sent; the payload may be cut
    source       text        NOT NULL,
    provider     text        NOT NULL,
    delivery     text        NOT NULL,
    api_key      integer     NOT NULL,  -- 0: came to a source
    strict       boolean     NOT NULL,
    schema       smallint    NOT NULL,  -- version of the rules that it was judged by
    key          uuid,                  -- identity of a quarantined event
    due_at       timestamptz,           -- when a quarantined event goes into the log
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    attempts     integer     NOT NULL,
    settled_at   timestamptz,           -- replayed or dismissed
    receipt      bigint,                -- of the batch that took it in
    PRIMARY KEY (company_id, id),
    UNIQUE (company_id, digest)
);

-- What waits to be due; all companies are looked through together.
CREATE INDEX reject_due ON reject (due_at, company_id) WHERE status = 'QUARANTINED';

-- Counts per company and day of what is not kept elsewhere: events that came late, of
-- unknown types, refused, dated ahead. Written in the background: a crash loses the
-- last second of them.
CREATE TABLE intake_count (
    company_id   integer NOT NULL,
    day          date    NOT NULL,      -- of arrival, UTC
    what         text    NOT NULL,
    n            bigint  NOT NULL,
    PRIMARY KEY (company_id, day, what)
);

-- +goose Down
DROP TABLE intake_count;
DROP TABLE reject;
DROP SEQUENCE reject_id;
