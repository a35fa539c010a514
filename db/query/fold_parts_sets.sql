-- The sets of the cells that wider ones are made of anew.
SELECT asked.place, t.set, t.members
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[], $6::integer[])
     AS asked (company_id, programme, grain, "from", "to", place)
JOIN rollup_set t USING (company_id, programme, grain)
WHERE t.bucket >= asked."from" AND t.bucket < asked."to"
