package seed

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

var plan = Plan{
	Seed: 3, Company: "acme", Events: 3000,
	From: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
}

// history is all bodies of a plan, one a line.
func history(p Plan) []byte {
	var all []byte
	for h := New(p); ; all = append(all, '\n') {
		var ok bool
		if all, ok = h.Append(all); !ok {
			return all
		}
	}
}

func TestSamePlanSameBytes(t *testing.T) {
	t.Parallel()
	first := history(plan)
	if !bytes.Equal(first, history(plan)) {
		t.Error("the same plan gave other bytes")
	}
	for name, change := range map[string]func(*Plan){
		"seed": func(p *Plan) { p.Seed++ }, "company": func(p *Plan) { p.Company = "other" },
		"events": func(p *Plan) { p.Events++ }, "from": func(p *Plan) { p.From = p.From.AddDate(0, 0, -1) },
	} {
		p := plan
		change(&p)
		if bytes.Equal(first, history(p)) {
			t.Errorf("another %s gave the same bytes", name)
		}
	}
}

// Events are as many as planned, within the time planned, in order, each with an id
// of its own, and of every kind that figures are made of.
func TestHistoryIsPlausible(t *testing.T) {
	t.Parallel()
	ids, types := make(map[string]bool), make(map[string]int)
	last := plan.From
	lines := bytes.Split(bytes.TrimSpace(history(plan)), []byte("\n"))
	if len(lines) != plan.Events {
		t.Errorf("%d events, want %d", len(lines), plan.Events)
	}
	for _, line := range lines {
		var e struct {
			Type, ID  string
			Timestamp time.Time
			Data      map[string]any
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if ids[e.ID] || e.ID == "" {
			t.Errorf("id %q twice", e.ID)
		}
		ids[e.ID] = true
		types[e.Type]++
		if e.Timestamp.Before(last) || !e.Timestamp.Before(plan.To) {
			t.Errorf("%s after %s", e.Timestamp, last)
		}
		last = e.Timestamp
	}
	if len(types) != 12 || types["session.completed"] < plan.Events/3 {
		t.Errorf("types %v", types)
	}
}

func TestSmallPlans(t *testing.T) {
	t.Parallel()
	for n := range 5 {
		p := plan
		p.Events = n
		if got := bytes.Count(history(p), []byte("\n")); got != n {
			t.Errorf("%d events, want %d", got, n)
		}
	}
}
