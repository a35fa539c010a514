-- Whether an instant is past, and whether something that began before it may still be
-- stored under it: rows say when they were written only once their table is locked.
SELECT clock_timestamp() > $1::timestamptz AS past, EXISTS (
    SELECT FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.relation = ANY (ARRAY['batch'::regclass, 'audit_log'::regclass, 'value_map'::regclass, 'erasure'::regclass]::oid[])
      AND l.mode = 'RowExclusiveLock' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
      AND (a.xact_start IS NULL OR a.xact_start <= $1::timestamptz)
) AS open
