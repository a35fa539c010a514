-- When the first event of each company happened.
SELECT asked.company_id, e.occurred_at AS at
FROM unnest($1::integer[]) AS asked (company_id)
CROSS JOIN LATERAL (
    SELECT occurred_at FROM event
    WHERE event.company_id = asked.company_id AND batch_id > 0
    ORDER BY occurred_at LIMIT 1
) e
