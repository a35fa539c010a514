package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// A key of one company neither sees nor changes another, whichever door it tries.
func TestIsolation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alpha, beta := w.company(t, "alpha"), w.company(t, "beta")
	w.company(t, "gamma")
	owner := w.serve(t, w.key(t, "ingest,read", beta))
	owner.mustIngest(t, session("s1", "p1", "v1", "2025-11-13T10:00:00Z", 3600),
		event("external.user.synced", "d1", "2025-11-13T10:00:00Z", `"userId":"p1","department":"Secret department"`))
	w.awaitFolds(t)
	before := string(owner.fresh(t, "/v1/metrics/beta").body)
	rows := w.events(t, beta)

	a := owner.as(w.key(t, "ingest,read", alpha))
	for _, path := range []string{
		"/v1/metrics/beta", "/v1/metrics/beta/sroi", "/v1/metrics/beta/vis", "/v1/cohort/beta/all", "/v1/cohort/beta/Secret%20department",
		"/v1/metrics/beta?start=2025-01-01", "/v1/metrics/beta?period=2025", "/v1/metrics/beta?companyId=alpha", "/v1/metrics/%62eta",
		"/v1/export/beta/metrics", "/v1/export/beta/series.ndjson", "/v1/export/beta/cohorts.xlsx", "/v1/export/%62eta/events", "/v1/export/beta/rejects",
		"/v1/export/beta/volunteers", "/v1/export/beta/audit-log", "/v1/export/beta/sources", "/v1/export/beta/settings", "/v1/export/beta/value-map",
	} {
		for _, auth := range [][]string{nil, {"X-API-Key: ", "Authorization: Bearer " + a.key}} {
			a.get(t, path, auth...).wantRefusal(t, http.StatusForbidden, impact.CodeForbidden, "")
		}
	}
	if got := a.get(t, "/v1/export/companies"); strings.Contains(string(got.body), "beta") || !strings.Contains(string(got.body), "alpha") {
		t.Errorf("the export of companies: %s", got.body)
	}
	a.get(t, "/v1/cohort/alpha/Secret%20department").want(t, http.StatusNotFound, noCohort)

	const company = `metrics { events } sroi { ratio } vis { score } cohort(key: "all") { participantCount }
		cohorts { nodes { key } } timeSeries(interval: YEAR) { start }`
	for name, query := range map[string]string{
		"company": `{ company(key: "beta") { key name ` + company + ` } }`,
		"node":    `{ node(id: "` + model.CompanyID("beta") + `") { id ... on Company { key name ` + company + ` } } }`,
		"beside its own": `{ own: company(key: "alpha") { key metrics { events } }
			company(key: "beta") { key name ` + company + ` } node(id: "` + model.CompanyID("beta") + `") { id } }`,
	} {
		g := a.query(t, query, nil)
		if len(g.Errors) == 0 || g.at("company") != nil || g.at("node") != nil {
			t.Errorf("%s: %s", name, g.body)
		}
		for _, e := range g.Errors {
			if e.Extensions.Code != string(impact.CodeForbidden) {
				t.Errorf("%s: code %s", name, e.Extensions.Code)
			}
		}
		if strings.Contains(string(g.body), "Secret") || strings.Contains(string(g.body), "The beta") {
			t.Errorf("%s tells of beta: %s", name, g.body)
		}
	}
	for _, args := range []string{"", "(first: 100)", `(after: "` + model.Cursor("aaa") + `")`} {
		a.query(t, `{ companies`+args+` { nodes { key } pageInfo { hasNextPage } } }`, nil).
			want(t, http.StatusOK, `{"data":{"companies":{"nodes":[{"key":"alpha"}],"pageInfo":{"hasNextPage":false}}}}`)
	}
	a.query(t, `{ companies(after: "`+model.Cursor("alpha")+`") { nodes { key } } }`, nil).want(t, http.StatusOK, `{"data":{"companies":{"nodes":[]}}}`)

	// Writing: outright is refused, a person's company of others is a word like any other.
	a.ingest(t, `{"type":"x","id":"w1","companyId":"beta"}`).wantRefusal(t, http.StatusForbidden, impact.CodeForbidden, "/companyId")
	a.ingest(t, `{"type":"x","id":"w2","company_id":"beta"}`).wantRefusal(t, http.StatusForbidden, impact.CodeForbidden, "/company_id")
	a.ingest(t, `{"type":"x","id":"w3","CompanyID":"beta"}`).wantRefusal(t, http.StatusForbidden, impact.CodeForbidden, "/CompanyID")
	a.ingest(t, `[{"type":"x","id":"w4","companyId":"beta"},{"type":"x","id":"w5"}]`).
		wantField(t, "rejected", "1").wantField(t, "stored", "1")
	for i, who := range []string{"user", "volunteer", "mentor", "mentee", "buddy", "teacher", "participant", "learner"} {
		a.ingest(t, fmt.Sprintf(`{"type":"x","id":"h%d","data":{"companyId":"beta",%q:{"company_id":"beta"}}}`, i, who)).accepted(t, "stored")
	}
	a.ingest(t, `{"type":"x","id":"query"}`+"\n").accepted(t, "stored")
	a.send(t, http.MethodPost, "/webhooks/ingest?companyId=beta&company=beta", `{"type":"x","id":"q2"}`, "X-Company-Id: beta").accepted(t, "stored")
	// What another company has is no duplicate, and no conflict of it.
	a.ingest(t, session("s1", "mine", "v1", "2025-11-13T10:00:00Z", 60)).accepted(t, "stored")
	w.awaitFolds(t)
	if n := w.events(t, beta); n != rows {
		t.Errorf("beta has %d events, had %d", n, rows)
	}
	if after := string(owner.fresh(t, "/v1/metrics/beta").body); after != before {
		t.Errorf("beta's figures were %s, are %s", before, after)
	}
	if n := w.count(t, "SELECT count(*) FROM event_conflict"); n != 0 {
		t.Errorf("%d conflicts", n)
	}
}

