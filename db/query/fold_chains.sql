-- The events that corrections tie to those in braces, which are asked for: chains
-- whole, with what was known of each member before. The other braces say which events o
-- are looked at.
WITH RECURSIVE asked AS (
    {asked}
), seed AS (
    SELECT company_id, key FROM asked WHERE supersedes IS NOT NULL OR supersedes_key IS NOT NULL
    UNION SELECT a.company_id, a.key FROM asked a JOIN event c ON c.company_id = a.company_id AND c.supersedes = a.key
    UNION SELECT a.company_id, a.key FROM asked a JOIN event c ON c.company_id = a.company_id AND c.supersedes = a.alias
    UNION SELECT a.company_id, a.key FROM asked a JOIN event c ON c.company_id = a.company_id AND c.supersedes = a.slot
    UNION SELECT a.company_id, a.key FROM asked a JOIN event c ON c.company_id = a.company_id AND c.supersedes_key = a.key
), chain AS (
    SELECT company_id, key, alias, slot, supersedes, supersedes_key FROM asked JOIN seed USING (company_id, key)
    UNION
    SELECT o.company_id, o.key, o.alias, o.slot, o.supersedes, o.supersedes_key
    FROM chain m
    CROSS JOIN LATERAL (
        -- what it corrects
        SELECT e.* FROM event e WHERE e.company_id = m.company_id AND e.key = m.supersedes
        UNION ALL SELECT e.* FROM event e WHERE e.company_id = m.company_id AND e.key = m.supersedes_key
        UNION ALL SELECT e.* FROM event e WHERE e.company_id = m.company_id AND e.alias = m.supersedes
        UNION ALL SELECT e.* FROM event e WHERE e.company_id = m.company_id AND e.slot = m.supersedes
        -- what corrects it, or the same
        UNION ALL SELECT e.* FROM event e
                  WHERE e.company_id = m.company_id AND e.supersedes = ANY (ARRAY[m.key, m.alias, m.slot, m.supersedes, m.supersedes_key])
        UNION ALL SELECT e.* FROM event e
                  WHERE e.company_id = m.company_id AND e.supersedes_key = ANY (ARRAY[m.key, m.supersedes_key, m.supersedes])
    ) o
    WHERE o.batch_id > 0 -- erased otherwise
      AND {known}
)
SELECT e.company_id, e.key, e.kind, e.type, e.programme, coalesce(e.participant, ''), coalesce(e.volunteer, ''), e.occurred_at,
       coalesce(e.duration_ms, 0), coalesce(e.score, 0), coalesce(e.score_scale, 0),
       coalesce(e.confidence, 0), e.confidence IS NOT NULL,
       coalesce(e.dimension, ''), coalesce(e.status, ''), coalesce(e.from_volunteer, false),
       coalesce(e.points, 0), coalesce(e.department, ''), coalesce(e.attributes, ''),
       e.alias, e.slot, e.supersedes, e.supersedes_key, e.revised_at, coalesce(e.amends, 0), e.batch_id,
       c.stands, coalesce(c.programme, ''), coalesce(c.participant, ''), coalesce(c.volunteer, ''), c.occurred_at,
       coalesce(c.duration_ms, 0)
FROM chain
JOIN event e USING (company_id, key)
LEFT JOIN correction c USING (company_id, key)
