-- Pages of the events that figures are made of, by when they happened: those that count as
-- they are, and what stands of the others. The names in braces say which those are: now,
-- or at an instant. Whose events are asked for is a bit per person, by ordinal; none are
-- everybody's.
SELECT asked.place, 'STORED' AS verdict, e.company_id, e.batch_id, e.key::text, e.kind::text, e.type, e.programme,
       coalesce(e.participant, ''), coalesce(e.volunteer, ''), coalesce(e.session, ''), e.occurred_at, e.received_at,
       left(e.payload, $9), octet_length(e.payload)
FROM unnest($1::integer[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::uuid[],
            $10::bytea[], $11::bytea[])
     WITH ORDINALITY AS asked (company_id, programme, kinds, since, until, after_at, after_key, participants, volunteers, place)
CROSS JOIN LATERAL (
    (SELECT e.company_id, e.batch_id, e.key, e.kind, e.type, e.programme, e.participant, e.volunteer, e.session, e.occurred_at,
            e.received_at, e.payload
     FROM event e
     WHERE e.company_id = asked.company_id AND e.occurred_at >= greatest(asked.since, asked.after_at) AND e.occurred_at < asked.until
       AND (e.occurred_at, e.key) > (asked.after_at, asked.after_key)
       AND (asked.programme = '*' OR e.programme = asked.programme)
       AND (asked.kinds = '' OR e.kind::text = ANY (string_to_array(asked.kinds, ',')))
       AND (octet_length(asked.participants) = 0
            OR EXISTS (SELECT FROM person p WHERE p.company_id = asked.company_id AND p.key = e.participant
                       AND p.ordinal < 8 * octet_length(asked.participants) AND get_bit(asked.participants, p.ordinal) = 1)
            OR EXISTS (SELECT FROM person p WHERE p.company_id = asked.company_id AND p.key = e.volunteer
                       AND p.ordinal < 8 * octet_length(asked.volunteers) AND get_bit(asked.volunteers, p.ordinal) = 1))
       AND e.batch_id > 0 AND {counts}
     ORDER BY e.occurred_at, e.key
     LIMIT $8)
    UNION ALL
    (SELECT e.company_id, e.batch_id, e.key, e.kind, e.type, c.programme, c.participant, c.volunteer, e.session, c.occurred_at,
            e.received_at, e.payload
     FROM {standing} c
     JOIN event e USING (company_id, key)
     WHERE c.company_id = asked.company_id AND c.occurred_at >= greatest(asked.since, asked.after_at) AND c.occurred_at < asked.until
       AND (c.occurred_at, c.key) > (asked.after_at, asked.after_key)
       AND (asked.programme = '*' OR c.programme = asked.programme)
       AND (asked.kinds = '' OR e.kind::text = ANY (string_to_array(asked.kinds, ',')))
       AND (octet_length(asked.participants) = 0
            OR EXISTS (SELECT FROM person p WHERE p.company_id = asked.company_id AND p.key = c.participant
                       AND p.ordinal < 8 * octet_length(asked.participants) AND get_bit(asked.participants, p.ordinal) = 1)
            OR EXISTS (SELECT FROM person p WHERE p.company_id = asked.company_id AND p.key = c.volunteer
                       AND p.ordinal < 8 * octet_length(asked.volunteers) AND get_bit(asked.volunteers, p.ordinal) = 1))
     ORDER BY c.occurred_at, c.key
     LIMIT $8)
    ORDER BY occurred_at, key
    LIMIT $8
) e
ORDER BY asked.place, e.occurred_at, e.key