func (r reply) wantField(t testing.TB, name, want string) reply {
	t.Helper()
	var m map[string]any
	r.decode(t, &m)
	if got := fmt.Sprint(m[name]); got != want {
		t.Errorf("%s is %s, want %s: %s", name, got, want, r.body)
	}
	return r
}

func TestScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	a := w.serve(t, "")
	body := `{"type":"x"}`
	query := `{"query":"{ company(key: \"acme\") { key } }"}`
	for scopes, want := range map[string][2]int{"ingest": {200, 403}, "read": {403, 200}, "ingest,read": {200, 200}, "": {403, 403}} {
		for _, key := range []string{w.key(t, scopes, c), w.addKey(t, keyOfAll(scopes))} {
			b := a.as(key)
			got := b.ingest(t, `{"companyId":"acme",`+body[1:])
			read, posted := b.get(t, "/v1/metrics/acme"), b.send(t, http.MethodPost, "/graphql", query)
			if got.status != want[0] || read.status != want[1] || posted.status != want[1] {
				t.Errorf("scopes %q: ingest %d, read %d, GraphQL %d; want %v", scopes, got.status, read.status, posted.status, want)
			}
		}
	}
	for name, auth := range map[string][]string{"none": {"X-API-Key: "}, "unknown": {"X-API-Key: nope"}, "unknown bearer": {"X-API-Key: ", "Authorization: Bearer nope"}} {
		if got := a.send(t, http.MethodPost, "/graphql", query, auth...); got.status != http.StatusUnauthorized {
			t.Errorf("GraphQL with key %s: %d %s", name, got.status, got.body)
		} else if !strings.HasPrefix(string(got.body), `{"errors":[{"message":`) || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("GraphQL with key %s is refused with %v %s, want errors as of GraphQL", name, got.header, got.body)
		}
	}
	// What needs no key tells nothing of companies.
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/playground"} {
		if got := a.get(t, path); got.status != http.StatusOK || strings.Contains(string(got.body), "acme") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

// A revoked key ends at once, in every instance. The wait is shorter than keys are
// remembered without news.
func TestRevokedKeyIsRefused(t *testing.T) {
	t.Parallel()
	if patience > keyLifetime {
		t.Fatal("the wait would prove nothing")
	}
	w := newWorld(t)
	c := w.company(t, "acme")
	k := keyOfAll("ingest,read")
	k.Companies = append(k.Companies, c.ID)
	key := w.addKey(t, k)
	other := w.key(t, "ingest,read", c)
	instances := []*api{w.serve(t, key), w.serve(t, key)}
	for i, a := range instances {
		a.ingest(t, fmt.Sprintf(`{"type":"x","id":"%d"}`, i)).accepted(t, "stored")
		a.get(t, "/v1/metrics/acme").wantField(t, "success", "true")
	}
	if err := w.store.RevokeAPIKey(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	for i, a := range instances {
		eventually(t, "the revoked key is refused", func() bool { return a.get(t, "/v1/metrics/acme").status == http.StatusUnauthorized })
		a.ingest(t, fmt.Sprintf(`{"type":"x","id":"r%d"}`, i)).wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, "")
		if got := a.query(t, `{ companies { nodes { key } } }`, nil); got.status != http.StatusUnauthorized {
			t.Errorf("GraphQL: %d %s", got.status, got.body)
		}
		a.as(other).get(t, "/v1/metrics/acme").wantField(t, "success", "true")
	}
	if n := w.events(t, c); n != 2 {
		t.Errorf("%d events, want the 2 of before", n)
	}
}

