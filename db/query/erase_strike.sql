-- Events that stay, without the person.
UPDATE event e
SET participant = nullif(n.participant, ''), volunteer = nullif(n.volunteer, ''), session = nullif(n.session, ''),
    level = nullif(n.level, ''), attributes = nullif(n.attributes, ''), payload = n.payload
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
     AS n (key, participant, volunteer, session, level, attributes, payload)
WHERE e.company_id = $1 AND e.key = n.key
