-- A page of the events of each company as they arrived, newest first.
SELECT asked.place, 'STORED' AS verdict, e.company_id, e.batch_id, e.key::text, e.kind::text, e.type, e.programme,
       coalesce(e.participant, ''), coalesce(e.volunteer, ''), coalesce(e.session, ''), e.occurred_at, e.received_at,
       left(e.payload, $12), octet_length(e.payload)
FROM unnest($1::integer[]) WITH ORDINALITY AS asked (company_id, place)
CROSS JOIN LATERAL (
    SELECT * FROM event e
    WHERE e.company_id = asked.company_id AND e.batch_id > 0 AND e.batch_id <= $2 AND (e.batch_id, e.key) < ($2, $3::uuid)
      AND ($4 = '' OR e.kind::text = $4) AND ($5 = '' OR e.type = $5) AND ($6 = '' OR e.programme = $6)
      AND ($7 = '' OR e.participant = $7 OR e.volunteer = $7) AND ($8 = '' OR e.status = $8) AND ($14 = '' OR e.source = $14)
      AND ($9::timestamptz IS NULL OR e.received_at >= $9) AND ($10::timestamptz IS NULL OR e.received_at < $10)
      AND ($13::bigint = 0 OR e.received_at - e.occurred_at > $13::bigint * interval '1 millisecond')
    ORDER BY e.batch_id DESC, e.key DESC
    LIMIT $11
) e
ORDER BY asked.place, e.batch_id DESC, e.key DESC
