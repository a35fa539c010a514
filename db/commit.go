package db

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/impactql/impactql/impact"
)

// Commit makes events durable in one transaction and says, in their order, what
// became of each. It sorts a copy of events; events must not change meanwhile.
//
// Transient failures are tried again until ctx ends. An error means that the
// caller must not acknowledge: nothing, or everything, may have been stored, and
// sending the events again settles it, since each is stored at most once.
//
// While the fold lags far behind, Commit first waits for it: what is acknowledged
// shows in the figures within a second, also under overload. It does not wait for a fold
// that stands still.
//
// While the database is away, and when it goes away, Commit fails with
// [impact.CodeUnavailable]; see [Store.Guard].
func (s *Store) Commit(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	return s.breaker.whileUp(ctx, func(ctx context.Context) ([]impact.Verdict, error) { return s.commitEach(ctx, events) })
}

func (s *Store) commitEach(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	if err := s.backlog.admit(ctx); err != nil {
		return nil, wrap(err, "commit: wait for the fold")
	}
	verdicts, err := s.commit(ctx, events)
	if refused(err) {
		return s.commitApart(ctx, events, err)
	}
	return verdicts, wrap(err, "commit %d events", len(events))
}

// CommitWhole is Commit that stores all of the events or none: if Postgres cannot hold
// one of them it fails with [impact.CodeInvalid].
func (s *Store) CommitWhole(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	return s.breaker.whileUp(ctx, func(ctx context.Context) ([]impact.Verdict, error) { return s.commitTogether(ctx, events) })
}

func (s *Store) commitTogether(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	if err := s.backlog.admit(ctx); err != nil {
		return nil, wrap(err, "commit: wait for the fold")
	}
	verdicts, err := s.commit(ctx, events)
	if refused(err) {
		s.log.ErrorContext(ctx, "commit: events refused", "events", len(events), "err", err)
		return nil, impact.Errorf(impact.CodeInvalid, "one of the events holds a value that cannot be stored; nothing was stored")
	}
	return verdicts, wrap(err, "commit %d events", len(events))
}

// refused reports whether Postgres cannot hold some value of a batch.
func refused(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && (e.Code.Class() == "22" || e.Code.Class() == "23" || e.Code.Class() == "54")
}

// commitApart halves a batch that Postgres refused until the event that it
// cannot hold stands alone: one caller's bad event must not cost others theirs.
func (s *Store) commitApart(ctx context.Context, events []*impact.Event, cause error) ([]impact.Verdict, error) {
	if len(events) == 1 {
		s.log.ErrorContext(ctx, "commit: event refused", "type", events[0].Type, "err", cause)
		return []impact.Verdict{{Err: impact.Errorf(impact.CodeInvalid, "the event holds a value that cannot be stored")}}, nil
	}
	first, err := s.commitEach(ctx, events[:len(events)/2])
	if err != nil {
		return nil, err
	}
	second, err := s.commitEach(ctx, events[len(events)/2:])
	return append(first, second...), err
}

func (s *Store) commit(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	c := commit{
		store: s, events: events,
		linked: slices.ContainsFunc(events, func(e *impact.Event) bool { return e.Links != nil }),
	}
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		verdicts, err := c.try(ctx)
		if err == nil {
			return verdicts, nil
		}
		if !transient(err) || ctx.Err() != nil || s.Away() {
			return nil, err
		}
		s.log.WarnContext(ctx, "commit: trying again", "events", len(events), "err", err)
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}

// commit is one batch on its way, across tries.
type commit struct {
	store  *Store
	events []*impact.Event
	// mine lists the batch ids of the tries so far, whose COMMIT may have landed
	// although they failed: what is found under them is this batch's own.
	mine   []int64
	linked bool // some event has links
}

// columns are the columns of rows.
func (c *commit) columns() string {
	if c.linked {
		return eventColumns + linkColumns
	}
	return eventColumns
}

