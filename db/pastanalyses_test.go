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

// analysisSight is everything that is to be seen of matrices and funnels, at an instant or,
// with 0, now: of everybody, departments, stored cohorts and filters.
func analysisSight(t testing.TB, s *Store, f *Figures, companies []*impact.Company, settings []*impact.Settings, at impact.AsOf) (lines []string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(31, 31))
	var matrices []impact.RetentionQuestion
	var walks []impact.FunnelQuestion
	var calendars []impact.Calendar
	filters := make([]string, 7)
	for i := range filters {
		f, _ := randomFilter(rng, 1)
		filters[i] = f.String()
	}
	periods := []impact.Range{
		{From: impact.Date(2024, 7, 15), To: impact.Date(2025, 10, 27)}, {From: impact.Date(2019, 1, 1), To: impact.Date(2026, 1, 1)},
		{From: impact.Date(2025, 3, 30), To: impact.Date(2025, 3, 31)},
	}
	activities := []impact.Activity{
		"ANY", "ANY", "ANY", "ANY", "ANY", "ANY", "SESSION", "SESSION", "SESSION", "FEEDBACK", "CHECKIN", "MILESTONE", "OUTCOME", "COURSE", "COURSE_DONE", "ENROLMENT", "COMPLETION",
		"PLACEMENT", "JOB", "JOB_READY", "DONATION", "MATCH", "EVENT",
	}
	for i, c := range companies {
		for n, key := range []string{"all", "all", "all", "all", "all", "all", "all", "sales", "HR", "Engineering", "mine", "other", "nobody", "", "", "", "", "", "", ""} {
			filter := ""
			if key == "" {
				filter = filters[n%len(filters)]
			}
			m := impact.RetentionQuestion{
				Company: c.ID, Programme: []string{"*", "*", "buddy", "kintell"}[rng.IntN(4)], Cohort: key, Filter: filter, AsOf: at, Explained: n%2 == 0,
				Mode: []impact.RetentionMode{impact.RetentionClassic, impact.RetentionRolling, impact.RetentionBracket}[n%3], Today: settings[i].Calendar.Today(noon),
			}
			brackets := []int{1, 1, 1, 1}
			if m.Mode == impact.RetentionBracket {
				brackets = []int{1, 3}
			}
			interval := []impact.Interval{impact.IntervalMonth, impact.IntervalYear, impact.IntervalFiscalYear, impact.IntervalYear}[rng.IntN(4)]
			m, err := impact.NewRetentionQuestion(m, periods[n/2%2], interval, settings[i].Calendar, brackets)
			if err != nil {
				t.Fatal(err)
			}
			walk := impact.FunnelQuestion{
				Company: c.ID, Cohort: key, Filter: filter, AsOf: at, Explained: n%2 == 0, Range: periods[rng.IntN(5)%3], Window: []int{0, 30, 3000, 3000}[rng.IntN(4)],
			}
			for range 2 + rng.IntN(3) {
				walk.Steps = append(walk.Steps, impact.FunnelStep{
					Activity: activities[rng.IntN(len(activities))], Programme: []string{"*", "*", "*", "buddy"}[rng.IntN(4)],
				})
			}
			if err := walk.Check(); err != nil {
				t.Fatal(err)
			}
			matrices, walks, calendars = append(matrices, m), append(walks, walk), append(calendars, settings[i].Calendar)
		}
	}
	retained, err := f.Retentions(t.Context(), matrices)
	if err != nil {
		t.Fatal(err)
	}
	walked, err := f.Funnels(t.Context(), walks)
	if err != nil {
		t.Fatal(err)
	}
	var events []impact.EventsQuestion
	var of []int
	for i, m := range retained {
		q := matrices[i]
		line := fmt.Sprintf("matrix %d %s %s of %q%s: ", q.Company, q.Mode, q.Programme, q.Cohort, q.Filter)
		if m == nil {
			lines = append(lines, line+"none")
			continue
		}
		for _, row := range m.Rows {
			text := fmt.Sprintf("%s suppressed %v size %d withheld %v:", row.Range, row.Suppressed, row.Size, row.Withheld)
			for _, n := range row.Retained {
				if n == nil {
					text += " null"
				} else {
					text += fmt.Sprint(" ", *n)
				}
			}
			lines = append(lines, line+text)
		}
		if q.Explained {
			events, of = append(events, m.Events(calendars[i])), append(of, len(lines))
			lines = append(lines, line+m.Explain("x").Canonical()+" events ")
		}
	}
	for i, w := range walked {
		q := walks[i]
		line := fmt.Sprintf("funnel %d %s within %d of %q%s: ", q.Company, q.Range, q.Window, q.Cohort, q.Filter)
		if w == nil {
			lines = append(lines, line+"none")
			continue
		}
		for _, s := range w.Steps {
			median := "null"
			if s.MedianDays != nil {
				median = fmt.Sprint(*s.MedianDays)
			}
			lines = append(lines, line+fmt.Sprintf("%s %s suppressed %v people %d median %s", s.Activity, s.Programme, s.Suppressed, s.People, median))
		}
		if q.Explained {
			events, of = append(events, w.Events(calendars[i])), append(of, len(lines))
			lines = append(lines, line+w.Explain("x").Canonical()+" events ")
		}
	}
	lists, err := s.ExplainedEvents(t.Context(), at, events, 1000, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, list := range lists {
		for _, e := range list {
			lines[of[i]] += fmt.Sprintf(" %x %s %s", e.Key[:4], e.Person, e.OccurredAt.UTC().Format(time.RFC3339Nano))
		}
	}
	return lines
}

