package db

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

func restatementsOf(t testing.TB, s *Store, c *impact.Company, since, until impact.AsOf) *impact.Restatements {
	t.Helper()
	got, err := NewFigures(s, nil).Restatements(t.Context(), []impact.RestatementQuestion{{Company: c.ID, Since: since, Until: until}})
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

// told is restatements as text, one line each.
func told(list []impact.Restatement) (lines []string) {
	for _, r := range list {
		var events []string
		for _, e := range r.Events {
			events = append(events, fmt.Sprintf("%s %s", e.Reason, strings.TrimRight(string(e.Key[:]), "\x00")))
		}
		number := func(valid bool, text string) string {
			if !valid {
				return "none"
			}
			return text
		}
		lines = append(lines, fmt.Sprintf("%s %s %s to %s, %v by %d: %s", r.Month.From, r.Figure, number(r.Before.Valid, r.Before.Decimal.String()),
			number(r.Now.Valid, r.Now.Decimal.String()), r.Reasons, r.EventCount, strings.Join(events, ", ")))
	}
	return lines
}

// Known late events, corrections and settings move the figures that they should, by what
// they should, and are told as what moved them.
func TestRestatements(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := companyIn(t, s, "acme", "Europe/Oslo")
	hours := func(key, volunteer string, at time.Time, hours int64) *impact.Event {
		return &impact.Event{Company: c.ID, Key: nameKey(key), Kind: impact.KindVolunteerHours, Type: "volunteer.event", Programme: "buddy",
			Volunteer: volunteer, OccurredAt: at, DurationMS: hours * 3_600_000, Raw: fmt.Appendf(nil, `{"id":%q}`, key)}
	}
	enrolled := func(key, who string, at time.Time) *impact.Event {
		return &impact.Event{Company: c.ID, Key: nameKey(key), Kind: impact.KindEnrollment, Type: "program.enrollment", Programme: "buddy",
			Participant: who, OccurredAt: at, Raw: fmt.Appendf(nil, `{"id":%q}`, key)}
	}
	completed := enrolled("done", "p1", time.Date(2025, 3, 5, 0, 0, 0, 0, time.UTC))
	completed.Status = impact.StatusCompleted
	mustCommit(t, s,
		hours("jan", "v1", time.Date(2025, 1, 10, 12, 0, 0, 0, time.UTC), 2),
		hours("feb", "v1", time.Date(2025, 2, 10, 12, 0, 0, 0, time.UTC), 4),
		hours("mar", "v2", time.Date(2025, 3, 10, 12, 0, 0, 0, time.UTC), 1),
		enrolled("e1", "p1", time.Date(2025, 1, 10, 0, 0, 0, 0, time.UTC)), completed)
	since := instant(t, s)
	if got := restatementsOf(t, s, c, since, 0); len(got.List) != 0 || got.ErasedSince {
		t.Errorf("nothing came: %v", told(got.List))
	}

	// Late: an enrolment and hours in January, the latter by a clock in another zone; and what
	// is in no figure.
	unknown := hours("what", "v4", time.Date(2025, 1, 9, 0, 0, 0, 0, time.UTC), 3)
	unknown.Kind = impact.KindUnknown
	mustCommit(t, s, unknown, hours("late", "v3", time.Date(2024, 12, 31, 23, 30, 0, 0, time.UTC), 3), enrolled("e2", "p2", time.Date(2025, 1, 20, 0, 0, 0, 0, time.UTC)))
	// Corrected: February's hours were in March, and five.
	fix := hours("fix", "v1", time.Date(2025, 3, 11, 12, 0, 0, 0, time.UTC), 5)
	fix.Links = &impact.Links{Supersedes: nameKey("feb"), RevisedAt: noon}
	mustCommit(t, s, fix)
	// What happened in this month moves nothing that had ended.
	mustCommit(t, s, hours("now", "v1", since.Time(), 7))
	want := []string{
		"2025-01-01 EVENTS 2 to 4, [LATE] by 2: LATE e2, LATE late",
		"2025-01-01 VOLUNTEERS 1 to 2, [LATE] by 1: LATE late",
		"2025-01-01 VOLUNTEER_HOURS 2 to 5, [LATE] by 1: LATE late",
		"2025-01-01 SROI_INVESTMENT 59.9 to 149.75, [LATE] by 1: LATE late",
		"2025-01-01 VIS_SCORE 0.06 to 0.08, [LATE] by 1: LATE late",
		"2025-02-01 EVENTS 1 to 0, [CORRECTED] by 1: CORRECTED fix",
		"2025-02-01 VOLUNTEERS 1 to 0, [CORRECTED] by 1: CORRECTED fix",
		"2025-02-01 VOLUNTEER_HOURS 4 to 0, [CORRECTED] by 1: CORRECTED fix",
		"2025-02-01 SROI_RATIO 0 to none, [CORRECTED] by 1: CORRECTED fix",
		"2025-02-01 SROI_INVESTMENT 119.8 to 0, [CORRECTED] by 1: CORRECTED fix",
		"2025-02-01 VIS_SCORE 0.12 to 0, [CORRECTED] by 1: CORRECTED fix",
		"2025-03-01 EVENTS 2 to 3, [CORRECTED] by 1: CORRECTED fix",
		"2025-03-01 VOLUNTEERS 1 to 2, [CORRECTED] by 1: CORRECTED fix",
		"2025-03-01 VOLUNTEER_HOURS 1 to 6, [CORRECTED] by 1: CORRECTED fix",
		"2025-03-01 COMPLETION_RATE 100 to 50, [LATE] by 1: LATE e2",
		"2025-03-01 SROI_INVESTMENT 29.95 to 179.7, [CORRECTED] by 1: CORRECTED fix",
		"2025-03-01 VIS_SCORE 0.03 to 0.09, [CORRECTED] by 1: CORRECTED fix",
	}
	got := restatementsOf(t, s, c, since, 0)
	moved := slices.DeleteFunc(told(got.List), func(line string) bool {
		return strings.Contains(line, "IMPACT_SCORE") || line > "2025-04"
	})
	same(t, "restatements", moved, want)
	// The completion rate of every month until now is another.
	later := slices.DeleteFunc(told(got.List), func(line string) bool { return line < "2025-04" })
	if months := impact.DayAt(since.Time(), c.Location).Year()*12 + int(since.Time().In(c.Location).Month()) - 2025*12 - 4; len(later) != months {
		t.Errorf("%d later months moved, want %d: %v", len(later), months, later)
	}

	// Other settings move what depends on them, and nothing is told to have moved it.
	until := instant(t, s)
	mustChange(t, s, c, set("hourlyValue", "2025-02-01", "100"))
	settings := told(restatementsOf(t, s, c, until, 0).List)
	same(t, "settings", slices.DeleteFunc(settings, func(line string) bool { return strings.Contains(line, "SCORE") }), []string{
		"2025-03-01 SROI_INVESTMENT 179.7 to 600, [SETTINGS] by 0: "})
	same(t, "until before the settings", told(restatementsOf(t, s, c, since, until).List), told(got.List))

	if done, err := s.Erase(t.Context(), impact.EraseRequest{Company: c.ID, Person: "v3", By: "test"}); err != nil || done.Deleted != 1 {
		t.Fatalf("erased %+v, %v", done, err)
	}
	after := restatementsOf(t, s, c, since, until)
	if !after.ErasedSince || slices.ContainsFunc(told(after.List), func(line string) bool { return strings.Contains(line, "late,") }) {
		t.Errorf("after an erasure: %v", told(after.List))
	}
	if _, err := NewFigures(s, nil).Restatements(t.Context(), []impact.RestatementQuestion{{Company: c.ID, Since: impact.AsOfTime(time.Now().Add(time.Hour))}}); impact.CodeOf(err) != impact.CodeInvalid {
		t.Errorf("of the future: %v", err)
	}
}

// Over random histories, what is restated is what differs between the answers of then and
// of now, month by month; and every event told is one that came since, of that month or of
// one before, or a correction.
func TestRestatementsAgainstBruteForce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 26))
		s := open(t)
		companies := []*impact.Company{companyIn(t, s, "acme", "Europe/Oslo"), companyIn(t, s, "globex", "America/New_York")}
		acts := history(rng, companies, 6)
		instants := make([]impact.AsOf, len(acts))
		f := NewFigures(s, nil)
		// figures of every month, read live while it is now
		monthly := func() map[string]string {
			found := make(map[string]string)
			for _, c := range companies {
				for _, month := range (impact.Range{From: impact.Date(2019, 12, 1), To: impact.DayAt(time.Now(), time.UTC).MonthStart()}).WholeMonths() {
					got, err := f.Figures(t.Context(), []impact.Question{{Company: c.ID, Programme: impact.AllProgrammes, Range: month, Parts: impact.PartsOverview}})
					if err != nil {
						t.Fatal(err)
					}
					m, sroi := got[0].Metrics, got[0].SROI
					ratio := "none"
					if sroi.Ratio.Valid {
						ratio = sroi.Ratio.Decimal.String()
					}
					for figure, value := range map[impact.RestatedFigure]any{
						impact.RestatedEvents: m.Events, impact.RestatedSessions: m.Sessions, impact.RestatedParticipants: m.Participants,
						impact.RestatedVolunteers: m.Volunteers, impact.RestatedVolunteerHours: m.VolunteerHours,
						impact.RestatedEngagement: m.AvgEngagement, impact.RestatedCompletion: m.CompletionRate,
						impact.RestatedImpactScore: got[0].ImpactScore, impact.RestatedRatio: ratio, impact.RestatedInvestment: sroi.Investment,
						impact.RestatedSocialValue: sroi.SocialValue, impact.RestatedVIS: got[0].VIS.Score,
					} {
						found[fmt.Sprint(c.Key, " ", month.From, " ", figure)] = fmt.Sprint(value)
					}
				}
			}
			return found
		}
		seen := make([]map[string]string, len(acts))
		for i, do := range acts {
			do(t, s)
			instants[i] = instant(t, s)
			if i == 1 || i == len(acts)-1 {
				seen[i] = monthly()
			}
		}
		since, until := instants[1], instants[len(acts)-1]
		for _, c := range companies {
			got := restatementsOf(t, s, c, since, until)
			moved := make(map[string]bool)
			for _, r := range got.List {
				key := fmt.Sprint(c.Key, " ", r.Month.From, " ", r.Figure)
				moved[key] = true
				before, now := "none", "none"
				if r.Before.Valid {
					before = r.Before.Decimal.String()
				}
				if r.Now.Valid {
					now = r.Now.Decimal.String()
				}
				if before != seen[1][key] || now != seen[len(acts)-1][key] {
					t.Errorf("seed %d: %s from %s to %s, want %s to %s", seed, key, before, now, seen[1][key], seen[len(acts)-1][key])
				}
				if len(r.Reasons) == 0 {
					t.Errorf("seed %d: %s moved for no reason: %v", seed, key, told(got.List))
				}
				if bySettings := slices.Equal(r.Reasons, []impact.RestatementReason{impact.RestatedSettings}); bySettings != (r.EventCount == 0) {
					t.Errorf("seed %d: %s: %v by %d events", seed, key, r.Reasons, r.EventCount)
				}
				for _, e := range r.Events {
					if at := impact.AsOfTime(e.StoredAt); at <= since || at > until {
						t.Errorf("seed %d: %s was moved by an event of %s", seed, key, e.StoredAt)
					}
				}
			}
			for key, before := range seen[1] {
				if strings.HasPrefix(key, c.Key+" ") && before != seen[len(acts)-1][key] && !moved[key] {
					t.Errorf("seed %d: %s from %s to %s is not told", seed, key, before, seen[len(acts)-1][key])
				}
			}
			if len(moved) == 0 {
				t.Error("nothing moved")
			}
		}
	}
}
