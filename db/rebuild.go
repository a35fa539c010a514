package db

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/impactql/impactql/impact"
)

// rebuildChunk is how many events a rebuild holds in memory at once.
const rebuildChunk = 100_000

// Rebuild recomputes the rollups of one company from the log, in one
// transaction: readers see the old figures until the new ones are complete. It
// covers the batches that are folded; the others are folded after it as ever.
// Progress, if not nil, is told how many events are done.
func (s *Store) Rebuild(ctx context.Context, company impact.CompanyID, progress func(events int64)) error {
	return s.inTx(ctx, "rebuild", func(tx *sqlx.Tx) error { return s.rebuild(ctx, tx, company, progress) })
}

func (s *Store) rebuild(ctx context.Context, tx *sqlx.Tx, company impact.CompanyID, progress func(events int64)) error {
	// With the row locked no fold of the company can commit, so the log's folded
	// part stands still.
	if _, err := tx.ExecContext(ctx, "SELECT FROM company WHERE id = $1 FOR NO KEY UPDATE", company); err != nil {
		return err
	}
	for _, sql := range []string{
		"DELETE FROM rollup_tally WHERE company_id = $1",
		"DELETE FROM rollup_set WHERE company_id = $1",
		"DELETE FROM rollup_page WHERE company_id = $1",
		"UPDATE person SET department = NULL, department_key = NULL, department_at = NULL WHERE company_id = $1 AND department_at IS NOT NULL",
		"DECLARE log NO SCROLL CURSOR FOR " + query("read_events") +
			" WHERE company_id = $1 AND batch_id IN (SELECT id FROM batch WHERE folded_at IS NOT NULL)",
	} {
		if _, err := tx.ExecContext(ctx, sql, company); err != nil {
			return err
		}
	}
	var done int64
	for {
		events, err := fetchEvents(ctx, tx)
		if err != nil || len(events) == 0 {
			return err
		}
		if _, err := s.apply(ctx, tx, events); err != nil {
			return err
		}
		done += int64(len(events))
		if progress != nil {
			progress(done)
		}
	}
}
