package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// Ledger is a company's log, and the figures that readers make of its rollups, at one
// moment: nothing that is ingested, folded or changed meanwhile shows in either. It reads
// over one connection, so it is for one caller at a time.
type Ledger struct {
	Company  *impact.Company
	Settings *impact.Settings
	// Figures are the readers' own, uncached.
	Figures *Figures
	// Then are those of the past, which is the same at any moment. They are read over
	// connections of their own: each instant takes a transaction.
	Then *Figures

	tx *sqlx.DB // one connection, in a transaction
}

// LedgerEvent is an event as the log has it.
type LedgerEvent struct {
	impact.Event // Raw is its payload; Links are never nil
	ReceivedAt   time.Time
	StoredAt     time.Time // zero if there is no record of it
}

// ledgerChunk is how many events are in memory at once.
const ledgerChunk = 5_000

// Ledger opens the ledger of a company until f returns. What was committed when it is
// called is in it: it waits, up to patience, until that is folded. The error is
// [impact.CodeUnavailable] if nobody folds it.
func (s *Store) Ledger(ctx context.Context, company impact.CompanyID, patience time.Duration, f func(*Ledger) error) error {
	if err := s.awaitFolded(ctx, patience); err != nil {
		return err
	}
	// The readers take a pool. This one has a single connection, which a transaction is
	// begun on by hand: all that goes through it sees the same snapshot.
	connector, err := pq.NewConnector(s.url)
	if err != nil {
		return wrap(err, "open the ledger")
	}
	pool := sql.OpenDB(connector)
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	tx := sqlx.NewDb(pool, "postgres")
	if _, err := tx.ExecContext(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return wrap(err, "open the ledger")
	}
	var began, ended int
	const backend = "SELECT pg_backend_pid()"
	if err := tx.GetContext(ctx, &began, backend); err != nil {
		return wrap(err, "open the ledger")
	}
	view := &Store{db: tx, url: s.url, log: s.log, still: true}
	l := &Ledger{Figures: NewFigures(view, nil), Then: NewFigures(s, nil), tx: tx}
	var key string
	if err := tx.GetContext(ctx, &key, "SELECT key FROM company WHERE id = $1", company); err != nil {
		return wrap(err, "open the ledger")
	}
	if l.Company, err = view.CompanyByKey(ctx, key); err != nil {
		return err
	}
	settings, err := readSettings(ctx, tx, []impact.CompanyID{company})
	if err != nil {
		return err
	}
	l.Settings = settings[company]
	if err := f(l); err != nil {
		return err
	}
	// The pool would have opened another connection, outside of the transaction, if the
	// first one was lost.
	if err := tx.GetContext(ctx, &ended, backend); err != nil || began != ended {
		return wrap(errors.Join(errors.New("the connection was lost"), err), "read the ledger")
	}
	return nil
}

// awaitFolded waits until every batch is folded that is committed now.
func (s *Store) awaitFolded(ctx context.Context, patience time.Duration) error {
	const pause = 20 * time.Millisecond
	var mark sql.NullInt64
	if err := s.db.GetContext(ctx, &mark, "SELECT max(id) FROM batch WHERE folded_at IS NULL"); err != nil {
		return wrap(err, "wait for folds")
	}
	for end := time.Now().Add(patience); mark.Valid; {
		var waiting int
		if err := s.db.GetContext(ctx, &waiting, "SELECT count(*) FROM batch WHERE folded_at IS NULL AND id <= $1", mark.Int64); err != nil {
			return wrap(err, "wait for folds")
		}
		switch {
		case waiting == 0:
			return nil
		case time.Now().After(end):
			return impact.Errorf(impact.CodeUnavailable, "%d batches are committed and not folded for %s: start a server, which folds them, and try again", waiting, patience)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return wrap(ctx.Err(), "wait for folds")
		}
	}
	return nil
}

// Corrections are the events that correct others. They fit into memory, as for a fold.
func (l *Ledger) Corrections(ctx context.Context) ([]*LedgerEvent, error) {
	return l.list(ctx, " AND (e.supersedes IS NOT NULL OR e.supersedes_key IS NOT NULL)")
}

