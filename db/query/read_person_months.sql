-- Sums of the people on some pages, by buckets of days and months. The pages of a
-- question are an array's text: unnest would lay arrays of arrays flat.
SELECT asked.place, t.bucket - date '1970-01-01', t.page, t.data
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[], $6::"char"[], $7::text[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", facet, pages, place)
JOIN rollup_page t ON t.company_id = asked.company_id AND t.programme = asked.programme AND t.grain = asked.grain
    AND t.bucket >= asked."from" AND t.bucket < asked."to" AND t.facet = asked.facet AND t.page = ANY (asked.pages::integer[])
