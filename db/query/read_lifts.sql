-- Assessments per person of whole spans of buckets, a few page numbers of a question after
-- the other, so that the reader can count people when it has seen all of their buckets:
-- the buckets that are there are found by a step into the index for each. They come in
-- order of time, so that what is last is nearly always what comes last. Pages are packed as
-- in read_pages.
WITH RECURSIVE asked AS (
    SELECT *
    FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[], $6::integer[], $7::integer[])
         WITH ORDINALITY AS a (company_id, programme, grain, "from", "to", question, together, place)
), step AS (
    SELECT a.place, (
        SELECT min(p.bucket) FROM rollup_page p
        WHERE p.company_id = a.company_id AND p.programme = a.programme AND p.grain = a.grain
          AND p.bucket >= a."from" AND p.bucket < a."to"
    ) AS bucket
    FROM asked a
    UNION ALL
    SELECT a.place, (
        SELECT min(p.bucket) FROM rollup_page p
        WHERE p.company_id = a.company_id AND p.programme = a.programme AND p.grain = a.grain
          AND p.bucket > s.bucket AND p.bucket < a."to"
    )
    FROM step s JOIN asked a USING (place) WHERE s.bucket IS NOT NULL
), part AS (
    SELECT a.question, numbers."from" AS page, numbers."from" + a.together AS until, a.company_id, a.programme, a.grain, s.bucket
    FROM asked a
    JOIN step s USING (place)
    CROSS JOIN LATERAL generate_series(0, (SELECT max(ordinal) >> 7 FROM person WHERE company_id = a.company_id), a.together)
        AS numbers ("from")
    WHERE s.bucket IS NOT NULL
    ORDER BY a.question, numbers."from", s.bucket
)
SELECT part.question, part.page, t.pages
FROM part
CROSS JOIN LATERAL (
    SELECT string_agg(int4send(p.page) || int4send(octet_length(p.data)) || p.data, '') AS pages
    FROM rollup_page p
    WHERE p.company_id = part.company_id AND p.programme = part.programme AND p.grain = part.grain AND p.bucket = part.bucket
      AND p.facet = 'A' AND p.page >= part.page AND p.page < part.until
) t
WHERE t.pages IS NOT NULL
ORDER BY part.question, part.page