// Named are the events that correct nothing and go by one of the names.
func (l *Ledger) Named(ctx context.Context, names []impact.Key) ([]*LedgerEvent, error) {
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = fmt.Sprintf("%x", n)
	}
	return l.list(ctx, ` AND e.supersedes IS NULL AND e.supersedes_key IS NULL
		AND (e.key = ANY ($2::uuid[]) OR e.alias = ANY ($2::uuid[]) OR e.slot = ANY ($2::uuid[]))`, pq.Array(texts))
}

func (l *Ledger) list(ctx context.Context, where string, args ...any) (list []*LedgerEvent, err error) {
	rows, err := l.tx.QueryContext(ctx, query("ledger_events")+where, append([]any{l.Company.ID}, args...)...)
	if err != nil {
		return nil, wrap(err, "read the log")
	}
	err = scanLedger(rows, func(e *LedgerEvent) { list = append(list, e) })
	return list, err
}

// Events yields the whole log by the time at which events happened, and an error at the
// end if there is one.
func (l *Ledger) Events(ctx context.Context) iter.Seq2[*LedgerEvent, error] {
	return l.events(ctx, "")
}

// Directory likewise yields the directory events.
func (l *Ledger) Directory(ctx context.Context) iter.Seq2[*LedgerEvent, error] {
	return l.events(ctx, " AND e.kind = 'directory'")
}

func (l *Ledger) events(ctx context.Context, where string) iter.Seq2[*LedgerEvent, error] {
	return func(yield func(*LedgerEvent, error) bool) {
		if _, err := l.tx.ExecContext(ctx, "DECLARE ledger NO SCROLL CURSOR FOR "+query("ledger_events")+where+
			" ORDER BY e.occurred_at, e.key", l.Company.ID); err != nil {
			yield(nil, wrap(err, "read the log"))
			return
		}
		defer l.tx.ExecContext(context.WithoutCancel(ctx), "CLOSE ledger") //nolint:errcheck // it ends with the transaction as well
		for {
			rows, err := l.tx.QueryContext(ctx, "FETCH "+strconv.Itoa(ledgerChunk)+" FROM ledger")
			if err != nil {
				yield(nil, wrap(err, "read the log"))
				return
			}
			var chunk []*LedgerEvent
			if err := scanLedger(rows, func(e *LedgerEvent) { chunk = append(chunk, e) }); err != nil {
				yield(nil, err)
				return
			}
			for _, e := range chunk {
				if !yield(e, nil) {
					return
				}
			}
			if len(chunk) < ledgerChunk {
				return
			}
		}
	}
}

func scanLedger(rows *sql.Rows, f func(*LedgerEvent)) error {
	defer rows.Close()
	for rows.Next() {
		e := new(LedgerEvent)
		e.Links = new(impact.Links)
		n := e.Links
		var revised, stored sql.NullTime
		if err := scanEvent(rows, &e.Event, (*uuid)(&n.Alias), (*uuid)(&n.Slot), (*uuid)(&n.Supersedes), (*uuid)(&n.SupersedesKey),
			&revised, &n.Amends, &e.Source, &e.ReceivedAt, &e.Raw, &stored); err != nil {
			return wrap(err, "read the log")
		}
		n.RevisedAt, e.StoredAt = revised.Time, stored.Time
		f(e)
	}
	return wrap(rows.Err(), "read the log")
}

// Programmes are those that the log or a rollup knows.
func (l *Ledger) Programmes(ctx context.Context) (list []string, err error) {
	err = l.tx.SelectContext(ctx, &list, `
		SELECT DISTINCT programme FROM event WHERE company_id = $1 AND batch_id > 0
		UNION SELECT DISTINCT programme FROM rollup_tally WHERE company_id = $1 AND programme <> '*'
		UNION SELECT DISTINCT programme FROM rollup_set WHERE company_id = $1 AND programme <> '*'
		UNION SELECT DISTINCT programme FROM rollup_page WHERE company_id = $1 AND programme <> '*' ORDER BY 1`, l.Company.ID)
	return list, wrap(err, "programmes")
}

