-- Without waiting for the disk: the setting holds for this statement's transaction.
WITH lazy AS (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO import_progress AS p (company_id, file, position, line, sum, counts, rejects)
SELECT $1, $2, $3, $4, $5, $6, $7 FROM lazy
ON CONFLICT (company_id, file) DO UPDATE
SET position = excluded.position, line = excluded.line, sum = excluded.sum, counts = excluded.counts,
    rejects = excluded.rejects, updated_at = now()
