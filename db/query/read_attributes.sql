-- Who has which value now of the attributes that are asked for.
SELECT a.company_id, a.name, a.value_key, array_agg(a.ordinal)
FROM unnest($1::integer[], $2::text[]) AS asked (company_id, name)
JOIN person_attribute a USING (company_id, name)
WHERE a.value <> ''
GROUP BY a.company_id, a.name, a.value_key
ORDER BY a.company_id, a.name, a.value_key COLLATE "C"
