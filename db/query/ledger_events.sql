-- The log of a company as it lies, for a reader that trusts nothing that was made of it:
-- what is folded, without the tombstones of what was erased.
SELECT e.company_id, e.key, e.kind, e.type, e.programme, coalesce(e.participant, ''), coalesce(e.volunteer, ''), e.occurred_at,
       coalesce(e.duration_ms, 0), coalesce(e.score, 0), coalesce(e.score_scale, 0),
       coalesce(e.confidence, 0), e.confidence IS NOT NULL,
       coalesce(e.dimension, ''), coalesce(e.status, ''), coalesce(e.from_volunteer, false),
       coalesce(e.points, 0), coalesce(e.department, ''), coalesce(e.attributes, ''),
       e.alias, e.slot, e.supersedes, e.supersedes_key, e.revised_at, coalesce(e.amends, 0),
       coalesce(e.source, ''), e.received_at, e.payload, s.committed_at
FROM event e
LEFT JOIN batch s ON s.id = e.batch_id
WHERE e.company_id = $1 AND e.batch_id > 0
  AND NOT EXISTS (SELECT FROM batch b WHERE b.id = e.batch_id AND b.folded_at IS NULL)
