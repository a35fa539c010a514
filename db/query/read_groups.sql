-- Who is in each department of the companies that are asked for, and one spelling of its
-- name.
SELECT p.company_id, p.department_key, min(p.department COLLATE "C"), array_agg(p.ordinal)
FROM person p
WHERE p.company_id = ANY ($1) AND p.department_key IS NOT NULL
GROUP BY p.company_id, p.department_key
ORDER BY p.company_id, p.department_key
