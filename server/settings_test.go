package server

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/impactql/impactql/impact"
)

// A change by one instance shows at once in the figures of another, through both
// doors, and in the audit log under the name of its key.
func TestSettingsOverBothDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, other := w.company(t, "acme"), w.company(t, "globex")
	k := keyOfAll("read,admin")
	k.AllCompanies, k.Label, k.Companies = false, "finance", []impact.CompanyID{c.ID}
	reader := w.key(t, "ingest,read", c, other)
	a, b := w.serve(t, w.addKey(t, k)), w.serve(t, reader)
	b.mustIngest(t, session("s1", "p1", "v1", "2025-06-30T22:30:00Z", 3600), session("s2", "p1", "v1", "2025-07-01T10:00:00Z", 3600),
		event("outcome.assessed", "o1", "2025-06-01T10:00:00Z", `"participantId":"p1","dimension":"language","score":0.8`))
	w.awaitFolds(t)
	investment := func(period string) string {
		return fmt.Sprint(b.query(t, `query($p: Period) { company(key: "acme") { sroi(period: $p) { investment } } }`, map[string]any{"p": period}).
			clean(t).at("company", "sroi", "investment"))
	}
	if got := investment("2025"); got != "59.90" {
		t.Fatalf("before: %s", got)
	}
	b.get(t, "/v1/metrics/acme/sroi?period=2025").wantField(t, "sroi", "4.17") // 250 / 59.90
	const update = `mutation($in: SettingsInput!, $v: Int) { updateSettings(company: "acme", input: $in, expectedVersion: $v) { version timeZone } }`
	a.query(t, update, map[string]any{"v": 0, "in": map[string]any{
		"hourlyValue":       map[string]any{"value": "40", "validFrom": "2025-07-01"},
		"addProgrammeCosts": []any{map[string]any{"from": "2025-07-01", "to": "2025-07-10", "amount": "100"}},
	}}).clean(t).want(t, http.StatusOK, `{"data":{"updateSettings":{"version":1,"timeZone":"UTC"}}}`)
	for period, want := range map[string]string{"2025": "169.95", "2025-Q2": "29.95", "2025-07": "140.00", "2025-06-30/2025-07-03": "99.95"} {
		if got := investment(period); got != want {
			t.Errorf("%s: investment %s, want %s", period, got, want)
		}
	}
	eventually(t, "the other instance has heard", func() bool {
		return string(b.get(t, "/v1/metrics/acme/sroi?period=2025").body) == `{"success":true,"sroi":1.47,"status":"OK"}`
	})

	// In Oslo the first session was on the first of July.
	a.query(t, update, map[string]any{"v": 1, "in": map[string]any{"timeZone": "Europe/Oslo"}}).clean(t)
	if got := investment("2025-07"); got != "180.00" {
		t.Errorf("in another zone: %s", got)
	}
	eventually(t, "the other instance has another calendar", func() bool {
		return string(b.get(t, "/v1/metrics/acme/sroi?start=2025-06-30T22:00:00Z&end=2025-06-30T22:00:00Z").body) == `{"success":true,"sroi":0,"status":"OK"}`
	})

	g := a.query(t, update, map[string]any{"v": 1, "in": map[string]any{"minGroup": 7}})
	if len(g.Errors) != 1 || g.Errors[0].Extensions.Code != "CONFLICT" {
		t.Errorf("a stale edit: %s", g.body)
	}
	g = a.query(t, `{ company(key: "acme") { auditLog { nodes { actor setting from to version } } } }`, nil).clean(t)
	if got, want := fmt.Sprint(g.at("company", "auditLog", "nodes", 0)), fmt.Sprintf("map[actor:key %d (finance) from:UTC setting:timeZone to:Europe/Oslo version:2]", k.ID); got != want {
		t.Errorf("audit log %s, want %s", got, want)
	}

	// Neither a key without the scope, nor one of another company.
	for _, key := range []string{reader, w.key(t, "read,admin", other)} {
		g := b.as(key).query(t, update, map[string]any{"in": map[string]any{"minGroup": 7}})
		if len(g.Errors) != 1 || g.Errors[0].Extensions.Code != string(impact.CodeForbidden) {
			t.Errorf("key %s changed settings: %s", key[:6], g.body)
		}
	}
	if n := w.count(t, "SELECT min_group FROM company WHERE key = 'acme'"); n != 5 {
		t.Errorf("k is %d", n)
	}
}
