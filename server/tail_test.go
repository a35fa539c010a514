package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// sse is a stream that is listened to.
type sse struct {
	header   http.Header
	messages chan sseMessage
	stop     context.CancelFunc
}

type sseMessage struct{ event, id, data string }

// listen opens a stream, which must be one, and returns once it is live.
func (a *api) listen(t *testing.T, path string, headers ...string) *sse {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.key != "" {
		req.Header.Set("X-API-Key", a.key)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s: %d", path, res.StatusCode)
	}
	s := &sse{header: res.Header, messages: make(chan sseMessage, 10_000), stop: cancel}
	live := make(chan struct{})
	go func() {
		defer res.Body.Close()
		defer close(s.messages)
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		var m sseMessage
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case lines.Text() == ": listening":
				close(live)
			case name == "event":
				m.event = value
			case name == "id":
				m.id = value
			case name == "data":
				m.data = value
			case lines.Text() == "" && m.data != "":
				s.messages <- m
				m = sseMessage{id: m.id}
			}
		}
	}()
	select {
	case <-live:
	case <-time.After(patience):
		t.Fatal("the stream does not begin")
	}
	return s
}

// next is the next message.
func (s *sse) next(t *testing.T) (m sseMessage, got map[string]any) {
	t.Helper()
	select {
	case m = <-s.messages:
		if m.data == "" {
			t.Fatal("the stream has ended")
		}
		if err := json.Unmarshal([]byte(m.data), &got); err != nil {
			t.Fatalf("%v: %s", err, m.data)
		}
		return m, got
	case <-time.After(patience):
		t.Fatal("nothing arrives")
	}
	return m, nil
}

func TestTailShowsWhatArrives(t *testing.T) {
	t.Parallel()
	w, c, a := keeper(t)
	b := w.serve(t, w.key(t, "read,people", c)) // another instance
	streams := []*sse{a.listen(t, "/v1/events/tail"), b.listen(t, "/v1/events/tail?company=acme"), b.as("").listen(t, "/v1/events/tail?access_token="+b.key)}
	if streams[0].header.Get("X-Accel-Buffering") != "no" {
		t.Errorf("%v", streams[0].header)
	}
	both := func(f func(got map[string]any)) {
		t.Helper()
		for _, s := range streams {
			_, got := s.next(t)
			f(got)
		}
	}
	id, receipt := a.ingest(t, loadBody).accepted(t, "stored")
	both(func(got map[string]any) {
		if got["verdict"] != "STORED" || got["receipt"] != receipt || got["id"] != id || got["body"] != loadBody || got["company"] != "acme" ||
			got["kind"] != "session.completed" || got["participant"] != "user-4711" || got["occurredAt"] != "2025-11-13T10:00:00Z" {
			t.Errorf("%v", got)
		}
	})
	a.ingest(t, loadBody).accepted(t, "duplicate") // tells nothing new
	other := strings.Replace(loadBody, "7.3", "1.5", 1)
	a.ingest(t, other).accepted(t, "duplicate")
	both(func(got map[string]any) {
		if got["verdict"] != "CONFLICT" || got["id"] != id || got["body"] != other {
			t.Errorf("%v", got)
		}
	})
	for range 2 { // each time that it comes
		a.ingest(t, `{"type":"volunteer.event"}`)
		both(func(got map[string]any) {
			if got["verdict"] != "REJECTED" || got["code"] != "INVALID" || got["pointer"] != "/data/volunteerId" || got["receipt"] != nil {
				t.Errorf("%v", got)
			}
		})
	}
	a.ingest(t, event("session.completed", "f", time.Now().Add(99*time.Hour).UTC().Format(time.RFC3339), `"participantId":"p"`))
	both(func(got map[string]any) {
		if got["verdict"] != "QUARANTINED" {
			t.Errorf("%v", got)
		}
	})
	// A server that stops lets its listeners go at once.
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	for range streams[0].messages {
	}
	if text := a.log.String() + b.log.String(); strings.Contains(text, b.key) || strings.Contains(text, "access_token") {
		t.Error("the key is in a log")
	}
}

