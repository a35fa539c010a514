package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 11, 13, 10, 0, 0, 0, time.UTC)
	e := newEvents(at)
	if got, want := string(e.append(nil, "c", at)), `{"type":"session.completed","companyId":"c","sessionId":"session-1763028000000-000000001",`+
		`"userId":"user-2466","timestamp":"2025-11-13T10:00:00.000Z","data":{"duration":1370,"outcome":"neutral","score":5.0,`+
		`"metadata":{"source":"load-test","program":"buddy"}}}`; got != want {
		t.Errorf("append:\n%s\nwant\n%s", got, want)
	}

	var list []struct {
		SessionID, UserID string
		Data              struct {
			Duration int
			Score    float64
		}
	}
	if err := json.Unmarshal(e.array(50_000, "c", at), &list); err != nil {
		t.Fatal(err)
	}
	sessions, people := make(map[string]bool), make(map[string]bool)
	for _, event := range list {
		sessions[event.SessionID], people[event.UserID] = true, true
		if d := event.Data; d.Duration < 600 || d.Duration > 3600 || d.Score < 0 || d.Score > 10 {
			t.Fatalf("%+v", event)
		}
	}
	if len(sessions) != 50_000 || len(people) < users*95/100 || len(people) > users {
		t.Errorf("%d sessions of %d users", len(sessions), len(people))
	}
}

// A template's requests hold as many new sessions each, and differ in nothing else.
func TestTemplate(t *testing.T) {
	t.Parallel()
	e := newEvents(time.Date(2025, 11, 13, 10, 0, 0, 0, time.UTC))
	body := e.template(3, &account{company: "c", key: "k"}, "/path")
	seen := make(map[string]bool)
	for range 2 {
		request := body.next()
		head, text, _ := bytes.Cut(request, []byte("\r\n\r\n"))
		if !bytes.HasPrefix(head, []byte("POST /path HTTP/1.1\r\n")) || !bytes.HasSuffix(head, fmt.Append(nil, len(text))) {
			t.Errorf("%q", head)
		}
		var list []struct{ SessionID string }
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
		for _, event := range list {
			seen[event.SessionID] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("sessions %v", seen)
	}
}

func TestCompany(t *testing.T) {
	t.Parallel()
	for events, want := range map[int]string{1_000: "bench-1k", 10_000: "bench-10k", 50_000: "bench-50k", 1_000_000: "bench-1m"} {
		if got := company(events); got != want {
			t.Errorf("company(%d) = %q, want %q", events, got, want)
		}
	}
}
