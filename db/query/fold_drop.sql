-- Cells that are about to be made anew.
WITH gone AS (
    SELECT * FROM unnest($1::integer[], $2::text[], $3::"char"[], $4::date[]) AS g (company_id, programme, grain, bucket)
), tallies AS (
    DELETE FROM rollup_tally t USING gone
    WHERE (t.company_id, t.programme, t.grain, t.bucket) = (gone.company_id, gone.programme, gone.grain, gone.bucket)
), sets AS (
    DELETE FROM rollup_set t USING gone
    WHERE (t.company_id, t.programme, t.grain, t.bucket) = (gone.company_id, gone.programme, gone.grain, gone.bucket)
)
DELETE FROM rollup_page t USING gone
WHERE (t.company_id, t.programme, t.grain, t.bucket) = (gone.company_id, gone.programme, gone.grain, gone.bucket)
