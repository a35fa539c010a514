-- Whole values: the fold has merged the stored sets already.
INSERT INTO rollup_set AS t (company_id, programme, grain, bucket, set, members)
SELECT * FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::text[], $6::bytea[])
ON CONFLICT (company_id, programme, grain, bucket, set) DO UPDATE SET members = excluded.members
