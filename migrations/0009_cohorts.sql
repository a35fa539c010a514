-- Cohorts that a company defined: filters over what the rollups know of its people.
-- Who belongs to one is worked out anew with every reading, so that a definition never
-- goes stale and a rebuild need not know of it.

-- +goose Up
CREATE TABLE cohort (
    company_id  integer     NOT NULL,
    key         text        NOT NULL,               -- in lower case: case does not matter in a key
    name        text        NOT NULL,               -- to show
    filter      jsonb       NOT NULL,               -- impact.CohortFilter
    version     bigint      NOT NULL DEFAULT 1,     -- rises with every change
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, key)
);

-- +goose Down
DROP TABLE cohort;
