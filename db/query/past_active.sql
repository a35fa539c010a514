-- The first and the last event of companies that were stored until an instant, of kinds as
-- in read_active, without those that corrections are about.
SELECT e.company_id, min(e.occurred_at), max(e.occurred_at)
FROM event e
JOIN batch b ON b.id = e.batch_id
WHERE e.company_id = ANY ($1) AND e.batch_id > 0 AND b.committed_at <= $2
  AND e.kind NOT IN ('unknown', 'directory')
  AND NOT EXISTS (SELECT FROM unnest($3::integer[], $4::uuid[]) AS x (company_id, key)
                  WHERE x.company_id = e.company_id AND x.key = e.key)
GROUP BY e.company_id
