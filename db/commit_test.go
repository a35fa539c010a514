package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

func TestCommittedEventShowsInFigures(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	folder := NewFolder(s)
	verdicts := mustCommit(t, s, sessionEvent(c, 1, "p1", "v1"), sessionEvent(c, 2, "p2", "v1"), sessionEvent(c, 1, "p1", "v1"))
	if verdicts[0].Duplicate || verdicts[1].Duplicate || !verdicts[2].Duplicate {
		t.Errorf("verdicts %+v; want the third alone to be a duplicate", verdicts)
	}
	if err := folder.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	figures, err := NewFigures(s, nil).Figures(t.Context(), []impact.Question{{Company: c.ID, Programme: impact.AllProgrammes, Range: impact.AllTime, Parts: impact.PartsOverview}})
	if err != nil {
		t.Fatal(err)
	}
	m := figures[0].Metrics
	if m.Sessions != 2 || m.Participants != 2 || m.Volunteers != 1 || m.VolunteerHours.String() != "1" {
		t.Errorf("metrics %+v", m)
	}
}

// nasty is text that COPY could misread.
const nasty = "tab\t newline\n return\r backslash\\ double\\\\ \\N \\. \\t 'quotes' \"double\" é 😀 \u2028 \x01\x7f $1 {} ,"

// Every column comes back as it was given, by both paths to the log.
func TestCommitColumns(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	full := &impact.Event{
		Company: c.ID, Kind: impact.KindOutcome, Type: nasty + "type", Programme: nasty + "programme", Participant: nasty + "p",
		Volunteer: nasty + "v", Session: nasty + "s", OccurredAt: time.Date(2025, 11, 13, 23, 59, 59, 999_999_999, time.FixedZone("", 3600)),
		DurationMS: 1<<40 + 1, Score: 123_456, ScoreRaw: 0.1234560000000001, ScoreScale: impact.ScaleFive,
		Confidence: 999_999, HasConfidence: true, Dimension: impact.WellBeing, Status: impact.StatusEnded, FromVolunteer: true,
		Mood: nasty + "mood", Level: nasty + "level", Points: 1<<33 + 1, Amount: "1234567890123456.789", Currency: nasty + "currency",
		Department: nasty + "department", Attributes: impact.NewAttributes(map[string]string{"a": nasty}), Raw: []byte(nasty + strings.Repeat("raw", 10_000)),
	}
	empty := &impact.Event{Company: c.ID, OccurredAt: time.Unix(0, 0), Raw: []byte{}}
	zeros := &impact.Event{
		Company: c.ID, OccurredAt: time.Date(2199, 12, 31, 0, 0, 0, 0, time.UTC), Type: "\\N", Programme: "\\.", Participant: "\\N",
		ScoreScale: impact.ScaleTen, HasConfidence: true, Amount: "1e-3", Raw: []byte("\\N"),
	}
	for path := range 2 {
		s.exact.Store(int32(path)) // first straight into the log, then by way of the temporary table
		var events []*impact.Event
		for i, e := range []*impact.Event{full, empty, zeros} {
			one := *e
			one.Key = impact.Key{0xff, byte(path), byte(i), 15: 0x80}
			events = append(events, &one)
		}
		receipt := mustCommit(t, s, events...)[0].Receipt
		for i, want := range [][]any{
			{
				"outcome.assessed", full.Type, full.Programme, full.Participant, full.Volunteer, full.Session, int64(1<<40 + 1), int64(123_456),
				0.1234560000000001, int64(5), int64(999_999), "well_being", "ended", true, full.Mood, full.Level, int64(1<<33 + 1),
				"1234567890123456.7890", full.Currency, full.Department, string(full.Attributes), string(full.Raw), "2025-11-13 22:59:59.999999",
			},
			{
				"unknown", "", "", nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, "",
				"1970-01-01 00:00:00",
			},
			{
				"unknown", "\\N", "\\.", "\\N", nil, nil, nil, int64(0), 0.0, int64(10), int64(0), nil, nil, nil, nil, nil, nil, "0.0010", nil, nil, nil, "\\N",
				"2199-12-31 00:00:00",
			},
		} {
			row := s.db.QueryRowx(`
				SELECT kind::text, type, programme, participant, volunteer, session, duration_ms, score, score_raw, score_scale, confidence,
				       dimension, status, from_volunteer, mood, level, points, amount::text, currency, department, attributes, payload,
				       (occurred_at AT TIME ZONE 'UTC')::text, batch_id, received_at > now() - interval '1 hour'
				FROM event WHERE company_id = $1 AND key = $2`, c.ID, fmt.Sprintf("%x", events[i].Key))
			got, err := row.SliceScan()
			if err != nil {
				t.Fatal(err)
			}
			for j, w := range append(want, receipt, true) {
				if b, ok := got[j].([]byte); ok {
					got[j] = string(b)
				}
				if got[j] != w {
					t.Errorf("path %d, event %d, column %d: %.80q, want %.80q", path, i, j, got[j], w)
				}
			}
		}
	}
}

