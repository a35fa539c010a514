-- One set of people in whole spans of buckets, bucket by bucket.
SELECT asked.place, t.bucket - date '1970-01-01', t.members
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[], $6::text[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", set, place)
JOIN rollup_set t USING (company_id, programme, grain, set)
WHERE t.bucket >= asked."from" AND t.bucket < asked."to"
