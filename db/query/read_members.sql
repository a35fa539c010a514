-- Who is in a department now, whatever the case of its name.
SELECT asked.place, min(p.department COLLATE "C"), array_agg(p.ordinal)
FROM unnest($1::integer[], $2::text[], $3::integer[]) AS asked (company_id, name, place)
JOIN person p ON p.company_id = asked.company_id AND lower(p.department) = lower(asked.name)
GROUP BY asked.place
