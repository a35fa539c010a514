package db

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

// follower follows the changes of a store.
type follower struct {
	*Versions
	store *Store
	heard chan int32
	gaps  chan struct{}
}

func follow(t *testing.T, s *Store) *follower {
	t.Helper()
	f := &follower{store: s, heard: make(chan int32), gaps: make(chan struct{}, 100)}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	var err error
	f.Versions, err = s.Follow(ctx, News{Key: func(key int32) {
		select {
		case f.heard <- key:
		case <-ctx.Done():
		}
	}, Settings: func(impact.CompanyID) {}, Source: func(string) {}, Gap: func() { f.gaps <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	<-f.gaps // connected
	return f
}

// sync returns once everything that was told before has been heard: notices come in
// the order of their commits.
func (f *follower) sync(t *testing.T, mark int32) {
	t.Helper()
	exec(t, f.store, "SELECT pg_notify($1, $2)", KeysChannel, strconv.Itoa(int(mark)))
	if got := <-f.heard; got != mark {
		t.Fatalf("heard %d, want %d", got, mark)
	}
}

func TestFiguresCache(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	p := newProxy(t, url)
	s := openURL(t, p.url)
	a, b := company(t, s, "acme"), company(t, s, "globex")
	versions := follow(t, openURL(t, url)) // not through the proxy
	f := NewFigures(s, versions.Versions)
	read := func(c *impact.Company) (sessions int64, statements int32) {
		t.Helper()
		before := p.executed.Load()
		figures, err := f.Figures(t.Context(), []impact.Question{{Company: c.ID, Programme: "*", Range: impact.AllTime, Parts: impact.PartsOverview}})
		if err != nil {
			t.Fatal(err)
		}
		return figures[0].Metrics.Sessions, p.executed.Load() - before
	}
	check := func(c *impact.Company, sessions int64, cached bool) {
		t.Helper()
		n, statements := read(c)
		if n != sessions || (statements == 0) != cached {
			t.Errorf("%s: %d sessions by %d statements; want %d, cached %v", c.Key, n, statements, sessions, cached)
		}
	}
	check(a, 0, false)
	check(a, 0, true)
	check(b, 0, false)

	mustCommit(t, s, sessions(a, 0, 3)...)
	check(a, 0, true) // not folded yet
	foldAll(t, s)
	versions.sync(t, 1)
	check(a, 3, false)
	check(a, 3, true)
	check(b, 0, true) // another company's fold changes nothing here

	mustCommit(t, s, append(sessions(a, 3, 1), sessions(b, 0, 2)...)...)
	foldAll(t, s)
	versions.sync(t, 2)
	check(a, 4, false)
	check(b, 2, false)
	check(b, 2, true)

	// A rebuild changes figures as well.
	exec(t, s, "UPDATE rollup_tally SET n = 77")
	if err := s.Rebuild(t.Context(), a.ID, nil); err != nil {
		t.Fatal(err)
	}
	versions.sync(t, 3)
	check(a, 4, false)

	// Uncached reads go to the database.
	before := p.executed.Load()
	if _, err := f.Figures(Uncached(t.Context()), []impact.Question{{Company: a.ID, Programme: "*", Range: impact.AllTime, Parts: impact.PartsOverview}}); err != nil {
		t.Fatal(err)
	}
	if p.executed.Load() == before {
		t.Error("an uncached read was cached")
	}

	// While the listener is away nothing is served from the cache, and what was cached
	// before does not hold after: folds may have been missed.
	check(a, 4, true)
	if n := get[int](t, s, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND query ~ '^(LISTEN|$)'`); n != 1 {
		t.Fatalf("%d listeners", n)
	}
	<-versions.gaps // it has noticed
	mustCommit(t, s, sessions(a, 4, 1)...)
	foldAll(t, s)
	for n, _ := read(a); n != 5; n, _ = read(a) {
		t.Errorf("%d sessions after the listener was lost", n)
		break
	}
	for !versions.Of(a.ID).known {
		<-versions.gaps
	}
	versions.sync(t, 4)
	if n, _ := read(a); n != 5 {
		t.Errorf("%d sessions after the listener came back", n)
	}
	mustCommit(t, s, sessions(a, 5, 1)...)
	foldAll(t, s)
	versions.sync(t, 5)
	check(a, 6, false)
	check(a, 6, true)
}

// Retention and funnels are kept like figures, question by question; those of a filter, and explained ones, are not.
func TestAnalysesCache(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	p := newProxy(t, url)
	s := openURL(t, p.url)
	c := company(t, s, "acme")
	versions := follow(t, openURL(t, url)) // not through the proxy
	f := NewFigures(s, versions.Versions)
	mustCommit(t, s, sessions(c, 0, 40)...)
	foldAll(t, s)
	versions.sync(t, 1)
	november := impact.Range{From: impact.Date(2025, 11, 1), To: impact.Date(2025, 12, 1)}
	ask := map[string]func(window int, explained bool, filter string) (people int64){
		"funnel": func(window int, explained bool, filter string) int64 {
			q := impact.FunnelQuestion{
				Company: c.ID, Cohort: impact.CohortAll, Filter: filter, Range: november, Window: window, Explained: explained,
				Steps: []impact.FunnelStep{{Activity: impact.ActivitySession, Programme: "*"}},
			}
			list, err := f.Funnels(t.Context(), []impact.FunnelQuestion{q})
			if err != nil {
				t.Fatal(err)
			}
			return list[0].Steps[0].People
		},
		"retention": func(width int, explained bool, filter string) int64 {
			q, err := impact.NewRetentionQuestion(impact.RetentionQuestion{
				Company: c.ID, Programme: "*", Cohort: impact.CohortAll, Filter: filter, Mode: impact.RetentionBracket, Today: november.To, Explained: explained,
			}, november, impact.IntervalMonth, c.Calendar, []int{width})
			if err != nil {
				t.Fatal(err)
			}
			list, err := f.Retentions(t.Context(), []impact.RetentionQuestion{q})
			if err != nil {
				t.Fatal(err)
			}
			return list[0].Rows[0].Size
		},
	}
	for name, people := range ask {
		check := func(want int64, cached bool, n int, explained bool, filter string) {
			t.Helper()
			before := p.executed.Load()
			if got := people(n, explained, filter); got != want {
				t.Errorf("%s: %d people, want %d", name, got, want)
			}
			if statements := p.executed.Load() - before; (statements == 0) != cached {
				t.Errorf("%s: %d statements, cached %v", name, statements, cached)
			}
		}
		check(7, false, 1, false, "")
		check(7, true, 1, false, "")
		check(7, false, 2, false, "") // another question
		check(7, false, 1, true, "")
		check(7, false, 1, true, "")
	}
	mustCommit(t, s, sessionEvent(c, 100, "somebody", "v1"))
	foldAll(t, s)
	versions.sync(t, 2)
	for name, people := range ask {
		if got := people(1, false, ""); got != 8 {
			t.Errorf("%s: %d people after a fold, want 8", name, got)
		}
	}
}

// A figure that was read while a fold went by is not kept beyond it.
func TestFiguresCacheRace(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	versions := follow(t, s)
	f := NewFigures(s, versions.Versions)
	q := []impact.Question{{Company: c.ID, Programme: "*", Range: impact.AllTime, Parts: impact.PartsOverview}}
	for i := range 20 {
		read := make(chan error)
		go func() { _, err := f.Figures(t.Context(), q); read <- err }()
		mustCommit(t, s, sessions(c, i, 1)...)
		foldAll(t, s)
		if err := <-read; err != nil {
			t.Fatal(err)
		}
		versions.sync(t, int32(i))
		figures, err := f.Figures(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if n := figures[0].Metrics.Sessions; n != int64(i+1) {
			t.Fatalf("%d sessions after %d folds", n, i+1)
		}
	}
}

// A fold of very many companies is told in several notices.
func TestFoldTellsEveryCompany(t *testing.T) {
	t.Parallel()
	s := open(t)
	versions := follow(t, s)
	exec(t, s, "INSERT INTO company (key, name) SELECT 'c' || n, '' FROM generate_series(1, 700) n")
	var events []*impact.Event
	for i := range 700 {
		events = append(events, sessionEvent(&impact.Company{ID: impact.CompanyID(i + 1)}, i, "p", strings.Repeat("v", 100)))
	}
	mustCommit(t, s, events...)
	foldAll(t, s)
	versions.sync(t, 1)
	for i := range 700 {
		if v := versions.Of(impact.CompanyID(i + 1)); !v.known || v.fold != 1 {
			t.Fatalf("company %d has version %+v", i+1, v)
		}
	}
}
