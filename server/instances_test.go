package server

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
)

// sessions is what a server, cache and all, says of a company.
func (a *api) sessions(t testing.TB, company string) int {
	t.Helper()
	var m struct{ Metrics struct{ TotalSessions int } }
	a.get(t, "/v1/metrics/"+company).decode(t, &m)
	return m.Metrics.TotalSessions
}

// What one instance acknowledged shows in the figures of all of them, also where
// the figures before it are cached.
func TestInstancesShareFigures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	key := w.key(t, "ingest,read", c)
	instances := []*api{w.serve(t, key), w.serve(t, key)}
	graph := func(a *api) string { // without no-cache
		r := a.send(t, http.MethodPost, "/graphql", `{"query":"{ company(key: \"acme\") { metrics { sessions } cohort(key: \"all\") { participantCount } } }"}`)
		return string(r.body)
	}
	for n := range 6 {
		for _, a := range instances {
			if got := a.sessions(t, "acme"); got != n {
				t.Fatalf("%d sessions before session %d", got, n)
			}
			graph(a) // into the cache
		}
		instances[n%2].ingest(t, session(fmt.Sprint("s", n), fmt.Sprint("p", n), "v", "2025-11-13T10:00:00Z", 60)).accepted(t, "stored")
		want := fmt.Sprintf(`{"data":{"company":{"metrics":{"sessions":%[1]d},"cohort":{"participantCount":%[1]d}}}}`, n+1)
		for _, a := range instances {
			eventually(t, "the session shows in /v1", func() bool { return a.sessions(t, "acme") == n+1 })
			eventually(t, "the session shows in GraphQL", func() bool { return graph(a) == want })
		}
	}
	// A redelivery to the other instance is a duplicate there as well.
	instances[1].ingest(t, session("s0", "p0", "v", "2025-11-13T10:00:00Z", 60)).accepted(t, "duplicate")
}

// Batches whose instance died before it folded them are folded by another one,
// once, though several try.
func TestBatchesOfTheDeadAreFolded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	key := w.key(t, "ingest,read", c)
	const batches, size = 40, 25
	commit := func(from int) { // as an instance that is killed right after COMMIT
		for b := from; b < from+batches; b++ {
			var events []*impact.Event
			for i := range size {
				e, err := ingest.Decode([]byte(session(fmt.Sprintf("s%d-%d", b, i), fmt.Sprint("p", b, "-", i), "v", "2025-11-13T10:00:00Z", 60)), c, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				events = append(events, e)
			}
			if _, err := w.store.Commit(t.Context(), events); err != nil {
				t.Fatal(err)
			}
		}
	}
	commit(0) // before anybody else runs
	instances := []*api{w.serve(t, key), w.serve(t, key), w.serve(t, key)}
	commit(batches) // while they run
	for _, a := range instances {
		eventually(t, "all batches show", func() bool { return a.sessions(t, "acme") == 2*batches*size })
	}
	w.awaitFolds(t)
	for _, a := range instances {
		a.fresh(t, "/v1/cohort/acme/all").wantField(t, "success", "true")
		if got := a.sessions(t, "acme"); got != 2*batches*size {
			t.Errorf("%d sessions, want %d", got, 2*batches*size)
		}
	}
}

// The same events to several instances at once are stored and counted once.
func TestInstancesRaceForTheSameEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	key := w.key(t, "ingest,read", c)
	instances := []*api{w.serve(t, key), w.serve(t, key)}
	const rounds, size = 10, 40
	var stored, receipts sync.Map
	var clients sync.WaitGroup
	for n := range 6 {
		clients.Go(func() {
			for round := range rounds {
				body := "["
				for i := range size {
					if i > 0 {
						body += ","
					}
					at := (i*7 + n*13) % size // each in an order of its own
					body += session(fmt.Sprint("s", round, "-", at), fmt.Sprint("p", at), "v", "2025-11-13T10:00:00Z", 60)
				}
				r, err := instances[n%2].try(t.Context(), http.MethodPost, "/webhooks/ingest", body+"]")
				if err != nil || r.status != http.StatusOK {
					t.Errorf("%v %d %s", err, r.status, r.body)
					return
				}
				var answer struct {
					Rejected int
					Results  []struct{ ID, Status string }
				}
				if err := decodeJSON(r.body, &answer); err != nil || answer.Rejected > 0 || len(answer.Results) != size {
					t.Errorf("%v: %s", err, r.body)
					return
				}
				for _, e := range answer.Results {
					receipts.Store(e.ID, true)
					if e.Status == "stored" {
						if _, twice := stored.LoadOrStore(e.ID, true); twice {
							t.Errorf("%s was stored twice", e.ID)
						}
					}
				}
			}
		})
	}
	clients.Wait()
	count := func(m *sync.Map) (n int) { m.Range(func(any, any) bool { n++; return true }); return n }
	if a, b, n := count(&stored), count(&receipts), w.events(t, c); a != rounds*size || b != rounds*size || n != rounds*size {
		t.Errorf("%d stored, %d acknowledged, %d in the log; want %d", a, b, n, rounds*size)
	}
	for _, a := range instances {
		eventually(t, "every session counts once", func() bool { return a.sessions(t, "acme") == rounds*size })
	}
	w.awaitFolds(t)
	if got := instances[0].sessions(t, "acme"); got != rounds*size {
		t.Errorf("%d sessions, want %d", got, rounds*size)
	}
}
