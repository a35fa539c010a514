-- The first and last day on which something happened that figures count: types that no mapping knows, and where
-- somebody belongs, make no month one of activity. Each is found by few steps into the index.
SELECT asked.place, first.bucket - date '1970-01-01', last.bucket - date '1970-01-01'
FROM unnest($1::integer[]) WITH ORDINALITY AS asked (company_id, place)
CROSS JOIN LATERAL (
    SELECT bucket FROM rollup_tally t
    WHERE t.company_id = asked.company_id AND programme = '*' AND grain = 'D'
      AND measure NOT IN ('unknown', 'directory') ORDER BY bucket LIMIT 1
) first
CROSS JOIN LATERAL (
    SELECT bucket FROM rollup_tally t
    WHERE t.company_id = asked.company_id AND programme = '*' AND grain = 'D'
      AND measure NOT IN ('unknown', 'directory') ORDER BY bucket DESC LIMIT 1
) last
