-- What directory events say of people beside their department: division, status and
-- whatever else a company's directory knows. Cohorts are filtered by it. See
-- docs/decisions/0027.

-- +goose Up
ALTER TABLE event ADD attributes text; -- impact.Attributes: a JSON object of texts, names sorted; '' takes one away

-- A rollup: of each name, what the person's latest directory event says that has it.
CREATE TABLE person_attribute (
    company_id  integer     NOT NULL,
    ordinal     integer     NOT NULL,               -- of the person
    name        text        NOT NULL,               -- in lower case
    value       text        NOT NULL,               -- '': taken away
    value_key   text        NOT NULL,               -- in lower case, as Unicode has it
    at          timestamptz NOT NULL,               -- when it was said
    PRIMARY KEY (company_id, ordinal, name)
) WITH (fillfactor = 80);
CREATE INDEX person_attribute_value ON person_attribute (company_id, name, value_key) INCLUDE (ordinal) WHERE value <> '';

-- +goose Down
DROP TABLE person_attribute;
ALTER TABLE event DROP attributes;
