-- Deletes what is beyond the bounds on count and bytes, the oldest first; not what is
-- in quarantine, which was acknowledged.
DELETE FROM reject r
USING (
    SELECT company_id, id, row_number() OVER newest AS n, sum(least(size, $4)) OVER newest AS bytes
    FROM reject
    WHERE company_id = ANY ($1) AND status <> 'QUARANTINED'
    WINDOW newest AS (PARTITION BY company_id ORDER BY id DESC)
) o
WHERE r.company_id = o.company_id AND r.id = o.id AND (o.n > $2 OR o.bytes > $3)
