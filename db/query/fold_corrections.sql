-- What became of events that corrections are about.
INSERT INTO correction (company_id, key, stands, programme, participant, volunteer, occurred_at, duration_ms)
SELECT company_id, key, stands, nullif(programme, ''), nullif(participant, ''), nullif(volunteer, ''), occurred_at,
       CASE WHEN stands THEN duration_ms END
FROM unnest($1::integer[], $2::uuid[], $3::boolean[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::bigint[])
     AS n (company_id, key, stands, programme, participant, volunteer, occurred_at, duration_ms)
ON CONFLICT (company_id, key) DO UPDATE
SET stands = excluded.stands, programme = excluded.programme, participant = excluded.participant,
    volunteer = excluded.volunteer, occurred_at = excluded.occurred_at, duration_ms = excluded.duration_ms