func TestCommitDuplicates(t *testing.T) {
	t.Parallel()
	s := open(t)
	c, other := company(t, s, "acme"), company(t, s, "globex")
	first := mustCommit(t, s, sessions(c, 0, 5)...)
	// Across batches and within one, in any order; the same key of another company is
	// another event.
	batch := []*impact.Event{
		sessionEvent(c, 9, "p", "v"), sessionEvent(c, 3, "p", "v"), sessionEvent(other, 3, "p", "v"), sessionEvent(c, 9, "p", "v"), sessionEvent(c, 0, "p", "v"),
		sessionEvent(c, 9, "p", "v"),
	}
	verdicts := mustCommit(t, s, batch...)
	for i, want := range []bool{false, true, false, true, true, true} {
		receipt := verdicts[0].Receipt
		if i == 1 || i == 4 {
			receipt = first[0].Receipt
		}
		if v := verdicts[i]; v.Duplicate != want || v.Receipt != receipt || v.Err != nil {
			t.Errorf("verdict %d is %+v, want duplicate %v of batch %d", i, v, want, receipt)
		}
	}
	// All of it again: nothing new, so no batch.
	batches := get[int](t, s, "SELECT count(*) FROM batch")
	for i, v := range mustCommit(t, s, append(batch, sessions(c, 0, 5)...)...) {
		if !v.Duplicate {
			t.Errorf("verdict %d: %+v", i, v)
		}
	}
	if n := get[int](t, s, "SELECT count(*) FROM batch"); n != batches {
		t.Errorf("%d batches, want %d", n, batches)
	}
	stored := append(sessions(c, 0, 5), batch[0], batch[2])
	checkLog(t, s, stored)
	foldAll(t, s)
	checkRollups(t, s, stored)
	if n := get[int](t, s, "SELECT count(*) FROM event_conflict"); n != 0 {
		t.Errorf("%d conflicts among equal bodies", n)
	}
}

// Of two bodies under one key the first is kept, and each arrival of another one is
// recorded once.
func TestCommitConflicts(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	with := func(body string) *impact.Event {
		e := sessionEvent(c, 1, "p", "v")
		e.Raw = []byte(body)
		return e
	}
	mustCommit(t, s, with("a"))
	for i, v := range mustCommit(t, s, with("b"), with("a"), with("c")) {
		if !v.Duplicate || v.Err != nil || v.Conflict != (i != 1) {
			t.Errorf("verdict %d: %+v", i, v)
		}
	}
	mustCommit(t, s, with("b"))
	two := func(body string) *impact.Event { e := with(body); e.Key[0] = 7; return e }
	if v := mustCommit(t, s, two("x"), two("y")); v[0].Duplicate || v[0].Conflict || !v[1].Duplicate || !v[1].Conflict {
		t.Errorf("within a batch: %+v", v)
	}
	if got := list[string](t, s, "SELECT payload FROM event ORDER BY 1"); !slices.Equal(got, []string{"a", "x"}) {
		t.Errorf("kept %q", got)
	}
	if got := list[string](t, s, "SELECT payload FROM event_conflict ORDER BY 1"); !slices.Equal(got, []string{"b", "b", "c", "y"}) {
		t.Errorf("conflicts %q", got)
	}
}

