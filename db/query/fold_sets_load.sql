-- The stored sets that a fold is about to add to, each with its place in the
-- arrays.
SELECT asked.place, t.members
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::text[])
     WITH ORDINALITY AS asked (company_id, programme, grain, bucket, set, place)
JOIN rollup_set t USING (company_id, programme, grain, bucket, set)
