-- What was taken away, by changes since an instant, of each item of the settings.
SELECT DISTINCT ON (company_id, subject, item) company_id, subject, item, coalesce(old, '') AS old, before, version
FROM audit_log
WHERE company_id = ANY ($1) AND at > $2 AND subject NOT IN ('valueMap', 'cohort', 'source') -- the first two keep their own versions, sources have no past
ORDER BY company_id, subject, item, id
