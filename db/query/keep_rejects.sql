-- Keeps rejects. One that came before stays as it is known, whatever became of it, and
-- counts one more attempt; only what was dismissed waits again if it is quarantined again,
-- since that is acknowledged. Ids follow the order of the
-- arrays, that of arrival; rows are written in the order of their keys, so that two
-- writers that share some wait for each other instead of deadlocking.
WITH numbered AS MATERIALIZED (
    SELECT nextval('reject_id') AS id, n.*
    FROM unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::integer[],
                $9::text[], $10::text[], $11::text[], $12::integer[], $13::boolean[], $14::smallint[], $15::text[],
                $16::timestamptz[], $17::timestamptz[], $18::integer[])
         AS n (company_id, digest, status, code, message, pointer, payload, size, source, provider, delivery,
               api_key, strict, schema, key, due_at, at, attempts)
)
INSERT INTO reject (company_id, id, digest, status, code, message, pointer, payload, size, source, provider, delivery,
                    api_key, strict, schema, key, due_at, first_at, last_at, attempts)
SELECT company_id, id, digest, status, code, message, pointer, payload, size, source, provider, delivery,
       api_key, strict, schema, nullif(key, '')::uuid, due_at, at, at, attempts
FROM numbered
ORDER BY company_id, digest
ON CONFLICT (company_id, digest) DO UPDATE
    SET status = CASE WHEN reject.status = 'DISMISSED' AND excluded.status = 'QUARANTINED' THEN excluded.status ELSE reject.status END,
        last_at = greatest(reject.last_at, excluded.last_at), attempts = reject.attempts + excluded.attempts
RETURNING company_id, digest::text AS digest, id, status, coalesce(receipt, 0) AS receipt
