-- Whether an instant is past, and whether something that began before it may still be
-- stored under it: rows say when they were written only once their table is locked. Who
-- adds a batch has locked the log as well; who has not, folds.
SELECT clock_timestamp() > $1::timestamptz AS past, EXISTS (
    SELECT FROM (
        SELECT pid, array_agg(relation::regclass) AS tables
        FROM pg_locks
        WHERE locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND relation = ANY (ARRAY['event', 'batch', 'audit_log', 'value_map', 'cohort_version', 'erasure']::regclass[]::oid[])
          AND mode = 'RowExclusiveLock' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
        GROUP BY pid
    ) l LEFT JOIN pg_stat_activity a USING (pid)
    WHERE (l.tables && ARRAY['audit_log', 'value_map', 'cohort_version', 'erasure']::regclass[] OR l.tables @> ARRAY['event', 'batch']::regclass[])
      AND (a.xact_start IS NULL OR a.xact_start <= $1::timestamptz)
) AS open
