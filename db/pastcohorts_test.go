package db

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/migrations"
)

// moves are directory events: people change departments and attributes, some of them late
// to be told.
func moves(rng *rand.Rand, companies []*impact.Company, n int) []*impact.Event {
	events := randomEvents(rng, companies, 20*n)
	events = slices.DeleteFunc(events, func(e *impact.Event) bool { return e.Kind != impact.KindDirectory || e.Participant == "" })
	return events[:min(n, len(events))]
}

// editCohorts defines a cohort, defines it otherwise or takes it away; some hide a
// department.
func editCohorts(rng *rand.Rand, c *impact.Company) act {
	key := []string{"mine", "Sales", "other"}[rng.IntN(3)]
	f, _ := randomFilter(rng, 2)
	remove := rng.IntN(3) == 0
	return func(t *testing.T, s *Store) {
		t.Helper()
		var err error
		if remove {
			if err = s.DeleteCohort(context.Background(), c.ID, key, "test"); isCode(err, impact.CodeNotFound) {
				err = nil
			}
		} else {
			def := impact.CohortDefinition{Company: c.ID, Key: key, Name: fmt.Sprintf("%.900s", f.String()), Filter: f}
			_, err = s.SaveCohort(context.Background(), def, "test", nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// cohortQuestions ask about all sorts of cohorts, the same whenever they are asked.
func cohortQuestions(companies []*impact.Company, at impact.AsOf) (questions []impact.CohortQuestion) {
	rng := rand.New(rand.NewPCG(30, 30))
	filters := []string{`{"did":{"activity":"ANY","period":"FY2025"}}`, `{"not":{"department":["hr"]}}`, `{"attribute":{"name":"division","notIn":["north"]}}`}
	for range 9 {
		f, _ := randomFilter(rng, 2)
		filters = append(filters, f.String())
	}
	for _, c := range companies {
		for _, q := range []impact.CohortQuestion{
			{Programme: impact.AllProgrammes, Range: impact.AllTime},
			{Programme: impact.AllProgrammes, Range: impact.Range{From: impact.Date(2019, 6, 1), To: impact.Date(2024, 12, 31)}, Explained: true},
			{Programme: "buddy", Range: impact.AllTime, Explained: true},
		} {
			q.Company, q.AsOf = c.ID, at
			for _, q.Key = range []string{"all", "sales", "HR", "Engineering", "ÄRZTE", "Mine", "other", "nobody"} {
				questions = append(questions, q)
			}
			q.Key = ""
			for _, q.Filter = range filters {
				questions = append(questions, q)
			}
		}
	}
	return questions
}

// cohortSight is everything that is to be seen of cohorts, at an instant or, with 0, now.
func cohortSight(t testing.TB, s *Store, f *Figures, companies []*impact.Company, at impact.AsOf) (lines []string) {
	t.Helper()
	for i, names := range cohortNames(t, f, companies, at) {
		slices.Sort(names)
		lines = append(lines, fmt.Sprintf("cohorts of %s: %q", companies[i].Key, names))
	}
	questions := cohortQuestions(companies, at)
	answers, err := f.Cohorts(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	var events []impact.EventsQuestion
	var of []int
	for i, c := range answers {
		q := questions[i]
		line := fmt.Sprintf("cohort %d %s %s %q%s: ", q.Company, q.Programme, q.Range, q.Key, q.Filter)
		if c == nil {
			lines = append(lines, line+"none")
			continue
		}
		lines = append(lines, line+fmt.Sprintf("%q %q suppressed %v people %d completed %s vis %s sroi %+v", c.Key, c.Name, c.Suppressed, c.ParticipantCount, c.CompletionRate, c.AvgVIS, c.SROI))
		if c.Suppressed || !q.Explained {
			continue
		}
		npv, err := c.SROIBy(impact.IDNPV)
		if err != nil {
			t.Fatal(err)
		}
		if npv != nil {
			lines = append(lines, line+fmt.Sprintf("npv %+v", npv.SROI))
		}
		ratio, err := c.ExplainSROI(impact.IDTeei1, "x")
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []*impact.Explanation{c.ExplainCounts("x"), ratio, c.ExplainVIS("x")} {
			if x != nil {
				lines = append(lines, line+x.Canonical())
			}
		}
		for _, question := range []impact.EventsQuestion{
			{Participants: c.Explained.Members}, {Participants: c.Explained.Met, Volunteers: c.Explained.Serving},
		} {
			question.Company, question.Programme = q.Company, q.Programme
			question.From, question.To = q.Range.From.Time(), min(q.Range.To, impact.MaxDay-1).Time()
			events, of = append(events, question), append(of, len(lines))
		}
		lines = append(lines, line+"events ")
	}
	lists, err := s.ExplainedEvents(t.Context(), at, events, 1000, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, list := range lists {
		for _, e := range list {
			lines[of[i]] += fmt.Sprintf(" %x %s %s %s", e.Key[:4], e.Person, e.Volunteer, e.OccurredAt.UTC().Format(time.RFC3339Nano))
		}
	}
	return lines
}

// cohortNames are the cohorts that companies can be asked for, at an instant or now.
func cohortNames(t testing.TB, f *Figures, companies []*impact.Company, at impact.AsOf) [][]string {
	t.Helper()
	ids := make([]impact.CompanyID, len(companies))
	asks := make([]impact.PastAsk, len(companies))
	for i, c := range companies {
		ids[i], asks[i] = c.ID, impact.PastAsk{Company: c.ID, AsOf: at, Cohorts: true}
	}
	if at == 0 {
		names, err := f.Departments(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	list, err := f.Past(t.Context(), asks)
	if err != nil {
		t.Fatal(err)
	}
	names := make([][]string, len(list))
	for i, p := range list {
		names[i] = slices.Clone(p.Cohorts)
	}
	return names
}

// What is seen of cohorts that is not withheld is enough for a comparison to mean
// something.
func TestCohortSightSeesEnough(t *testing.T) {
	t.Parallel()
	s := open(t)
	companies := []*impact.Company{companyIn(t, s, "acme", "Europe/Oslo")}
	rng := rand.New(rand.NewPCG(1, 30))
	mustChange(t, s, companies[0], set("minGroup", "", "3"))
	mustCommit(t, s, append(tell(rng, companies, 200).events, moves(rng, companies, 40)...)...)
	foldAll(t, s)
	seen := map[string]int{"suppressed false": 0, "suppressed true": 0, "none": 0, "npv": 0, "scores.sum": 0, "events  ": 0}
	for _, line := range cohortSight(t, s, NewFigures(s, nil), companies, 0) {
		for what := range seen {
			if strings.Contains(line, what) {
				seen[what]++
			}
		}
	}
	for what, n := range seen {
		if n < 5 {
			t.Errorf("%s: only %d", what, n)
		}
	}
}

// office is 12 people of North and 12 of South, of whom each had a session.
func office(c *impact.Company) (events []*impact.Event) {
	for i := range 24 {
		who := fmt.Sprint("u", i)
		events = append(events, sessionEvent(c, i, who, "v"), movedTo(c, i, who, []string{"North", "South"}[i%2]))
	}
	return events
}

func inOffice(t *testing.T) (s *Store, c *impact.Company) {
	t.Helper()
	s = open(t)
	c = company(t, s, "acme")
	mustCommit(t, s, office(c)...)
	foldAll(t, s)
	return s, c
}

// ofEver asks for a cohort of all time as of an instant or, with 0, now.
func ofEver(c *impact.Company, key string, at impact.AsOf) []impact.CohortQuestion {
	return []impact.CohortQuestion{{Company: c.ID, Programme: impact.AllProgrammes, Range: impact.AllTime, Key: key, AsOf: at}}
}

// movedTo is the nth directory event, of the nth second.
func movedTo(c *impact.Company, n int, who, department string) *impact.Event {
	return &impact.Event{
		Company: c.ID, Key: impact.Key{byte(n), 9}, Kind: impact.KindDirectory, Type: "x", Programme: "x", Participant: who,
		OccurredAt: time.Unix(int64(n), 0), Department: department, Raw: []byte("{}"),
	}
}

// Who was in a department is what the directory events said that were stored by then,
// whenever they say it was: a late one does not change what was known, nor does a
// correction.
func TestDepartmentsAsOf(t *testing.T) {
	t.Parallel()
	s := open(t)
	c, other := company(t, s, "acme"), company(t, s, "other")
	var instants []impact.AsOf
	send := func(events ...*impact.Event) {
		t.Helper()
		mustCommit(t, s, events...)
		foldAll(t, s)
		instants = append(instants, instant(t, s))
	}
	send(sessionEvent(c, 99, "u0", "v"))
	send(append(office(c), office(other)...)...)
	send(movedTo(c, 100, "u0", "South"), movedTo(c, 101, "u2", "East"))
	send(movedTo(c, 50, "u0", "West")) // late, and older than what is known
	correction := movedTo(c, 102, "u2", "SOUTH")
	correction.Links = &impact.Links{SupersedesKey: movedTo(c, 101, "", "").Key}
	send(correction)
	f := NewFigures(s, nil)
	// While one is in the east, the north is withheld, since the rest would be that one.
	for i, want := range []string{"none none none", "North 12 South 12 none", "withheld South 13 withheld", "withheld South 13 withheld", "North 10 SOUTH 14 none"} {
		var got []string
		for _, key := range []string{"NORTH", "South", "east"} {
			cohorts, err := f.Cohorts(t.Context(), ofEver(c, key, instants[i]))
			switch {
			case err != nil:
				t.Fatal(err)
			case cohorts[0] == nil:
				got = append(got, "none")
			case cohorts[0].Suppressed:
				got = append(got, "withheld")
			default:
				got = append(got, fmt.Sprint(cohorts[0].Name, " ", cohorts[0].ParticipantCount))
			}
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("as of instant %d: %s, want %s", i, text, want)
		}
	}
}

// A stored cohort has the definition that held then: none before it was defined and after
// it was taken away, when a department of its name is the cohort again.
func TestDefinitionsAsOf(t *testing.T) {
	t.Parallel()
	s, c := inOffice(t)
	f := NewFigures(s, nil)
	def := func(filter string) func() error {
		return func() error {
			one, err := impact.ReadCohortFilter([]byte(filter))
			if err == nil {
				_, err = s.SaveCohort(t.Context(), impact.CohortDefinition{Company: c.ID, Key: "North", Name: filter, Filter: *one}, "test", nil)
			}
			return err
		}
	}
	gone := func() error { return s.DeleteCohort(t.Context(), c.ID, "NORTH", "test") }
	nothing := func() error { return nil }
	const everybody, south = `{"did":{"activity":"ANY"}}`, `{"department":["south"]}`
	type seen struct {
		at   impact.AsOf
		name string
	}
	var all []seen
	for _, step := range []struct {
		do   func() error
		name string
		n    int64
	}{
		{nothing, "North", 12}, {def(everybody), everybody, 24}, {def(south), south, 12}, {gone, "North", 12}, {def(everybody), everybody, 24},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		all = append(all, seen{instant(t, s), step.name})
		for _, then := range all {
			cohorts, err := f.Cohorts(t.Context(), ofEver(c, "north", then.at))
			if err != nil || cohorts[0] == nil || cohorts[0].Name != then.name {
				t.Errorf("after %s: as of when it was %s: %+v, %v", step.name, then.name, cohorts[0], err)
			}
		}
		if now, err := f.Cohorts(t.Context(), ofEver(c, "north", 0)); err != nil || now[0].ParticipantCount != step.n {
			t.Errorf("%s now: %+v, %v", step.name, now, err)
		}
	}
}

// A definition that began to be stored before an instant and is not committed yet keeps it
// from being answered.
func TestAsOfWaitsForDefinitions(t *testing.T) {
	t.Parallel()
	s, c := inOffice(t)
	tx, err := s.db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec(`INSERT INTO cohort_version (company_id, key, version, name, filter) VALUES ($1, 'new', 1, 'New', '{"did":{"activity":"ANY"}}')`, c.ID); err != nil {
		t.Fatal(err)
	}
	f := NewFigures(s, nil)
	ask := ofEver(c, "new", instant(t, s))
	if _, err := f.Cohorts(t.Context(), ask); !isCode(err, impact.CodeUnavailable) {
		t.Errorf("while it is stored: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Cohorts(t.Context(), ask); err != nil || got[0] == nil || got[0].ParticipantCount != 24 {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}

// Definitions of before there were versions hold from when they were changed last.
func TestDefinitionsOfBefore(t *testing.T) {
	t.Parallel()
	s, c := inOffice(t)
	exec(t, s, `INSERT INTO cohort (company_id, key, name, filter, version, updated_at) VALUES ($1, 'old', 'Old', '{"did":{"activity":"ANY"}}', 3, '2026-01-01')`, c.ID)
	exec(t, s, "DROP TABLE cohort_version")
	up := readMigration(t, "0017_cohort_versions.sql")
	exec(t, s, up)
	now := instant(t, s)
	f := NewFigures(s, nil)
	for at, there := range map[impact.AsOf]bool{
		now: true, impact.AsOfTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)): true, impact.AsOfTime(time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)): false,
	} {
		cohorts, err := f.Cohorts(t.Context(), ofEver(c, "old", at))
		if err != nil || (cohorts[0] != nil) != there {
			t.Errorf("as of %s: %+v, %v", at, cohorts[0], err)
		}
	}
}

// readMigration is what a migration does.
func readMigration(t *testing.T, name string) string {
	t.Helper()
	data, err := migrations.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	up, _, _ := strings.Cut(string(data), "-- +goose Down")
	return up
}

// Who raises k withholds what smaller groups were told before; who lowers it tells no more
// of then.
func TestGroupsAsOfAreNoSmallerThanNow(t *testing.T) {
	t.Parallel()
	s, c := inOffice(t)
	f := NewFigures(s, nil)
	suppressed := func(at impact.AsOf) bool {
		t.Helper()
		cohorts, err := f.Cohorts(t.Context(), ofEver(c, "north", at))
		if err != nil || cohorts[0] == nil {
			t.Fatal(cohorts, err)
		}
		return cohorts[0].Suppressed
	}
	told := instant(t, s)
	for _, step := range []struct {
		k         string
		then, now bool // withheld
	}{{"5", false, false}, {"13", true, true}, {"3", false, false}} {
		mustChange(t, s, c, set("minGroup", "", step.k))
		at := instant(t, s)
		if suppressed(told) != step.then || suppressed(at) != step.now {
			t.Errorf("k %s: withheld as of when it was told: %v, now: %v", step.k, suppressed(told), suppressed(at))
		}
	}
	mustChange(t, s, c, set("minGroup", "", "13"))
	withheld := instant(t, s)
	mustChange(t, s, c, set("minGroup", "", "3"))
	if !suppressed(withheld) || suppressed(told) {
		t.Error("as of when k was 13 it is told")
	}
}

// A question that takes too much is refused before anything is read, and explanations of
// people who are not numbered yet can be asked for again.
func TestCohortsAsOfAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	mustCommit(t, s, office(c)...)
	f := NewFigures(s, nil)
	ask := impact.CohortQuestion{Company: c.ID, Programme: "*", Range: impact.AllTime, Key: "north", AsOf: instant(t, s), Explained: true}
	if _, err := f.Cohorts(t.Context(), []impact.CohortQuestion{ask}); !isCode(err, impact.CodeUnavailable) {
		t.Errorf("before anybody is numbered: %v", err)
	}
	foldAll(t, s)
	if got, err := f.Cohorts(t.Context(), []impact.CohortQuestion{ask}); err != nil || got[0].ParticipantCount != 12 {
		t.Errorf("afterwards: %v", err)
	}
	f.pasts.limit = 23
	ask.Key = "south"
	if _, err := f.Cohorts(t.Context(), []impact.CohortQuestion{ask}); !isCode(err, impact.CodeTooLarge) {
		t.Errorf("beyond the limit: %v", err)
	}
	names := []impact.PastAsk{{Company: c.ID, AsOf: ask.AsOf, Cohorts: true}}
	if _, err := f.Past(t.Context(), names); !isCode(err, impact.CodeTooLarge) {
		t.Errorf("which there were, beyond the limit: %v", err)
	}
	ask.Key = "nobody's" // is known without the log
	f.pasts.limit = 24
	if got, err := f.Cohorts(t.Context(), []impact.CohortQuestion{ask}); err != nil || got[0] != nil {
		t.Errorf("of a department that there is not: %v, %v", got, err)
	}

	var many []impact.CohortQuestion
	day := impact.Date(2000, 1, 1)
	for range 20 {
		var f impact.CohortFilter
		for range 49 {
			day += 7
			f.Or = append(f.Or, impact.CohortFilter{Did: &impact.CohortDid{Activity: impact.ActivityAny, Period: impact.Range{From: impact.Date(1990, 1, 1), To: day}.String()}})
		}
		many = append(many, impact.CohortQuestion{Company: c.ID, Programme: "*", Range: impact.AllTime, Filter: f.String(), AsOf: ask.AsOf})
	}
	if _, err := f.Cohorts(t.Context(), many); !isCode(err, impact.CodeTooLarge) {
		t.Errorf("of %d filters with a thousand periods: %v", len(many), err)
	}
}
