-- Who is in a department now, whatever the case of its name.
SELECT asked.place, min(p.department COLLATE "C"), array_agg(p.ordinal)
FROM unnest($1::integer[], $2::text[], $3::integer[]) AS asked (company_id, department_key, place)
JOIN person p ON p.company_id = asked.company_id AND p.department_key = asked.department_key
GROUP BY asked.place
