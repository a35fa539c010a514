package impact_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

var noon = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

func keyOf(name string) (k impact.Key) {
	copy(k[:], name)
	return k
}

// whole is an event that says a thing as a whole; supersedes may be empty.
func whole(key, supersedes string, minute int, volunteer string) *impact.Event {
	e := &impact.Event{
		Company: 1, Key: keyOf(key), Kind: impact.KindVolunteerHours, Programme: "buddy", Volunteer: volunteer,
		OccurredAt: noon, DurationMS: 3_600_000,
	}
	if supersedes != "" {
		e.Links = &impact.Links{Supersedes: keyOf(supersedes), RevisedAt: noon.Add(time.Duration(minute) * time.Minute)}
	}
	return e
}

// amend is an amendment of what is named.
func amend(key, of string, minute int, facts impact.Facts, change func(*impact.Event)) *impact.Event {
	e := &impact.Event{
		Company: 1, Key: keyOf(key), Kind: impact.KindVolunteerHours, Programme: impact.Unassigned, OccurredAt: noon.AddDate(0, 1, 0),
		Links: &impact.Links{Supersedes: keyOf(of), RevisedAt: noon.Add(time.Duration(minute) * time.Minute), Amends: facts | impact.FactAmends},
	}
	change(e)
	return e
}

func hours(n int64) func(*impact.Event) {
	return func(e *impact.Event) { e.DurationMS = n * 3_600_000 }
}

func cancel(e *impact.Event) { e.Status = impact.StatusCancelled }

// told is what stands of chains, in a line.
func told(chains []impact.Chain) string {
	text := ""
	for _, c := range chains {
		if c.Standing == nil {
			text += fmt.Sprintf("[%d: nothing]", len(c.Members))
			continue
		}
		s := c.Standing
		text += fmt.Sprintf("[%d: %s %s %dh %s %s]", len(c.Members), trim(s.Key), s.Volunteer, s.DurationMS/3_600_000, s.OccurredAt.Format("01-02"), s.Programme)
	}
	return text
}

func trim(k impact.Key) string {
	n := 0
	for n < len(k) && k[n] != 0 {
		n++
	}
	return string(k[:n])
}

