package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// A stream says how things stand, then what changes, on every instance; whoever resumes
// hears only what they do not know; and the key in the address is in no log.
func TestStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, other := w.company(t, "acme"), w.company(t, "globex")
	key := w.key(t, "ingest,read", c)
	a, b := w.serve(t, key), w.serve(t, key)
	streams := []*sse{a.listen(t, "/v1/stream/acme"), b.as("").listen(t, "/v1/stream/acme?access_token="+key+"&period=2025")}
	for _, s := range streams {
		if s.header.Get("X-Accel-Buffering") != "no" || s.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", s.header)
		}
		m, got := s.next(t)
		metadata, _ := got["metadata"].(map[string]any)
		if m.event != "" || m.id == "" || len(got) != 3 || got["value"] != 0.0 || metadata["totalSessions"] != 0.0 {
			t.Errorf("%+v", m)
		}
		if _, err := time.Parse(time.RFC3339, fmt.Sprint(got["timestamp"])); err != nil {
			t.Error(err)
		}
	}
	a.mustIngest(t, session("s1", "p1", "v1", "2025-03-01T10:00:00Z", 3600),
		event("outcome.assessed", "o1", "2025-03-02T10:00:00Z", `"participantId":"p1","dimension":"language","score":0.8`))
	var last sseMessage
	for _, s := range streams {
		m, got := s.next(t)
		metadata, _ := got["metadata"].(map[string]any)
		if metadata["totalSessions"] != 1.0 || metadata["sroi"] != 8.35 || got["value"] != metadata["impactScore"] {
			t.Errorf("%s", m.data)
		}
		last = m
	}
	// What happens elsewhere, or in another year, says nothing new.
	a.as(w.key(t, "ingest", other)).mustIngest(t, session("s1", "p1", "v1", "2025-03-01T10:00:00Z", 3600))
	a.mustIngest(t, session("s2", "p1", "v1", "2026-03-01T10:00:00Z", 3600))
	if m, _ := streams[0].next(t); !strings.Contains(m.data, `"totalSessions":2`) {
		t.Errorf("%s", m.data)
	}

	resumed := b.listen(t, "/v1/stream/acme?period=2025", "Last-Event-ID: "+last.id)
	a.mustIngest(t, session("s3", "p3", "v1", "2025-04-01T10:00:00Z", 3600))
	for _, s := range []*sse{streams[1], resumed} {
		if m, _ := s.next(t); !strings.Contains(m.data, `"totalSessions":2`) {
			t.Errorf("%s", m.data)
		}
	}
	// The same id stands for nothing a day later.
	if id := parseStreamID(last.id, time.Now().Add(streamResume+time.Minute)); id.sum != "" {
		t.Errorf("an id of yesterday stands for %v", id)
	}
	late := b.listen(t, "/v1/stream/acme?period=2025", "Last-Event-ID: "+last.id)
	if m, _ := late.next(t); !strings.Contains(m.data, `"totalSessions":2`) {
		t.Errorf("%s", m.data)
	}
	if text := a.log.String() + b.log.String(); strings.Contains(text, key) || strings.Contains(text, "access_token") {
		t.Error("the key is in the log")
	}
}

func TestStreamRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	w.company(t, "globex")
	a := w.serve(t, w.key(t, "read", c))
	a.get(t, "/v1/stream/nowhere").want(t, http.StatusNotFound, `{"success":false,"error":"Company not found"}`)
	a.get(t, "/v1/stream/globex").wantRefusal(t, http.StatusForbidden, impact.CodeForbidden, "")
	a.get(t, "/v1/stream/acme?period=soon").wantRefusal(t, http.StatusBadRequest, impact.CodeInvalid, "")
	a.get(t, "/v1/stream/acme?asOf=2025-01-01T00:00:00Z").wantRefusal(t, http.StatusBadRequest, impact.CodeInvalid, "/asOf")
	a.as("").get(t, "/v1/stream/acme").wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, "")
	a.as("").get(t, "/v1/stream/acme?access_token=nope").wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, "")
	a.as(w.key(t, "ingest", c)).get(t, "/v1/stream/acme").wantRefusal(t, http.StatusForbidden, impact.CodeForbidden, "")
}

// There are so many streams at most, and all of them end with the server.
func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	h := newTailHub(nil, nil)
	for range maxStreams {
		if err := h.admit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.admit(); impact.CodeOf(err) != impact.CodeUnavailable {
		t.Errorf("one more: %v", err)
	}
	h.release()
	if err := h.admit(); err != nil {
		t.Error(err)
	}
	h.end()
	if err := h.admit(); impact.CodeOf(err) != impact.CodeUnavailable {
		t.Errorf("after the end: %v", err)
	}
	select {
	case <-h.stopped:
	default:
		t.Error("streams are not told of the end")
	}
}
