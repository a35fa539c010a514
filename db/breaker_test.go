package db

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

// guarded is a store on a cluster of its own, watched until t ends.
func guarded(t *testing.T, url string) *Store {
	t.Helper()
	s := openURL(t, url)
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { s.Guard(ctx) })
	t.Cleanup(func() { cancel(); watching.Wait() })
	return s
}

// until waits for what must come.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatal("waited in vain until " + what)
		}
	}
}

// Whatever hangs when the database stops answering gets an error while it is still
// silent; afterwards everything works again, and nothing is stored twice.
func TestBreakerFrozen(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Cluster(t)
	s := guarded(t, cluster.URL())
	c := company(t, s, "acme")
	mustCommit(t, s, sessions(c, 0, 3)...)

	thaw := dbtest.Freeze(t, cluster)
	_, err := s.Commit(t.Context(), sessions(c, 3, 3)) // under way, with no limit of its own
	if impact.CodeOf(err) != impact.CodeUnavailable {
		t.Errorf("commit: %v", err)
	}
	until(t, "the database is known to be away", s.Away)
	for name, work := range map[string]func() error{
		"commit":       func() error { _, err := s.Commit(t.Context(), sessions(c, 6, 1)); return err },
		"whole commit": func() error { _, err := s.CommitWhole(t.Context(), sessions(c, 6, 1)); return err },
		"known":        func() error { _, err := s.Known(t.Context(), sessions(c, 0, 1)); return err },
		"company":      func() error { _, err := s.CompanyByKey(t.Context(), "acme"); return err },
		"read":         func() error { _, err := s.Read(t.Context(), []impact.Question{{Company: c.ID}}); return err },
		"ping":         func() error { return s.Ping(t.Context()) },
	} {
		if err := work(); impact.CodeOf(err) != impact.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}

	thaw()
	until(t, "the database is back", func() bool { return !s.Away() })
	verdicts := mustCommit(t, s, sessions(c, 0, 7)...)
	for i, v := range verdicts {
		if i < 3 && !v.Duplicate || i == 6 && v.Duplicate {
			t.Errorf("event %d: %+v", i, v)
		}
	}
	checkLog(t, s, sessions(c, 0, 7))
}

// A Postgres that dies and comes back: commits fail or land, and what was acknowledged
// is there once.
func TestBreakerRestart(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Cluster(t)
	s := guarded(t, cluster.URL())
	c := company(t, s, "acme")
	const rounds, size = 3, 20
	var mu sync.Mutex
	acknowledged := 0
	for round := range rounds {
		stop := make(chan struct{})
		var clients sync.WaitGroup
		for client := range 3 {
			clients.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					events := sessions(c, ((round*3+client)*10_000+n)*size, size)
					verdicts, err := s.Commit(t.Context(), events)
					if err != nil {
						if impact.CodeOf(err) != impact.CodeUnavailable {
							t.Errorf("commit: %v", err)
						}
						n-- // the same again
						until(t, "the database is back", func() bool { return !s.Away() })
						continue
					}
					if len(verdicts) != size {
						t.Errorf("%d verdicts", len(verdicts))
					}
					mu.Lock()
					acknowledged += size
					mu.Unlock()
				}
			})
		}
		landed := func(more int) func() bool {
			mu.Lock()
			from := acknowledged
			mu.Unlock()
			return func() bool { mu.Lock(); defer mu.Unlock(); return acknowledged >= from+more }
		}
		until(t, "commits land", landed(5*size))
		pid := cluster.Kill()
		if err := cluster.AwaitRestart(t.Context(), pid); err != nil {
			t.Fatal(err)
		}
		until(t, "commits land again", landed(5*size))
		close(stop)
		clients.Wait()
	}
	until(t, "the database is back", func() bool { return !s.Away() })
	if n := get[int](t, s, "SELECT count(*) FROM event"); n != acknowledged {
		t.Errorf("%d events in the log, %d acknowledged", n, acknowledged)
	}
}

// A database that takes no writes is away: after a failover, that is the old primary.
func TestBreakerReadOnly(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	s := openURL(t, url)
	s.breaker.probe.SetMaxIdleConns(0) // each probe sees the setting
	if err := s.breaker.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, s, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$")
	if err := s.breaker.ask(t.Context()); err == nil {
		t.Error("a read-only database is said to be there")
	}
}

// Without a watch, and after one has ended, nothing is refused.
func TestBreakerUnwatched(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Cluster(t)
	s := openURL(t, cluster.URL())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { s.Guard(ctx); close(ended) }()
	thaw := dbtest.Freeze(t, cluster)
	until(t, "the database is known to be away", s.Away)
	cancel()
	<-ended
	if s.Away() {
		t.Error("still away, with nobody to say when it is back")
	}
	thaw()
	c := company(t, s, "acme")
	mustCommit(t, s, sessions(c, 0, 1)...)
}
