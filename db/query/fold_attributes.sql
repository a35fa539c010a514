-- What the latest directory event says that has the attribute; ties go to the value that
-- sorts last, so that the order of folding cannot matter.
INSERT INTO person_attribute AS a (company_id, ordinal, name, value, value_key, at)
SELECT p.company_id, p.ordinal, n.name, n.value, n.value_key, n.at
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
     AS n (company_id, key, name, value, value_key, at)
JOIN person p USING (company_id, key)
ORDER BY 1, 2, 3
ON CONFLICT (company_id, ordinal, name) DO UPDATE
SET value = excluded.value, value_key = excluded.value_key, at = excluded.at
WHERE (a.at, a.value COLLATE "C") < (excluded.at, excluded.value COLLATE "C")
