-- What committed since a snapshot, of some companies: what it does not see. The first row
-- is the snapshot that this statement sees, to go on from. How far back it looks is
-- bounded, whatever snapshot it is given.
WITH since AS MATERIALIZED (
    SELECT s, cur, greatest(pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(cur)::text::bigint - 1000000)::text::xid8 AS low,
           pg_snapshot_xmax(cur) AS high
    FROM (SELECT $1::pg_snapshot AS s, pg_current_snapshot() AS cur) x
), batches AS MATERIALIZED (
    SELECT b.id, b.xid, b.committed_at FROM since, batch b
    WHERE b.xid >= since.low AND b.xid < since.high AND NOT pg_visible_in_snapshot(b.xid, since.s)
      AND b.committed_at > now() - interval '1 hour'
)
SELECT since.cur::text AS snapshot, 0::bigint AS xid, '' AS verdict, 0 AS company_id, 0::bigint AS receipt, '' AS key, '' AS kind,
       '' AS type, '' AS programme, '' AS participant, '' AS volunteer, '' AS session, NULL::timestamptz AS occurred_at,
       now() AS received_at, ''::bytea AS payload, 0 AS size, 0::bigint AS reject, '' AS code, '' AS message, '' AS pointer
FROM since
UNION ALL
(SELECT '', b.xid::text::bigint, 'STORED', e.company_id, e.batch_id, e.key::text, e.kind::text,
        e.type, e.programme, coalesce(e.participant, ''), coalesce(e.volunteer, ''), coalesce(e.session, ''), e.occurred_at,
        e.received_at, convert_to(left(e.payload, $4), 'UTF8'), octet_length(e.payload), 0, '', '', ''
 FROM batches b JOIN event e ON e.batch_id = b.id AND e.company_id = ANY ($2)
 LIMIT $3)
UNION ALL
(SELECT '', c.xid::text::bigint, 'CONFLICT', c.company_id, c.batch_id, c.key::text, e.kind::text,
        e.type, e.programme, '', '', '', NULL, c.received_at, convert_to(left(c.payload, $4), 'UTF8'), octet_length(c.payload), 0, '', '', ''
 FROM since, event_conflict c JOIN event e USING (company_id, key)
 WHERE c.xid >= since.low AND c.xid < since.high AND NOT pg_visible_in_snapshot(c.xid, since.s) AND c.company_id = ANY ($2)
 LIMIT $3)
UNION ALL
(SELECT '', r.xid::text::bigint, r.status, r.company_id, 0, coalesce(r.key::text, ''), '',
        '', '', '', '', '', NULL, r.last_at, substr(r.payload, 1, $4), r.size, r.id, r.code, r.message, r.pointer
 FROM since, reject r
 WHERE r.xid >= since.low AND r.xid < since.high AND NOT pg_visible_in_snapshot(r.xid, since.s) AND r.company_id = ANY ($2)
   AND r.status IN ('REJECTED', 'QUARANTINED')
 LIMIT $3)
