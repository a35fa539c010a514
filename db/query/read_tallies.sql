-- Counters of whole spans of buckets, added up per calendar year of each span.
SELECT asked.place, t.year, t.measure, t.n, t.sum
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", place)
CROSS JOIN LATERAL (
    SELECT extract(year FROM r.bucket)::integer AS year, r.measure, sum(r.n)::bigint AS n, sum(r.sum)::bigint AS sum
    FROM rollup_tally r
    WHERE r.company_id = asked.company_id AND r.programme = asked.programme AND r.grain = asked.grain
      AND r.bucket >= asked."from" AND r.bucket < asked."to"
    GROUP BY 1, 2
) t
