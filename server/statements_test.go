package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
)

// overviewOfAll is the query of the contracts over a list of companies.
const overviewOfAll = `query Overview($first: Int, $period: Period) {
  companies(first: $first) { edges { node {
    id key name
    metrics(period: $period) { events sessions participants volunteers volunteerHours avgEngagement completionRate impactScore }
    sroi(period: $period, methodology: "teei-1.0") { ratio investment socialValue status methodology { id } }
    vis(period: $period) { score band components { name score weight } }
    cohort(key: "all") { key participantCount completionRate sroi { ratio } vis { score } }
    cohorts(first: 10) { edges { node { key name participantCount } } pageInfo { hasNextPage endCursor } }
    timeSeries(period: $period, interval: MONTH) { start end metrics { sessions participants } }
  } } pageInfo { hasNextPage endCursor } }
}`

// What Overview costs Postgres does not grow with the number of companies: the
// statements are counted on the wire, between the server and Postgres.
func TestStatementsDoNotGrowWithCompanies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var companies []*impact.Company
	var events []string
	for i := range 100 {
		c := w.company(t, fmt.Sprintf("c%03d", i))
		companies = append(companies, c)
		events = append(events, fmt.Sprintf(`{"companyId":%q,"type":"session.completed","sessionId":"s","timestamp":"2025-03-0%dT10:00:00Z","data":{"participantId":"p","volunteerId":"v","duration":60}}`, c.Key, 1+i%9),
			fmt.Sprintf(`{"companyId":%q,"type":"external.user.synced","id":"d","timestamp":"2025-03-01T10:00:00Z","data":{"userId":"p","department":"D%d"}}`, c.Key, i%3))
	}
	key := w.key(t, "ingest,read", companies...)
	filling := w.serve(t, key)
	filling.mustIngest(t, events...)
	w.awaitFolds(t)
	if err := filling.stop(); err != nil {
		t.Fatal(err)
	}

	// The routes of a server without what works in its background, and behind a proxy.
	proxy := newWireTap(t, w.url)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	store, err := db.Open(t.Context(), db.Config{URL: proxy.url, Connections: 4, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	auth := newAuth(store, false, log)
	figures := db.NewFigures(store, nil)
	pool := ingest.NewPool(store, ingest.Limits{})
	defer pool.Stop(t.Context())
	server := httptest.NewServer(routes(&doors{
		log: log, auth: auth, health: &health{store: store}, metrics: newMetrics(),
		graphql: graph.NewHandler(graph.Config{Reader: figures, Editor: store, Cohorts: figures, Inbox: newRejects(store, pool), Log: log, Viewer: viewerOf}),
		rest:    &rest{auth: auth, figures: figures, now: time.Now, log: log},
	}))
	defer server.Close()
	a := &api{url: server.URL, key: key}
	a.query(t, `{ __typename }`, nil).clean(t) // the key is known from here on

	for _, period := range []any{nil, "2025-Q1"} {
		var want []string
		for _, n := range []int{1, 10, 100} {
			proxy.take()
			g := a.query(t, overviewOfAll, map[string]any{"first": n, "period": period}).clean(t)
			got := proxy.take()
			edges, _ := g.at("companies", "edges").([]any)
			for i := range edges {
				if s := fmt.Sprint(g.at("companies", "edges", i, "node", "metrics", "sessions")); s != "1" {
					t.Errorf("company %d of %d: %s sessions", i, n, s)
				}
			}
			if len(edges) != n {
				t.Fatalf("%d companies, want %d", len(edges), n)
			}
			if want == nil {
				want = got
				t.Logf("period %v: %d statements", period, len(got))
			}
			if len(got) != len(want) || !slices.Equal(sorted(got), sorted(want)) || len(got) < 5 {
				t.Errorf("period %v: %d companies took %d statements, one took %d:\n%s", period, n, len(got), len(want), strings.Join(got, "\n---\n"))
			}
		}
	}
	// What arrived is a statement for each list, of all companies.
	for _, n := range []int{1, 10, 100} {
		proxy.take()
		a.query(t, `query($first: Int) { companies(first: $first) { nodes {
			events(first: 2) { nodes { body } } rejects(first: 2) { nodes { body } } intake { refused } } } }`, map[string]any{"first": n}).clean(t)
		if got := proxy.take(); len(got) != 1+3 {
			t.Errorf("arrivals of %d companies took %d statements:\n%s", n, len(got), strings.Join(got, "\n---\n"))
		}
	}
	// What was known then, and what has moved since, is the same goes through the log
	// however many companies are asked about.
	for _, query := range []string{
		`metrics(period: "2025", asOf: "AT") { sessions } timeSeries(interval: MONTH, asOf: "AT") { metrics { sessions } vis { score } }`,
		`retention(period: "2025", asOf: "AT") { rows { size } } funnel(steps: [{activity: ANY}], period: "2025", asOf: "AT") { steps { people } }`,
		`restatements(since: "2025-11-13T10:00:00Z") { nodes { figure } }`,
	} {
		var want []string
		for n := 1; n <= 10; n += 3 {
			// Each an instant of its own, since answers are kept.
			at := w.list(t, "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0]
			proxy.take()
			a.query(t, `query($first: Int) { companies(first: $first) { nodes { `+strings.ReplaceAll(query, "AT", at)+` } } }`,
				map[string]any{"first": n}).clean(t)
			got := proxy.take()
			if want == nil {
				want = got
			}
			if len(got) != len(want) || len(got) < 5 {
				t.Errorf("the past of %d companies took %d statements, of one %d:\n%s", n, len(got), len(want), strings.Join(got, "\n---\n"))
			}
		}
	}
	// To explain figures takes no statement more than to read them, and a list of the events
	// behind them one, of all companies and all points of a series.
	for _, n := range []int{1, 10, 50} {
		var plain int
		for i, explain := range []string{``, `explain { hash inputs { name } }`, `explain { events(first: 2) { nodes { id } } }`} {
			proxy.take()
			a.query(t, `query($first: Int) { companies(first: $first) { nodes { sroi(period: "2025-03") { ratio `+explain+` }
				timeSeries(period: "2025-Q1", interval: MONTH) { vis { score `+explain+` } } } } }`, map[string]any{"first": n}).clean(t)
			got := proxy.take()
			if want := []int{0, 0, 2}[i]; i == 0 {
				plain = len(got)
			} else if len(got) != plain+want {
				t.Errorf("%s of %d companies took %d statements more:\n%s", explain, n, len(got)-plain, strings.Join(got, "\n---\n"))
			}
		}
	}
	// A read of /v1 is no more than the statements of its figures, over two connections that share a snapshot:
	// each begins and ends, one exports it, the other takes it over.
	proxy.take()
	a.get(t, "/v1/metrics/c000").wantJSON(t)
	a.get(t, "/v1/metrics/c000").wantJSON(t)
	if got := proxy.take(); len(got) != 1+2*(5+6) { // the company is remembered
		t.Errorf("two reads took %d statements:\n%s", len(got), strings.Join(got, "\n---\n"))
	}
}

// sorted are statements in an order of their own, whatever snapshots they shared.
func sorted(list []string) []string {
	list = slices.Clone(list)
	for i, s := range list {
		if strings.HasPrefix(s, "SET TRANSACTION SNAPSHOT") {
			list[i] = "SET TRANSACTION SNAPSHOT"
		}
	}
	slices.Sort(list)
	return list
}

// wireTap stands between a client and Postgres and notes what is executed.
type wireTap struct {
	url string

	mu         sync.Mutex
	statements []string
}

// newWireTap starts a tap before the server of a URL that names a socket's directory.
func newWireTap(t testing.TB, to string) *wireTap {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	port := query.Get("port")
	if port == "" {
		port = u.Port()
	}
	if port == "" {
		port = "5432"
	}
	socket := filepath.Join(query.Get("host"), ".s.PGSQL."+port)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	query.Del("host")
	query.Del("port")
	query.Set("sslmode", "disable")
	u.Host, u.RawQuery = listener.Addr().String(), query.Encode()
	tap := &wireTap{url: u.String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				client.Close()
				t.Errorf("tap: %v", err)
				return
			}
			go func() { _, _ = io.Copy(client, server); client.Close() }()
			go func() {
				if err := tap.pass(server, client); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) &&
					!errors.Is(err, syscall.EPIPE) { // the last goodbye, to a database that is dropped already
					t.Errorf("tap: %v", err)
				}
				server.Close()
			}()
		}
	}()
	return tap
}

// pass hands the client's messages on. A statement is a simple query, or each
// execution of a prepared one.
func (w *wireTap) pass(to io.Writer, from io.Reader) error {
	head := make([]byte, 5)
	startup := true // whose message has no type
	var prepared string
	for {
		at := 0
		if startup {
			at = 1
		}
		if _, err := io.ReadFull(from, head[at:]); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(from, body); err != nil {
			return err
		}
		if !startup {
			switch head[0] {
			case 'P': // parse: a name, then the statement
				_, after, _ := strings.Cut(string(body), "\x00")
				prepared, _, _ = strings.Cut(after, "\x00")
			case 'Q':
				w.note(strings.TrimSuffix(string(body), "\x00"))
			case 'E':
				w.note(prepared)
			}
		}
		if _, err := to.Write(append(slices.Clone(head[at:]), body...)); err != nil {
			return err
		}
		startup = false
	}
}

func (w *wireTap) note(statement string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.statements = append(w.statements, statement)
}

// take returns what was executed since the last call.
func (w *wireTap) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.statements
	w.statements = nil
	return list
}
