-- The companies that are in peer groups on days, up to so many of each group: those that
-- were there first. What a company chose latest up to the day counts.
SELECT asked.place, p.company_id
FROM unnest($1::text[], $2::date[]) WITH ORDINALITY AS asked ("group", day, place)
CROSS JOIN LATERAL (
    SELECT chosen.company_id
    FROM (
        SELECT DISTINCT ON (s.company_id) s.company_id, s.value
        FROM company_setting s
        WHERE s.name = 'peerGroup' AND s.valid_from <= asked.day
        ORDER BY s.company_id, s.valid_from DESC
    ) chosen
    WHERE chosen.value = asked."group"
    ORDER BY chosen.company_id LIMIT $3
) p
ORDER BY asked.place, p.company_id
