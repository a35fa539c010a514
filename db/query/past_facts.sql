-- How many people were erased of companies, and whether some were since an instant.
SELECT c.id, c.erasures, EXISTS (SELECT FROM erasure x WHERE x.company_id = c.id AND x.at > $2) AS since
FROM company c
WHERE c.id = ANY ($1)
