-- The value maps of svi-2012: what a company puts in and what comes of it. A map is
-- kept whole, since it is read, checked and changed as a whole, and every version of
-- it stays, since figures were made of it.

-- +goose Up
CREATE TABLE value_map (
    company_id  integer     NOT NULL,
    version     bigint      NOT NULL,  -- from 1; the greatest is the one that holds
    saved_at    timestamptz NOT NULL DEFAULT now(),
    actor       text        NOT NULL,  -- as in audit_log
    map         jsonb       NOT NULL,  -- see impact.ValueMap.MarshalJSON
    PRIMARY KEY (company_id, version)
);

-- +goose Down
DROP TABLE value_map;