// Of two instances the one with the older block of batch ids commits later with lower
// ones, also in a transaction that began before: nothing is missed.
func TestTailMissesNoLateCommit(t *testing.T) {
	t.Parallel()
	w, c, a := keeper(t)
	old := openStore(t, w.url, 4)
	commit := func(s *db.Store, id string) int64 {
		t.Helper()
		v, err := s.Commit(t.Context(), []*impact.Event{decoded(t, c, session(id, "p", "v", "2025-11-13T10:00:00Z", 60))})
		if err != nil {
			t.Fatal(err)
		}
		return v[0].Receipt
	}
	first := commit(old, "s0") // its block is reserved
	s := a.listen(t, "/v1/events/tail")
	late, err := w.sql.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Rollback() // of no effect after Commit
	if _, err := late.ExecContext(t.Context(), "INSERT INTO batch (id, events) VALUES ($1, 1)", first+100); err != nil {
		t.Fatal(err)
	}
	if _, err := late.ExecContext(t.Context(), `INSERT INTO event (company_id, key, batch_id, occurred_at, kind, type, programme, payload)
		VALUES ($1, gen_random_uuid(), $2, now(), 'unknown', 'late', 'x', '{}')`, c.ID, first+100); err != nil {
		t.Fatal(err)
	}
	var order []string
	for i := range 5 {
		a.ingest(t, fmt.Sprintf(`{"type":"n%d","id":"n%d"}`, i, i)).accepted(t, "stored")
		_, got := s.next(t)
		order = append(order, fmt.Sprint(got["type"]))
	}
	if err := late.Commit(); err != nil {
		t.Fatal(err)
	}
	_, got := s.next(t)
	order = append(order, fmt.Sprint(got["type"]))
	lower := commit(old, "s1")
	m, got := s.next(t)
	order = append(order, fmt.Sprint(got["type"]))
	if want := []string{"n0", "n1", "n2", "n3", "n4", "late", "session.completed"}; !slices.Equal(order, want) || got["receipt"] != fmt.Sprint(lower) {
		t.Errorf("%v, receipt %v", order, got["receipt"])
	}

	// Who breaks off resumes there, at any instance, without a gap.
	s.stop()
	for i := range 3 {
		a.ingest(t, fmt.Sprintf(`{"type":"m%d","id":"m%d"}`, i, i)).accepted(t, "stored")
	}
	b := w.serve(t, a.key)
	r := b.listen(t, "/v1/events/tail", "Last-Event-ID: "+m.id)
	a.ingest(t, `{"type":"m3","id":"m3"}`).accepted(t, "stored")
	for i := range 4 {
		if _, got := r.next(t); got["type"] != fmt.Sprint("m", i) {
			t.Errorf("message %d is %v", i, got["type"])
		}
	}
}

func TestTailRefusals(t *testing.T) {
	t.Parallel()
	w, c, a := keeper(t)
	w.company(t, "globex")
	for path, want := range map[string]struct {
		status int
		code   impact.Code
	}{
		"/v1/events/tail?company=globex":      {http.StatusForbidden, impact.CodeForbidden},
		"/v1/events/tail?company=nowhere":     {http.StatusNotFound, impact.CodeNotFound},
		"/v1/events/tail?lastEventId=x":       {http.StatusBadRequest, impact.CodeInvalid},
		"/v1/events/tail?lastEventId=9:5:":    {http.StatusBadRequest, impact.CodeInvalid},
		"/v1/events/tail?company=a&company=b": {http.StatusBadRequest, impact.CodeInvalid},
	} {
		a.get(t, path).wantRefusal(t, want.status, want.code, "")
	}
	a.as(w.key(t, "read")).get(t, "/v1/events/tail").wantRefusal(t, http.StatusBadRequest, impact.CodeInvalid, "/company")
	a.as("").get(t, "/v1/events/tail").wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, "")
	a.as("").get(t, "/v1/events/tail?access_token=nope").wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, "")
	a.as(w.key(t, "ingest", c)).get(t, "/v1/events/tail").wantRefusal(t, http.StatusForbidden, impact.CodeForbidden, "")
}

