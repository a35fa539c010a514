-- The settings of companies, a row each: dated versions as [name, day, value], costs
-- as [id, programme, first day, day after the last, amount, note]; days since 1970.
SELECT c.id, c.settings_version, c.time_zone, c.week_start, c.fiscal_start, c.min_group,
    (SELECT json_agg(json_build_array(s.name, s.valid_from - date '1970-01-01', s.value) ORDER BY s.name, s.valid_from)
     FROM company_setting s WHERE s.company_id = c.id) AS versions,
    (SELECT json_agg(json_build_array(p.id, p.programme, p.first_day - date '1970-01-01',
            p.last_day - date '1970-01-01' + 1, p.amount::text, p.note) ORDER BY p.id)
     FROM programme_cost p WHERE p.company_id = c.id) AS costs
FROM company c
WHERE c.id = ANY ($1)
