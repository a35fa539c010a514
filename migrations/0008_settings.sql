-- What a company chose: the parameters of its figures, and since when. Figures are
-- a function of the event log and of these tables.

-- +goose Up
ALTER TABLE company
    ADD COLUMN min_group        integer NOT NULL DEFAULT 5 CHECK (min_group BETWEEN 3 AND 1000),  -- k: smaller groups are suppressed
    ADD COLUMN settings_version bigint  NOT NULL DEFAULT 0;  -- rises with every change of settings, so that two editors notice each other

-- Settings that hold from a day on, until the next version.
CREATE TABLE company_setting (
    company_id  integer NOT NULL,
    name        text    NOT NULL,
    valid_from  date    NOT NULL,
    value       text,              -- the setting's text form, see impact.SettingName; NULL is the default again
    PRIMARY KEY (company_id, name, valid_from)
);

-- What programmes cost beside the volunteers' time. Lines add up; a period bears a
-- line's share by days.
CREATE TABLE programme_cost (
    company_id  integer NOT NULL,
    id          bigint  GENERATED ALWAYS AS IDENTITY,
    programme   text    NOT NULL,  -- '*' is the company's own, of no programme
    first_day   date    NOT NULL,
    last_day    date    NOT NULL CHECK (last_day >= first_day),  -- included
    amount      numeric(16,4) NOT NULL CHECK (amount >= 0),      -- USD
    note        text    NOT NULL DEFAULT '',
    PRIMARY KEY (company_id, id)
);

-- Who changed what, when, from what to what. Rows are only ever added.
CREATE TABLE audit_log (
    company_id  integer     NOT NULL,
    id          bigint      GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL DEFAULT now(),
    actor       text        NOT NULL,  -- an API key by id and label, or a user of the machine
    subject     text        NOT NULL,  -- the setting's name
    valid_from  date,                  -- of a dated setting's version
    old         text,                  -- NULL: there was nothing, or the default
    new         text,                  -- NULL: taken away, or the default again
    version     bigint      NOT NULL,  -- company.settings_version after the change
    PRIMARY KEY (company_id, id)
);

-- +goose Down
DROP TABLE audit_log;
DROP TABLE programme_cost;
DROP TABLE company_setting;
ALTER TABLE company DROP COLUMN settings_version, DROP COLUMN min_group;
