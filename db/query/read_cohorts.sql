-- The definitions of the cohorts that are asked for, where there are any.
SELECT asked.place, c.name, c.filter
FROM unnest($1::integer[], $2::text[], $3::integer[]) AS asked (company_id, key, place)
JOIN cohort c USING (company_id, key)
