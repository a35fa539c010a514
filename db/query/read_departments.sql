-- The cohorts that each company can be asked for beside "all": those that it defined,
-- and its departments, one spelling of each. A definition hides a department of its
-- name.
SELECT asked.place, c.key AS name
FROM unnest($1::integer[]) WITH ORDINALITY AS asked (company_id, place)
JOIN cohort c USING (company_id)
UNION ALL
SELECT asked.place, min(p.department COLLATE "C")
FROM unnest($1::integer[]) WITH ORDINALITY AS asked (company_id, place)
JOIN person p USING (company_id)
WHERE p.department_key IS NOT NULL
  AND NOT EXISTS (SELECT FROM cohort c WHERE c.company_id = p.company_id AND c.key = p.department_key)
GROUP BY asked.place, p.department_key
ORDER BY 1, 2
