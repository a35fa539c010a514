-- The first and last day with an event, each by one step into the index.
SELECT asked.place, first.bucket - date '1970-01-01', last.bucket - date '1970-01-01'
FROM unnest($1::integer[]) WITH ORDINALITY AS asked (company_id, place)
CROSS JOIN LATERAL (
    SELECT bucket FROM rollup_tally t
    WHERE t.company_id = asked.company_id AND programme = '*' AND grain = 'D' ORDER BY bucket LIMIT 1
) first
CROSS JOIN LATERAL (
    SELECT bucket FROM rollup_tally t
    WHERE t.company_id = asked.company_id AND programme = '*' AND grain = 'D' ORDER BY bucket DESC LIMIT 1
) last
