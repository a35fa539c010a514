-- Per-person sums of whole spans of buckets: assessments always, the rest where
-- asked for.
SELECT asked.place, extract(year FROM t.bucket)::integer AS year, t.facet, t.page, t.data
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[], $6::boolean[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", people, place)
JOIN rollup_page t USING (company_id, programme, grain)
WHERE t.bucket >= asked."from" AND t.bucket < asked."to"
  AND (asked.people OR t.facet = 'A')