// try runs one transaction. It first bets that every event is new and copies
// straight into the log. If that bet fails it goes through a temporary table; it
// then skips the bet for the next few batches, since duplicates come in storms.
func (c *commit) try(ctx context.Context) ([]impact.Verdict, error) {
	id, err := c.store.batches.take(ctx, c.store.db)
	if err != nil {
		return nil, err
	}
	conn, err := c.store.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// Sorted by key, two batches that share events wait for each other instead of
	// deadlocking; and neighbours show duplicates within the batch.
	order := sortByKey(c.events)

	var verdicts []impact.Verdict
	err = conn.Raw(func(raw any) error {
		pg := session{raw.(pgConn)}
		if len(c.mine) == 0 && c.store.exact.Load() <= 0 && !hasTwins(c.events, order) {
			var dup bool
			dup, err := c.direct(ctx, pg, id, order)
			if err != nil {
				return poison(err)
			}
			if !dup {
				verdicts = make([]impact.Verdict, len(c.events))
				for i := range verdicts {
					verdicts[i].Receipt = id
				}
				c.store.backlog.add(id, c.events)
				return nil
			}
			c.store.exact.Store(exactAfterDuplicate)
		}
		if c.store.exact.Load() > 0 {
			c.store.exact.Add(-1)
		}
		v, err := c.exact(ctx, pg, id, order)
		if err != nil {
			return poison(err)
		}
		verdicts = v
		return nil
	})
	return verdicts, err
}

// exactAfterDuplicate is how many batches skip the direct path after one that
// met a duplicate.
const exactAfterDuplicate = 8

// direct copies into the log. dup is true, and the transaction undone, if the
// log already had one of the events.
//
// The COPY, the row of the batch and the COMMIT are one message, since each round trip
// costs both sides more than a row does.
func (c *commit) direct(ctx context.Context, pg session, id int64, order []int) (dup bool, err error) {
	if err := pg.exec(ctx, "BEGIN"); err != nil {
		return false, err
	}
	c.mine = append(c.mine, id)
	err = pg.copyIn(ctx, "COPY event ("+c.columns()+") FROM STDIN; INSERT INTO batch (id, events) VALUES ("+
		strconv.FormatInt(id, 10)+","+strconv.Itoa(len(c.events))+"); COMMIT", c.rows(id, order, false))
	if pq.As(err, pqerror.UniqueViolation) != nil {
		return true, pg.exec(ctx, "ROLLBACK")
	}
	return false, err
}

// exact copies into a temporary table and merges: right whatever the log holds.
func (c *commit) exact(ctx context.Context, pg session, id int64, order []int) ([]impact.Verdict, error) {
	if err := pg.exec(ctx, "BEGIN; "+query("commit_stage")); err != nil {
		return nil, err
	}
	if err := pg.copyIn(ctx, "COPY pg_temp.stage (ord, "+c.columns()+") FROM STDIN", c.rows(id, order, true)); err != nil {
		return nil, err
	}
	if err := pg.exec(ctx, strings.Replace(query("commit_merge"), "'{}'", "'"+c.tried()+"'", 1)); err != nil {
		return nil, err
	}
	// The batch that each is in, negative if the log has another body under its key.
	found, err := pg.int64s(ctx, `
		SELECT CASE WHEN e.payload <> s.payload AND NOT starts_with(e.payload, '{"erased":true') THEN -e.batch_id ELSE e.batch_id END
		FROM pg_temp.stage s JOIN event e USING (company_id, key) ORDER BY s.ord`)
	if err != nil {
		return nil, err
	}
	if len(found) != len(c.events) {
		return nil, fmt.Errorf("merge kept %d of %d events", len(found), len(c.events))
	}
	verdicts := make([]impact.Verdict, len(c.events))
	var stored []*impact.Event
	previous := -1
	for _, i := range order {
		twin := previous >= 0 && sameKey(c.events[previous], c.events[i])
		previous = i
		in, conflict := max(found[i], -found[i]), found[i] < 0
		ours := in == id || slices.Contains(c.mine, in)
		verdicts[i] = impact.Verdict{Receipt: in, Duplicate: !ours || twin, Conflict: conflict}
		if in == id && !twin {
			stored = append(stored, c.events[i])
		}
	}
	if len(stored) > 0 {
		if err := pg.exec(ctx, "INSERT INTO batch (id, events) VALUES ("+
			strconv.FormatInt(id, 10)+","+strconv.Itoa(len(stored))+")"); err != nil {
			return nil, err
		}
	}
	if err := c.commit(ctx, pg, id); err != nil {
		return nil, err
	}
	c.store.backlog.add(id, stored)
	return verdicts, nil
}

