-- What was known at an instant takes the definitions of cohorts that held then: every one
-- stays, with when it began to hold, also one that was replaced or taken away since.
-- See docs/decisions/0030.

-- +goose Up
CREATE TABLE cohort_version (
    company_id  integer     NOT NULL,
    key         text        NOT NULL,                              -- of table cohort, which has what holds now
    id          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY, -- the greatest of a key is the latest
    saved_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    version     bigint      NOT NULL,                              -- begins anew when a cohort was taken away
    name        text        NOT NULL,
    filter      jsonb,                                             -- NULL: taken away
    PRIMARY KEY (company_id, key, id)
);

-- What held before the last change of each is known to the audit log alone, as text for
-- people.
INSERT INTO cohort_version (company_id, key, saved_at, version, name, filter)
SELECT company_id, key, updated_at, version, name, filter FROM cohort;

-- +goose Down
DROP TABLE cohort_version;
