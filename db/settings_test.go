package db

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

var noon = time.Date(2025, 11, 13, 12, 0, 0, 0, time.UTC)

func dayOf(date string) *impact.Day {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	day := impact.Date(t.Date())
	return &day
}

func set(name, from, value string) impact.SettingChange {
	c := impact.SettingChange{Name: impact.SettingName(name), Value: new(value)}
	if from != "" {
		c.From = dayOf(from)
	}
	return c
}

func cost(programme, from, to, amount string) impact.SettingChange {
	return impact.SettingChange{Name: impact.SettingProgrammeCost, Cost: &impact.ProgrammeCost{
		Programme: programme, Range: impact.Range{From: *dayOf(from), To: *dayOf(to) + 1}, Amount: decimal.RequireFromString(amount),
	}}
}

func change(s *Store, c *impact.Company, changes ...impact.SettingChange) (*impact.Settings, error) {
	return s.ChangeSettings(context.Background(), impact.SettingsEdit{Company: c.ID, By: "test", Changes: changes, Now: noon})
}

func mustChange(t *testing.T, s *Store, c *impact.Company, changes ...impact.SettingChange) *impact.Settings {
	t.Helper()
	after, err := change(s, c, changes...)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// The methodology page's rows of teei-1.0, from events and settings to the ratio.
func TestWorkedExamplesThroughSettings(t *testing.T) {
	t.Parallel()
	s := open(t)
	for i, tt := range []struct {
		hours, costs int64
		scores       [3]impact.Micro // integration, language, job readiness; 0.3 more than the improvement
		want         string
	}{
		{500, 5000, [3]impact.Micro{900_000, 700_000, 800_000}, "19975.00 440.00 0.02"},
		{100, 500, [3]impact.Micro{600_000, 800_000, 700_000}, "3495.00 415.00 0.12"},
		{100, 0, [3]impact.Micro{800_000, 600_000, 700_000}, "2995.00 345.00 0.12"},
	} {
		c := company(t, s, fmt.Sprint("example-", i))
		events := []*impact.Event{{
			Company: c.ID, Key: impact.Key{9}, Kind: impact.KindVolunteerHours, Type: "x", Programme: "buddy", Volunteer: "v",
			OccurredAt: noon, DurationMS: tt.hours * 3_600_000, Raw: []byte("{}"),
		}}
		for j, d := range []impact.Dimension{impact.Integration, impact.Language, impact.JobReadiness} {
			events = append(events, &impact.Event{
				Company: c.ID, Key: impact.Key{byte(j), 1}, Kind: impact.KindOutcome, Type: "x", Programme: "buddy", Participant: "p",
				OccurredAt: noon, Dimension: d, Score: tt.scores[j], ScoreScale: impact.ScaleUnit, Raw: []byte("{}"),
			})
		}
		mustCommit(t, s, events...)
		foldAll(t, s)
		if tt.costs > 0 { // in two lines, of which one reaches into the year before
			half := decimal.NewFromInt(tt.costs).Div(decimal.NewFromInt(2)).String()
			mustChange(t, s, c, cost("buddy", "2025-01-01", "2025-12-31", half), cost("*", "2024-12-31", "2025-01-01", decimal.NewFromInt(tt.costs).String()))
		}
		year := impact.Range{From: *dayOf("2025-01-01"), To: *dayOf("2026-01-01")}
		figures, err := NewFigures(s, nil).Figures(t.Context(), []impact.Question{{Company: c.ID, Programme: "*", Range: year, Parts: impact.PartsOverview}})
		if err != nil {
			t.Fatal(err)
		}
		r := figures[0].SROI
		got := r.Investment.StringFixed(2) + " " + r.SocialValue.StringFixed(2) + " " + r.Ratio.Decimal.StringFixed(2)
		if got != tt.want {
			t.Errorf("%d: %s, want %s", i, got, tt.want)
		}
	}
}

// The database cuts hours at effective dates as impact does: the parts of a range add
// up, and each day has its own rate.
func TestReadSplitsAtEffectiveDates(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := companyIn(t, s, "acme", "America/New_York")
	rng := rand.New(rand.NewPCG(4, 4))
	events := randomEvents(rng, []*impact.Company{c}, 600)
	mustCommit(t, s, events...)
	foldAll(t, s)
	settings := mustChange(t, s, c,
		set("hourlyValue", "2020-12-31", "17.25"), set("hourlyValue", "2021-12-30", "100"),
		impact.SettingChange{Name: "hourlyValue", From: dayOf("2023-01-01")}, set("hourlyValue", "2025-03-31", "41.5"),
		cost("buddy", "2020-01-01", "2022-01-01", "1000"))
	for range 20 {
		from := impact.Date(2019+rng.IntN(6), time.Month(1+rng.IntN(12)), 1+rng.IntN(28))
		q := impact.Question{Company: c.ID, Programme: "*", Range: impact.Range{From: from, To: from + 1 + impact.Day(rng.IntN(2000))}, Parts: impact.PartsSROI}
		figures, err := NewFigures(s, nil).Figures(t.Context(), []impact.Question{q})
		if err != nil {
			t.Fatal(err)
		}
		p := settings.SROI(impact.DefaultSROI, q)
		want := settings.ProgrammeCosts("*", q.Range)
		for _, e := range events {
			day := impact.DayAt(e.OccurredAt, c.Location)
			if q.Range.From <= day && day < q.Range.To && e.Volunteer != "" && (e.Kind == impact.KindSession || e.Kind == impact.KindVolunteerHours) {
				want.Add(want, new(big.Rat).Mul(big.NewRat(e.DurationMS, 3_600_000), p.HourlyRate(day).Rat()))
			}
		}
		if got := figures[0].SROI.Investment.StringFixed(2); got != want.FloatString(2) {
			t.Errorf("%s: investment %s, want %s", q.Range, got, want.FloatString(2))
		}
	}
}

// An edit is made as a whole, says what it changed, and knows an editor who looked
// too early.
func TestChangeSettings(t *testing.T) {
	t.Parallel()
	s := open(t)
	a, b := company(t, s, "acme"), company(t, s, "globex")
	after := mustChange(t, s, a, set("hourlyValue", "2025-01-01", "31.80"), set("minGroup", "", "10"), cost("buddy", "2025-01-01", "2025-12-31", "1200.50"))
	if after.Version != 1 || after.K() != 10 || len(after.Costs) != 1 || len(after.HourlyValue) != 1 {
		t.Fatalf("after the first edit: %+v", after)
	}
	// Nothing new is no change.
	if after = mustChange(t, s, a, set("hourlyValue", "2025-01-01", "31.8"), set("minGroup", "", "10")); after.Version != 1 {
		t.Errorf("an edit that changes nothing made version %d", after.Version)
	}
	stale := int64(0)
	_, err := s.ChangeSettings(t.Context(), impact.SettingsEdit{Company: a.ID, By: "late", Expected: &stale, Now: noon, Changes: []impact.SettingChange{set("minGroup", "", "7")}})
	if c, ok := errors.AsType[*impact.Conflict](err); !ok || c.Version != 1 || impact.CodeOf(err) != impact.CodeConflict {
		t.Errorf("a stale edit: %v", err)
	}
	// One bad change undoes the good ones beside it.
	if _, err = change(s, a, set("minGroup", "", "7"), set("visWeights", "", "hours=1,quality=1,outcomeLift=0,placement=0")); impact.CodeOf(err) != impact.CodeInvalid {
		t.Errorf("weights that sum to 2: %v", err)
	}
	// So do two that contradict each other, whichever is what it was.
	if _, err = change(s, a, set("minGroup", "", "7"), set("minGroup", "", "10")); impact.CodeOf(err) != impact.CodeInvalid {
		t.Errorf("one setting twice: %v", err)
	}
	for _, c := range []impact.SettingChange{
		{Name: "hourlyValue", From: dayOf("2024-01-01"), Remove: true},
		{Name: impact.SettingProgrammeCost, Cost: &impact.ProgrammeCost{ID: after.Costs[0].ID + 1}, Remove: true},
	} {
		if _, err := change(s, a, c); impact.CodeOf(err) != impact.CodeNotFound {
			t.Errorf("%+v: %v", c, err)
		}
	}
	// Another company's line is not to be removed.
	if _, err := change(s, b, impact.SettingChange{Name: impact.SettingProgrammeCost, Cost: &after.Costs[0], Remove: true}); impact.CodeOf(err) != impact.CodeNotFound {
		t.Errorf("a line of another company: %v", err)
	}
	after = mustChange(t, s, a, impact.SettingChange{Name: "hourlyValue", From: dayOf("2025-01-01"), Remove: true},
		impact.SettingChange{Name: impact.SettingProgrammeCost, Cost: &after.Costs[0], Remove: true}, set("weekStart", "", "sunday"))
	if after.Version != 2 || after.K() != 10 || len(after.Costs)+len(after.Versions) != 0 || after.Calendar.WeekStart != time.Sunday {
		t.Errorf("after the last edit: %+v", after)
	}

	logs, err := s.AuditLog(t.Context(), []impact.CompanyID{b.ID, a.ID}, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range logs[1] {
		line := fmt.Sprint(e.Version, " ", e.Actor, " ", e.Subject)
		if e.From != nil {
			line += " from " + e.From.String()
		}
		for _, v := range []*string{e.Old, e.New} {
			if v == nil {
				v = new("-")
			}
			line += " | " + *v
		}
		got = append(got, line)
	}
	want := `2 test weekStart | MONDAY | SUNDAY
2 test programmeCost | buddy 2025-01-01/2025-12-31 1200.50 | -
2 test hourlyValue from 2025-01-01 | 31.8 | -
1 test programmeCost | - | buddy 2025-01-01/2025-12-31 1200.50
1 test minGroup | 5 | 10
1 test hourlyValue from 2025-01-01 | - | 31.8`
	if strings.Join(got, "\n") != want || len(logs[0]) != 0 {
		t.Errorf("audit log\n%s\nwant\n%s\nand of the other company %v", strings.Join(got, "\n"), want, logs[0])
	}
	page, err := s.AuditLog(t.Context(), []impact.CompanyID{a.ID}, logs[1][1].ID, 2)
	if err != nil || len(page[0]) != 2 || page[0][0].ID != logs[1][2].ID || page[0][1].ID != logs[1][3].ID {
		t.Errorf("the page after the second: %v %v", page, err)
	}
}

// Two editors who saw the same version: exactly one wins.
func TestChangeSettingsAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	const editors = 8
	results := make(chan error, editors)
	seen := int64(0)
	for i := range editors {
		go func() {
			_, err := s.ChangeSettings(context.Background(), impact.SettingsEdit{Company: c.ID, By: fmt.Sprint(i), Expected: &seen, Now: noon,
				Changes: []impact.SettingChange{set("minGroup", "", fmt.Sprint(10+i))}})
			results <- err
		}()
	}
	won := 0
	for range editors {
		err := <-results
		if err == nil {
			won++
		} else if impact.CodeOf(err) != impact.CodeConflict {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d editors won", won)
	}
}

// A new time zone cuts every day anew, in one step with the change: the rollups are
// those that the log gives in the new zone. A company too large for a request keeps
// its zone.
func TestTimeZoneRebuilds(t *testing.T) {
	t.Parallel()
	s := open(t)
	c, other := companyIn(t, s, "acme", "UTC"), companyIn(t, s, "globex", "UTC")
	events := randomEvents(rand.New(rand.NewPCG(5, 5)), []*impact.Company{c, other}, 400)
	mustCommit(t, s, events...)
	foldAll(t, s)
	checkRollups(t, s, events)
	before := rollups(t, s)

	_, err := s.ChangeSettings(t.Context(), impact.SettingsEdit{Company: c.ID, By: "test", Now: noon, RebuildLimit: 100,
		Changes: []impact.SettingChange{set("timeZone", "", "Pacific/Auckland"), set("minGroup", "", "9")}})
	if impact.CodeOf(err) != impact.CodeTooLarge || !strings.Contains(err.Error(), "impactql settings set timeZone=") {
		t.Errorf("a large company: %v", err)
	}
	compare(t, rollups(t, s), before)

	after := mustChange(t, s, c, set("timeZone", "", "Pacific/Auckland"))
	if after.Calendar.Location.String() != "Pacific/Auckland" {
		t.Errorf("the zone is %s", after.Calendar.Location)
	}
	checkRollups(t, s, events) // by the zones that the companies have now
	more := randomEvents(rand.New(rand.NewPCG(6, 6)), []*impact.Company{c, other}, 100)
	mustCommit(t, s, more...)
	foldAll(t, s)
	checkRollups(t, s, append(events, more...))
}

// A change of settings ends cached figures in every instance.
func TestSettingsEndCachedFigures(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	s, far := openURL(t, url), openURL(t, url)
	a, b := company(t, s, "acme"), company(t, s, "globex")
	mustCommit(t, s, sessions(a, 0, 4)...)
	foldAll(t, s)
	told := make(chan impact.CompanyID, 1)
	connected := make(chan struct{}, 100)
	versions, err := far.Follow(t.Context(), News{
		Key: func(int32) {}, Settings: func(id impact.CompanyID) { told <- id }, Source: func(string) {}, Gap: func() { connected <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	<-connected
	f := NewFigures(far, versions)
	investment := func() string {
		figures, err := f.Figures(t.Context(), []impact.Question{{Company: a.ID, Programme: "*", Range: impact.AllTime, Parts: impact.PartsOverview}})
		if err != nil {
			t.Fatal(err)
		}
		settings, err := f.Settings(t.Context(), []impact.CompanyID{b.ID, a.ID})
		if err != nil || len(settings) != 2 || settings[1].Version < settings[0].Version {
			t.Fatal(settings, err)
		}
		return fmt.Sprint(settings[1].Version, " ", figures[0].SROI.Investment.StringFixed(2))
	}
	if got := investment(); got != "0 59.90" { // four half hours
		t.Fatalf("before: %s", got)
	}
	mustChange(t, s, a, set("hourlyValue", "2020-01-01", "100"))
	if got := <-told; got != a.ID {
		t.Errorf("told of company %d", got)
	}
	if got := investment(); got != "1 200.00" {
		t.Errorf("after the change: %s", got)
	}
}
