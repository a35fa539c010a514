package db

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

var zones = []string{"UTC", "America/New_York", "Europe/Oslo", "Pacific/Auckland", "America/Sao_Paulo"}

// However commits, folds of two instances with two folders each, duplicates and
// rebuilds interleave, the rollups are what the events add up to.
func TestFoldInterleaving(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	stores := []*Store{openURL(t, url), openURL(t, url), openURL(t, url)} // the third has no folder
	var companies []*impact.Company
	for i, zone := range zones {
		companies = append(companies, companyIn(t, stores[0], fmt.Sprint("company-", i), zone))
	}
	told := folds(t, url)
	ctx, stop := context.WithCancel(t.Context())
	var folders, work sync.WaitGroup
	for i := range 4 {
		f := NewFolder(stores[i%2])
		folders.Go(func() { f.Run(ctx, 10*time.Second) })
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var all []*impact.Event
	for worker := range 4 {
		var batches [][]*impact.Event
		for range 8 {
			batches = append(batches, randomEvents(rng, companies, 1+rng.IntN(40)))
		}
		all = append(all, slices.Concat(batches...)...)
		work.Go(func() {
			for i, b := range batches {
				if i > 0 {
					b = append(slices.Clone(b), batches[i-1]...) // sent again
				}
				if _, err := stores[worker%3].Commit(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Go(func() {
		for _, c := range companies {
			if err := stores[0].Rebuild(t.Context(), c.ID, nil); err != nil {
				t.Error(err)
			}
		}
	})
	work.Wait()
	awaitFolded(t, stores[0], told)
	stop()
	folders.Wait()
	checkLog(t, stores[0], all)
	checkRollups(t, stores[0], all)

	before := rollups(t, stores[0])
	for _, c := range companies {
		if err := stores[0].Rebuild(t.Context(), c.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
	compare(t, rollups(t, stores[0]), before)
}

// Events that come late, one batch at a time and in any order, give the same as all at
// once; and a rebuild restores rollups that were spoilt.
func TestFoldOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	var first []string
	rng := rand.New(rand.NewPCG(3, 4))
	for try := range 3 {
		s := open(t)
		c := companyIn(t, s, "acme", "America/New_York")
		events := randomEvents(rand.New(rand.NewPCG(9, 9)), []*impact.Company{c}, 120)
		// Numbers are given in the order of arrival: fix them.
		mustCommit(t, s, events...)
		foldAll(t, s)
		exec(t, s, "DELETE FROM event")
		exec(t, s, "UPDATE batch SET folded_at = NULL WHERE false")
		if err := s.Rebuild(t.Context(), c.ID, nil); err != nil {
			t.Fatal(err)
		}
		rest := events
		if try > 0 {
			rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
		}
		for len(rest) > 0 {
			n := min(len(rest), 1+rng.IntN(30))
			mustCommit(t, s, rest[:n]...)
			rest = rest[n:]
			foldAll(t, s)
		}
		checkRollups(t, s, events)
		got := rollups(t, s)
		if first == nil {
			first = got
		}
		compare(t, got, first)

		exec(t, s, "DELETE FROM rollup_tally WHERE measure = 'donation'")
		exec(t, s, "UPDATE rollup_tally SET n = n + 1")
		exec(t, s, "DELETE FROM rollup_set WHERE grain = 'M'")
		exec(t, s, "UPDATE rollup_page SET data = '\\x'")
		exec(t, s, "UPDATE person SET department = 'x', department_at = '2199-01-01' WHERE ordinal % 2 = 0")
		var told int64
		if err := s.Rebuild(t.Context(), c.ID, func(n int64) { told = n }); err != nil {
			t.Fatal(err)
		}
		if told != int64(len(events)) {
			t.Errorf("told of %d events, want %d", told, len(events))
		}
		compare(t, rollups(t, s), first)
	}
}

// A large set, with every kind of container, is merged and rebuilt to the same bytes.
func TestFoldManyPeople(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	var all []*impact.Event
	for batch := range 4 {
		var events []*impact.Event
		for i := range 2500 {
			n := batch*2000 + i // batches overlap in people
			e := sessionEvent(c, 0, fmt.Sprint("p", n), "v")
			e.Key = impact.Key{byte(batch), byte(i >> 8), byte(i)}
			events = append(events, e)
		}
		mustCommit(t, s, events...)
		foldAll(t, s)
		all = append(all, events...)
	}
	checkRollups(t, s, all)
	before := rollups(t, s)
	if err := s.Rebuild(t.Context(), c.ID, nil); err != nil {
		t.Fatal(err)
	}
	compare(t, rollups(t, s), before)
}

// Another instance folds what one without a folder, or one that died, has committed.
func TestFoldOrphans(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	dying, other := openURL(t, url), openURL(t, url)
	c := company(t, dying, "acme")
	NewFolder(dying) // which never runs
	mustCommit(t, dying, sessions(c, 0, 5)...)
	mustCommit(t, dying, sessions(c, 5, 5)...)
	dying.Close()
	told := folds(t, url)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { NewFolder(other).Run(ctx, time.Second); close(ended) }()
	awaitFolded(t, other, told)
	stop()
	<-ended
	checkRollups(t, other, sessions(c, 0, 10))
}

// What another instance is folding is left to it, however much it is.
func TestFoldOrphansOfAnother(t *testing.T) {
	t.Parallel()
	s := open(t)
	exec(t, s, "INSERT INTO batch (id, events, committed_at) SELECT n, $1, now() - interval '1 minute' FROM generate_series(1, 3) n", foldLimit)
	tx, err := s.db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("SELECT FROM batch FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // of a folder that looks again and again
	defer cancel()
	if err := NewFolder(s).foldOrphans(ctx); err != nil {
		t.Error(err)
	}
}

// While a company is rebuilt, the fold waits for it, and commits do not wait for the fold.
func TestCommitBesideALongFold(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	s := openURL(t, url)
	c := company(t, s, "acme")
	f := NewFolder(s)
	f.patience = time.Millisecond
	tx, err := s.db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("SELECT FROM company FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	fill := func(n int) {
		s.backlog.mu.Lock()
		defer s.backlog.mu.Unlock()
		s.backlog.events += n
	}
	told := folds(t, url)
	mustCommit(t, s, sessions(c, 0, 5)...)
	fill(maxBacklog)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { f.Run(ctx, time.Second); close(ended) }()
	mustCommit(t, s, sessions(c, 5, 5)...)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	awaitFolded(t, s, told)
	fill(-maxBacklog)
	stop()
	<-ended
	checkRollups(t, s, sessions(c, 0, 10))
}

// Run folds on its way out what was committed last.
func TestFoldOnStop(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	f := NewFolder(s)
	mustCommit(t, s, sessions(c, 0, 5)...)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	f.Run(ctx, 20*time.Second)
	checkRollups(t, s, sessions(c, 0, 5))
	mustCommit(t, s, sessions(c, 5, 1)...) // for others: nobody folds here any more
	if n := len(s.backlog.peek()); n != 0 {
		t.Errorf("%d batches wait for a folder that has ended", n)
	}
}

// A fold that is lost in the middle leaves nothing behind, and the next one is exact.
func TestFoldKilled(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	f := NewFolder(s)
	mustCommit(t, s, sessions(c, 0, 5)...)
	tx, err := s.db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("SELECT FROM company FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() { failed <- f.Flush(t.Context()) }()
	for len(list[bool](t, s, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FOR NO KEY UPDATE%'`)) == 0 {
	}
	if err := <-failed; err == nil {
		t.Error("a fold whose connection was killed succeeded")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if n := len(rollups(t, s)); n != 0 {
		t.Errorf("%d rows are left behind", n)
	}
	mustCommit(t, s, sessions(c, 5, 5)...)
	// CatchUp, since the lost fold may hold its batches for a moment yet, and a fold
	// leaves to the sweep what another one holds.
	if err := f.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkRollups(t, s, sessions(c, 0, 10))
}

// A connection that breaks around the fold's COMMIT: either way it counts once.
func TestFoldAmbiguous(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]cut{"COMMIT is lost": cutBefore, "its reply is lost": cutAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, dbtest.New(t))
			s := openURL(t, p.url)
			c := company(t, s, "acme")
			f := NewFolder(s)
			mustCommit(t, s, sessions(c, 0, 5)...)
			p.next.Store(int32(where))
			if err := f.Flush(t.Context()); err == nil || p.cuts.Load() != 1 {
				t.Fatalf("got %v after %d cuts", err, p.cuts.Load())
			}
			if err := f.CatchUp(t.Context()); err != nil { // not Flush: see TestFoldKilled
				t.Fatal(err)
			}
			mustCommit(t, s, sessions(c, 5, 5)...)
			if err := f.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkRollups(t, s, sessions(c, 0, 10))
		})
	}
}

// A person is in the department that their latest directory event names, whatever the
// order in which the events come and are folded.
func TestDepartmentLatestWins(t *testing.T) {
	t.Parallel()
	s := open(t)
	at := time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC)
	said := []struct {
		at         time.Time
		department string
	}{
		{at, "Sales"}, {at.Add(time.Hour), "Zoo"}, {at.Add(2*time.Hour + 100), "Ops"}, {at.Add(2*time.Hour + 200), "HR"},
		{at.Add(3 * time.Hour), ""}, // says nothing
	}
	for i, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 3, 1}, {3, 1, 0, 2, 4}} {
		for _, together := range []bool{false, true} {
			c := company(t, s, fmt.Sprintf("company-%d-%v", i, together))
			var events []*impact.Event
			for _, n := range order {
				events = append(events, &impact.Event{
					Company: c.ID, Key: impact.Key{byte(n)}, Kind: impact.KindDirectory, Type: "x", Programme: "x",
					Participant: "p", OccurredAt: said[n].at, Department: said[n].department, Raw: []byte("{}"),
				})
			}
			f := NewFolder(s)
			for _, e := range events {
				mustCommit(t, s, e)
				if !together {
					if err := f.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := f.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			// Ops and HR share a microsecond: the name that sorts last.
			if got := get[string](t, s, "SELECT department FROM person WHERE company_id = $1", c.ID); got != "Ops" {
				t.Errorf("order %v, together %v: %q", order, together, got)
			}
			before := rollups(t, s)
			if err := s.Rebuild(t.Context(), c.ID, nil); err != nil {
				t.Fatal(err)
			}
			compare(t, rollups(t, s), before)
		}
	}
	// All companies agree on when.
	if n := get[int](t, s, "SELECT count(DISTINCT department_at) FROM person"); n != 1 {
		t.Errorf("%d different times", n)
	}
}

// An event's day is its company's, also where summer time begins or ends.
func TestFoldDays(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, tt := range []struct{ zone, at, day string }{
		{"UTC", "2025-11-13T23:59:59Z", "2025-11-13"},
		{"America/New_York", "2025-03-09T04:59:59Z", "2025-03-08"},
		{"America/New_York", "2025-03-09T05:00:00Z", "2025-03-09"},
		{"America/New_York", "2025-03-10T03:59:59Z", "2025-03-09"}, // a day of 23 hours
		{"America/New_York", "2025-03-10T04:00:00Z", "2025-03-10"},
		{"America/New_York", "2025-11-03T04:59:59Z", "2025-11-02"}, // of 25
		{"Europe/Oslo", "2025-10-25T22:00:00Z", "2025-10-26"},
		{"Europe/Oslo", "2025-10-26T22:59:59Z", "2025-10-26"},
		{"Europe/Oslo", "2025-10-26T23:00:00Z", "2025-10-27"},
		{"America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-03"},
		{"America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04"}, // that day has no midnight
		{"Pacific/Auckland", "2024-12-31T11:00:00Z", "2025-01-01"},
		{"Pacific/Kiritimati", "2024-12-31T10:00:00Z", "2025-01-01"},
		{"America/New_York", "2025-01-01T04:59:59Z", "2024-12-31"},
	} {
		c := companyIn(t, s, strings.NewReplacer("/", "-", "Z", "").Replace(tt.zone+tt.at), tt.zone)
		e := sessionEvent(c, 1, "p", "v")
		var err error
		if e.OccurredAt, err = time.Parse(time.RFC3339, tt.at); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, e)
		foldAll(t, s)
		want := []string{"D " + tt.day, "M " + tt.day[:8] + "01", "Y " + tt.day[:5] + "01-01"}
		if got := list[string](t, s, "SELECT DISTINCT format('%s %s', grain, bucket) FROM rollup_tally WHERE company_id = $1 ORDER BY 1", c.ID); !slices.Equal(got, want) {
			t.Errorf("%s in %s is in %v, want %v", tt.at, tt.zone, got, want)
		}
		ranges, err := NewFigures(s, nil).Active(t.Context(), []impact.CompanyID{c.ID})
		if err != nil || ranges[0].String() != tt.day+"/"+tt.day {
			t.Errorf("active %v, %v", ranges, err)
		}
	}
}
