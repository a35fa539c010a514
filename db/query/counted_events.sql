-- The events that figures count: those that are folded and that no correction is
-- about, as they are, and what stands of the others. The two conditions in braces
-- say which are asked for.
SELECT e.company_id, e.key, e.kind, e.type, e.programme, e.participant, e.volunteer, e.occurred_at, e.duration_ms, e.score,
       e.score_scale, e.confidence, e.dimension, e.status, e.from_volunteer, e.points, e.department, e.attributes
FROM event e
WHERE {event}
  AND e.batch_id > 0 -- erased otherwise
  AND NOT EXISTS (SELECT FROM correction x WHERE x.company_id = e.company_id AND x.key = e.key)
  AND NOT EXISTS (SELECT FROM batch b WHERE b.id = e.batch_id AND b.folded_at IS NULL)
UNION ALL
SELECT e.company_id, e.key, e.kind, e.type, c.programme, c.participant, c.volunteer, c.occurred_at, c.duration_ms, e.score,
       e.score_scale, e.confidence, e.dimension, e.status, e.from_volunteer, e.points, e.department, e.attributes
FROM correction c
JOIN event e USING (company_id, key)
WHERE c.stands AND {standing}
