-- Of an erased event only the identity is left: a redelivery is a duplicate of it. It
-- belongs to no batch, so that nothing counts or lists it.
UPDATE event
SET batch_id = 0, occurred_at = 'epoch', received_at = 'epoch', kind = 'unknown', type = 'erased', programme = 'unassigned',
    participant = NULL, volunteer = NULL, session = NULL, duration_ms = NULL, score = NULL, score_raw = NULL,
    score_scale = NULL, confidence = NULL, dimension = NULL, status = NULL, from_volunteer = NULL, mood = NULL,
    level = NULL, points = NULL, amount = NULL, currency = NULL, department = NULL, attributes = NULL, source = NULL, payload = '{"erased":true}',
    alias = NULL, slot = NULL, supersedes = NULL, supersedes_key = NULL, revised_at = NULL, amends = NULL
WHERE company_id = $1 AND key = ANY ($2::uuid[])
