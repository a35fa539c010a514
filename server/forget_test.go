package server

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// A key with the scope admin erases somebody of its company; the record names the key,
// the figures of another instance follow, and what was refused is gone too, also where a
// CloudEvent names them in base64.
func TestForgetPersonByMutation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, other := w.company(t, "acme"), w.company(t, "globex")
	k := keyOfAll("ingest,read,admin")
	k.AllCompanies, k.Label, k.Companies = false, "privacy", append(k.Companies[:0:0], c.ID)
	a, b := w.serve(t, w.addKey(t, k)), w.serve(t, w.key(t, "ingest,read", c, other))
	b.mustIngest(t, session("s1", "person-1", "vera", "2025-06-01T10:00:00Z", 3600), session("s2", "person-2", "vera", "2025-06-02T10:00:00Z", 3600),
		event("milestone.achieved", "m1", "2025-06-03T10:00:00Z", `"userId":"person-1","points":5`))
	b.ingest(t, event("milestone.achieved", "m2", "2025-06-03T10:00:00Z", `"userId":"person-1","points":-5`))
	b.ingest(t, `{"userId":"person-1",`, "ce-specversion: 1.0", "ce-id: broken", "ce-source: /crm", "ce-type: milestone.achieved")
	b.ingest(t, fmt.Sprintf(`{"specversion":"1.0","id":"told","source":"/crm","type":"milestone.achieved","time":"2025-06-03T10:00:00Z","data_base64":%q}`,
		base64.StdEncoding.EncodeToString([]byte(`{"userId":"person-2","note":"by person-1"}`))))
	w.awaitFolds(t)
	if n := w.count(t, "SELECT count(*) FROM reject WHERE convert_from(payload, 'UTF8') LIKE '%person-1%'"); n != 1 {
		t.Fatalf("%d rejects name the person", n)
	}
	const forget = `mutation($c: ID!, $p: String!) { forgetPerson(company: $c, person: $p) { by deleted struck mentions rejects } }`
	g := a.query(t, forget, map[string]any{"c": "acme", "p": "person-1"}).clean(t)
	if got, want := fmt.Sprint(g.at("forgetPerson")), fmt.Sprintf("map[by:key %d (privacy) deleted:1 mentions:1 rejects:2 struck:1]", k.ID); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	eventually(t, "the other instance has heard", func() bool {
		return strings.Contains(string(b.get(t, "/v1/metrics/acme?period=2025").body), `"totalParticipants":1`)
	})
	if n := w.count(t, `SELECT (SELECT count(*) FROM reject) + (SELECT count(*) FROM person WHERE key = 'person-1')
		+ (SELECT count(*) FROM event e WHERE e::text LIKE '%person-1%' OR e.payload LIKE '%base64%')`); n != 0 {
		t.Errorf("%d rows name the person", n)
	}
	for _, refused := range []gql{
		a.query(t, forget, map[string]any{"c": "globex", "p": "person-2"}),
		b.query(t, forget, map[string]any{"c": "acme", "p": "person-2"}),
	} {
		if len(refused.Errors) != 1 || refused.Errors[0].Extensions.Code != "FORBIDDEN" {
			t.Errorf("%s, want FORBIDDEN", refused.body)
		}
	}
}
