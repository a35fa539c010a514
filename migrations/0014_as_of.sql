-- What was known at an instant is what was stored until then. So that this never
-- changes afterwards, each of these rows says when it was written, by the clock: now()
-- is when its transaction began, which can be long before anybody can see it. A reader
-- waits for transactions that hold the table's lock and began before the instant.

-- +goose Up
ALTER TABLE batch ALTER COLUMN committed_at SET DEFAULT clock_timestamp();
ALTER TABLE erasure ALTER COLUMN at SET DEFAULT clock_timestamp();
ALTER TABLE value_map ALTER COLUMN saved_at SET DEFAULT clock_timestamp();
ALTER TABLE audit_log ALTER COLUMN at SET DEFAULT clock_timestamp();

-- What a change of settings replaced, exactly, so that changes can be taken back one by
-- one; old and new are for people.
ALTER TABLE audit_log
    ADD COLUMN item   text NOT NULL DEFAULT '',  -- which version of a dated setting, by its day, or which line of costs, by its id
    ADD COLUMN before jsonb;                     -- it, as read_settings.sql gives it; NULL: there was none

UPDATE audit_log SET item = valid_from::text,
       before = CASE WHEN old IS NOT NULL THEN jsonb_build_array(subject, valid_from - date '1970-01-01', old) END
WHERE valid_from IS NOT NULL;

CREATE INDEX audit_log_at ON audit_log (company_id, at);

-- +goose Down
DROP INDEX audit_log_at;
ALTER TABLE audit_log DROP COLUMN before, DROP COLUMN item;
ALTER TABLE audit_log ALTER COLUMN at SET DEFAULT now();
ALTER TABLE value_map ALTER COLUMN saved_at SET DEFAULT now();
ALTER TABLE erasure ALTER COLUMN at SET DEFAULT now();
ALTER TABLE batch ALTER COLUMN committed_at SET DEFAULT now();
