package server

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/server/vault"
)

// testRing encrypts the secrets of every test's sources.
var testRing = func() *vault.Ring {
	ring, err := vault.Parse(base64.StdEncoding.EncodeToString(make([]byte, vault.KeySize)))
	if err != nil {
		panic(err) // the key has the right size
	}
	return ring
}()

func TestMain(m *testing.M) { dbtest.Main(m) }

// patience bounds every wait. It is long, since machines are busy, and never waited
// for unless something is wrong.
const patience = 30 * time.Second

// world is a database of its own, with what tests put into it.
type world struct {
	url   string
	sql   *sql.DB   // to look into the tables with
	store *db.Store // to make companies and keys with; nothing folds what it commits
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return worldAt(t, dbtest.New(t))
}

func worldAt(t testing.TB, url string) *world {
	t.Helper()
	w := &world{url: url, store: openStore(t, url, 4)}
	var err error
	if w.sql, err = sql.Open("postgres", url); err != nil {
		t.Fatal(err)
	}
	w.sql.SetMaxOpenConns(4)
	t.Cleanup(func() { w.sql.Close() })
	return w
}

func openStore(t testing.TB, url string, connections int) *db.Store {
	t.Helper()
	s, err := db.Open(t.Context(), db.Config{URL: url, Connections: connections, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// company makes a company; zone is optional.
func (w *world) company(t testing.TB, key string, zone ...string) *impact.Company {
	t.Helper()
	if _, err := w.store.EnsureCompany(t.Context(), key, "The "+key); err != nil {
		t.Fatal(err)
	}
	for _, z := range zone {
		w.exec(t, "UPDATE company SET time_zone = $1 WHERE key = $2", z, key)
	}
	c, err := w.store.CompanyByKey(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// key makes an API key for companies, of which the first is the default.
func (w *world) key(t testing.TB, scopes string, companies ...*impact.Company) string {
	t.Helper()
	k := &db.APIKey{Scopes: strings.Split(scopes, ",")}
	for _, c := range companies {
		k.Companies = append(k.Companies, c.ID)
	}
	return w.addKey(t, k)
}

func (w *world) addKey(t testing.TB, k *db.APIKey) string {
	t.Helper()
	secret := newSecret()
	var err error
	if k.ID, err = createKey(t.Context(), w.store, k, secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

// revoke ends a key.
func (w *world) revoke(t testing.TB, secret string) {
	t.Helper()
	hash := hashKey(secret)
	key, err := w.store.APIKeyByHash(t.Context(), hash[:])
	if err == nil {
		err = w.store.RevokeAPIKey(t.Context(), key.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := w.sql.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func (w *world) count(t testing.TB, query string, args ...any) (n int64) {
	t.Helper()
	if err := w.sql.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// list is the rows of a query of one column, as text.
func (w *world) list(t testing.TB, query string, args ...any) (list []string) {
	t.Helper()
	rows, err := w.sql.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			t.Fatal(err)
		}
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// events is how many events of a company the log holds.
func (w *world) events(t testing.TB, c *impact.Company) int64 {
	t.Helper()
	return w.count(t, "SELECT count(*) FROM event WHERE company_id = $1", c.ID)
}

// awaitFolds waits until every committed batch is in the rollups.
func (w *world) awaitFolds(t testing.TB) {
	t.Helper()
	eventually(t, "all batches are folded", func() bool {
		return w.count(t, "SELECT count(*) FROM batch WHERE folded_at IS NULL") == 0
	})
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("still not true that %s", what)
		case <-tick.C:
		}
	}
}

// api is a running server and a key to it.
type api struct {
	url  string
	key  string
	log  *logs
	stop func() error // drains and waits for the end
}

// serve starts an instance on the database, as the command serve does.
func (w *world) serve(t testing.TB, key string) *api {
	t.Helper()
	return serveOn(t, w.connect(t), key, &Serve{Auth: "keys", Drain: patience})
}

func (w *world) connect(t testing.TB) *connection {
	t.Helper()
	store, err := db.Open(t.Context(), db.Config{URL: w.url, Connections: 8, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &connection{Store: store, ring: testRing}
}

func serveOn(t testing.TB, conn *connection, key string, cmd *Serve) *api {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &api{url: "http://" + listener.Addr().String(), key: key, log: new(logs)}
	log := slog.New(requestIDs{slog.NewJSONHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug})})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := cmd.serve(ctx, conn, []net.Listener{listener}, "", log)
		if closeErr := conn.Close(); err == nil {
			err = closeErr
		}
		ended <- err
	}()
	a.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := a.stop(); err != nil {
			t.Errorf("serve: %v", err)
		}
		for line := range strings.Lines(a.log.String()) {
			if t.Failed() && !strings.Contains(line, `"level":"DEBUG"`) {
				t.Log(strings.TrimSpace(line))
			}
		}
	})
	return a
}

// as is the same server with another key.
func (a *api) as(key string) *api {
	b := *a
	b.key = key
	return &b
}

// logs takes what a server logs.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var client = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 16},
	Timeout:       2 * patience,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request; headers are "Name: value". An X-API-Key among them, also an
// empty one, replaces the key of a.
func (a *api) send(t testing.TB, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := a.try(t.Context(), method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (a *api) try(ctx context.Context, method, path, body string, headers ...string) (reply, error) {
	var in io.Reader
	if body != "" || method == http.MethodPost {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, in)
	if err != nil {
		return reply{}, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.key != "" {
		req.Header.Set("X-API-Key", a.key)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if value == "" {
			req.Header.Del(name)
		} else {
			req.Header.Set(name, value)
		}
	}
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, data}, err
}

func (a *api) get(t testing.TB, path string, headers ...string) reply {
	t.Helper()
	return a.send(t, http.MethodGet, path, "", headers...)
}

// fresh gets past the cache.
func (a *api) fresh(t testing.TB, path string) reply {
	t.Helper()
	return a.get(t, path, "Cache-Control: no-cache")
}

func (a *api) ingest(t testing.TB, body string, headers ...string) reply {
	t.Helper()
	return a.send(t, http.MethodPost, "/webhooks/ingest", body, headers...)
}

// mustIngest sends an array of events that must all be stored.
func (a *api) mustIngest(t testing.TB, events ...string) {
	t.Helper()
	r := a.ingest(t, "["+strings.Join(events, ",")+"]")
	var answer struct{ Stored, Duplicates, Rejected int }
	r.decode(t, &answer)
	if r.status != http.StatusOK || answer.Stored != len(events) {
		t.Fatalf("%d of %d events stored: %d %s", answer.Stored, len(events), r.status, r.body)
	}
}

// query sends a GraphQL operation past the cache.
func (a *api) query(t testing.TB, query string, variables map[string]any) gql {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	r := a.send(t, http.MethodPost, "/graphql", string(body), "Cache-Control: no-cache")
	var g gql
	r.decode(t, &g)
	g.reply = r
	return g
}

// gql is a GraphQL answer.
type gql struct {
	reply
	Data   map[string]any
	Errors []struct {
		Message    string
		Path       []any
		Extensions struct{ Code string }
	}
}

// at is what lies under names, nil if nothing.
func (g gql) at(path ...any) any { return at(g.Data, path...) }

func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			list, _ := v.([]any)
			if p >= len(list) {
				return nil
			}
			v = list[p]
		}
	}
	return v
}

// clean wants an answer without errors.
func (g gql) clean(t testing.TB) gql {
	t.Helper()
	if g.status != http.StatusOK || len(g.Errors) > 0 {
		t.Fatalf("GraphQL: %d %s", g.status, g.body)
	}
	return g
}

// decode reads the JSON of the body, its numbers as they are written.
func (r reply) decode(t testing.TB, to any) {
	t.Helper()
	if err := decodeJSON(r.body, to); err != nil {
		t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
}

func decodeJSON(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(to)
}

// want compares the whole answer: status, content type and every field.
func (r reply) want(t testing.TB, status int, body string) {
	t.Helper()
	var got, want any
	r.decode(t, &got)
	if err := decodeJSON([]byte(body), &want); err != nil {
		t.Fatal(err)
	}
	if r.status != status || !reflect.DeepEqual(got, want) {
		t.Errorf("answer %d %s\nwant   %d %s", r.status, r.body, status, body)
	}
	r.wantJSON(t)
}

func (r reply) wantJSON(t testing.TB) {
	t.Helper()
	if ct := r.header.Values("Content-Type"); len(ct) != 1 || ct[0] != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}
}

// refusal is the shape of errors.
type refusal struct {
	Success *bool
	Error   string
	Code    string
	Pointer string
}

// wantRefusal compares an answer of an error with what is documented of it.
func (r reply) wantRefusal(t testing.TB, status int, code impact.Code, pointer string) {
	t.Helper()
	var got refusal
	r.decode(t, &got)
	if r.status != status || got.Code != string(code) || got.Pointer != pointer {
		t.Errorf("answer %d %s\nwant %d %s at %q", r.status, r.body, status, code, pointer)
	}
	if got.Success == nil || *got.Success || got.Error == "" {
		t.Errorf("answer %s: want success false and an error", r.body)
	}
	r.wantJSON(t)
}

// session is an event of a session; more is put into its data.
func session(id, participant, volunteer, at string, seconds int, more ...string) string {
	return fmt.Sprintf(`{"type":"session.completed","sessionId":%q,"timestamp":%q,"data":{"participantId":%q,"volunteerId":%q,"duration":%d%s}}`,
		id, at, participant, volunteer, seconds, tail(more))
}

// event is an event of any type, whose id is given and whose data is listed.
func event(typ, id, at string, data ...string) string {
	return fmt.Sprintf(`{"type":%q,"id":%q,"timestamp":%q,"data":{%s}}`, typ, id, at, strings.Join(data, ","))
}

func tail(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "," + strings.Join(list, ",")
}

func keyOfAll(scopes string) *db.APIKey {
	return &db.APIKey{Scopes: strings.Split(scopes, ","), AllCompanies: true}
}

// viewerOf is who asks a GraphQL handler that a test makes itself.
func viewerOf(ctx context.Context) graph.Viewer { return principalOf(ctx) }
