-- Whole values: the fold has merged the stored pages already.
INSERT INTO rollup_page AS t (company_id, programme, grain, bucket, facet, page, data)
SELECT * FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::"char"[], $6::integer[], $7::bytea[])
ON CONFLICT (company_id, programme, grain, bucket, facet, page) DO UPDATE SET data = excluded.data