// Batches that share events, in opposite orders, from two instances at once: each event
// is stored once and acknowledged as stored once, and no deadlock shows.
func TestCommitConcurrentOverlap(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	stores := []*Store{openURL(t, url), openURL(t, url)}
	companies := []*impact.Company{company(t, stores[0], "acme"), company(t, stores[0], "globex")}
	const rounds, size = 12, 40
	var mu sync.Mutex
	stored := make(map[string]int)
	var all []*impact.Event
	for round := range rounds {
		var events []*impact.Event
		for i := range size {
			events = append(events, sessionEvent(companies[i%2], round*size+i, "p", "v"))
		}
		all = append(all, events...)
		var wg sync.WaitGroup
		for worker := range 4 {
			mine := slices.Clone(events)
			switch worker {
			case 1, 2:
				slices.Reverse(mine)
			case 3:
				rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			}
			wg.Go(func() {
				verdicts, err := stores[worker%2].Commit(t.Context(), mine)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for i, v := range verdicts {
					if !v.Duplicate {
						stored[fmt.Sprint(mine[i].Company, mine[i].Key)]++
					}
				}
			})
		}
		wg.Wait()
	}
	if len(stored) != rounds*size {
		t.Errorf("%d events acknowledged as stored, want %d", len(stored), rounds*size)
	}
	for key, n := range stored {
		if n != 1 {
			t.Errorf("%s was acknowledged as stored %d times", key, n)
		}
	}
	checkLog(t, stores[0], all)
	foldAll(t, stores[0])
	checkRollups(t, stores[0], all)
}

// A connection that breaks around COMMIT leaves open whether it landed. Either way the
// caller is told the truth, and the figures count each event once.
func TestCommitAmbiguous(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]cut{"COMMIT is lost": cutBefore, "its reply is lost": cutAfter} {
		for path, prepare := range map[string]func(s *Store, c *impact.Company) (events []*impact.Event, duplicates, conflicts int){
			"all new": func(_ *Store, c *impact.Company) ([]*impact.Event, int, int) { return sessions(c, 0, 3), 0, 0 },
			"some known": func(s *Store, c *impact.Company) ([]*impact.Event, int, int) {
				mustCommit(t, s, sessions(c, 2, 1)...)
				s.exact.Store(5)
				return sessions(c, 0, 3), 1, 0
			},
			"twins": func(_ *Store, c *impact.Company) ([]*impact.Event, int, int) {
				return append(sessions(c, 0, 3), sessions(c, 2, 1)...), 1, 0
			},
			"all known": func(s *Store, c *impact.Company) ([]*impact.Event, int, int) {
				mustCommit(t, s, sessions(c, 0, 3)...)
				s.exact.Store(5)
				return sessions(c, 0, 3), 3, 0
			},
			"a conflict": func(s *Store, c *impact.Company) ([]*impact.Event, int, int) {
				mustCommit(t, s, sessions(c, 2, 1)...)
				s.exact.Store(5)
				events := sessions(c, 0, 3)
				events[2].Raw = []byte("other")
				return events, 1, 1
			},
		} {
			t.Run(name+"/"+path, func(t *testing.T) {
				t.Parallel()
				p := newProxy(t, dbtest.New(t))
				s := openURL(t, p.url)
				c := company(t, s, "acme")
				events, duplicates, conflicts := prepare(s, c)
				folder := NewFolder(s)
				p.next.Store(int32(where))
				verdicts := mustCommit(t, s, events...)
				if p.cuts.Load() != 1 {
					t.Fatalf("%d connections were cut", p.cuts.Load())
				}
				for i, v := range verdicts {
					if want := i >= len(events)-duplicates; v.Duplicate != want || v.Err != nil {
						t.Errorf("verdict %d is %+v, want duplicate %v", i, v, want)
					}
					if v.Receipt != get[int64](t, s, "SELECT batch_id FROM event WHERE key = $1", fmt.Sprintf("%x", events[i].Key)) {
						t.Errorf("event %d is not in the batch of its receipt %d", i, v.Receipt)
					}
				}
				checkLog(t, s, sessions(c, 0, 3))
				if err := folder.CatchUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				checkRollups(t, s, sessions(c, 0, 3))
				if n := get[int](t, s, "SELECT count(*) FROM event_conflict"); n != conflicts {
					t.Errorf("%d conflicts recorded, want %d", n, conflicts)
				}
			})
		}
	}
}

