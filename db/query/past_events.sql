-- What figures need of the events of companies that were stored until an instant, and
-- happened before another; the key if it is asked for; and whether they were stored until
-- an earlier instant. What is not there stays NULL:
-- that is most of it, and costs nothing.
SELECT e.company_id, CASE WHEN $4 THEN e.key END, e.kind, CASE WHEN e.kind = 'session.completed' THEN e.type END, e.programme,
       e.participant, e.volunteer, e.occurred_at, e.duration_ms, e.score, e.score_scale, e.confidence, e.dimension, e.status,
       e.from_volunteer, e.points, b.committed_at <= $5
FROM event e
JOIN batch b ON b.id = e.batch_id
WHERE e.company_id = ANY ($1) AND e.batch_id > 0 AND b.committed_at <= $2 AND e.occurred_at < $3
