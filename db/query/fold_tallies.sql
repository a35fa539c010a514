-- Counters add up; the row lock of the company orders concurrent folds.
INSERT INTO rollup_tally AS t (company_id, programme, grain, bucket, measure, n, sum)
SELECT * FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::text[], $6::bigint[], $7::bigint[])
ON CONFLICT (company_id, programme, grain, bucket, measure)
DO UPDATE SET n = t.n + excluded.n, sum = t.sum + excluded.sum
