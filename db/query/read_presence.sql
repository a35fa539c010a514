-- One set of people in whole spans of buckets, a span in one value, since a day's set is
-- small and a row is not: the bucket's day number (4 bytes) and the set's length (4),
-- both big-endian, and the set itself.
SELECT asked.place, t.packed
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[], $6::text[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", set, place)
CROSS JOIN LATERAL (
    SELECT string_agg(int4send(s.bucket - date '1970-01-01') || int4send(octet_length(s.members)) || s.members, '') AS packed
    FROM rollup_set s
    WHERE s.company_id = asked.company_id AND s.programme = asked.programme AND s.grain = asked.grain
      AND s.bucket >= asked."from" AND s.bucket < asked."to" AND s.set = asked.set
) t
WHERE t.packed IS NOT NULL
