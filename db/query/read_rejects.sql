-- A page of the rejects of each company, newest first.
SELECT asked.place, r.company_id, r.id, r.status, r.code, r.message, r.pointer, substr(r.payload, 1, $8) AS payload, r.size, r.source, r.provider,
       r.delivery, r.api_key, r.strict, r.schema, coalesce(r.key::text, '') AS key, r.due_at, r.first_at, r.last_at, r.attempts,
       r.settled_at, coalesce(r.receipt, 0) AS receipt
FROM unnest($1::integer[]) WITH ORDINALITY AS asked (company_id, place)
CROSS JOIN LATERAL (
    SELECT * FROM reject r
    WHERE r.company_id = asked.company_id AND r.id < $2
      AND ($3 = '' OR r.status = $3) AND ($4 = '' OR r.code = $4) AND ($5 = '' OR r.source = $5)
      AND ($6::bigint[] IS NULL OR r.id = ANY ($6))
    ORDER BY r.id DESC
    LIMIT $7
) r
ORDER BY asked.place, r.id DESC
