-- Who is enrolled in, and has completed, each programme that is asked for; '*'
-- asks for all, one by one, since an enrolment is a person in a programme.
SELECT asked.place, t.programme, t.set, t.members
FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[], $5::date[])
     WITH ORDINALITY AS asked (company_id, programme, grain, "from", "to", place)
JOIN rollup_set t USING (company_id, grain)
WHERE t.bucket >= asked."from" AND t.bucket < asked."to"
  AND t.set IN ('enrolled', 'completed') AND t.programme <> '*'
  AND (asked.programme = '*' OR t.programme = asked.programme)