func TestChains(t *testing.T) {
	t.Parallel()
	alias := func(e *impact.Event, name string) *impact.Event {
		if e.Links == nil {
			e.Links = new(impact.Links)
		}
		e.Links.Alias = keyOf(name)
		return e
	}
	slot := whole("o", "", 0, "v1")
	slot.Links = &impact.Links{Slot: keyOf("S")}
	other := whole("b", "a", 1, "v9")
	other.Company = 2
	byKey := whole("b", "x", 1, "v2")
	byKey.Links.SupersedesKey = keyOf("a")
	for name, tt := range map[string]struct {
		events []*impact.Event
		want   string
	}{
		"nothing is corrected":              {[]*impact.Event{whole("a", "", 0, "v1"), whole("b", "", 0, "v2")}, ""},
		"a correction":                      {[]*impact.Event{whole("a", "", 0, "v1"), whole("b", "a", 1, "v2")}, "[2: b v2 1h 03-01 buddy]"},
		"without its original":              {[]*impact.Event{whole("b", "a", 1, "v2")}, "[1: b v2 1h 03-01 buddy]"},
		"by another name":                   {[]*impact.Event{alias(whole("a", "", 0, "v1"), "x"), whole("b", "x", 1, "v2")}, "[2: b v2 1h 03-01 buddy]"},
		"by a key":                          {[]*impact.Event{whole("a", "", 0, "v1"), byKey}, "[2: b v2 1h 03-01 buddy]"},
		"of another company":                {[]*impact.Event{whole("a", "", 0, "v1"), other}, "[1: b v9 1h 03-01 buddy]"},
		"itself":                            {[]*impact.Event{whole("a", "a", 0, "v1")}, "[1: a v1 1h 03-01 buddy]"},
		"siblings: the latest":              {[]*impact.Event{whole("a", "", 0, "v1"), whole("b", "a", 2, "v2"), whole("c", "a", 1, "v3")}, "[3: b v2 1h 03-01 buddy]"},
		"siblings at once: by key":          {[]*impact.Event{whole("a", "", 0, "v1"), whole("b", "a", 1, "v2"), whole("c", "a", 1, "v3")}, "[3: c v3 1h 03-01 buddy]"},
		"siblings without their original":   {[]*impact.Event{whole("b", "a", 2, "v2"), whole("c", "a", 1, "v3")}, "[2: b v2 1h 03-01 buddy]"},
		"a correction of a correction":      {[]*impact.Event{whole("a", "", 0, "v1"), whole("c", "a", 1, "v2"), whole("b", "c", 1, "v3")}, "[3: b v3 1h 03-01 buddy]"},
		"by a clock that went back":         {[]*impact.Event{whole("a", "", 0, "v1"), whole("b", "a", 5, "v2"), whole("c", "b", 1, "v3"), whole("d", "a", 4, "v4")}, "[4: c v3 1h 03-01 buddy]"},
		"a circle":                          {[]*impact.Event{whole("b", "c", 1, "v2"), whole("c", "b", 1, "v3")}, "[2: b v2 1h 03-01 buddy]"},
		"cancelled":                         {[]*impact.Event{whole("a", "", 0, "v1"), amend("b", "a", 1, impact.FactStatus, cancel)}, "[2: nothing]"},
		"cancelled, and said anew":          {[]*impact.Event{whole("a", "", 0, "v1"), amend("b", "a", 1, impact.FactStatus, cancel), whole("c", "b", 2, "v3")}, "[3: c v3 1h 03-01 buddy]"},
		"other hours":                       {[]*impact.Event{slot, amend("u", "S", 1, impact.FactTime, hours(3))}, "[2: o v1 3h 03-01 buddy]"},
		"other hours, of several":           {[]*impact.Event{slot, amend("u", "S", 1, impact.FactTime, hours(3)), amend("w", "S", 2, impact.FactTime, hours(2))}, "[3: o v1 2h 03-01 buddy]"},
		"no hours":                          {[]*impact.Event{slot, amend("u", "S", 1, impact.FactTime, hours(0))}, "[2: nothing]"},
		"no hours, then some":               {[]*impact.Event{slot, amend("u", "S", 1, impact.FactTime, hours(0)), amend("w", "S", 2, impact.FactTime, hours(2))}, "[3: o v1 2h 03-01 buddy]"},
		"cancelled, then confirmed":         {[]*impact.Event{slot, amend("u", "S", 1, impact.FactStatus, cancel), amend("w", "S", 2, impact.FactStatus, hours(0))}, "[3: o v1 1h 03-01 buddy]"},
		"cancelled, then other hours":       {[]*impact.Event{slot, amend("u", "S", 1, impact.FactStatus, cancel), amend("w", "S", 2, impact.FactTime, hours(2))}, "[3: nothing]"},
		"another day":                       {[]*impact.Event{slot, amend("u", "S", 1, impact.FactDate, hours(0))}, "[2: o v1 1h 04-01 buddy]"},
		"another programme":                 {[]*impact.Event{slot, amend("u", "S", 1, impact.FactProgramme, hours(0))}, "[2: o v1 1h 03-01 unassigned]"},
		"another volunteer":                 {[]*impact.Event{slot, amend("u", "S", 1, 0, func(e *impact.Event) { e.Volunteer = "v7" })}, "[2: o v7 1h 03-01 buddy]"},
		"nothing that counts":               {[]*impact.Event{slot, amend("u", "S", 1, 0, hours(0))}, "[2: o v1 1h 03-01 buddy]"},
		"of nothing known":                  {[]*impact.Event{amend("u", "S", 1, impact.FactTime, hours(3))}, "[1: nothing]"},
		"of nothing known, but all is said": {[]*impact.Event{amend("u", "S", 1, impact.FactTime, func(e *impact.Event) { e.Volunteer = "v2"; e.DurationMS = 3_600_000 })}, "[1: u v2 1h 04-01 unassigned]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			for range 6 { // the order does not matter
				if got := told(impact.Chains(tt.events)); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				events := append([]*impact.Event(nil), tt.events...)
				rng.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
				tt.events = events
			}
		})
	}
}

// Whatever corrects what, in circles too: the outcome depends on the set of events
// only, and every correction is in exactly one chain.
func TestChainsInAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		name := func() string { return fmt.Sprint("k", rng.IntN(8)) }
		var events []*impact.Event
		for i := range 8 {
			e := whole(fmt.Sprint("k", i), "", 0, fmt.Sprint("v", i))
			switch rng.IntN(4) {
			case 0:
				e = whole(fmt.Sprint("k", i), name(), rng.IntN(3), fmt.Sprint("v", i))
				e.Links.SupersedesKey = keyOf(name())
			case 1:
				e = amend(fmt.Sprint("k", i), name(), rng.IntN(3), impact.Facts(rng.IntN(32)), hours(int64(i)))
			}
			events = append(events, e)
		}
		want := told(impact.Chains(events))
		for range 5 {
			rng.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			chains := impact.Chains(events)
			if got := told(chains); got != want {
				t.Fatalf("seed %d: %s, in another order %s", seed, got, want)
			}
			seen := make(map[*impact.Event]int)
			for _, c := range chains {
				for _, e := range c.Members {
					seen[e]++
				}
			}
			for _, e := range events {
				if seen[e] > 1 || e.Corrects() && seen[e] != 1 {
					t.Fatalf("seed %d: %s is in %d chains", seed, trim(e.Key), seen[e])
				}
			}
		}
	}
}
