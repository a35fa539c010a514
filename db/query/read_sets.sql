-- Sets of whole spans of buckets, of those that figures are made of. Of the time before a range's end only those
-- that a figure asks for are read.
SELECT asked.place, t.set, t.members
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[], $6::boolean[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", before, place)
JOIN rollup_set t USING (company_id, programme, grain)
WHERE t.bucket >= asked."from" AND t.bucket < asked."to"
  AND (t.set IN ('participants', 'enrolled')
       OR NOT asked.before AND t.set IN ('volunteers', 'completed', 'placed', 'ready'))
