-- The latest changes of each company that is asked for, before a change.
SELECT asked.place, l.id, l.at, l.actor, l.subject, l.valid_from - date '1970-01-01' AS valid_from, l.old, l.new, l.version
FROM unnest($1::integer[]) WITH ORDINALITY AS asked (company_id, place)
CROSS JOIN LATERAL (
    SELECT * FROM audit_log a
    WHERE a.company_id = asked.company_id AND ($2 = 0 OR a.id < $2)
    ORDER BY a.id DESC LIMIT $3
) l
ORDER BY asked.place, l.id DESC
