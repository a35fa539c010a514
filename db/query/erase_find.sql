-- Events that may name the person: by column, or somewhere in what was sent. Escapes and
-- base64 may hide a name; whether it is one is for the caller to see.
SELECT e.key, e.kind, e.type, e.programme, coalesce(e.participant, ''), coalesce(e.volunteer, ''), coalesce(e.session, ''), e.occurred_at,
       coalesce(e.duration_ms, 0), coalesce(e.score, 0), coalesce(e.score_raw, 0), coalesce(e.score_scale, 0),
       coalesce(e.confidence, 0), e.confidence IS NOT NULL, coalesce(e.dimension, ''), coalesce(e.status, ''),
       coalesce(e.from_volunteer, false), e.mood, e.level, coalesce(e.points, 0), e.amount, e.currency,
       coalesce(e.department, ''), coalesce(e.attributes, ''), e.payload,
       EXISTS (SELECT FROM correction c WHERE c.company_id = e.company_id AND c.key = e.key)
FROM event e
WHERE e.company_id = $1 AND e.batch_id > 0
  AND (e.participant = $2 OR e.volunteer = $2
       OR strpos(e.payload, $2) > 0 OR strpos($2, '@') > 0 AND strpos(lower(e.payload), $3) > 0
       OR e.payload LIKE '%\\u%' OR e.payload LIKE '%ase64%' OR e.payload LIKE '%ASE64%' OR strpos(e.session, $2) > 0)
