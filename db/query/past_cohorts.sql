-- The definitions that held at an instant of the cohorts that are asked for, where there
-- were any.
SELECT asked.place, v.name, v.filter
FROM unnest($1::integer[], $2::text[], $3::integer[]) AS asked (company_id, key, place)
CROSS JOIN LATERAL (
    SELECT name, filter FROM cohort_version v
    WHERE v.company_id = asked.company_id AND v.key = asked.key AND v.saved_at <= $4
    ORDER BY id DESC LIMIT 1
) v
WHERE v.filter IS NOT NULL