// A listener sees nothing of another company, of whatever verdict.
func TestTailIsIsolated(t *testing.T) {
	t.Parallel()
	w, _, a := keeper(t)
	globex := w.company(t, "globex")
	b := a.as(w.key(t, "ingest,read", globex))
	s := a.listen(t, "/v1/events/tail")
	b.ingest(t, loadBody).accepted(t, "stored")
	b.ingest(t, strings.Replace(loadBody, "7.3", "1.5", 1)).accepted(t, "duplicate")
	b.ingest(t, `nonsense`)
	a.ingest(t, `{"type":"mine","id":"1"}`).accepted(t, "stored")
	if m, got := s.next(t); got["type"] != "mine" {
		t.Errorf("%s", m.data)
	}
}

// A key that is revoked ends what it listens to, at every instance, and nobody else's.
func TestTailEndsWithItsKey(t *testing.T) {
	t.Parallel()
	w, c, a := keeper(t)
	secret := w.key(t, "read", c)
	b := w.serve(t, secret)
	revoked := []*sse{a.as(secret).listen(t, "/v1/events/tail"), b.listen(t, "/v1/events/tail")}
	other := a.listen(t, "/v1/events/tail")
	w.revoke(t, secret)
	for _, s := range revoked {
		select {
		case m, open := <-s.messages:
			if open {
				t.Errorf("told of %s", m.data)
			}
		case <-time.After(patience):
			t.Fatal("the stream of a revoked key goes on")
		}
	}
	b.get(t, "/v1/events/tail").wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, "")
	a.ingest(t, `{"type":"later","id":"1"}`).accepted(t, "stored")
	if m, got := other.next(t); got["type"] != "later" {
		t.Errorf("%s", m.data)
	}
}

// Where the news of a revocation was lost, the next look at the key finds it.
func TestRevokedWithoutNews(t *testing.T) {
	t.Parallel()
	w, c, _ := keeper(t)
	secret := w.key(t, "read", c)
	auth := newAuth(w.store, false, nil)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("X-API-Key", secret)
	p, err := auth.identify(r, ScopeRead)
	if err != nil || p.ended(t.Context()) {
		t.Fatalf("a live key: %v", err)
	}
	w.revoke(t, secret)
	if !p.ended(t.Context()) {
		t.Error("the cache speaks for a revoked key")
	}
}

// A listener that does not keep up is told so, and holds nobody up.
func TestTailDropsForTheSlow(t *testing.T) {
	t.Parallel()
	w, c, _ := keeper(t)
	hub := newTailHub(w.store, nil)
	slow, err := hub.listen(c.ID)
	if err != nil {
		t.Fatal(err)
	}
	since, err := hub.look(t.Context(), "", hub.listening())
	if err != nil {
		t.Fatal(err)
	}
	<-slow.ready
	for i := range tailBuffer + 3 {
		if _, err := w.store.Commit(t.Context(), []*impact.Event{decoded(t, c, session(fmt.Sprint(i), "p", "v", "2025-11-13T10:00:00Z", 60))}); err != nil {
			t.Fatal(err)
		}
		if since, err = hub.look(t.Context(), since, hub.listening()); err != nil {
			t.Fatal(err)
		}
	}
	if upTo, dropped := hub.lag(slow); dropped != 3 || upTo != "" || len(slow.looks) != tailBuffer {
		t.Errorf("%d dropped, up to %q, %d wait", dropped, upTo, len(slow.looks))
	}
	hub.end()
	if _, err := hub.listen(c.ID); impact.CodeOf(err) != impact.CodeUnavailable {
		t.Errorf("a hub that has ended: %v", err)
	}
}
