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
// Progress, if not nil, is told how many events are counted.
func (s *Store) Rebuild(ctx context.Context, company impact.CompanyID, progress func(events int64)) error {
	return s.inTx(ctx, "rebuild", func(tx *sqlx.Tx) error { return s.rebuild(ctx, tx, company, progress) })
}

func (s *Store) rebuild(ctx context.Context, tx *sqlx.Tx, company impact.CompanyID, progress func(events int64)) error {
	// With the row locked no fold of the company can commit, so the log's folded
	// part stands still.
	companies, err := lockCompanies(ctx, tx, []*impact.Event{{Company: company}})
	if err != nil {
		return err
	}
	for _, sql := range []string{
		"DELETE FROM rollup_tally WHERE company_id = $1",
		"DELETE FROM rollup_set WHERE company_id = $1",
		"DELETE FROM rollup_page WHERE company_id = $1",
		"DELETE FROM correction WHERE company_id = $1",
		"DELETE FROM person_attribute WHERE company_id = $1",
		"UPDATE person SET department = NULL, department_key = NULL, department_at = NULL WHERE company_id = $1 AND department_at IS NOT NULL",
	} {
		if _, err := tx.ExecContext(ctx, sql, company); err != nil {
			return err
		}
	}
	links, err := readChains(ctx, tx, `
		SELECT company_id, key, alias, slot, supersedes, supersedes_key FROM event e
		WHERE company_id = $1 AND (supersedes IS NOT NULL OR supersedes_key IS NOT NULL) AND batch_id > 0
		  AND NOT EXISTS (SELECT FROM batch b WHERE b.id = e.batch_id AND b.folded_at IS NULL)`, company)
	if err != nil {
		return err
	}
	if _, err := settle(ctx, tx, companies, links); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DECLARE log NO SCROLL CURSOR FOR "+query("read_events")+
		"FROM "+countedEvents("{of}.company_id = $1")+" event", company); err != nil {
		return err
	}
	var done int64
	if err := s.eachChunk(ctx, tx, companies, func(events []*impact.Event, people map[person]impact.Ordinal) error {
		if err := s.count(ctx, tx, companies, people, events, nil); err != nil {
			return err
		}
		done += int64(len(events))
		if progress != nil {
			progress(done)
		}
		return nil
	}); err != nil {
		return err
	}
	return announce(ctx, tx, companies)
}

// eachChunk fetches the cursor "log" to its end, numbers the people of each chunk, and
// calls f with both.
func (s *Store) eachChunk(
	ctx context.Context, tx *sqlx.Tx, companies map[impact.CompanyID]*foldCompany, f func([]*impact.Event, map[person]impact.Ordinal) error,
) error {
	for {
		events, err := fetchEvents(ctx, tx)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			_, err := tx.ExecContext(ctx, "CLOSE log")
			return err
		}
		people := peopleOf(events)
		if _, err := s.number(ctx, tx, companies, people); err != nil {
			return err
		}
		if err := f(events, people); err != nil {
			return err
		}
	}
}
