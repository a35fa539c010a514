-- Rollups: what readers read. A cell is a company's programme ('*' is all of
-- them) and a bucket of time (a day, month or year of the company's own
-- calendar); the three tables hold its parts. Each batch is folded into them in
-- the transaction that sets batch.folded_at, hence exactly once.

-- +goose Up
-- People are numbered densely per company, so that a set of them is a compact
-- bitmap. The numbering is part of the log, not of the rollups: a rebuild keeps
-- it. The department is a rollup: the one that the latest directory event says.
CREATE TABLE person (
    company_id     integer     NOT NULL,
    key            text        NOT NULL,
    ordinal        integer     NOT NULL,
    department     text,
    department_key text,              -- the same in lower case, as Unicode has it whatever the database's locale
    department_at  timestamptz,
    PRIMARY KEY (company_id, key),
    UNIQUE (company_id, ordinal)
);
CREATE INDEX person_department ON person (company_id, department_key) WHERE department_key IS NOT NULL;

CREATE TABLE rollup_tally (
    company_id  integer NOT NULL,
    programme   text    NOT NULL,
    grain       "char"  NOT NULL,  -- D, M or Y
    bucket      date    NOT NULL,  -- its first day
    measure     text    NOT NULL,
    n           bigint  NOT NULL,
    sum         bigint  NOT NULL,  -- milliseconds, millionths or points, by measure
    PRIMARY KEY (company_id, programme, grain, bucket, measure)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE rollup_set (
    company_id  integer NOT NULL,
    programme   text    NOT NULL,
    grain       "char"  NOT NULL,
    bucket      date    NOT NULL,
    set         text    NOT NULL,
    members     bytea   NOT NULL,  -- Roaring bitmap of person.ordinal, portable format
    PRIMARY KEY (company_id, programme, grain, bucket, set)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- Enrolments are counted per programme, also where all programmes are asked for.
CREATE INDEX rollup_set_enrolment ON rollup_set (company_id, grain, bucket)
    WHERE set IN ('enrolled', 'completed') AND programme <> '*';

CREATE TABLE rollup_page (
    company_id  integer NOT NULL,
    programme   text    NOT NULL,
    grain       "char"  NOT NULL,
    bucket      date    NOT NULL,
    facet       "char"  NOT NULL,  -- V volunteers, P participants, A assessments
    page        integer NOT NULL,  -- person.ordinal >> 7
    data        bytea   NOT NULL,  -- varints, see impact/page.go
    PRIMARY KEY (company_id, programme, grain, bucket, facet, page)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, toast_tuple_target = 8160);

-- Already dense: compressing them again would cost time and gain nothing. Pages
-- are rewritten often, which is far cheaper within the row than beside it.
ALTER TABLE rollup_set  ALTER COLUMN members SET STORAGE EXTERNAL;
ALTER TABLE rollup_page ALTER COLUMN data    SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE rollup_page;
DROP TABLE rollup_set;
DROP TABLE rollup_tally;
DROP TABLE person;
