-- Sets of whole spans of buckets, of those that figures are made of, one asked place after
-- the other. OFFSET 0 keeps each place a step into the index: joined as a whole, thousands
-- of days of one company are each compared with all of its days.
SELECT asked.place, t.set, t.members
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", place)
CROSS JOIN LATERAL (
    SELECT s.set, s.members
    FROM rollup_set s
    WHERE s.company_id = asked.company_id AND s.programme = asked.programme AND s.grain = asked.grain
      AND s.bucket >= asked."from" AND s.bucket < asked."to"
      AND s.set IN ('participants', 'volunteers', 'enrolled', 'completed', 'placed', 'ready')
    OFFSET 0
) t
ORDER BY asked.place
