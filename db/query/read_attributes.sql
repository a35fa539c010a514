-- Who has a value of an attribute now, or any value where the empty one is asked for.
SELECT asked.place, array_agg(a.ordinal)
FROM unnest($1::integer[], $2::text[], $3::text[], $4::integer[]) AS asked (company_id, name, value_key, place)
JOIN person_attribute a ON a.company_id = asked.company_id AND a.name = asked.name AND a.value <> ''
     AND (asked.value_key = '' OR a.value_key = asked.value_key)
GROUP BY asked.place
