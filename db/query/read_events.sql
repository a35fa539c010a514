-- What a fold needs of an event; of which events is up to who asks.
SELECT event.company_id, event.key, kind, type, event.programme, coalesce(participant, ''), coalesce(volunteer, ''), occurred_at,
       coalesce(duration_ms, 0), coalesce(score, 0), coalesce(score_scale, 0),
       coalesce(confidence, 0), confidence IS NOT NULL,
       coalesce(dimension, ''), coalesce(status, ''), coalesce(from_volunteer, false),
       coalesce(points, 0), coalesce(department, ''), coalesce(attributes, '')
