-- How many people were erased of companies, and whether some were since an instant; and
-- the smallest group that is told of now.
SELECT c.id, c.erasures, c.min_group, EXISTS (SELECT FROM erasure x WHERE x.company_id = c.id AND x.at > $2) AS since
FROM company c
WHERE c.id = ANY ($1)
