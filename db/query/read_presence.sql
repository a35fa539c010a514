-- One set of people in whole spans of buckets, those of some days in one value, since a
-- day's set is small and a row is not, and a value of megabytes costs both sides more to
-- get memory for than to fill: the bucket's day number (4 bytes) and the set's length
-- (4), both big-endian, and the set itself.
SELECT asked.place, t.packed
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[], $6::text[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", set, place)
CROSS JOIN LATERAL (
    SELECT string_agg(int4send(s.bucket - date '1970-01-01') || int4send(octet_length(s.members)) || s.members, '') AS packed
    FROM rollup_set s
    WHERE s.company_id = asked.company_id AND s.programme = asked.programme AND s.grain = asked.grain
      AND s.bucket >= asked."from" AND s.bucket < asked."to" AND s.set = asked.set
    GROUP BY (s.bucket - date '1970-01-01') / 8
) t
