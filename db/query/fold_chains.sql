-- The events that corrections tie to those in braces, which are asked for: chains
-- whole, with what was known of each member before. The other braces say which events o
-- are looked at. It goes from name to name: each is looked up once, however many events
-- bear it or correct it.
WITH RECURSIVE asked AS (
    {asked}
), seed AS (
    SELECT company_id, key FROM asked WHERE supersedes IS NOT NULL OR supersedes_key IS NOT NULL
    UNION SELECT a.company_id, a.key FROM asked a JOIN event c ON c.company_id = a.company_id AND c.supersedes = a.key
    UNION SELECT a.company_id, a.key FROM asked a JOIN event c ON c.company_id = a.company_id AND c.supersedes = a.alias
    UNION SELECT a.company_id, a.key FROM asked a JOIN event c ON c.company_id = a.company_id AND c.supersedes = a.slot
    UNION SELECT a.company_id, a.key FROM asked a JOIN event c ON c.company_id = a.company_id AND c.supersedes_key = a.key
), chain AS (
    SELECT a.company_id, n.name
    FROM asked a JOIN seed USING (company_id, key)
    CROSS JOIN LATERAL (VALUES (a.key), (a.alias), (a.slot), (a.supersedes), (a.supersedes_key)) AS n (name)
    WHERE n.name IS NOT NULL
    UNION
    SELECT m.company_id, n.name
    FROM chain m
    CROSS JOIN LATERAL (
        -- what goes by the name
        SELECT e.* FROM event e WHERE e.company_id = m.company_id AND e.key = m.name
        UNION ALL SELECT e.* FROM event e WHERE e.company_id = m.company_id AND e.alias = m.name
        UNION ALL SELECT e.* FROM event e WHERE e.company_id = m.company_id AND e.slot = m.name
        -- what corrects it
        UNION ALL SELECT e.* FROM event e WHERE e.company_id = m.company_id AND e.supersedes = m.name
        UNION ALL SELECT e.* FROM event e WHERE e.company_id = m.company_id AND e.supersedes_key = m.name
    ) o
    CROSS JOIN LATERAL (VALUES (o.key), (o.alias), (o.slot), (o.supersedes), (o.supersedes_key)) AS n (name)
    WHERE n.name IS NOT NULL
      AND o.batch_id > 0 -- erased otherwise
      AND {known}
)
SELECT o.company_id, o.key, o.kind, o.type, o.programme, coalesce(o.participant, ''), coalesce(o.volunteer, ''), o.occurred_at,
       coalesce(o.duration_ms, 0), coalesce(o.score, 0), coalesce(o.score_scale, 0),
       coalesce(o.confidence, 0), o.confidence IS NOT NULL,
       coalesce(o.dimension, ''), coalesce(o.status, ''), coalesce(o.from_volunteer, false),
       coalesce(o.points, 0), coalesce(o.department, ''), coalesce(o.attributes, ''),
       o.alias, o.slot, o.supersedes, o.supersedes_key, o.revised_at, coalesce(o.amends, 0), o.batch_id,
       c.stands, coalesce(c.programme, ''), coalesce(c.participant, ''), coalesce(c.volunteer, ''), c.occurred_at,
       coalesce(c.duration_ms, 0)
FROM chain
JOIN event o ON o.company_id = chain.company_id AND o.key = chain.name
LEFT JOIN correction c ON c.company_id = o.company_id AND c.key = o.key
WHERE o.batch_id > 0 AND {known}
