-- For those who watch and look through what arrives. Batch ids and reject ids are given
-- out before their transactions commit, by instances from blocks of their own, so that
-- their order is not that of commits. Transaction ids with a snapshot say exactly what
-- committed since: what the snapshot does not see.

-- +goose Up
ALTER TABLE batch ADD COLUMN xid xid8;
ALTER TABLE batch ALTER COLUMN xid SET DEFAULT pg_current_xact_id();
CREATE INDEX batch_xid ON batch (xid) WHERE xid IS NOT NULL;

ALTER TABLE reject ADD COLUMN xid xid8 DEFAULT pg_current_xact_id(); -- of the last time that it came
CREATE INDEX reject_xid ON reject (xid);

ALTER TABLE event_conflict ADD COLUMN xid xid8;
ALTER TABLE event_conflict ALTER COLUMN xid SET DEFAULT pg_current_xact_id();
CREATE INDEX event_conflict_xid ON event_conflict (xid) WHERE xid IS NOT NULL;
CREATE INDEX event_conflict_batch ON event_conflict (company_id, batch_id);

-- A company's events, newest first, also where other companies have many more. The
-- events of one batch share an entry: it takes a hundredth of the space of the log.
CREATE INDEX event_arrival ON event (company_id, batch_id);

-- +goose Down
DROP INDEX event_arrival;
DROP INDEX event_conflict_batch;
ALTER TABLE event_conflict DROP COLUMN xid;
ALTER TABLE reject DROP COLUMN xid;
ALTER TABLE batch DROP COLUMN xid;
