-- Moves what is new from the temporary table into the log. ON CONFLICT waits for a
-- transaction that is inserting the same key right now; the second statement sees what
-- that one committed, since each statement takes a snapshot of its own.
--
-- The second statement keeps apart what came under a known key with another body. It
-- does not if somebody was erased from the known one, nor if an earlier try of this batch
-- has done so, whose COMMIT landed although its reply was lost: the array holds the batch
-- ids of such tries.
INSERT INTO event (company_id, key, batch_id, occurred_at, kind, type, programme, participant, volunteer, session,
                   duration_ms, score, score_raw, score_scale, confidence, dimension, status, from_volunteer, mood,
                   level, points, amount, currency, department, attributes, source, payload,
                   alias, slot, supersedes, supersedes_key, revised_at, amends)
SELECT company_id, key, batch_id, occurred_at, kind, type, programme, participant, volunteer, session,
       duration_ms, score, score_raw, score_scale, confidence, dimension, status, from_volunteer, mood,
       level, points, amount, currency, department, attributes, source, payload,
       alias, slot, supersedes, supersedes_key, revised_at, amends
FROM pg_temp.stage
ORDER BY company_id, key, ord
ON CONFLICT (company_id, key) DO NOTHING;

INSERT INTO event_conflict (company_id, key, batch_id, payload)
SELECT s.company_id, s.key, s.batch_id, s.payload
FROM pg_temp.stage s
JOIN event e USING (company_id, key)
WHERE e.payload <> s.payload
  AND NOT starts_with(e.payload, '{"erased":true')
  AND NOT EXISTS (SELECT FROM event_conflict c
                  WHERE c.company_id = s.company_id AND c.key = s.key AND c.batch_id = ANY ('{}'));