// What Postgres cannot hold costs nobody else anything.
func TestCommitRefusedValue(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(e *impact.Event){
		"not a number": func(e *impact.Event) { e.Amount = "abc" },
		"overflow":     func(e *impact.Event) { e.Amount = "1e30" },
		"NUL":          func(e *impact.Event) { e.Mood = "a\x00b" },
		"not UTF-8":    func(e *impact.Event) { e.Raw = []byte("\xff") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			c := company(t, s, "acme")
			folder := NewFolder(s)
			events := append(sessions(c, 0, 20), sessions(c, 4, 2)...) // two are twins
			spoil(events[7])
			spoil(events[8])
			spoil(events[19])
			var fine []*impact.Event
			for i, v := range mustCommit(t, s, events...) {
				switch bad := i == 7 || i == 8 || i == 19; {
				case bad && (v.Err == nil || v.Err.Code != impact.CodeInvalid):
					t.Errorf("verdict %d: %+v", i, v)
				case !bad && (v.Err != nil || v.Duplicate != (i >= 20)):
					t.Errorf("verdict %d: %+v", i, v)
				case !bad && i < 20:
					fine = append(fine, events[i])
				}
			}
			checkLog(t, s, fine)
			if err := folder.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkRollups(t, s, fine)
			mustCommit(t, s, sessions(c, 100, 1)...) // the connections are fit for use
		})
	}
}

