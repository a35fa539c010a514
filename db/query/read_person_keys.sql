-- The keys of people by number.
SELECT p.company_id, p.ordinal, p.key
FROM unnest($1::integer[], $2::integer[]) AS asked (company_id, ordinal)
JOIN person p USING (company_id, ordinal)
