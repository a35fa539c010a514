package db

import (
	"fmt"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// An attacker subtracts the answers of a programme from those of all, in funnels and
// retention, and asks them of what `cohort` does not tell of: of 20 people, 3 of department
// C, only those of A and B were in the programme lang.
func TestAttackerSubtractsProgrammes(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	var events []*impact.Event
	for i := range 20 {
		who, department := fmt.Sprint("u", i), "A"
		if i > 16 {
			department = "C"
		} else if i > 8 {
			department = "B"
		}
		directory := &impact.Event{
			Company: c.ID, Key: impact.Key{byte(i), 2}, Kind: impact.KindDirectory, Type: "x", Programme: "x",
			Participant: who, OccurredAt: time.Unix(0, 0), Department: department, Raw: []byte("{}"),
		}
		buddy, lang := sessionEvent(c, i, who, "v"), sessionEvent(c, 100+i, who, "v")
		buddy.OccurredAt, lang.OccurredAt = time.Date(2026, 2, 3, 9, 0, 0, 0, time.UTC), time.Date(2026, 4, 3, 9, 0, 0, 0, time.UTC)
		lang.Programme = "lang"
		if events = append(events, directory, buddy); department != "C" {
			events = append(events, lang)
		}
	}
	mustCommit(t, s, events...)
	foldAll(t, s)
	figures := NewFigures(s, nil)
	notA := (&impact.CohortFilter{Not: &impact.CohortFilter{Department: []string{"A"}}}).String()
	session, lang := impact.FunnelStep{Activity: "SESSION", Programme: "*"}, impact.FunnelStep{Activity: "SESSION", Programme: "lang"}
	year := impact.Range{From: impact.Date(2026, 1, 1), To: impact.Date(2027, 1, 1)}

	for _, ask := range []struct {
		cohort, filter string
		steps          []impact.FunnelStep
		want           string
	}{
		{"", notA, []impact.FunnelStep{session}, "11 "},
		{"", notA, []impact.FunnelStep{lang}, "? "},
		{"", notA, []impact.FunnelStep{session, lang}, "11 ? "},
		{"", notA, []impact.FunnelStep{lang, session}, "? ? "},
		{"B", "", []impact.FunnelStep{session}, "? "},
		{"B", "", []impact.FunnelStep{lang}, "? "},
		{"C", "", []impact.FunnelStep{lang}, "? "},
		{"all", "", []impact.FunnelStep{session}, "20 "},
		{"all", "", []impact.FunnelStep{lang}, "? "},
	} {
		answers, err := figures.Funnels(t.Context(), []impact.FunnelQuestion{
			{Company: c.ID, Cohort: ask.cohort, Filter: ask.filter, Range: year, Window: 365, Steps: ask.steps},
		})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, step := range answers[0].Steps {
			if step.Suppressed {
				got += "? "
			} else {
				got += fmt.Sprint(step.People, " ")
			}
		}
		if got != ask.want {
			t.Errorf("funnel of %s%s, %v: %q, want %q", ask.cohort, ask.filter, ask.steps, got, ask.want)
		}
	}

	for _, ask := range []struct {
		cohort, filter, programme string
		month                     time.Month
		want                      string // the size and what is retained a month later
	}{
		{"", notA, "*", time.February, "11 0"},
		{"", notA, "lang", time.April, "?"},
		{"", notA, "buddy", time.February, "11 0"},
		{"B", "", "*", time.February, "?"},
		{"B", "", "lang", time.April, "?"},
		{"C", "", "lang", time.April, "?"},
		{"A", "", "*", time.February, "9 0"},
		{"all", "", "*", time.February, "20 0"},
		{"all", "", "lang", time.April, "?"},
	} {
		q, err := impact.NewRetentionQuestion(impact.RetentionQuestion{
			Company: c.ID, Programme: ask.programme, Cohort: ask.cohort, Filter: ask.filter, Mode: impact.RetentionClassic, Today: year.To,
		}, impact.Range{From: impact.Date(2026, ask.month, 1), To: impact.Date(2026, ask.month+1, 1)}, impact.IntervalMonth, c.Calendar, []int{1, 1})
		if err != nil {
			t.Fatal(err)
		}
		answers, err := figures.Retentions(t.Context(), []impact.RetentionQuestion{q})
		if err != nil {
			t.Fatal(err)
		}
		row := answers[0].Rows[0]
		got := fmt.Sprint(row.Size)
		for _, n := range row.Retained[1:] {
			if n == nil {
				got += " ?"
			} else {
				got += fmt.Sprint(" ", *n)
			}
		}
		if row.Suppressed {
			got = "?"
		}
		if got != ask.want {
			t.Errorf("retention of %s%s in %s from %s: %q, want %q", ask.cohort, ask.filter, ask.programme, ask.month, got, ask.want)
		}
	}
}

// Of a department that `cohort` withholds, funnels and retention over the same period, of
// the same programme, tell nothing but that there is nobody.
func TestFunnelsAndRetentionKeepWhatCohortsKeep(t *testing.T) {
	t.Parallel()
	s, companies, _ := randomWorld(t, 6, 6000)
	f := NewFigures(s, nil)
	var cohorts []impact.CohortQuestion
	var funnels []impact.FunnelQuestion
	var retentions []impact.RetentionQuestion
	for _, c := range companies {
		lists, err := s.departments(t.Context(), []impact.CompanyID{c.ID})
		if err != nil {
			t.Fatal(err)
		}
		for _, department := range lists[0] {
			for _, programme := range append([]string{"*"}, programmes...) {
				for year := 2019; year < 2025; year++ {
					r := impact.Range{From: impact.Date(year, 1, 1), To: impact.Date(year+1, 1, 1)}
					cohorts = append(cohorts, impact.CohortQuestion{Company: c.ID, Key: department, Programme: programme, Range: r})
					funnels = append(funnels, impact.FunnelQuestion{
						Company: c.ID, Cohort: department, Range: r, Steps: []impact.FunnelStep{{Activity: impact.ActivityAny, Programme: programme}},
					})
					q, err := impact.NewRetentionQuestion(impact.RetentionQuestion{
						Company: c.ID, Cohort: department, Programme: programme, Mode: impact.RetentionClassic, Today: impact.MaxDay,
					}, r, impact.IntervalYear, c.Calendar, []int{1})
					if err != nil {
						t.Fatal(err)
					}
					retentions = append(retentions, q)
				}
			}
		}
	}
	counts, err := f.Cohorts(t.Context(), cohorts)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := f.Funnels(t.Context(), funnels)
	if err != nil {
		t.Fatal(err)
	}
	matrices, err := f.Retentions(t.Context(), retentions)
	if err != nil {
		t.Fatal(err)
	}
	kept, told := 0, 0
	for i, c := range counts {
		people, size := steps[i].Steps[0].People, matrices[i].Rows[0].Size
		switch {
		case !c.Suppressed && people > 0:
			told++
		case c.Suppressed:
			kept++
			if people > 0 || size > 0 {
				t.Errorf("%+v is withheld, but a step tells %d and a row %d", cohorts[i], people, size)
			}
		}
	}
	t.Logf("%d kept, %d told", kept, told)
	if kept < 20 {
		t.Errorf("%d are withheld: that proves little", kept)
	}
}
