-- Who was active, and who was enrolled in, and had completed, each programme that is asked
-- for; '*' asks for the enrolments of all, one by one, since an enrolment is a person in a
-- programme. One asked place after the other.
SELECT asked.place, t.programme, t.set, t.members
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", place)
CROSS JOIN LATERAL (
    SELECT s.programme, s.set, s.members
    FROM rollup_set s
    WHERE s.company_id = asked.company_id AND s.programme = asked.programme AND s.grain = asked.grain
      AND s.bucket >= asked."from" AND s.bucket < asked."to" AND s.set = 'participants'
    UNION ALL
    SELECT s.programme, s.set, s.members
    FROM rollup_set s
    WHERE s.company_id = asked.company_id AND s.grain = asked.grain AND s.bucket >= asked."from" AND s.bucket < asked."to"
      AND s.set IN ('enrolled', 'completed') AND s.programme <> '*'
      AND (asked.programme = '*' OR s.programme = asked.programme)
) t
ORDER BY asked.place
