-- A page of what came to each company under a known identity with another body, newest
-- first; kind and type are those of the event that was kept.
SELECT asked.place, 'CONFLICT' AS verdict, c.company_id, c.batch_id, c.key::text, c.kind, c.type, c.programme,
       '', '', '', NULL::timestamptz, c.received_at, left(c.payload, $12), octet_length(c.payload)
FROM unnest($1::integer[]) WITH ORDINALITY AS asked (company_id, place)
CROSS JOIN LATERAL (
    SELECT c.company_id, c.batch_id, c.key, c.received_at, c.payload, e.kind::text AS kind, e.type, e.programme
    FROM event_conflict c JOIN event e USING (company_id, key)
    WHERE c.company_id = asked.company_id AND c.batch_id <= $2 AND (c.batch_id, c.key) < ($2, $3::uuid)
      AND ($4 = '' OR e.kind::text = $4) AND ($5 = '' OR e.type = $5) AND ($6 = '' OR e.programme = $6)
      AND ($7 = '' OR e.participant = $7 OR e.volunteer = $7) AND ($8 = '' OR e.status = $8) AND ($14 = '' OR e.source = $14)
      AND ($9::timestamptz IS NULL OR c.received_at >= $9) AND ($10::timestamptz IS NULL OR c.received_at < $10)
      AND ($13::bigint = 0 OR c.received_at - e.occurred_at > $13::bigint * interval '1 millisecond')
    ORDER BY c.batch_id DESC, c.key DESC
    LIMIT $11
) c
ORDER BY asked.place, c.batch_id DESC, c.key DESC
