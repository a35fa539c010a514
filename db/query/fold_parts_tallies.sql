-- The counters of the cells that wider ones are made of anew.
SELECT asked.place, t.measure, sum(t.n)::bigint, sum(t.sum)::bigint
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[], $6::integer[])
     AS asked (company_id, programme, grain, "from", "to", place)
JOIN rollup_tally t USING (company_id, programme, grain)
WHERE t.bucket >= asked."from" AND t.bucket < asked."to"
GROUP BY 1, 2
