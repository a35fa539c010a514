-- What the directory events of companies said that were stored until an instant; the key
-- too, since corrections may be about them.
SELECT e.company_id, e.key, e.participant, e.occurred_at, coalesce(e.department, ''), coalesce(e.attributes, '')
FROM event e
JOIN batch b ON b.id = e.batch_id
WHERE e.company_id = ANY ($1) AND e.kind = 'directory' AND e.participant IS NOT NULL
  AND e.batch_id > 0 AND b.committed_at <= $2