// tried is mine as an array of SQL.
func (c *commit) tried() string {
	list := []byte("{")
	for i, id := range c.mine {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, id, 10)
	}
	return string(append(list, '}'))
}

func (c *commit) commit(ctx context.Context, pg session, id int64) error {
	c.mine = append(c.mine, id)
	return pg.exec(ctx, "COMMIT")
}

// copyPiece is from which size on rows are sent: the driver sends what is larger than 63 kB
// at once, from a buffer of 64 kB.
const copyPiece = 63 << 10

// copyBuffers are of rows on their way to the driver. A buffer grown for each batch was half
// of what a full server allocated.
var copyBuffers = sync.Pool{New: func() any { return new([]byte) }}

// rows are the rows of the events in order, lines in COPY's text format, some to a piece; a
// piece is valid until the next. With ord, each row begins with the event's place in the batch.
func (c *commit) rows(id int64, order []int, ord bool) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		pooled, _ := copyBuffers.Get().(*[]byte)
		b := (*pooled)[:0]
		defer func() {
			if cap(b) <= 2*copyPiece {
				*pooled = b
			}
			copyBuffers.Put(pooled)
		}()
		for _, i := range order {
			switch {
			case len(b) >= copyPiece:
				if !yield(b) {
					return
				}
				b = b[:0]
			case len(b) > 0:
				b = append(b, '\n')
			}
			if ord {
				b = strconv.AppendInt(b, int64(i), 10)
				b = append(b, '\t')
			}
			b = appendEvent(b, c.events[i], id)
			if c.linked {
				b = appendLinks(b, c.events[i].Links)
			}
		}
		yield(b)
	}
}

func sortByKey(events []*impact.Event) []int {
	order := make([]int, len(events))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := events[i], events[j]
		if a.Company != b.Company {
			return int(a.Company) - int(b.Company)
		}
		if d := bytes.Compare(a.Key[:], b.Key[:]); d != 0 {
			return d
		}
		return i - j
	})
	return order
}

func sameKey(a, b *impact.Event) bool { return a.Company == b.Company && a.Key == b.Key }

func hasTwins(events []*impact.Event, order []int) bool {
	for n := 1; n < len(order); n++ {
		if sameKey(events[order[n-1]], events[order[n]]) {
			return true
		}
	}
	return false
}

// pgConn is what a lib/pq connection can do that database/sql hides or slows.
type pgConn interface {
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

// session is a raw connection within [sql.Conn.Raw].
type session struct{ pgConn }

func (s session) exec(ctx context.Context, sql string) error {
	_, err := s.ExecContext(ctx, sql, nil)
	return err
}

// copyIn sends pieces of lines in COPY's text format.
func (s session) copyIn(ctx context.Context, sql string, pieces iter.Seq[[]byte]) error {
	stmt, err := s.PrepareContext(ctx, sql)
	if err != nil {
		return err
	}
	in, ok := stmt.(interface {
		CopyData(ctx context.Context, line string) (driver.Result, error)
		Exec(args []driver.Value) (driver.Result, error)
	})
	if !ok {
		return fmt.Errorf("%T cannot COPY", stmt)
	}
	for piece := range pieces {
		// The driver copies it and keeps nothing.
		if _, err = in.CopyData(ctx, unsafe.String(unsafe.SliceData(piece), len(piece))); err != nil {
			break
		}
	}
	_, end := in.Exec(nil)
	if closeErr := stmt.Close(); err == nil && end == nil {
		return closeErr
	}
	return firstError(end, err)
}

// firstError is the first of errs that is not nil: ending a COPY reports what the server said,
// where sending may only report that it stopped listening.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s session) int64s(ctx context.Context, sql string) (list []int64, err error) {
	rows, err := s.QueryContext(ctx, sql, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = firstError(err, rows.Close()) }()
	row := make([]driver.Value, 1)
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return nil, err
		}
		x, ok := row[0].(int64)
		if !ok {
			return nil, fmt.Errorf("%T is not a bigint", row[0])
		}
		list = append(list, x)
	}
}

// poison marks the connection that err came from as unfit for reuse: it may be
// within a transaction, or dead.
func poison(err error) error { return errors.Join(err, driver.ErrBadConn) }
