-- Sets of whole spans of buckets, of those that figures are made of, one asked place after
-- the other.
SELECT asked.place, t.set, t.members
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", place)
JOIN rollup_set t USING (company_id, programme, grain)
WHERE t.bucket >= asked."from" AND t.bucket < asked."to"
  AND t.set IN ('participants', 'volunteers', 'enrolled', 'completed', 'placed', 'ready')
ORDER BY asked.place
