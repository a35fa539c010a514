-- What each company's events were, other than taken and understood.
SELECT asked.place, what, n
FROM unnest($1::integer[]) WITH ORDINALITY AS asked (company_id, place)
CROSS JOIN LATERAL (
    SELECT what, sum(n)::bigint AS n FROM intake_count c WHERE c.company_id = asked.company_id GROUP BY what
    UNION ALL
    SELECT status, count(*) FROM reject r WHERE r.company_id = asked.company_id GROUP BY status
    UNION ALL
    SELECT 'conflict', count(*) FROM event_conflict e WHERE e.company_id = asked.company_id
) counted