// Matrices and funnels of a crowd, of which much is told, are as of an instant what they
// were then, whatever came later; of a cohort that is explained, with the events of then.
func TestAnalysesAsOf(t *testing.T) {
	t.Parallel()
	s := open(t)
	companies := []*impact.Company{companyIn(t, s, "acme", "Europe/Oslo"), companyIn(t, s, "globex", "America/New_York")}
	rng := rand.New(rand.NewPCG(1, 31))
	crowd := func(events []*impact.Event) []*impact.Event {
		for _, e := range events {
			if e.Participant != "" {
				e.Participant = fmt.Sprint("q", rng.IntN(120))
			}
		}
		return events
	}
	const acts = 3
	story := crowd(append(tell(rng, companies, 80*acts).events, randomEvents(rng, companies, 800*acts)...))
	rng.Shuffle(len(story), func(i, j int) { story[i], story[j] = story[j], story[i] })
	look := func(at impact.AsOf) []string {
		settings, _, _ := pastOf(t, NewFigures(s, nil), companies, at)
		return analysisSight(t, s, NewFigures(s, nil), companies, settings, at)
	}
	var instants []impact.AsOf
	var seen [][]string
	for i := range acts {
		mustCommit(t, s, story[len(story)*i/acts:len(story)*(i+1)/acts]...)
		mustCommit(t, s, crowd(moves(rng, companies, 60))...)
		foldAll(t, s)
		c := companies[i%2]
		mustChange(t, s, c, set("minGroup", "", fmt.Sprint(3+i)), set("fiscalYearStart", "", fmt.Sprint(1+rng.IntN(12))), set("timeZone", "", zones[rng.IntN(len(zones))]))
		editCohorts(rng, c)(t, s)
		instants, seen = append(instants, instant(t, s)), append(seen, look(0))
	}
	for _, c := range companies {
		mustChange(t, s, c, set("minGroup", "", "3"))
		if err := s.Rebuild(t.Context(), c.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]int{}
	for i, at := range instants {
		same(t, fmt.Sprint("after act ", i), look(at), seen[i])
		if i > 0 && slices.Equal(seen[i], seen[i-1]) {
			t.Errorf("act %d changed nothing", i)
		}
		for _, line := range seen[i] {
			for _, what := range []string{"CLASSIC", "ROLLING", "BRACKET", "size", "suppressed true", "none", "events  "} {
				if strings.Contains(line, what) {
					found[what]++
				}
			}
			if _, median, ok := strings.Cut(line, "median "); ok && median != "null" {
				found["waited"]++
			}
			if _, cells, ok := strings.Cut(line, "]: "); ok {
				if first, rest, _ := strings.Cut(cells, " "); first != "null" && strings.ContainsAny(rest, "123456789") {
					found["stayed"]++
				}
			}
		}
	}
	t.Log(found)
	for _, what := range []string{"CLASSIC", "ROLLING", "BRACKET", "size", "suppressed true", "none", "events  ", "waited", "stayed"} {
		if found[what] < 10 {
			t.Errorf("%s: only %d", what, found[what])
		}
	}
}

// everActive asks for a matrix of a year and a funnel of one step, of a cohort.
func everActive(t *testing.T, c *impact.Company, key string, at impact.AsOf) ([]impact.RetentionQuestion, []impact.FunnelQuestion) {
	t.Helper()
	year := impact.Range{From: impact.Date(2025, 1, 1), To: impact.Date(2026, 1, 1)}
	m, err := impact.NewRetentionQuestion(impact.RetentionQuestion{
		Company: c.ID, Programme: impact.AllProgrammes, Cohort: key, Mode: impact.RetentionClassic, Today: impact.MaxDay, AsOf: at,
	}, year, impact.IntervalYear, c.Calendar, []int{1})
	if err != nil {
		t.Fatal(err)
	}
	steps := []impact.FunnelStep{{Activity: impact.ActivityAny, Programme: impact.AllProgrammes}}
	return []impact.RetentionQuestion{m}, []impact.FunnelQuestion{{Company: c.ID, Cohort: key, Range: year, Steps: steps, AsOf: at}}
}

// Matrices and funnels withhold by the greater k of then and now, say whether somebody was
// erased since, and list the events of nobody who is not numbered yet.
func TestAnalysesAsOfAreGuarded(t *testing.T) {
	t.Parallel()
	s := open(t)
	c, other := company(t, s, "acme"), company(t, s, "other")
	mustCommit(t, s, append(office(c), office(other)...)...)
	at := instant(t, s)
	f := NewFigures(s, nil)
	look := func(c *impact.Company, explained bool) (string, error) {
		matrices, walks := everActive(t, c, "north", at)
		matrices[0].Explained, walks[0].Explained = explained, explained
		m, err := f.Retentions(t.Context(), matrices)
		if err != nil {
			return "", err
		}
		w, err := f.Funnels(t.Context(), walks)
		if err != nil {
			return "", err
		}
		row, step := m[0].Rows[0], w[0].Steps[0]
		return fmt.Sprint(row.Suppressed, row.Size, m[0].ErasedSince, step.Suppressed, step.People, w[0].ErasedSince), nil
	}
	want := func(when string, c *impact.Company, text string) {
		t.Helper()
		if got, err := look(c, false); err != nil || got != text {
			t.Errorf("%s: %s, %v, want %s", when, got, err, text)
		}
	}
	want("before anybody is numbered", c, "false 12 false false 12 false")
	if _, err := look(c, true); !isCode(err, impact.CodeUnavailable) {
		t.Errorf("explained before anybody is numbered: %v", err)
	}
	foldAll(t, s)
	if _, err := look(c, true); err != nil {
		t.Errorf("explained: %v", err)
	}
	mustChange(t, s, c, set("minGroup", "", "13"))
	want("with a greater k", c, "true 0 false true 0 false")
	mustChange(t, s, c, set("minGroup", "", "3"))
	want("with a smaller k", c, "false 12 false false 12 false")
	if _, err := s.Erase(t.Context(), impact.EraseRequest{Company: c.ID, Person: "u0", By: "test"}); err != nil {
		t.Fatal(err)
	}
	want("after an erasure", c, "false 11 true false 11 true")
	want("of another company", other, "false 12 false false 12 false")
}

// What takes too much is refused: a log that is too long, periods and days that are too
// many; of a cohort that there was not, nothing is read.
func TestAnalysesAsOfAreBounded(t *testing.T) {
	t.Parallel()
	s, c := inOffice(t)
	at := instant(t, s)
	f := NewFigures(s, nil)
	both := func(key string) (errs [2]error) {
		matrices, walks := everActive(t, c, key, at)
		m, err := f.Retentions(t.Context(), matrices)
		w, err2 := f.Funnels(t.Context(), walks)
		if key == "nobody's" && (m[0] != nil || w[0] != nil) {
			t.Errorf("of a department that there is not: %v %v", m, w)
		}
		return [2]error{err, err2}
	}
	f.pasts.limit = 23
	if errs := both("all"); !isCode(errs[0], impact.CodeTooLarge) || !isCode(errs[1], impact.CodeTooLarge) {
		t.Errorf("beyond the limit: %v", errs)
	}
	f.pasts.limit = 24 // directory events
	if errs := both("nobody's"); errs != [2]error{} {
		t.Errorf("of a department that there is not: %v", errs)
	}
	f.pasts.limit = 48
	if errs := both("north"); errs != [2]error{} {
		t.Errorf("within the limit: %v", errs)
	}

	var many []impact.RetentionQuestion
	for n := range 60 {
		from := impact.Date(2000, 1, 1) + impact.Day(100*n)
		q, err := impact.NewRetentionQuestion(impact.RetentionQuestion{
			Company: c.ID, Programme: impact.AllProgrammes, Cohort: impact.CohortAll, Mode: impact.RetentionRolling, Today: impact.MaxDay, AsOf: at,
		}, impact.Range{From: from, To: from + 100}, impact.IntervalDay, c.Calendar, []int{1})
		if err != nil {
			t.Fatal(err)
		}
		many = append(many, q)
	}
	if _, err := f.Retentions(t.Context(), many[:10]); err != nil {
		t.Errorf("of ten matrices: %v", err)
	}
	if _, err := f.Retentions(t.Context(), many); !isCode(err, impact.CodeTooLarge) {
		t.Errorf("of %d matrices of other days: %v", len(many), err)
	}

	b := newPastBook(nil, presence{{c.ID, impact.AllProgrammes, impact.SetSession, impact.AllTime, true}},
		map[impact.CompanyID]*impact.Settings{c.ID: settingsNow(t, s, c)}, make(pastPeople))
	b.days = maxPresent - 1
	for n, want := range []impact.Code{"", "", impact.CodeTooLarge} { // the same day, and another
		if err := b.add(sessionEvent(c, 50_000*n, "u", "v")); impact.CodeOf(err) != want && (want != "" || err != nil) {
			t.Errorf("event %d: %v, want %q", n, err, want)
		}
	}
}