// A statement that cannot work is an error at once, and nothing is stored.
func TestCommitStatementError(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"no column":     "ALTER TABLE event RENAME COLUMN payload TO body",
		"no batch":      "ALTER TABLE batch RENAME TO batches",
		"no sequence":   "ALTER SEQUENCE batch_id RENAME TO other",
		"no permission": "ALTER TABLE event RENAME TO e; CREATE VIEW event AS SELECT * FROM e WHERE false",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			c := company(t, s, "acme")
			exec(t, s, sql)
			verdicts, err := s.Commit(t.Context(), sessions(c, 0, 2))
			if _, ok := errors.AsType[*pq.Error](err); !ok || verdicts != nil {
				t.Errorf("got %v, %v", verdicts, err)
			}
			if n := get[int](t, s, "SELECT sum(n_live_tup) FROM pg_stat_user_tables WHERE relname IN ('e', 'event', 'batch', 'batches')"); n != 0 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// A cancelled commit ends, and the store goes on.
func TestCommitCancelled(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	mustCommit(t, s, sessions(c, 0, 1)...)
	tx, err := s.db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("LOCK TABLE event"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() { _, err := s.Commit(ctx, sessions(c, 1, 2)); failed <- err }()
	for waiting := 0; waiting == 0; { // until it waits for the lock
		waiting = get[int](t, s, "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	}
	cancel()
	if err := <-failed; err == nil {
		t.Error("a cancelled commit succeeded")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if v := mustCommit(t, s, sessions(c, 1, 2)...); v[0].Duplicate || v[1].Duplicate {
		t.Errorf("verdicts %+v", v)
	}
	checkLog(t, s, sessions(c, 0, 3))
}

// One connection is enough.
func TestCommitOneConnection(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	c := company(t, openURL(t, url), "acme")
	s, err := Open(t.Context(), Config{URL: url, Connections: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.Commit(ctx, sessions(c, 0, 1)); err != nil {
		t.Fatal(err)
	}
}

// While the fold lags too far behind, commits wait for it.
func TestCommitWaitsForFold(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	folder := NewFolder(s)
	mustCommit(t, s, sessions(c, 0, 1)...)
	s.backlog.mu.Lock()
	s.backlog.events += maxBacklog
	s.backlog.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Commit(ctx, sessions(c, 1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	done := make(chan error)
	go func() { _, err := s.Commit(t.Context(), sessions(c, 2, 1)); done <- err }()
	select {
	case <-done:
		t.Error("it did not wait")
	default:
	}
	s.backlog.mu.Lock()
	s.backlog.events -= maxBacklog
	s.backlog.mu.Unlock()
	if err := folder.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Postgres is killed again and again under load: every event that was acknowledged is
// there once, and so in the figures.
func TestCommitSurvivesCrashes(t *testing.T) {
	t.Parallel()
	server := dbtest.Cluster(t)
	s := openURL(t, server.URL())
	c := company(t, s, "acme")
	told := folds(t, server.URL())
	ctx, stop := context.WithCancel(t.Context())
	folded := make(chan struct{})
	go func() { NewFolder(s).Run(ctx, 10*time.Second); close(folded) }()

	const workers, kills = 4, 3
	acknowledged := make(chan []*impact.Event)
	enough := make(chan struct{})
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 5))
			for {
				events := randomEvents(rng, []*impact.Company{c}, 20)
				verdicts, err := s.Commit(t.Context(), events)
				if err != nil {
					t.Error(err)
				}
				for i, v := range verdicts {
					if v.Duplicate {
						t.Errorf("event %d counts as a duplicate", i)
					}
				}
				if err != nil {
					events = nil
				}
				select {
				case acknowledged <- events:
				case <-enough:
					acknowledged <- events
					return
				}
			}
		})
	}
	go func() { wg.Wait(); close(acknowledged) }()
	var all []*impact.Event
	for kill := range kills {
		for range 15 {
			all = append(all, <-acknowledged...)
		}
		pid := server.Kill()
		if err := server.AwaitRestart(t.Context(), pid); err != nil {
			t.Fatal(kill, err)
		}
	}
	close(enough)
	for events := range acknowledged {
		all = append(all, events...)
	}
	checkLog(t, s, all)
	awaitFolded(t, s, told)
	stop()
	<-folded
	checkRollups(t, s, all)
}

// A fold need not be on disk when it is done, but what the store remembers of it must
// not outlive a crash that undoes it.
func TestCrashAfterFold(t *testing.T) {
	t.Parallel()
	server := dbtest.Cluster(t)
	s := openURL(t, server.URL())
	c := company(t, s, "acme")
	super := openURL(t, strings.Replace(server.URL(), "//impactql@", "//postgres@", 1))
	exec(t, super, "ALTER SYSTEM SET wal_writer_delay = '10s'") // else a fold is on disk at once
	exec(t, super, "SELECT pg_reload_conf()")
	var all []*impact.Event
	for round := range 3 {
		events := []*impact.Event{
			sessionEvent(c, 3*round, fmt.Sprint("p", round), "v"), sessionEvent(c, 3*round+1, fmt.Sprint("q", round), "v"),
			sessionEvent(c, 3*round+2, fmt.Sprint("p", round-1), "v"),
		}
		mustCommit(t, s, events...)
		all = append(all, events...)
		foldAll(t, s)
		pid := server.Kill()
		if err := server.AwaitRestart(t.Context(), pid); err != nil {
			t.Fatal(err)
		}
		s.db.SetMaxIdleConns(0) // drop the dead connections
		s.db.SetMaxIdleConns(4)
	}
	foldAll(t, s)
	checkRollups(t, s, all)
}
