-- The keys of the cohorts that companies had defined at an instant.
SELECT company_id, key FROM (
    SELECT DISTINCT ON (company_id, key) company_id, key, filter
    FROM cohort_version
    WHERE company_id = ANY ($1) AND saved_at <= $2
    ORDER BY company_id, key, id DESC
) v
WHERE filter IS NOT NULL
