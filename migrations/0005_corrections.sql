-- Corrections: an event may replace, or amend, others. What ties events to each
-- other lies in the log, so that figures stay a function of it; ordinary events
-- leave these columns empty and pay for none of the partial indexes. See
-- docs/decisions/0014.

-- +goose Up
ALTER TABLE event
    ADD alias          uuid,         -- name made of the source's event id, where the key is made of something else
    ADD slot           uuid,         -- name of the volunteer hours of a session
    ADD supersedes     uuid,         -- name of what this event corrects
    ADD supersedes_key uuid,         -- key of what it corrects, where the source may have meant one
    ADD revised_at     timestamptz,  -- when it was corrected, by the source's clock
    ADD amends         smallint;     -- of what changes some facts only: bits, see impact.Facts; NULL replaces as a whole

CREATE INDEX event_alias          ON event (company_id, alias)          WHERE alias IS NOT NULL;
CREATE INDEX event_slot           ON event (company_id, slot)           WHERE slot IS NOT NULL;
CREATE INDEX event_supersedes     ON event (company_id, supersedes)     WHERE supersedes IS NOT NULL;
CREATE INDEX event_supersedes_key ON event (company_id, supersedes_key) WHERE supersedes_key IS NOT NULL;

-- Cells cannot be subtracted from: a day that loses an event is counted anew from
-- the log. Live events arrive nearly in order, at the right edge of this index.
CREATE INDEX event_occurred ON event (company_id, occurred_at);

-- And so is the department of a person.
CREATE INDEX event_directory ON event (company_id, participant) WHERE kind = 'directory';

-- A rollup: the events that corrections are about, and what became of each. An event
-- that is not here counts as it is; one that is here counts, if it does, with the
-- facts that stand now.
CREATE TABLE correction (
    company_id    integer     NOT NULL,
    key           uuid        NOT NULL,  -- of the event
    stands        boolean     NOT NULL,  -- false: something else replaced it, or it was struck out
    occurred_at   timestamptz,           -- the rest: of what stands only
    programme     text,
    participant   text,
    volunteer     text,
    duration_ms   bigint,
    PRIMARY KEY (company_id, key)
);
CREATE INDEX correction_stands ON correction (company_id, occurred_at) WHERE stands;

-- +goose Down
DROP TABLE correction;
DROP INDEX event_directory;
DROP INDEX event_occurred;
DROP INDEX event_supersedes_key;
DROP INDEX event_supersedes;
DROP INDEX event_slot;
DROP INDEX event_alias;
ALTER TABLE event
    DROP amends,
    DROP revised_at,
    DROP supersedes_key,
    DROP supersedes,
    DROP slot,
    DROP alias;
