-- Who was active in each programme of a company. The programmes are found by a step
-- into the index for each.
WITH RECURSIVE asked AS (
    SELECT * FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[], $6::text[])
        WITH ORDINALITY AS a (company_id, programme, grain, "from", "to", set, place)
), step AS (
    SELECT c.company_id, (SELECT min(t.programme) FROM rollup_set t WHERE t.company_id = c.company_id) AS programme
    FROM (SELECT DISTINCT company_id FROM asked) c
    UNION ALL
    SELECT s.company_id,
        (SELECT min(t.programme) FROM rollup_set t WHERE t.company_id = s.company_id AND t.programme > s.programme)
    FROM step s WHERE s.programme IS NOT NULL
)
SELECT asked.place, t.programme, t.members
FROM asked
JOIN step s ON s.company_id = asked.company_id AND s.programme <> '*' AND asked.programme IN ('*', s.programme)
JOIN rollup_set t ON t.company_id = s.company_id AND t.programme = s.programme AND t.grain = asked.grain
    AND t.bucket >= asked."from" AND t.bucket < asked."to" AND t.set = asked.set
