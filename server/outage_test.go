package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

// A database that is silent, with every connection open: whoever waits gets 503 while it
// is still silent, on every door, and all is well once it speaks again.
func TestOutageSilent(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Cluster(t)
	w := worldAt(t, cluster.URL())
	c := w.company(t, "acme")
	a := w.serve(t, w.key(t, "ingest,read", c))
	a.ingest(t, session("s0", "p", "v", "2025-11-13T10:00:00Z", 60)).accepted(t, "stored")
	a.fresh(t, "/v1/metrics/acme").wantField(t, "success", "true")

	thaw := dbtest.Freeze(t, cluster)
	body := session("s1", "p", "v", "2025-11-13T10:00:00Z", 60)
	unavailable := func(what string, r reply) {
		t.Helper()
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || !strings.Contains(string(r.body), string(impact.CodeUnavailable)) {
			t.Errorf("%s: %d %v %s", what, r.status, r.header, r.body)
		}
	}
	unavailable("an event under way", a.ingest(t, body))
	eventually(t, "the outage shows", func() bool {
		return strings.Contains(string(a.get(t, "/metrics").body), "\nimpactql_database_away 1\n")
	})
	unavailable("an event", a.ingest(t, body))
	unavailable("an array", a.ingest(t, "["+body+"]"))
	unavailable("a stream", a.ingest(t, body+"\n"+body, "Content-Type: application/x-ndjson"))
	unavailable("a dry run", a.send(t, http.MethodPost, "/webhooks/ingest?dryRun=true", body))
	unavailable("a read", a.fresh(t, "/v1/metrics/acme"))
	unavailable("a stranger", a.get(t, "/v1/metrics/acme", "X-API-Key: iql_never_seen"))
	g := a.query(t, `{ company(key: "acme") { metrics { sessions } } }`, nil)
	if !strings.Contains(string(g.body), `"code":"UNAVAILABLE"`) {
		t.Errorf("GraphQL: %d %s", g.status, g.body)
	}
	a.get(t, "/healthz").want(t, http.StatusOK, `{"status":"ok"}`)
	a.get(t, "/readyz").want(t, http.StatusServiceUnavailable, `{"status":"no database"}`)

	thaw()
	eventually(t, "events are taken again", func() bool { return a.ingest(t, body).status == http.StatusOK })
	eventually(t, "they show", func() bool { return a.sessions(t, "acme") == 2 })
	if n := w.events(t, c); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

// Who begins to listen to figures while the database is away hears them once it is back, though nothing has changed.
func TestOutageOfAListener(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Cluster(t)
	w := worldAt(t, cluster.URL())
	w.company(t, "acme")
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	conn := w.connect(t)
	defer conn.Close()
	guarding, end := context.WithCancel(t.Context())
	var guard sync.WaitGroup
	defer guard.Wait()
	defer end()
	guard.Go(func() { conn.Guard(guarding) })
	// Without what works in the background of a server, so that no news arrives.
	auth, hub := newAuth(conn.Store, true, log), newTailHub(nil, nil)
	server := httptest.NewServer(routes(&doors{
		log: log, auth: auth, health: &health{store: conn.Store}, metrics: newMetrics(), hub: hub,
		graphql: http.NotFoundHandler(), rest: &rest{auth: auth, figures: db.NewFigures(conn.Store, nil), now: time.Now, log: log},
	}))
	defer server.Close()
	defer hub.end()
	a := &api{url: server.URL}
	a.get(t, "/v1/metrics/acme").wantField(t, "success", "true")

	thaw := dbtest.Freeze(t, cluster)
	eventually(t, "the outage is known", conn.Away)
	listener := a.listen(t, "/v1/stream/acme?period=2025")
	thaw()
	if m, _ := listener.next(t); !strings.Contains(m.data, `"totalSessions":0`) {
		t.Errorf("%s", m.data)
	}
}

// Clients that send again whatever is not acknowledged, while Postgres is killed: in the
// end everything is there once, and nothing but 200 and 503 was ever answered.
func TestOutageLosesNothing(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Cluster(t)
	w := worldAt(t, cluster.URL())
	c := w.company(t, "acme")
	a := w.serve(t, w.key(t, "ingest,read", c))
	const clients, kills = 4, 3
	var acknowledged atomic.Int64
	stop := make(chan struct{})
	var sending sync.WaitGroup
	for client := range clients {
		sending.Go(func() {
			for n := 0; ; {
				select {
				case <-stop:
					return
				default:
				}
				r, err := a.try(context.Background(), http.MethodPost, "/webhooks/ingest", session(fmt.Sprintf("s%d-%d", client, n), "p", "v", "2025-11-13T10:00:00Z", 60))
				switch {
				case err != nil:
					t.Error(err)
					return
				case r.status == http.StatusOK:
					acknowledged.Add(1)
					n++
				case r.status != http.StatusServiceUnavailable:
					t.Errorf("%d %s", r.status, r.body)
					return
				}
			}
		})
	}
	for range kills {
		from := acknowledged.Load()
		eventually(t, "events are acknowledged", func() bool { return acknowledged.Load() > from+50 })
		pid := cluster.Kill()
		if err := cluster.AwaitRestart(t.Context(), pid); err != nil {
			t.Fatal(err)
		}
	}
	from := acknowledged.Load()
	eventually(t, "events are acknowledged again", func() bool { return acknowledged.Load() > from+50 })
	close(stop)
	sending.Wait()
	want := acknowledged.Load()
	if n := w.events(t, c); n != want { // each was sent until it was acknowledged
		t.Errorf("%d events in the log, %d acknowledged", n, want)
	}
	eventually(t, "every event counts once", func() bool { return int64(a.sessions(t, "acme")) == want })
}
