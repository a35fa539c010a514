package db

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// Companies are compared within their group, of the last day of the period, with those
// that have enough people; by a constant number of statements; and once in a while only.
func TestBenchmarks(t *testing.T) {
	t.Parallel()
	s := open(t)
	join := func(c *impact.Company, group string, from impact.Day) {
		t.Helper()
		if _, err := s.ChangeSettings(t.Context(), impact.SettingsEdit{Company: c.ID, By: "test", Now: time.Now(), Changes: []impact.SettingChange{
			{Name: impact.SettingPeerGroup, From: &from, Value: &group},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	q1 := impact.Range{From: impact.Date(2025, 1, 1), To: impact.Date(2025, 4, 1)}
	var companies []*impact.Company
	add := func(people, completed int) *impact.Company {
		c := company(t, s, fmt.Sprint("company-", len(companies)))
		companies = append(companies, c)
		var events []*impact.Event
		for who := range people {
			at := time.Date(2025, 2, 1, 0, 0, who, 0, time.UTC)
			e := &impact.Event{Company: c.ID, Key: impact.Key{1, byte(who)}, Kind: impact.KindEnrollment, Type: "x", Programme: "buddy",
				Participant: fmt.Sprint("p", who), OccurredAt: at, Status: impact.StatusStarted, Raw: []byte("{}")}
			if who < completed {
				e.Status = impact.StatusCompleted
			}
			session := sessionEvent(c, who, e.Participant, "v")
			session.OccurredAt = at
			events = append(events, e, session)
		}
		mustCommit(t, s, events...)
		return c
	}
	for n := range 7 { // 0, 10, ... 60 percent
		join(add(10, n), "retail", impact.Date(2024, 1, 1))
	}
	join(add(4, 4), "retail", impact.Date(2024, 1, 1))   // too few people
	join(add(10, 10), "retail", impact.Date(2025, 4, 1)) // later
	join(add(10, 10), "banks", impact.Date(2024, 1, 1))  // another group
	join(companies[6], "banks", impact.Date(2025, 5, 1)) // left later
	alone := add(10, 5)                                  // in none
	foldAll(t, s)
	f := NewFigures(s, nil)
	ask := func(list ...*impact.Company) []*impact.Benchmark {
		t.Helper()
		var questions []impact.BenchmarkQuestion
		for _, c := range list {
			questions = append(questions, impact.BenchmarkQuestion{Company: c.ID, Programme: impact.AllProgrammes, Range: q1})
		}
		answers, err := f.Benchmarks(t.Context(), questions)
		if err != nil {
			t.Fatal(err)
		}
		return answers
	}
	say := func(b *impact.Benchmark) string {
		c := b.Figures[0]
		return fmt.Sprintf("%q %d: own %s, %d %s %s %s", b.Group, b.Peers, b.Own.Values[0].Decimal, c.Peers, c.Lower.Decimal, c.Median.Decimal, c.Upper.Decimal)
	}
	got := ask(companies[0], companies[3], companies[9], alone, companies[8])
	for i, want := range []string{
		`"retail" 6: own 0, 6 20 40 50`, // of 10 to 60
		`"retail" 6: own 30, 6 10 37 50`,
		`"banks" 0: own 100, 0 0 0 0`,
		`"" 0: own 50, 0 0 0 0`,
		`"" 0: own 100, 0 0 0 0`,
	} {
		if say(got[i]) != want {
			t.Errorf("%d: %s, want %s", i, say(got[i]), want)
		}
	}
	// An explanation has what is told of the peers, and the hashes of the company's own
	// explanations.
	x := got[0].Explain("company-0", "", got[0].OwnFigures.Question, mustOwn(t, got[0], "company-0"))
	own, err := f.Figures(t.Context(), []impact.Question{{Company: companies[0].ID, Programme: impact.AllProgrammes, Range: q1, Parts: impact.PartsOverview}})
	if err != nil {
		t.Fatal(err)
	}
	told := make(map[string]string)
	for _, p := range x.Parameters {
		told[p.Name] = p.Value
	}
	for _, in := range x.Inputs {
		told[in.Name] = in.Value
	}
	for name, want := range map[string]string{
		"peerGroup": "retail", "value.COMPLETION_RATE": "0", "peers.COMPLETION_RATE": "6", "lowerQuartile.COMPLETION_RATE": "20",
		"median.COMPLETION_RATE": "40", "upperQuartile.COMPLETION_RATE": "50",
		"hash.metrics-1.0": own[0].ExplainMetrics("company-0").Hash(), "hash.teei-vis-1.0": own[0].ExplainVIS("company-0").Hash(),
	} {
		if told[name] != want {
			t.Errorf("%s is %q, want %q", name, told[name], want)
		}
	}
	banks := got[2].Explain("company-9", "", got[2].OwnFigures.Question, mustOwn(t, got[2], "company-9"))
	for _, in := range banks.Inputs {
		if !strings.HasPrefix(in.Name, "value.") {
			t.Errorf("without enough peers there is %s", in.Name)
		}
	}
	if got[3].Explain("alone", "", got[3].OwnFigures.Question, mustOwn(t, got[3], "alone")) != nil {
		t.Error("without a group there is an explanation")
	}

	// What happens to one company shows to the others only later.
	before := say(got[0])
	e := sessionEvent(companies[1], 99, "p0", "v")
	e.Kind, e.Status, e.OccurredAt = impact.KindEnrollment, impact.StatusCompleted, time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC)
	e.Participant, e.Key = "p5", impact.Key{7}
	mustCommit(t, s, e)
	foldAll(t, s)
	if now := say(ask(companies[0])[0]); now != before {
		t.Errorf("%s became %s at once", before, now)
	}
	if own := ask(companies[1])[0].Own.Values[0].Decimal.String(); own != "20" {
		t.Errorf("the company's own figure is %s", own)
	}
}

func mustOwn(t *testing.T, b *impact.Benchmark, company string) impact.Own {
	t.Helper()
	list, err := b.ExplainOwn(company)
	if err != nil {
		t.Fatal(err)
	}
	return impact.Own{Values: b.Own.Values, Explained: list}
}

// The others of a cohort are told of beside it if there are enough of them.
func TestOthersOfACohort(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	var events []*impact.Event
	for who := range 30 {
		d := &impact.Event{Company: c.ID, Key: impact.Key{2, byte(who)}, Kind: impact.KindDirectory, Type: "x", Programme: "x",
			Participant: fmt.Sprint("p", who), OccurredAt: time.Unix(0, 0), Department: []string{"Sales", "HR", "HR"}[who%3], Raw: []byte("{}")}
		events = append(events, d, sessionEvent(c, who, d.Participant, "v"))
	}
	mustCommit(t, s, events...)
	foldAll(t, s)
	ask := func(key string) *impact.Cohort {
		t.Helper()
		answers, err := NewFigures(s, nil).Cohorts(t.Context(), []impact.CohortQuestion{
			{Company: c.ID, Programme: impact.AllProgrammes, Range: impact.AllTime, Key: key, Others: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		return answers[0]
	}
	if a := ask("sales"); a.ParticipantCount != 10 || a.Others == nil || a.Others.Suppressed || a.Others.ParticipantCount != 20 {
		t.Errorf("%+v beside %+v", a, a.Others)
	}
	if a := ask(impact.CohortAll); a.Others != nil {
		t.Errorf("others than everybody: %+v", a.Others)
	}
}
