package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/server/seed"
)

func TestMetricsCount(t *testing.T) {
	t.Parallel()
	_, _, a := shop(t)
	a.ingest(t, loadBody).accepted(t, "stored")
	a.ingest(t, loadBody).accepted(t, "duplicate")
	a.ingest(t, `[{"type":"x","id":"1"},{"type":"x","id":"2"},{}]`)
	a.ingest(t, `{"type":`)
	a.get(t, "/v1/metrics/acme")
	a.get(t, "/v1/metrics/nowhere")
	a.query(t, `{ companies { nodes { key } } }`, nil)
	a.get(t, "/some/path")
	r := a.get(t, "/metrics", "X-API-Key: ")
	if ct := r.header.Get("Content-Type"); r.status != http.StatusOK || !strings.HasPrefix(ct, "text/plain") {
		t.Fatalf("%d %s", r.status, ct)
	}
	text := "\n" + string(r.body)
	for _, line := range []string{
		`impactql_ingest_events_total{outcome="stored"} 3`,
		`impactql_ingest_events_total{outcome="duplicate"} 1`,
		`impactql_ingest_events_total{outcome="rejected"} 1`,
		`impactql_http_requests_total{route="POST /webhooks/ingest",status="200"} 3`,
		`impactql_http_requests_total{route="POST /webhooks/ingest",status="400"} 1`,
		`impactql_http_requests_total{route="GET /v1/metrics/{company}",status="200"} 1`,
		`impactql_http_requests_total{route="GET /v1/metrics/{company}",status="404"} 1`,
		`impactql_http_requests_total{route="/graphql",status="200"} 1`,
		`impactql_http_requests_total{route="/",status="404"} 1`,
		`impactql_http_request_duration_seconds_count{route="POST /webhooks/ingest"} 4`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("no %s", name)
		}
	}
	if strings.Contains(text, "nowhere") || strings.Contains(text, "/some/path") {
		t.Error("labels hold what callers wrote")
	}
}

// Ready follows the database; alive does not. Ingest says what to do meanwhile.
func TestHealthWithoutDatabase(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Cluster(t)
	w := worldAt(t, cluster.URL())
	c := w.company(t, "acme")
	a := w.serve(t, w.key(t, "ingest,read", c))
	a.get(t, "/healthz", "X-API-Key: ").want(t, http.StatusOK, `{"status":"ok"}`)
	a.get(t, "/readyz", "X-API-Key: ").want(t, http.StatusOK, `{"status":"ready"}`)

	pid := cluster.PID()
	if pid == 0 {
		t.Fatal("there is no postmaster")
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil { // so that no successor is started
		t.Fatal(err)
	}
	// The postmaster accepts nothing new, and those who serve are ended.
	children, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(pid), "children"))
	if err != nil {
		t.Fatal(err)
	}
	for child := range strings.FieldsSeq(string(children)) {
		id, err := strconv.Atoi(child)
		if err == nil {
			err = syscall.Kill(id, syscall.SIGKILL)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	a.get(t, "/readyz").want(t, http.StatusServiceUnavailable, `{"status":"no database"}`)
	a.get(t, "/healthz").want(t, http.StatusOK, `{"status":"ok"}`)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server is ready again", func() bool { return a.get(t, "/readyz").status == http.StatusOK })
	eventually(t, "events are taken again", func() bool { return a.ingest(t, loadBody).status == http.StatusOK })
	eventually(t, "they show", func() bool { return a.sessions(t, "acme") == 1 })
}

// Draining is not ready, and says goodbye with each answer.
func TestHealthWhileDraining(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := &health{store: w.store}
	h.draining.Store(true)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	auth := newAuth(w.store, false, log)
	server := httptest.NewServer(routes(&doors{
		log: log, auth: auth, health: h, metrics: newMetrics(), graphql: http.NotFoundHandler(), rest: &rest{auth: auth, log: log},
	}))
	defer server.Close()
	a := &api{url: server.URL}
	a.get(t, "/readyz").want(t, http.StatusServiceUnavailable, `{"status":"draining"}`)
	r := a.raw(t, "GET /v1/metrics/x HTTP/1.1\r\nHost: x\r\n\r\n")
	if r.wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, ""); r.header.Get("Connection") != "close" {
		t.Error("the connection stays open")
	}
	a.get(t, "/healthz").want(t, http.StatusOK, `{"status":"ok"}`)
}

// A request that is under way when the server is told to stop is answered; what was
// acknowledged is in the figures before the process ends.
func TestStopAnswersWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)
	body := session("late", "p", "v", "2025-11-13T10:00:00Z", 60)
	conn := dial(t, a)
	if _, err := conn.Write([]byte("POST /webhooks/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-API-Key: " + a.key +
		"\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body[:10])); err != nil {
		t.Fatal(err)
	}
	// The server has begun to read when the next request of another connection is done.
	a.get(t, "/v1/metrics/acme")
	ended := make(chan error, 1)
	go func() { ended <- a.stop() }()
	eventually(t, "the server drains", func() bool { return strings.Contains(a.log.String(), `"msg":"draining"`) })
	if _, err := conn.Write([]byte(body[10:])); err != nil {
		t.Fatal(err)
	}
	readReply(t, conn).accepted(t, "stored")
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
	if n := w.count(t, "SELECT count(*) FROM batch WHERE folded_at IS NULL"); n != 0 {
		t.Errorf("%d batches left unfolded", n)
	}
	if n := w.events(t, c); n != 1 {
		t.Errorf("%d events", n)
	}
	if _, err := a.try(context.Background(), http.MethodGet, "/healthz", ""); err == nil {
		t.Error("the stopped server still answers")
	}
}

// The examples of the playground are valid and say something of the demo data.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, DemoCompanies[0].Key)
	plans := []plan{{c, seed.Plan{Seed: 1, Company: c.Key, Events: 2000,
		From: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)}}}
	if n, err := write(t.Context(), w.store, plans, func(int) {}); err != nil || n != 2000 {
		t.Fatal(n, err)
	}
	a := w.serve(t, w.key(t, "read", c))
	files, err := filepath.Glob("../web/examples/*.graphql")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		query, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, period := range []string{"2025", "2025-Q1", "last-30d", "FY2025", "2025-01-01/2025-03-31"} {
			g := a.query(t, string(query), map[string]any{"key": c.Key, "period": period})
			if g.status != http.StatusOK || len(g.Errors) > 0 || len(g.Data) == 0 {
				t.Errorf("%s of %s: %d %.500s", filepath.Base(file), period, g.status, g.body)
			}
		}
	}
	g := a.query(t, `query($key: ID!, $period: Period) { company(key: $key) { metrics(period: $period) { sessions participants volunteers }
		sroi(period: $period) { status } cohorts { nodes { key participantCount } } } }`, map[string]any{"key": c.Key, "period": "2025"}).clean(t)
	if figures, ok := g.at("company", "metrics").(map[string]any); !ok || figures["sessions"] == "0" || g.at("company", "sroi", "status") != "OK" {
		t.Errorf("the demo says nothing: %s", g.body)
	}
}
