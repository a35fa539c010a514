-- The events of a list that the log has: their place in the list, from 1, and the batch
-- that each is in.
SELECT q.ord, e.batch_id
FROM unnest($1::integer[], $2::uuid[]) WITH ORDINALITY AS q (company_id, key, ord)
JOIN event e USING (company_id, key)
