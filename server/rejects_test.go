package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
)

// keeper is one company, a key that may do everything for it, and a server.
func keeper(t testing.TB) (*world, *impact.Company, *api) {
	t.Helper()
	w := newWorld(t)
	c := w.company(t, "acme")
	a := w.serve(t, w.key(t, "ingest,read,people,admin", c))
	return w, c, a
}

const rejectFields = `id status code message pointer body bodyBase64 size source provider apiKey schemaVersion attempts
	firstReceivedAt lastReceivedAt dueAt settledAt receipt`

// rejects lists the rejects of a company, newest first.
func (a *api) rejects(t testing.TB, company, args string) []map[string]any {
	t.Helper()
	g := a.query(t, `{ company(key: "`+company+`") { rejects`+args+` { nodes { `+rejectFields+` } } } }`, nil).clean(t)
	list, _ := g.at("company", "rejects", "nodes").([]any)
	out := make([]map[string]any, len(list))
	for i, one := range list {
		out[i], _ = one.(map[string]any)
	}
	return out
}

// mutate runs a mutation and returns what its only field gave.
func (a *api) mutate(t testing.TB, mutation string, variables map[string]any) map[string]any {
	t.Helper()
	g := a.query(t, mutation, variables).clean(t)
	for _, v := range g.Data {
		m, _ := v.(map[string]any)
		return m
	}
	t.Fatalf("no answer: %s", g.body)
	return nil
}

const replayOne = `mutation($id: ID!, $edit: String, $dry: Boolean) { replayReject(id: $id, edit: $edit, dryRun: $dry) {
	id status events receipt code message pointer } }`

func TestRefusedEventsAreKept(t *testing.T) {
	t.Parallel()
	w, c, a := keeper(t)
	for _, row := range []struct{ name, body, raw, code, pointer string }{
		{"a missing field", `{"type":"volunteer.event","id":"1","data":{"hours":2}}`, "", "INVALID", "/data/volunteerId"},
		{"a wrong type", `{"type":"session.completed","userId":"u","data":{"durationMinutes":"long"}}`, "", "INVALID", "/data/durationMinutes"},
		{"no JSON", "hello \x00\xff world", "", "BAD_JSON", ""},
		{"JSON cut off", `{"type":"session.completed",`, "", "BAD_JSON", ""},
		{"another's company", `{"type":"x","companyId":"globex"}`, "", "FORBIDDEN", "/companyId"},
		{"within an array", `[{"type":"x","id":"fine"}, {"type":"feedback.received","data":{"rating":7}}]`,
			`{"type":"feedback.received","data":{"rating":7}}`, "INVALID", "/data/rating"},
		{"no object in an array", `[{"type":"x","id":"fine"},  17 ]`, `17`, "INVALID", ""},
		{"a string", `"hello"`, "", "INVALID", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			raw := row.raw
			if raw == "" {
				raw = row.body
			}
			before := len(a.rejects(t, "acme", ""))
			for range 2 { // sent again it is the same reject
				a.ingest(t, row.body)
			}
			list := a.rejects(t, "acme", "")
			if len(list) != before+1 {
				t.Fatalf("%d rejects more, want 1", len(list)-before)
			}
			r := list[0]
			if r["code"] != row.code || r["pointer"] != row.pointer || r["status"] != "REJECTED" || r["message"] == "" {
				t.Errorf("%v", r)
			}
			if r["body"] != strings.ToValidUTF8(raw, "\uFFFD") || fmt.Sprint(r["size"]) != fmt.Sprint(len(raw)) {
				t.Errorf("body %q of %v bytes", r["body"], r["size"])
			}
			if fmt.Sprint(r["attempts"]) != "2" || fmt.Sprint(r["apiKey"]) == "<nil>" || r["source"] != nil || r["receipt"] != nil {
				t.Errorf("%v", r)
			}
			one := a.query(t, `query($id: ID!) { company(key: "acme") { reject(id: $id) { body } } }`, map[string]any{"id": r["id"]}).clean(t)
			if one.at("company", "reject", "body") != r["body"] {
				t.Errorf("%s", one.body)
			}
		})
	}
	// What is nobody's fault, or only asked about, is not kept.
	n := len(a.rejects(t, "acme", "(first: 100)"))
	a.send(t, http.MethodPost, "/webhooks/ingest?dryRun=true", `{"type":"volunteer.event"}`)
	a.ingest(t, `{"type":"volunteer.event"}`, "X-API-Key: nobody")
	if got := len(a.rejects(t, "acme", "(first: 100)")); got != n {
		t.Errorf("%d rejects more", got-n)
	}
	if got := a.rejects(t, "acme", `(filter: {code: "FORBIDDEN"})`); len(got) != 1 {
		t.Errorf("%d of a code", len(got))
	}
	// Pages.
	var ids []string
	for after, more := "null", true; more; {
		g := a.query(t, `{ company(key: "acme") { rejects(first: 3, after: `+after+`) { edges { cursor node { id } } pageInfo { hasNextPage endCursor } } } }`, nil).clean(t)
		edges, _ := g.at("company", "rejects", "edges").([]any)
		for i := range edges {
			ids = append(ids, fmt.Sprint(g.at("company", "rejects", "edges", i, "node", "id")))
		}
		more, _ = g.at("company", "rejects", "pageInfo", "hasNextPage").(bool)
		after = fmt.Sprintf("%q", g.at("company", "rejects", "pageInfo", "endCursor"))
	}
	if len(ids) != n {
		t.Errorf("%d rejects in pages, want %d", len(ids), n)
	}
	eventually(t, "refusals are counted", func() bool {
		g := a.query(t, `{ company(key: "acme") { intake { rejected refused } } }`, nil).clean(t)
		return fmt.Sprint(g.at("company", "intake", "rejected")) == fmt.Sprint(n) && fmt.Sprint(g.at("company", "intake", "refused")) == fmt.Sprint(2*n)
	})
	if got := w.count(t, "SELECT count(*) FROM reject WHERE company_id <> $1", c.ID); got != 0 {
		t.Errorf("%d rejects of other companies", got)
	}
}

