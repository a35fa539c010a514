-- The stored pages that a fold is about to add to, each with its place in the
-- arrays.
SELECT asked.place, t.data
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::"char"[], $6::integer[])
     WITH ORDINALITY AS asked (company_id, programme, grain, bucket, facet, page, place)
JOIN rollup_page t USING (company_id, programme, grain, bucket, facet, page)
