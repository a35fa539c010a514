-- How far imports have come, so that one that was killed goes on where it was; and
-- that people were erased, without who.

-- +goose Up
CREATE TABLE import_progress (
    company_id    integer     NOT NULL,
    file          bytea       NOT NULL,  -- SHA-256 of the file's beginning and of how it is read
    position      bigint      NOT NULL,  -- bytes, unpacked, of which everything is committed
    line          bigint      NOT NULL,
    sum           bytea       NOT NULL,  -- SHA-256 of those bytes: only the same file goes on there
    counts        bigint[]    NOT NULL,  -- of the summary so far
    rejects       bigint      NOT NULL,  -- bytes of the file of rejects
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, file)
);

-- No key of a person, and nothing that is made of one.
CREATE TABLE erasure (
    company_id    integer     NOT NULL,
    id            bigint      GENERATED ALWAYS AS IDENTITY,
    at            timestamptz NOT NULL DEFAULT now(),
    actor         text        NOT NULL,  -- an API key by id and label, or a user of the machine
    deleted       bigint      NOT NULL,  -- events of which only the identity was left
    struck        bigint      NOT NULL,  -- events of others, which the person was struck out of
    mentions      bigint      NOT NULL,  -- events that named the person in their raw form only
    conflicts     bigint      NOT NULL,  -- bodies kept apart that were deleted
    rejects       bigint      NOT NULL,  -- rejected events that were deleted
    PRIMARY KEY (company_id, id)
);

-- Rises with every erasure: numbers of people that a process remembers from before may
-- be of somebody who is gone.
ALTER TABLE company ADD erasures integer NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE company DROP erasures;
DROP TABLE erasure;
DROP TABLE import_progress;
