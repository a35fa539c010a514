-- The departments of each company that is asked for, one spelling of each.
SELECT asked.place, min(p.department COLLATE "C")
FROM unnest($1::integer[]) WITH ORDINALITY AS asked (company_id, place)
JOIN person p USING (company_id)
WHERE p.department_key IS NOT NULL
GROUP BY asked.place, p.department_key
ORDER BY asked.place, p.department_key
