-- The programmes that each company has figures of, by one step into the index for
-- each.
WITH RECURSIVE step AS (
    SELECT asked.company_id, (SELECT min(t.programme) FROM rollup_tally t WHERE t.company_id = asked.company_id) AS programme
    FROM unnest($1::integer[]) AS asked (company_id)
    UNION ALL
    SELECT s.company_id, (SELECT min(t.programme) FROM rollup_tally t
                          WHERE t.company_id = s.company_id AND t.programme > s.programme)
    FROM step s WHERE s.programme IS NOT NULL
)
SELECT company_id, programme FROM step WHERE programme IS NOT NULL AND programme <> '*'
