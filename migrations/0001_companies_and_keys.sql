-- Who may send and read. Customers know a company by its key; every other table
-- refers to it by a small number, which keeps the event index narrow and is the
-- column that the schema can be distributed by.

-- +goose Up
CREATE TABLE company (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           text        NOT NULL UNIQUE,
    name          text        NOT NULL,
    time_zone     text        NOT NULL DEFAULT 'UTC',   -- IANA name; days of every figure are days of it
    week_start    smallint    NOT NULL DEFAULT 1 CHECK (week_start BETWEEN 0 AND 6),     -- 0 is Sunday
    fiscal_start  smallint    NOT NULL DEFAULT 1 CHECK (fiscal_start BETWEEN 1 AND 12),  -- month
    next_ordinal  integer     NOT NULL DEFAULT 0,       -- of the next person; see person.ordinal
    version       bigint      NOT NULL DEFAULT 0,       -- rises with every fold; caches are valid for one version
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- Only a hash of a key is stored, so that a stolen dump opens nothing.
CREATE TABLE api_key (
    id               integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash             bytea       NOT NULL UNIQUE CHECK (length(hash) = 32),  -- SHA-256
    hint             text        NOT NULL,              -- the last four characters, to tell keys apart in a list
    label            text        NOT NULL DEFAULT '',
    scopes           text[]      NOT NULL,
    companies        integer[]   NOT NULL DEFAULT '{}', -- that the key may use; the first is the default
    all_companies    boolean     NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    last_used_at     timestamptz,                       -- to within a minute; written in the background
    revoked_at       timestamptz
);

-- +goose Down
DROP TABLE api_key;
DROP TABLE company;