// Whoever guesses keys does not push the real ones out of the cache, after which each
// request would wait for the database.
func TestGuessesPushNoKeyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := newAuth(w.store, false, slog.New(slog.DiscardHandler))
	key := w.key(t, "read", w.company(t, "acme"))
	for _, secret := range []string{key, "a guess", "another guess", "a guess"} {
		if _, err := auth.lookUp(t.Context(), secret); (err == nil) != (secret == key) {
			t.Errorf("%s: %v", secret, err)
		}
	}
	if auth.keys.Len() != 1 || auth.strangers.Len() != 2 {
		t.Errorf("%d keys and %d guesses are remembered, want 1 and 2", auth.keys.Len(), auth.strangers.Len())
	}
}

// No log line holds a key, at any level, whatever the request did with it.
func TestNoSecretInLogs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	key := w.key(t, "ingest,read", c)
	readOnly := w.key(t, "read", c)
	const unknown = "iql_a-key-that-nobody-has"
	a := w.serve(t, key)
	requests := 0
	for _, k := range []string{key, readOnly, unknown} {
		for _, auth := range [][]string{{"X-API-Key: " + k}, {"X-API-Key: ", "Authorization: Bearer " + k}, {"X-API-Key: ", "Authorization: Basic " + k},
			{"X-API-Key: " + k, "Authorization: Bearer other", "Cookie: key=" + k, "Referer: http://x/?access_token=" + k}} {
			for _, path := range []string{
				"/v1/metrics/acme", "/v1/metrics/nowhere", "/v1/metrics/acme?period=nonsense", "/v1/cohort/acme/all", "/v1/cohort/acme/none",
				"/v1/stream/acme?period=nonsense", "/nothing", "/graphql?query={companies{nodes{key}}}", "/graphql", "/playground", "/metrics", "/readyz",
			} {
				sep := "?"
				if strings.Contains(path, "?") {
					sep = "&"
				}
				a.get(t, path, auth...)
				a.get(t, path+sep+"access_token="+k+"&api_key="+k, auth...)
				requests += 2
			}
			a.ingest(t, loadBody, auth...)
			a.ingest(t, `{"type":`, auth...)
			a.ingest(t, `{"type":"x","companyId":"`+k+`"}`, auth...)
			a.send(t, http.MethodPost, "/graphql", `{"query":"query($k: ID!) { company(key: $k) { key } }","variables":{"k":"`+k+`"}}`, auth...)
			a.send(t, http.MethodPost, "/graphql", `{"query":"{ nonsense(`, auth...)
		}
		a.raw(t, "GET /v1/metrics/acme?access_token="+k+" HTTP/1.1\r\nHost: x\r\nX-API-Key: "+k+"\x01\r\n\r\n") // no header that is valid
	}
	// A database that is gone makes the loudest errors.
	w.exec(t, "ALTER TABLE api_key RENAME TO gone")
	a.get(t, "/v1/metrics/acme?access_token="+key, "X-API-Key: "+unknown+"2")
	w.exec(t, "ALTER TABLE event RENAME TO gone_too")
	a.ingest(t, `{"type":"x","id":"e"}`)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	text := a.log.String()
	if strings.Count(text, `"msg":"request"`) < requests/2 || !strings.Contains(text, `"level":"ERROR"`) {
		t.Fatalf("the log is not what it should hold:\n%s", text)
	}
	for _, secret := range []string{key, readOnly, unknown, key[4:], "access_token", loadBody, "user-4711"} {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("the log holds %q: ...%s...", secret, text[max(at-300, 0):min(at+100, len(text))])
		}
	}
	// Nor does the database hold one.
	if n := w.count(t, "SELECT count(*) FROM gone WHERE gone::text LIKE '%' || $1 || '%'", key); n != 0 {
		t.Error("the key is stored as it is")
	}
}
