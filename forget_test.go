package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/impactql/impactql/db/dbtest"
)

// ingest sends a body and is the answer.
func (s *served) ingest(t testing.TB, key, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/webhooks/ingest", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s %v", res.StatusCode, answer, err)
	}
	return string(answer)
}

// Somebody is erased beside two running servers: both show it at once, redeliveries
// do not bring them back, and what the command and the log say names nobody.
func TestForget(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	url := dbtest.New(t)
	env := []string{"DATABASE_URL=" + url}
	key := strings.TrimSpace(b.must(t, env, "keys", "create", "--company=acme"))
	servers := []*served{b.serve(t, env), b.serve(t, env)}
	session := func(n int, participant string) string {
		return fmt.Sprintf(`{"type":"session.completed","id":"s%d","timestamp":"2025-03-0%dT10:00:00Z","data":{"participantId":%q,"volunteerId":"vera","durationMinutes":60}}`, n, 1+n, participant)
	}
	var sent []string
	for i, participant := range []string{"ada@x.example", "bo@x.example", "cy@x.example", "ada@x.example"} {
		sent = append(sent, session(i, participant))
	}
	sent = append(sent, `{"type":"feedback.received","id":"f","timestamp":"2025-03-01T10:00:00Z","data":{"participantId":"ada@x.example","rating":0.9}}`)
	for i, e := range sent {
		servers[i%2].ingest(t, key, e)
	}
	shows := func(s *served, what string) func() bool {
		return func() bool {
			_, body := s.read(t, "/v1/metrics/acme?period=2025", key)
			return strings.Contains(string(body), what)
		}
	}
	for _, s := range servers {
		eventually(t, "three participants", shows(s, `"totalParticipants":3`))
	}

	out := b.must(t, env, "forget", "--company=acme", "--person=ADA@x.example")
	if want := "1 events deleted, struck out of 2, 0 that mentioned"; !strings.Contains(out, want) {
		t.Errorf("%s, want %s", out, want)
	}
	for _, s := range servers {
		eventually(t, "two participants, four sessions", func() bool {
			return shows(s, `"totalParticipants":2`)() && shows(s, `"totalSessions":4`)()
		})
	}
	for i, e := range sent {
		if answer := servers[(i+1)%2].ingest(t, key, e); !strings.Contains(answer, `"status":"duplicate"`) {
			t.Errorf("again: %s", answer)
		}
	}
	db := open(t, url)
	for _, table := range []string{"event", "event_conflict", "person", "erasure", "audit_log"} {
		if n := value(t, db, "SELECT count(*) FROM "+table+" t WHERE t::text ILIKE '%ada@x%'"); n != "0" {
			t.Errorf("%s rows of %s name the person", n, table)
		}
	}
	list := b.must(t, env, "forget", "--company=acme", "--list")
	if strings.Contains(list, "ada") || strings.Count(list, "\n") != 2 {
		t.Errorf("list: %s", list)
	}
	if out := b.must(t, env, "forget", "--company=acme", "--person=ada@x.example"); !strings.Contains(out, "nothing of that person") {
		t.Errorf("again: %s", out)
	}
	servers[0].ingest(t, key, session(8, "ada@x.example")) // new, of somebody who came back
	eventually(t, "three participants again", shows(servers[1], `"totalParticipants":3`))

	for _, s := range servers {
		if strings.Contains(s.log.String(), "ada@x") {
			t.Error("a log names the person")
		}
	}
	for args, want := range map[string]string{
		"--company=acme": "--person", "--person=a": "--company", "--company=nobody --person=a": "nobody", "--company=acme --person=a/b": "1 to 100",
	} {
		if r := b.run(t, env, append([]string{"forget"}, strings.Fields(args)...)...); r.code == 0 || !strings.Contains(r.err+r.out, want) {
			t.Errorf("%s: exit code %d, want one that names %s\n%s%s", args, r.code, want, r.out, r.err)
		}
	}
}
