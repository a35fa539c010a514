-- Batches that name the person and are not folded yet.
SELECT b.id, b.events
FROM batch b
WHERE b.folded_at IS NULL
  AND EXISTS (SELECT FROM event e WHERE e.batch_id = b.id AND e.company_id = $1 AND (e.participant = $2 OR e.volunteer = $2))
ORDER BY b.id
