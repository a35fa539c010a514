-- Per-person sums of whole spans of buckets, all the pages of a bucket's facet in one
-- value, since thousands of small rows cost far more than they hold: number (4 bytes)
-- and length (4), both big-endian, and the page itself. Assessments always, the rest
-- where asked for.
SELECT asked.place, extract(year FROM t.bucket)::integer, t.facet, t.pages
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[], $6::boolean[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", people, place)
CROSS JOIN LATERAL (
    SELECT p.bucket, p.facet, string_agg(int4send(p.page) || int4send(octet_length(p.data)) || p.data, '') AS pages
    FROM rollup_page p
    WHERE p.company_id = asked.company_id AND p.programme = asked.programme AND p.grain = asked.grain
      AND p.bucket >= asked."from" AND p.bucket < asked."to" AND (asked.people OR p.facet = 'A')
    GROUP BY p.bucket, p.facet
) t