// Days are those that a rollup of any programme and width begins on.
func (l *Ledger) Days(ctx context.Context) ([]impact.Day, error) {
	var list []time.Time
	if err := l.tx.SelectContext(ctx, &list, `
		SELECT DISTINCT bucket FROM rollup_tally WHERE company_id = $1
		UNION SELECT DISTINCT bucket FROM rollup_set WHERE company_id = $1
		UNION SELECT DISTINCT bucket FROM rollup_page WHERE company_id = $1 ORDER BY 1`, l.Company.ID); err != nil {
		return nil, wrap(err, "days")
	}
	days := make([]impact.Day, len(list))
	for i, t := range list {
		days[i] = impact.Date(t.Date())
	}
	return days, nil
}

// Defined are the filters of the cohorts that the company defined, as JSON, by key.
func (l *Ledger) Defined(ctx context.Context) (map[string]string, error) {
	return l.defined(ctx, "SELECT key, filter::text AS filter FROM cohort WHERE company_id = $1", l.Company.ID)
}

// DefinedAt are those that held at an instant.
func (l *Ledger) DefinedAt(ctx context.Context, at time.Time) (map[string]string, error) {
	return l.defined(ctx, `
		SELECT key, filter::text AS filter FROM (
			SELECT DISTINCT ON (key) key, filter FROM cohort_version WHERE company_id = $1 AND saved_at <= $2 ORDER BY key, id DESC
		) latest WHERE filter IS NOT NULL`, l.Company.ID, at)
}

func (l *Ledger) defined(ctx context.Context, sql string, args ...any) (map[string]string, error) {
	var rows []struct{ Key, Filter string }
	if err := l.tx.SelectContext(ctx, &rows, sql, args...); err != nil {
		return nil, wrap(err, "cohorts")
	}
	defined := make(map[string]string, len(rows))
	for _, r := range rows {
		defined[r.Key] = r.Filter
	}
	return defined, nil
}

// ValueMap is the company's value map as JSON; empty if there is none.
func (l *Ledger) ValueMap(ctx context.Context) (text string, err error) {
	err = l.tx.GetContext(ctx, &text, "SELECT coalesce((SELECT map::text FROM value_map WHERE company_id = $1 ORDER BY version DESC LIMIT 1), '')", l.Company.ID)
	return text, wrap(err, "value map")
}

// LedgerAttribute is what readers know of somebody beside the department.
type LedgerAttribute struct{ Person, Name, Value string }

// Attributes are those of all people that have a value.
func (l *Ledger) Attributes(ctx context.Context) (list []LedgerAttribute, err error) {
	err = l.tx.SelectContext(ctx, &list, `
		SELECT p.key AS person, a.name, a.value FROM person_attribute a JOIN person p USING (company_id, ordinal)
		WHERE a.company_id = $1 AND a.value <> ''`, l.Company.ID)
	return list, wrap(err, "attributes")
}

// Instants are up to n at which something of the company was stored and all of it is
// folded, evenly apart among those since its settings changed last.
func (l *Ledger) Instants(ctx context.Context, n int) (list []time.Time, err error) {
	err = l.tx.SelectContext(ctx, &list, `
		SELECT max(at) FROM (
			SELECT b.committed_at AS at, ntile($2) OVER (ORDER BY b.committed_at) AS part
			FROM batch b
			WHERE EXISTS (SELECT FROM event e WHERE e.company_id = $1 AND e.batch_id = b.id)
			  AND b.committed_at > (SELECT coalesce(max(at), '-infinity') FROM audit_log WHERE company_id = $1 AND subject NOT IN ('valueMap', 'cohort', 'source'))
			  AND b.committed_at < (SELECT coalesce(min(committed_at), 'infinity') FROM batch WHERE folded_at IS NULL)
		) stored GROUP BY part ORDER BY 1`, l.Company.ID, n)
	return list, wrap(err, "instants")
}
