-- The department that the latest directory event says; ties go to the name that
-- sorts last, so that the order of folding cannot matter.
UPDATE person p
SET department = n.department, department_key = n.department_key, department_at = n.at
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
     AS n (company_id, key, department, department_key, at)
WHERE p.company_id = n.company_id AND p.key = n.key
  AND (p.department_at IS NULL OR (p.department_at, p.department COLLATE "C") < (n.at, n.department COLLATE "C"))
