package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const eventFields = `verdict id receipt kind type programme participant volunteer session occurredAt receivedAt body size`

// arrived lists the events of a company as they arrived.
func (a *api) arrived(t testing.TB, company, args string) []map[string]any {
	t.Helper()
	g := a.query(t, `{ company(key: "`+company+`") { events`+args+` { nodes { `+eventFields+` } } } }`, nil).clean(t)
	list, _ := g.at("company", "events", "nodes").([]any)
	out := make([]map[string]any, len(list))
	for i, one := range list {
		out[i], _ = one.(map[string]any)
	}
	return out
}

func TestEventsAsTheyArrived(t *testing.T) {
	t.Parallel()
	w, _, a := keeper(t)
	b := w.serve(t, a.key)
	var receipts, ids []string
	for i := range 6 { // through two instances, which number their batches in blocks of their own
		at := []*api{a, b}[i%2]
		id, receipt := at.ingest(t, session(fmt.Sprint("s", i), fmt.Sprint("p", i%2), "v", "2025-11-13T10:00:00Z", 60)).accepted(t, "stored")
		receipts, ids = append(receipts, receipt), append(ids, id)
		// It is there at once, at every instance.
		for _, reader := range []*api{a, b} {
			got := reader.arrived(t, "acme", `(first: 1, filter: {receipt: "`+receipt+`"})`)
			if len(got) != 1 || got[0]["id"] != id || got[0]["receipt"] != receipt || got[0]["verdict"] != "STORED" {
				t.Fatalf("event %d: %v", i, got)
			}
		}
	}
	a.mustIngest(t, event("never.heard.of", "u1", "2025-11-13T10:00:00Z", `"x":1`), event("program.enrollment", "e1", "2025-11-13T10:00:00Z", `"userId":"p9","programId":"buddy","status":"completed"`))
	other := strings.Replace(session("s0", "p0", "v", "2025-11-13T10:00:00Z", 60), "2025-11-13", "2025-11-14", 1)
	a.ingest(t, other).accepted(t, "duplicate")

	for args, want := range map[string]int{
		"":                                      8,
		`(filter: {kind: "session.completed"})`: 6, `(filter: {kind: "unknown"})`: 1, `(filter: {type: "never.heard.of"})`: 1,
		`(filter: {person: "p1"})`: 3, `(filter: {person: "v"})`: 6, `(filter: {programme: "buddy"})`: 1, `(filter: {status: "completed"})`: 1,
		`(filter: {kind: "session.completed", person: "p0"})`: 3, `(filter: {person: "nobody"})`: 0, `(filter: {source: "src_none"})`: 0,
		`(filter: {receivedTo: "2020-01-01T00:00:00Z"})`: 0, `(filter: {receivedFrom: "2020-01-01T00:00:00Z"})`: 8,
		`(filter: {verdict: CONFLICT})`: 1, `(filter: {receipt: "` + receipts[2] + `"})`: 1, `(filter: {receipt: "1000000000"})`: 0,
	} {
		if got := a.arrived(t, "acme", args); len(got) != want {
			t.Errorf("%s: %d events, want %d", args, len(got), want)
		}
	}
	if got := a.arrived(t, "acme", `(filter: {verdict: CONFLICT})`)[0]; got["body"] != other || got["id"] != ids[0] || got["occurredAt"] != nil {
		t.Errorf("%v", got)
	}
	got := a.arrived(t, "acme", `(filter: {receipt: "`+receipts[0]+`"})`)[0]
	if got["participant"] != "p0" || got["volunteer"] != "v" || got["session"] != "s0" || got["occurredAt"] != "2025-11-13T10:00:00Z" ||
		!strings.Contains(fmt.Sprint(got["body"]), `"sessionId":"s0"`) || fmt.Sprint(got["size"]) != fmt.Sprint(len(fmt.Sprint(got["body"]))) {
		t.Errorf("%v", got)
	}

	if r := a.query(t, `{ company(key: "acme") { events(filter: {kind: "session"}) { nodes { id } } } }`, nil); !strings.Contains(string(r.body), "use one of unknown, session.completed") {
		t.Errorf("a kind that is none: %s", r.body)
	}

	// Pages: every event once, by receipt downwards.
	var seen, order []string
	for after, more := "null", true; more; {
		g := a.query(t, `{ company(key: "acme") { events(first: 3, after: `+after+`) { edges { cursor node { id receipt } } pageInfo { hasNextPage endCursor } } } }`, nil).clean(t)
		edges, _ := g.at("company", "events", "edges").([]any)
		for i := range edges {
			seen = append(seen, fmt.Sprint(g.at("company", "events", "edges", i, "node", "id")))
			order = append(order, fmt.Sprintf("%020s", g.at("company", "events", "edges", i, "node", "receipt")))
		}
		more, _ = g.at("company", "events", "pageInfo", "hasNextPage").(bool)
		after = fmt.Sprintf("%q", g.at("company", "events", "pageInfo", "endCursor"))
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != 8 || !slices.IsSortedFunc(order, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("%d events in pages, receipts %v", len(seen), order)
	}
	for _, wrong := range []string{`(filter: {receipt: "x"})`, `(filter: {receivedFrom: "yesterday"})`, `(after: "eA")`, `(first: 0)`, `(filter: {type: "a\u0000"})`} {
		g := a.query(t, `{ company(key: "acme") { events`+wrong+` { nodes { id } } } }`, nil)
		if len(g.Errors) != 1 || g.Errors[0].Extensions.Code != "INVALID" {
			t.Errorf("%s: %s", wrong, g.body)
		}
	}

	// Another company's key sees none of it.
	globex := a.as(w.key(t, "ingest,read,people,admin", w.company(t, "globex")))
	g := globex.query(t, `{ company(key: "acme") { events { nodes { body } } } }`, nil)
	if len(g.Errors) != 1 || g.Errors[0].Extensions.Code != "FORBIDDEN" {
		t.Errorf("%s", g.body)
	}
	if got := globex.arrived(t, "globex", `(filter: {receipt: "`+receipts[0]+`"})`); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got := globex.arrived(t, "globex", ""); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// An acknowledged event is seen by who listens, at another instance, within 250 ms; the
// bound here allows for busy machines, the log says what it was.
func TestTailIsPrompt(t *testing.T) {
	t.Parallel()
	w, _, a := keeper(t)
	b := w.serve(t, a.key)
	s := b.listen(t, "/v1/events/tail")
	var took []time.Duration
	for i := range 40 {
		a.ingest(t, fmt.Sprintf(`{"type":"x","id":"%d"}`, i)).accepted(t, "stored")
		acknowledged := time.Now()
		s.next(t)
		took = append(took, time.Since(acknowledged))
	}
	slices.Sort(took)
	t.Logf("seen after %v (median), %v (worst)", took[len(took)/2], took[len(took)-1])
	if took[len(took)/2] > 250*time.Millisecond {
		t.Errorf("median %v", took[len(took)/2])
	}
}
