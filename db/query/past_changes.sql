-- What was taken away, by changes since an instant, of each item of the settings.
SELECT DISTINCT ON (company_id, subject, item) company_id, subject, item, coalesce(old, '') AS old, before, version
FROM audit_log
WHERE company_id = ANY ($1) AND at > $2 AND subject <> 'valueMap' -- which keeps its own versions
ORDER BY company_id, subject, item, id
