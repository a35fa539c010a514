-- The events of companies that were stored between two instants, the first left out.
SELECT e.company_id, e.key, e.kind, e.type, e.programme, e.occurred_at, e.batch_id, b.committed_at,
       coalesce(e.participant, ''), coalesce(e.volunteer, ''), coalesce(e.score_scale, 0), coalesce(e.dimension, ''), coalesce(e.status, ''),
       coalesce(e.from_volunteer, false)
FROM event e
JOIN batch b ON b.id = e.batch_id
WHERE e.company_id = ANY ($1) AND e.batch_id > 0 AND b.committed_at > $2 AND b.committed_at <= $3