// figuresOf is everything that both doors say of a company, but for its name.
func (a *api) figuresOf(t *testing.T, company string) string {
	t.Helper()
	g := a.query(t, `{ company(key: "`+company+`") {
		metrics { events unmappedEvents sessions participants volunteers volunteerHours avgEngagement completionRate impactScore }
		sroi { ratio investment socialValue status } vis { score band components { name score weight } }
		cohort(key: "all") { participantCount completionRate sroi { ratio } vis { score } }
		cohorts { nodes { key participantCount } }
		timeSeries(interval: MONTH) { start end metrics { events sessions participants volunteerHours } } } }`, nil).clean(t)
	return string(g.body) + string(a.fresh(t, "/v1/metrics/"+company).body) + string(a.fresh(t, "/v1/cohort/"+company+"/all").body)
}

// A CloudEvent in binary mode that is broken is kept with what its headers say, so that it can be mended.
func TestBrokenBinaryCloudEventIsKeptWhole(t *testing.T) {
	t.Parallel()
	_, _, a := keeper(t)
	for name, tt := range map[string]struct {
		body, header, code, kept string
	}{
		"body": {
			`{"participantId":"p-1",`, "ce-subject: s", "BAD_JSON",
			`{"id":"body","source":"/crm","specversion":"1.0","subject":"s","type":"session.completed","datacontenttype":"application/json","data_base64":"eyJwYXJ0aWNpcGFudElkIjoicC0xIiw="}`,
		},
		"header": {
			`{"participantId":"p-1"}`, "ce-data: x", "INVALID",
			`{"ce-data":"x","id":"header","source":"/crm","specversion":"1.0","type":"session.completed","datacontenttype":"application/json","data":{"participantId":"p-1"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{"ce-specversion: 1.0", "ce-id: " + name, "ce-source: /crm", "ce-type: session.completed"}
			a.ingest(t, tt.body, append(headers, tt.header)...)
			r := a.rejects(t, "acme", "")[0]
			if r["body"] != tt.kept || r["code"] != tt.code {
				t.Fatalf("%v", r)
			}
			if m := a.mutate(t, replayOne, map[string]any{"id": r["id"]}); m["status"] != "rejected" {
				t.Errorf("replayed as it is: %v", m)
			}
			edit := strings.Replace(strings.Replace(tt.kept, `"ce-data":"x",`, "", 1), `"data_base64":"eyJwYXJ0aWNpcGFudElkIjoicC0xIiw="`, `"data":{"participantId":"p-1"}`, 1)
			if m := a.mutate(t, replayOne, map[string]any{"id": r["id"], "edit": edit}); m["status"] != "stored" || m["receipt"] == nil {
				t.Errorf("%v", m)
			}
			if m := a.mutate(t, replayOne, map[string]any{"id": r["id"], "edit": edit}); m["status"] != "duplicate" {
				t.Errorf("mended again: %v", m)
			}
			other := strings.Replace(edit, `"id":"`+name, `"id":"another-`+name, 1)
			if g := a.query(t, replayOne, map[string]any{"id": r["id"], "edit": other}); !strings.Contains(string(g.body), `"code":"CONFLICT"`) {
				t.Errorf("mended otherwise: %s", g.body)
			}
			again := a.ingest(t, `{"participantId":"p-1"}`, headers...)
			if !strings.Contains(string(again.body), `"status":"duplicate"`) {
				t.Errorf("the event itself is another one than the one that was mended: %s", again.body)
			}
		})
	}
}

// Of several edits of one reject that arrive together, at two instances, one is stored.
func TestEditsAtOnce(t *testing.T) {
	t.Parallel()
	w, _, a := keeper(t)
	doors := []*api{a, w.serve(t, a.key)}
	a.ingest(t, `{"type":"session.completed","companyId":"acme","userId":"u","timestamp":"yesterday"}`)
	id := a.rejects(t, "acme", "")[0]["id"]
	answers := make(chan string, 12)
	for i := range cap(answers) {
		go func() {
			edit := fmt.Sprintf(`{"type":"session.completed","sessionId":"s-%d","companyId":"acme","userId":"u","timestamp":"2026-01-02T03:04:05Z"}`, i)
			answers <- string(doors[i%2].query(t, replayOne, map[string]any{"id": id, "edit": edit}).body)
		}()
	}
	count := make(map[string]int)
	for range cap(answers) {
		answer := <-answers
		for _, what := range []string{`"code":"CONFLICT"`, `"status":"stored"`} {
			if strings.Contains(answer, what) {
				count[what]++
			}
		}
	}
	if n := w.count(t, "SELECT count(*) FROM event"); n != 1 || count[`"status":"stored"`] != 1 || count[`"code":"CONFLICT"`] != cap(answers)-1 {
		t.Errorf("%d stored: %v", n, count)
	}
}

// A broken CloudEvent in binary mode is kept for the company that its headers name.
func TestBrokenBinaryCloudEventIsKeptForItsCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme, globex := w.company(t, "acme"), w.company(t, "globex")
	a := w.serve(t, w.key(t, "ingest,read,people,admin", acme, globex))
	for i, header := range []string{"ce-subject: a body that is broken", "ce-data: x"} {
		body := []string{`{"participantId":"p-1",`, `{"participantId":"p-1"}`}[i]
		a.ingest(t, body, "ce-specversion: 1.0", "ce-id: e-1", "ce-source: /crm", "ce-type: session.completed", "ce-companyid: globex", header).
			wantField(t, "success", "false")
	}
	if n, other := len(a.rejects(t, "globex", "")), len(a.rejects(t, "acme", "")); n != 2 || other != 0 {
		t.Errorf("%d of globex and %d of acme", n, other)
	}
}

// A log whose events were refused first, put right and replayed, gives the figures of
// one that took them at once, byte for byte.
func TestReplayGivesTheFiguresOfAFirstAcceptance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at, late := w.company(t, "at-once"), w.company(t, "later")
	a := w.serve(t, w.key(t, "ingest,read,people,admin", at))
	b := a.as(w.key(t, "ingest,read,people,admin", late))
	var good []string
	for i := range 40 {
		who, vol := fmt.Sprint("p", i%7), fmt.Sprint("v", i%3)
		good = append(good,
			event("session.completed", fmt.Sprint("s", i), fmt.Sprintf("2025-%02d-11T10:00:00Z", 1+i%12), fmt.Sprintf(`"participantId":%q,"volunteerId":%q,"durationMinutes":%d,"score":%d`, who, vol, 30+i, i%10)),
			event("outcome.assessed", fmt.Sprint("o", i), fmt.Sprintf("2025-%02d-12T10:00:00Z", 1+i%12), fmt.Sprintf(`"participantId":%q,"dimension":"language","score":0.%d`, who, 1+i%9)),
			event("program.enrollment", fmt.Sprint("e", i), "2025-01-02T10:00:00Z", fmt.Sprintf(`"participantId":%q,"status":"enrolled"`, who)))
	}
	a.mustIngest(t, good...)
	// The same with every third one broken, in the order of arrival; alone, in arrays and
	// as a body that is no JSON.
	fixes := make(map[string]string)
	for i, e := range good {
		if i%3 != 0 {
			b.mustIngest(t, e)
			continue
		}
		broken := strings.Replace(e, `"participantId":"`, `"participantId":"with space `, 1)
		if i%2 == 0 {
			broken = strings.TrimSuffix(e, "}")
		}
		fixes[broken] = e
		if i%4 == 0 && i%2 != 0 {
			b.ingest(t, "["+broken+"]")
		} else {
			b.ingest(t, broken)
		}
	}
	if n := len(b.rejects(t, "later", "(first: 100)")); n != len(fixes) {
		t.Fatalf("%d rejects, want %d", n, len(fixes))
	}
	w.awaitFolds(t)
	if a.figuresOf(t, "at-once") == strings.ReplaceAll(b.figuresOf(t, "later"), "later", "at-once") {
		t.Fatal("nothing was missing: the test shows nothing")
	}
	for _, r := range b.rejects(t, "later", "(first: 100)") {
		body, _ := r["body"].(string)
		vars := map[string]any{"id": r["id"], "edit": fixes[body], "dry": true}
		if got := b.mutate(t, replayOne, vars); got["status"] != "valid" || got["receipt"] != nil {
			t.Fatalf("a dry run: %v", got)
		}
		if got := b.mutate(t, replayOne, map[string]any{"id": r["id"]}); got["status"] != "rejected" || got["code"] == nil || got["message"] == nil {
			t.Fatalf("without an edit: %v", got)
		}
		vars["dry"] = false
		if got := b.mutate(t, replayOne, vars); got["status"] != "stored" || got["receipt"] == nil || got["code"] != nil {
			t.Fatalf("replay: %v", got)
		}
		if got := b.mutate(t, replayOne, vars); got["status"] != "duplicate" {
			t.Fatalf("a second replay: %v", got)
		}
	}
	w.awaitFolds(t)
	if x, y := a.figuresOf(t, "at-once"), strings.ReplaceAll(b.figuresOf(t, "later"), "later", "at-once"); x != y {
		t.Errorf("at once:\n%s\nlater:\n%s", x, y)
	}
	if n := w.count(t, `SELECT count(*) FROM event a JOIN event b USING (key, occurred_at, kind, payload) WHERE a.company_id = $1 AND b.company_id = $2`, at.ID, late.ID); n != int64(len(good)) {
		t.Errorf("%d of %d events have one identity in both", n, len(good))
	}
	list := b.rejects(t, "later", `(first: 100, filter: {status: REPLAYED})`)
	if len(list) != len(fixes) || list[0]["receipt"] == nil || list[0]["settledAt"] == nil {
		t.Errorf("%d replayed: %v", len(list), list[0])
	}
}

// What says no time of its own happened when it first came, whenever it is replayed, and
// keeps the identity of its delivery.
func TestReplayKeepsArrivalAndDelivery(t *testing.T) {
	t.Parallel()
	w, c, a := keeper(t)
	a.ingest(t, `{"type":"session.completed","userId":"u","data":{"durationMinutes":-5}}`, "X-Delivery-Id: d-1")
	w.exec(t, "UPDATE reject SET first_at = '2025-02-03T04:05:06Z'")
	r := a.rejects(t, "acme", "")[0]
	const edit = `{"type":"session.completed","userId":"u","data":{"durationMinutes":5}}`
	if got := a.mutate(t, replayOne, map[string]any{"id": r["id"], "edit": edit}); got["status"] != "stored" {
		t.Fatalf("%v", got)
	}
	if n := w.count(t, "SELECT count(*) FROM event WHERE company_id = $1 AND occurred_at = '2025-02-03T04:05:06Z'", c.ID); n != 1 {
		t.Errorf("%d events at the time of the first arrival", n)
	}
	a.ingest(t, edit, "X-Delivery-Id: d-1").accepted(t, "duplicate")
}

func TestReplayAllAndDismiss(t *testing.T) {
	t.Parallel()
	w, c, a := keeper(t)
	other := w.company(t, "globex")
	// Refused for a company that the key may not use: replayed, it is still not this one's.
	a.ingest(t, `{"type":"x","id":"theirs","companyId":"globex"}`)
	// Refused by rules that have changed since: as if the database had learned to take it.
	for i := range 5 {
		a.ingest(t, fmt.Sprintf(`{"type":"volunteer.event","id":"%d","data":{"hours":2}}`, i))
	}
	w.exec(t, `UPDATE reject SET payload = convert_to(replace(convert_from(payload, 'UTF8'), '"hours"', '"volunteerId":"v","hours"'), 'UTF8'), size = size + 18
		WHERE code = 'INVALID'`)
	const replayAll = `mutation($dry: Boolean) { replayRejects(company: "acme", dryRun: $dry) { taken rejected more results { status code } } }`
	dry := a.mutate(t, replayAll, map[string]any{"dry": true})
	if fmt.Sprintf("%v %v %v", dry["taken"], dry["rejected"], dry["more"]) != "5 1 false" || w.events(t, c) != 0 {
		t.Fatalf("%v", dry)
	}
	if got := a.mutate(t, replayAll, nil); fmt.Sprintf("%v %v", got["taken"], got["rejected"]) != "5 1" || w.events(t, c) != 5 || w.events(t, other) != 0 {
		t.Fatalf("%v", got)
	}
	list := a.rejects(t, "acme", "(filter: {status: REJECTED})")
	if len(list) != 1 {
		t.Fatalf("%v", list)
	}
	const dismiss = `mutation($id: ID!) { dismissReject(id: $id) { status settledAt } }`
	if got := a.mutate(t, dismiss, map[string]any{"id": list[0]["id"]}); got["status"] != "DISMISSED" || got["settledAt"] == nil {
		t.Errorf("%v", got)
	}
	replayed := a.rejects(t, "acme", "(filter: {status: REPLAYED})")
	for name, row := range map[string]struct{ query, code string }{
		"a replayed one":        {fmt.Sprintf(`mutation { dismissReject(id: %q) { id } }`, replayed[0]["id"]), "CONFLICT"},
		"one that is not there": {fmt.Sprintf(`mutation { dismissReject(id: %q) { id } }`, model.RejectID("acme", 1<<40)), "NOT_FOUND"},
		"no id":                 {`mutation { dismissReject(id: "x") { id } }`, "INVALID"},
		"a replay of none":      {fmt.Sprintf(`mutation { replayReject(id: %q) { id } }`, model.RejectID("acme", 1<<40)), "NOT_FOUND"},
	} {
		if g := a.query(t, row.query, nil); len(g.Errors) != 1 || g.Errors[0].Extensions.Code != row.code {
			t.Errorf("%s: %s", name, g.body)
		}
	}
}

// An event dated too far ahead waits, durably and once, and is stored when it is due.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	w, c, a := keeper(t)
	future := time.Now().Add(72 * time.Hour).UTC().Truncate(time.Second)
	soon := time.Now().Add(23 * time.Hour).UTC().Format(time.RFC3339)
	body := event("session.completed", "f1", future.Format(time.RFC3339), `"participantId":"p","durationMinutes":30`)
	var first struct{ ID, Status, Until string }
	for range 3 {
		r := a.ingest(t, body)
		var got struct{ ID, Status, Until string }
		r.decode(t, &got)
		if first.ID == "" {
			first = got
		}
		if r.status != http.StatusOK || got != first || got.Status != "quarantined" || got.Until != future.Add(-24*time.Hour).Format(time.RFC3339) {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	a.ingest(t, event("session.completed", "f2", soon, `"participantId":"p"`)).accepted(t, "stored")
	r := a.ingest(t, "["+body+","+event("session.completed", "f3", soon, `"participantId":"p"`)+"]")
	r.wantField(t, "stored", "1").wantField(t, "quarantined", "1").wantField(t, "rejected", "0").wantField(t, "success", "true")
	a.send(t, http.MethodPost, "/webhooks/ingest?dryRun=true", body).wantField(t, "status", "quarantined")
	a.send(t, http.MethodPost, "/webhooks/ingest?atomic=true", "["+body+"]").wantField(t, "success", "false").wantField(t, "rejected", "1")

	waiting := a.rejects(t, "acme", "(filter: {status: QUARANTINED})")
	if len(waiting) != 1 || waiting[0]["body"] != body || waiting[0]["dueAt"] == nil || fmt.Sprint(waiting[0]["attempts"]) != "4" {
		t.Fatalf("%v", waiting)
	}
	if n := w.events(t, c); n != 2 {
		t.Fatalf("%d events in the log, want 2", n)
	}
	// Dismissed, and sent again: it is acknowledged, so it waits again.
	a.mutate(t, `mutation($id: ID!) { dismissReject(id: $id) { status } }`, map[string]any{"id": waiting[0]["id"]})
	a.ingest(t, body).wantField(t, "status", "quarantined")
	if n := len(a.rejects(t, "acme", "(filter: {status: QUARANTINED})")); n != 1 {
		t.Fatalf("%d wait", n)
	}

	// It falls due, and two instances release it.
	pool := ingest.NewPool(w.store, ingest.Limits{})
	defer pool.Stop(t.Context())
	kept := newRejects(w.store, pool)
	if err := kept.release(t.Context(), time.Now()); err != nil || w.events(t, c) != 2 {
		t.Fatalf("released before it is due: %v", err)
	}
	for range 2 {
		w.exec(t, "UPDATE reject SET status = 'QUARANTINED' WHERE key IS NOT NULL") // the other has not seen that it is done
		if err := kept.release(t.Context(), future.Add(-24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n := w.events(t, c); n != 3 {
			t.Fatalf("%d events in the log, want 3", n)
		}
	}
	id, receipt := a.ingest(t, body).accepted(t, "duplicate") // still ahead, but in the log
	if id != first.ID || w.count(t, "SELECT count(*) FROM event WHERE batch_id = $1 AND occurred_at = $2", receipt, future) != 1 {
		t.Errorf("id %s, receipt %s", id, receipt)
	}
	eventually(t, "counts", func() bool {
		g := a.query(t, `{ company(key: "acme") { intake { futureDated quarantined replayed late unknownTypes conflicts } } }`, nil).clean(t)
		return string(g.body) == `{"data":{"company":{"intake":{"futureDated":6,"quarantined":0,"replayed":1,"late":0,"unknownTypes":0,"conflicts":0}}}}`
	})
}

// Events that are due and cannot be stored do not keep later ones, also those of others,
// in quarantine.
func TestQuarantineIsNotHeldUp(t *testing.T) {
	t.Parallel()
	w, c, _ := keeper(t)
	other := w.company(t, "other")
	b := w.serve(t, w.key(t, "ingest", other))
	future := time.Now().Add(72 * time.Hour).UTC().Truncate(time.Second)
	w.exec(t, `
		INSERT INTO reject (company_id, digest, status, code, message, pointer, payload, size, source, provider, delivery, api_key,
		                    strict, schema, key, due_at, first_at, last_at, attempts)
		SELECT $1, gen_random_uuid(), 'QUARANTINED', 'INVALID', '', '', '{"type":"session.completed"}', 28, '', '', '', 0,
		       false, 1, gen_random_uuid(), now() - interval '1 hour', now(), now(), 1
		FROM generate_series(1, 501)`, c.ID)
	b.ingest(t, event("session.completed", "f1", future.Format(time.RFC3339), `"participantId":"p"`)).wantField(t, "status", "quarantined")
	pool := ingest.NewPool(w.store, ingest.Limits{})
	defer pool.Stop(t.Context())
	if err := newRejects(w.store, pool).release(t.Context(), future); err != nil {
		t.Fatal(err)
	}
	if n := w.events(t, other); n != 1 {
		t.Errorf("%d events in the log, want 1", n)
	}
}

func TestIntakeCountsWhatIsOutOfTheOrdinary(t *testing.T) {
	t.Parallel()
	_, _, a := keeper(t)
	defer func() {
		late := a.arrived(t, "acme", "(filter: {late: true})")
		if len(late) != 1 || late[0]["type"] != "session.completed" {
			t.Errorf("late: %v", late)
		}
		scraped := string(a.get(t, "/metrics").body)
		for _, want := range []string{`impactql_ingest_flagged_total{flag="late"} 1`, `{flag="unknown"} 1`, `{flag="refused"} 0`, `{flag="future"} 0`, `{flag="conflict"} 1`} {
			if !strings.Contains(scraped, want) {
				t.Errorf("/metrics lacks %s", want)
			}
		}
	}()
	old := time.Now().Add(-31 * 24 * time.Hour).UTC().Format(time.RFC3339)
	a.mustIngest(t, event("session.completed", "1", old, `"participantId":"p"`), event("never.heard.of", "2", time.Now().UTC().Format(time.RFC3339), `"x":1`))
	a.ingest(t, event("session.completed", "1", old, `"participantId":"p","durationMinutes":3`)).accepted(t, "duplicate") // another body
	a.ingest(t, event("session.completed", "1", old, `"participantId":"p"`)).accepted(t, "duplicate")
	eventually(t, "counts", func() bool {
		g := a.query(t, `{ company(key: "acme") { intake { late unknownTypes conflicts refused } } }`, nil).clean(t)
		return string(g.body) == `{"data":{"company":{"intake":{"late":1,"unknownTypes":1,"conflicts":1,"refused":0}}}}`
	})
}

// What is kept of a company is bounded; the oldest make room, but never for what was
// acknowledged.
func TestRejectsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, calm := w.company(t, "acme"), w.company(t, "calm")
	store := openStore(t, w.url, 8)
	a := serveOn(t, &connection{Store: store}, w.key(t, "ingest,read,people,admin", c), &Serve{
		Auth: "keys", Drain: patience, Rejecting: Rejecting{RejectCount: 20, Quarantine: 3},
	})
	a.as(w.key(t, "ingest", calm)).ingest(t, `nonsense`)
	future := time.Now().Add(100 * time.Hour).UTC().Format(time.RFC3339)
	for i := range 5 {
		r := a.ingest(t, event("session.completed", fmt.Sprint("f", i), future, `"participantId":"p"`))
		if i < 3 {
			r.wantField(t, "status", "quarantined")
		} else {
			r.wantRefusal(t, http.StatusRequestEntityTooLarge, impact.CodeTooLarge, "")
		}
	}
	// Whoever heard no answer sends again: what waits goes on waiting.
	again := event("session.completed", "f1", future, `"participantId":"p"`)
	a.ingest(t, again).wantField(t, "status", "quarantined")
	a.ingest(t, "["+again+","+again+"]").wantField(t, "rejected", "0")
	for i := range 40 {
		a.ingest(t, fmt.Sprintf(`{"type":"volunteer.event","id":"%d"}`, i))
	}
	eventually(t, "the oldest are gone", func() bool {
		return w.count(t, "SELECT count(*) FROM reject WHERE company_id = $1 AND status = 'REJECTED'", c.ID) == 20
	})
	if got := a.rejects(t, "acme", "(first: 1)")[0]["body"]; got != `{"type":"volunteer.event","id":"39"}` {
		t.Errorf("the newest is %v", got)
	}
	if n := w.count(t, "SELECT count(*) FROM reject WHERE status = 'QUARANTINED' OR company_id = $1", calm.ID); n != 4 {
		t.Errorf("%d others, want 4", n)
	}
}

// Where rejects cannot be kept a rejection is still one, and good events land; what would
// be acknowledged as quarantined is not.
func TestRejectsCannotBeKept(t *testing.T) {
	t.Parallel()
	w, c, a := keeper(t)
	w.exec(t, "ALTER TABLE reject RENAME TO gone")
	a.ingest(t, `{"type":"volunteer.event","data":{"hours":1}}`).wantRefusal(t, http.StatusBadRequest, impact.CodeInvalid, "/data/volunteerId")
	a.ingest(t, `[{"type":"x","id":"1"},{"type":"volunteer.event"}]`).wantField(t, "stored", "1").wantField(t, "rejected", "1")
	future := event("session.completed", "f", time.Now().Add(100*time.Hour).UTC().Format(time.RFC3339), `"participantId":"p"`)
	a.ingest(t, future).wantRefusal(t, http.StatusServiceUnavailable, impact.CodeUnavailable, "")
	w.exec(t, "ALTER TABLE gone RENAME TO reject")
	a.ingest(t, future).wantField(t, "status", "quarantined")
	if n := w.events(t, c); n != 1 {
		t.Errorf("%d events", n)
	}
}

// Another company's key sees nothing of rejects and changes nothing about them.
func TestRejectsAreIsolated(t *testing.T) {
	t.Parallel()
	w, _, owner := keeper(t)
	owner.ingest(t, `{"type":"volunteer.event","data":{"secret":"of acme"}}`)
	id := fmt.Sprint(owner.rejects(t, "acme", "")[0]["id"])
	globex := w.company(t, "globex")
	a := owner.as(w.key(t, "ingest,read,people,admin", globex))
	_, number, _ := model.RejectKey(id)
	for name, query := range map[string]string{
		"list":           `{ company(key: "acme") { rejects { nodes { body } } intake { rejected } } }`,
		"one":            fmt.Sprintf(`{ company(key: "acme") { reject(id: %q) { body } } }`, id),
		"through itself": fmt.Sprintf(`{ company(key: "globex") { reject(id: %q) { body } } }`, id),
		"by its number":  fmt.Sprintf(`{ company(key: "globex") { reject(id: %q) { body } } }`, model.RejectID("globex", number)),
		"replay":         fmt.Sprintf(`mutation { replayReject(id: %q, edit: "{\"type\":\"x\"}") { status } }`, id),
		"replay mine":    fmt.Sprintf(`mutation { replayReject(id: %q) { status } }`, model.RejectID("globex", number)),
		"replay all":     `mutation { replayRejects(company: "acme") { taken } }`,
		"dismiss":        fmt.Sprintf(`mutation { dismissReject(id: %q) { status } }`, id),
	} {
		g := a.query(t, query, nil)
		if len(g.Errors) == 0 || strings.Contains(string(g.body), "secret") {
			t.Errorf("%s: %s", name, g.body)
		}
	}
	for _, scopes := range []string{"read", "ingest,read"} {
		g := owner.as(w.key(t, scopes, mustCompany(t, w, "acme"))).query(t, fmt.Sprintf(`mutation { dismissReject(id: %q) { status } }`, id), nil)
		if len(g.Errors) != 1 || g.Errors[0].Extensions.Code != "FORBIDDEN" {
			t.Errorf("scopes %s: %s", scopes, g.body)
		}
	}
	if got := owner.rejects(t, "acme", "(filter: {status: REJECTED})"); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if got := a.query(t, `{ companies { nodes { key rejects { nodes { id } } intake { rejected refused } } } }`, nil).clean(t); string(got.body) !=
		`{"data":{"companies":{"nodes":[{"key":"globex","rejects":{"nodes":[]},"intake":{"rejected":0,"refused":0}}]}}}` {
		t.Errorf("%s", got.body)
	}
	// What one sends for the other is kept for the sender.
	a.ingest(t, `{"type":"x","companyId":"acme"}`)
	if got := a.rejects(t, "globex", ""); len(got) != 1 || len(owner.rejects(t, "acme", "")) != 1 {
		t.Errorf("%v", got)
	}
}

func mustCompany(t testing.TB, w *world, key string) *impact.Company {
	t.Helper()
	c, err := w.store.CompanyByKey(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The lines of a stream are kept like events of an array.
func TestRejectedLinesAreKept(t *testing.T) {
	t.Parallel()
	_, _, a := keeper(t)
	a.ingest(t, "{\"type\":\"x\",\"id\":\"1\"}\n{\"type\":\"volunteer.event\"}\nnonsense\n", "Content-Type: application/x-ndjson").
		wantField(t, "stored", "1").wantField(t, "rejected", "2")
	list := a.rejects(t, "acme", "")
	if len(list) != 2 || list[0]["body"] != "nonsense" || list[1]["body"] != `{"type":"volunteer.event"}` {
		t.Errorf("%v", list)
	}
}

// Rejects have a lane of their own: a write that hangs holds no event up.
func TestRejectsDoNotSlowEvents(t *testing.T) {
	t.Parallel()
	w, c, a := keeper(t)
	tx, err := w.sql.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE reject IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	done := make(chan reply, 20)
	for i := range cap(done) {
		go func() {
			r, _ := a.try(t.Context(), http.MethodPost, "/webhooks/ingest", fmt.Sprintf(`{"type":"volunteer.event","id":"%d"}`, i))
			done <- r
		}()
	}
	for i := range 50 {
		a.ingest(t, fmt.Sprintf(`{"type":"x","id":"good %d"}`, i)).accepted(t, "stored")
	}
	if n := w.events(t, c); n != 50 {
		t.Errorf("%d events", n)
	}
	for range cap(done) {
		if r := <-done; r.status != http.StatusBadRequest || !json.Valid(r.body) {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
}
