package db

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lib/pq"
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

// bruteForce answers a question from the log alone.
const bruteForce = `
	WITH e AS (
		SELECT e.*, (occurred_at AT TIME ZONE c.time_zone)::date AS day,
		       kind NOT IN ('unknown', 'directory', 'donation', 'enrollment', 'placement') AND (kind <> 'match' OR status IS DISTINCT FROM 'ended') AS active
		FROM event e JOIN company c ON c.id = e.company_id
		WHERE company_id = $1 AND ($2 = '*' OR programme = $2)
	), r AS (SELECT * FROM e WHERE day BETWEEN $3 AND $4), until AS (SELECT * FROM e WHERE day <= $4)
	SELECT count(*) FILTER (WHERE kind <> 'unknown') AS events,
	       count(*) FILTER (WHERE kind = 'unknown') AS unmapped,
	       count(*) FILTER (WHERE kind = 'session.completed') AS sessions,
	       count(DISTINCT participant) FILTER (WHERE active) AS participants,
	       count(DISTINCT volunteer) FILTER (WHERE active) AS volunteers,
	       round(coalesce(sum(duration_ms) FILTER (WHERE kind IN ('session.completed', 'volunteer.hours') AND volunteer IS NOT NULL), 0) / 3600000.0, 2) AS hours,
	       (SELECT count(DISTINCT (programme, participant)) FROM until WHERE kind = 'enrollment' AND participant IS NOT NULL) AS enrolled,
	       (SELECT count(DISTINCT (programme, participant)) FROM until WHERE kind = 'enrollment' AND participant IS NOT NULL AND status = 'completed') AS completed,
	       (SELECT count(DISTINCT participant) FROM until WHERE participant IS NOT NULL AND (kind = 'enrollment' OR active)) AS ever
	FROM r`

type counted struct {
	Events, Unmapped, Sessions, Participants, Volunteers, Enrolled, Completed, Ever int64
	Hours                                                                           decimal.Decimal
}

// Figures of random ranges equal a count over the events.
func TestReadEqualsBruteForce(t *testing.T) {
	t.Parallel()
	s := open(t)
	var companies []*impact.Company
	for i, zone := range zones {
		companies = append(companies, companyIn(t, s, fmt.Sprint("company-", i), zone))
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 6 {
		mustCommit(t, s, randomEvents(rng, companies, 300)...)
		foldAll(t, s)
	}
	var questions []impact.Question
	for range 150 {
		r := impact.Range{From: impact.Date(2019, 1, 1) + impact.Day(rng.IntN(2600))}
		r.To = r.From + 1 + impact.Day(rng.IntN([]int{3, 40, 400, 3000}[rng.IntN(4)]))
		questions = append(questions, impact.Question{
			Company: companies[rng.IntN(len(companies))].ID, Programme: append([]string{"*", "*", "none"}, programmes...)[rng.IntN(6)],
			Range: r, Parts: impact.PartsOverview | impact.PartsCohort,
		})
	}
	for _, c := range companies {
		questions = append(questions, impact.Question{Company: c.ID, Programme: "*", Range: impact.AllTime, Parts: impact.PartsOverview | impact.PartMembers})
	}
	figures, err := NewFigures(s, nil).Figures(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	readings, err := s.Read(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	for i := range questions {
		questions[i].Parts = impact.PartsOverview
	}
	counts, err := NewFigures(s, nil).Figures(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	full := 0
	for i, q := range questions {
		// Whoever is only counted is counted as one of a set.
		if got, want := counts[i], figures[i]; fmt.Sprint(*got.Metrics, *got.VIS, got.Basis.People) != fmt.Sprint(*want.Metrics, *want.VIS, want.Basis.People) {
			t.Errorf("%+v: %+v %+v %+v\nwith sets %+v %+v %+v", q, got.Metrics, got.VIS, got.Basis.People, want.Metrics, want.VIS, want.Basis.People)
		}
		var want counted
		if err := s.db.GetContext(t.Context(), &want, bruteForce, q.Company, q.Programme, q.Range.From.String(), (q.Range.To - 1).String()); err != nil {
			t.Fatal(err)
		}
		m := figures[i].Metrics
		got := counted{
			Events: m.Events, Unmapped: m.Unmapped, Sessions: m.Sessions, Participants: m.Participants, Volunteers: m.Volunteers,
			Hours: m.VolunteerHours, Enrolled: 0, Completed: 0,
		}
		for _, e := range readings[i].Enrolments {
			got.Enrolled += int64(e.Enrolled.GetCardinality())
			got.Completed += int64(e.Completed.GetCardinality())
		}
		before := readings[i].Before
		ever := before.Members(impact.SetParticipants).OrCardinality(before.Members(impact.SetEnrolled))
		got.Ever = int64(ever)
		if !got.Hours.Equal(want.Hours) {
			t.Errorf("%+v: %s hours, want %s", q, got.Hours, want.Hours)
		}
		got.Hours = want.Hours
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d %s %s:\ngot  %+v\nwant %+v", q.Company, q.Programme, q.Range, got, want)
		}
		if want.Participants > 3 {
			full++
		}
	}
	if full < 30 {
		t.Errorf("only %d of %d questions found something", full, len(questions))
	}

	// One at a time, the answers are the same.
	for i, q := range questions[:20] {
		one, err := NewFigures(s, nil).Figures(t.Context(), []impact.Question{q})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", one[0].Metrics) != fmt.Sprintf("%+v", figures[i].Metrics) || fmt.Sprintf("%+v", one[0].VIS) != fmt.Sprintf("%+v", figures[i].VIS) {
			t.Errorf("%+v alone is %+v", q, one[0])
		}
	}
}

// People's improvements are the same, counted from pages as they come or from whoever has
// them in memory, also where pages are read in several parts.
func TestReadLifts(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	rng := rand.New(rand.NewPCG(7, 8))
	events := make([]*impact.Event, 6_000)
	for i := range events {
		e := sessionEvent(c, i, fmt.Sprint("p", rng.IntN((pagesTogether+3)<<impact.PageBits)), "")
		e.Kind, e.Type, e.Dimension = impact.KindOutcome, "outcome.recorded", impact.Dimension(1+rng.IntN(2))
		e.Programme = programmes[rng.IntN(2)]
		e.Score, e.OccurredAt = impact.Micro(rng.IntN(1_000_001)), e.OccurredAt.AddDate(0, 0, -rng.IntN(700))
		events[i] = e
	}
	mustCommit(t, s, events...)
	foldAll(t, s)
	var questions []impact.Question
	for _, r := range []impact.Range{
		impact.AllTime, {From: impact.Date(2024, 1, 17), To: impact.Date(2025, 10, 20)}, {From: impact.Date(2025, 9, 2), To: impact.Date(2025, 9, 30)},
		{From: impact.Date(2030, 1, 1), To: impact.Date(2031, 2, 3)},
	} {
		for _, programme := range []string{"*", programmes[0], "none"} {
			questions = append(questions, impact.Question{Company: c.ID, Programme: programme, Range: r, Parts: impact.PartsVIS})
		}
	}
	counted, err := s.Read(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	for i := range questions {
		questions[i].Parts |= impact.PartAssessments
	}
	whole, err := s.Read(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	some := 0
	for i, q := range questions {
		got, want := counted[i].VIS(impact.DefaultVIS), whole[i].VIS(impact.DefaultVIS)
		if counted[i].Lift == nil || whole[i].Lift != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s %s: %+v, want %+v", q.Programme, q.Range, got, want)
		}
		some += int(counted[i].Lift.Improved)
	}
	if some == 0 {
		t.Error("nobody improved: it proves nothing")
	}
}

// A reading is of one moment: whatever a fold brought while it was read is in all of its parts, or in none.
func TestReadSeesOneState(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	folding := make(chan struct{})
	go func() {
		defer close(folding)
		for i := range 150 { // each fold brings one person: with a session, and with two assessments that improve
			person := fmt.Sprint("p", i)
			events := []*impact.Event{sessionEvent(c, 3*i, person, "")}
			for n := range 2 {
				e := sessionEvent(c, 3*i+1+n, person, "")
				e.Kind, e.Type, e.Dimension, e.Score = impact.KindOutcome, "outcome.assessed", impact.Language, impact.Micro(n*1_000_000)
				e.OccurredAt = e.OccurredAt.AddDate(0, 0, n)
				events = append(events, e)
			}
			if _, err := s.Commit(t.Context(), events); err != nil {
				t.Error(err)
				return
			}
			if err := (&Folder{store: s}).CatchUp(t.Context()); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	questions := []impact.Question{
		{Company: c.ID, Programme: "*", Range: impact.AllTime, Parts: impact.PartsOverview | impact.PartsVIS},
		{Company: c.ID, Programme: "buddy", Range: impact.AllTime, Parts: impact.PartsOverview | impact.PartsVIS},
	}
	states := make(map[int64]bool)
	for end := false; !end; {
		select {
		case <-folding:
			end = true
		default:
		}
		readings, err := s.Read(t.Context(), questions)
		if err != nil {
			t.Fatal(err)
		}
		n := readings[0].Figures().Metrics.Sessions
		states[n] = true
		for i, r := range readings {
			if m := r.Figures().Metrics; m.Sessions != n || m.Participants != n || r.Lift.Improved != n {
				t.Fatalf("question %d, of %d sessions: %d sessions, %d participants, %d improved", i, n, m.Sessions, m.Participants, r.Lift.Improved)
			}
		}
	}
	if len(states) < 10 || !states[150] {
		t.Errorf("only %d states were seen: it proves nothing", len(states))
	}
}

// No question sees another company's or programme's data.
func TestReadIsolation(t *testing.T) {
	t.Parallel()
	s := open(t)
	a, b := company(t, s, "acme"), company(t, s, "globex")
	mustCommit(t, s, sessions(a, 0, 10)...)
	foldAll(t, s)
	var questions []impact.Question
	for _, c := range []*impact.Company{b, a} {
		for _, p := range []string{"*", "buddy", "kintell"} {
			questions = append(questions, impact.Question{Company: c.ID, Programme: p, Range: impact.AllTime, Parts: impact.PartsOverview})
		}
	}
	figures, err := NewFigures(s, nil).Figures(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int64{0, 0, 0, 10, 10, 0} {
		if got := figures[i].Metrics.Sessions; got != want {
			t.Errorf("%+v: %d sessions, want %d", questions[i], got, want)
		}
	}
}

// A read is as many statements, and as many rows per bucket, for a hundred companies
// with years of history as for one with a day.
func TestReadCost(t *testing.T) {
	t.Parallel()
	p := newProxy(t, dbtest.New(t))
	s := openURL(t, p.url)
	seedRollups(t, s)
	cost := func(questions ...impact.Question) (statements, rows int32) {
		t.Helper()
		statements, rows = p.executed.Load(), p.rows.Load()
		if _, err := s.Read(t.Context(), questions); err != nil {
			t.Fatal(err)
		}
		return p.executed.Load() - statements, p.rows.Load() - rows
	}
	ask := func(company int, from, to impact.Day) impact.Question {
		return impact.Question{Company: impact.CompanyID(company), Programme: "*", Range: impact.Range{From: from, To: to}, Parts: impact.PartsOverview | impact.PartsCohort}
	}
	day := impact.Date(2024, 5, 14)
	one, few := cost(ask(1, day, day+1))
	var many []impact.Question
	for c := range 20 {
		many = append(many, ask(c+1, day-500, day), ask(c+1, day-50, day+100), ask(c+1, impact.MinDay, impact.MaxDay))
	}
	all, _ := cost(many...)
	if all != one {
		t.Errorf("%d statements for 60 questions, %d for one", all, one)
	}
	// All time is three year buckets of what a day has one of, in the range and before.
	_, ever := cost(ask(1, impact.MinDay, impact.MaxDay))
	if few == 0 || ever > 20*few {
		t.Errorf("%d rows for all time, %d for a day", ever, few)
	}
	// The worst range: 30 days and 11 months at each end.
	_, worst := cost(ask(1, impact.Date(2022, 1, 2), impact.Date(2024, 12, 31)))
	_, twice := cost(ask(1, impact.Date(2022, 1, 2), impact.Date(2023, 12, 31)))
	if worst > 2*twice {
		t.Errorf("%d rows for three years, %d for two", worst, twice)
	}
}

// seedRollups makes 20 companies with three years of rollups each, some 100,000 rows.
func seedRollups(t testing.TB, s *Store) {
	t.Helper()
	for _, table := range []string{"rollup_tally", "rollup_set", "rollup_page"} {
		// A vacuum under way would keep dbtest from dropping the database.
		exec(t, s, "ALTER TABLE "+table+" SET (autovacuum_enabled = false)")
	}
	exec(t, s, "INSERT INTO company (key, name) SELECT 'c' || n, '' FROM generate_series(1, 20) n")
	exec(t, s, `CREATE TEMPORARY VIEW place AS
		SELECT c.id AS company_id, programme, grain, bucket::date
		FROM company c, unnest(ARRAY['*', 'buddy', 'kintell']) programme,
		     (VALUES ('D'::"char", '1 day'::interval), ('M', '1 month'), ('Y', '1 year')) g (grain, step),
		     generate_series('2022-01-01'::date, '2024-12-31'::date, step) bucket
		WHERE grain <> 'D' OR extract(day FROM bucket)::int % 2 = 0`)
	conn := "INSERT INTO rollup_tally SELECT p.*, m, 1, 1 FROM place p, unnest(ARRAY['session.completed', 'volunteer_time']) m"
	exec(t, s, conn)
	exec(t, s, "INSERT INTO rollup_set SELECT p.*, m, '\\x3a3000000100000000000000100000000100'::bytea FROM place p, unnest(ARRAY['participants', 'volunteers']) m")
	exec(t, s, "INSERT INTO rollup_set SELECT p.*, m, '\\x3a3000000100000000000000100000000100'::bytea FROM place p, unnest(ARRAY['enrolled', 'completed']) m WHERE extract(day FROM bucket) < 3")
	exec(t, s, "INSERT INTO rollup_page SELECT p.*, f, 0, '\\x' FROM place p, unnest(ARRAY['V', 'A']::\"char\"[]) f")
	exec(t, s, "ANALYZE rollup_tally, rollup_set, rollup_page")
}

var seqScan = regexp.MustCompile(`Seq Scan on (rollup\w+|event|person)`)

// Every read goes by an index, whatever is asked for.
func TestReadPlans(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	s := openURL(t, url)
	s.db.SetMaxOpenConns(1) // the view is temporary
	seedRollups(t, s)
	ranges := map[string]impact.Range{
		"a day": {From: impact.Date(2024, 5, 14), To: impact.Date(2024, 5, 15)}, "all time": impact.AllTime,
		"odd": {From: impact.Date(2022, 1, 2), To: impact.Date(2024, 12, 31)},
	}
	for name, r := range ranges {
		for _, n := range []int{1, 10} {
			var answers []*answer
			for c := range n {
				answers = append(answers, &answer{Question: impact.Question{Company: impact.CompanyID(c + 1), Programme: "*", Range: r}})
			}
			within, until := inRange(answers), spans{}
			flags := make([]bool, len(within.of))
			for _, a := range answers {
				until.add(a, a.Range.Until())
			}
			for sql, args := range map[string][]any{
				"read_tallies":  within.args(),
				"read_sets":     within.args(),
				"read_pages":    within.args(pq.Array(flags)),
				"read_before":   until.args(),
				"read_lifts":    within.args(pq.Array(make([]int64, len(within.of))), pq.Array(slices.Repeat([]int64{pagesTogether}, len(within.of)))),
				"read_active":   {pq.Array(within.company)},
				"read_groups":   {pq.Array(within.company)},
				"read_settings": {pq.Array(within.company)},
			} {
				plan := strings.Join(list[string](t, s, "EXPLAIN "+query(sql), args...), "\n")
				if found := seqScan.FindString(plan); found != "" {
					t.Errorf("%s of %s for %d companies: %s\n%s", sql, name, n, found, plan)
				}
			}
		}
	}
}

// Cohorts: all, and departments whatever the case of their name.
func TestCohorts(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	var events []*impact.Event
	for i := range 18 {
		who := fmt.Sprint("p", i)
		e := sessionEvent(c, i, who, "v")
		if i >= 12 { // of no department
			events = append(events, e)
			continue
		}
		d := &impact.Event{
			Company: c.ID, Key: impact.Key{200, byte(i)}, Kind: impact.KindDirectory, Type: "x", Programme: "x", Participant: who,
			OccurredAt: e.OccurredAt, Department: []string{"Sales", "sales", "Ops"}[i%3], Raw: []byte("{}"),
		}
		events = append(events, e, d)
	}
	mustCommit(t, s, events...)
	foldAll(t, s)
	f := NewFigures(s, nil)
	ask := func(key string) impact.CohortQuestion {
		return impact.CohortQuestion{Company: c.ID, Programme: "*", Range: impact.AllTime, Key: key}
	}
	cohorts, err := f.Cohorts(t.Context(), []impact.CohortQuestion{ask("none"), ask("all"), ask("SALES"), ask("OPS"), ask("sales")})
	if err != nil {
		t.Fatal(err)
	}
	if cohorts[0] != nil || cohorts[1].ParticipantCount != 18 || cohorts[2].ParticipantCount != 8 || cohorts[4].ParticipantCount != 8 {
		t.Errorf("cohorts %+v", cohorts)
	}
	if !cohorts[3].Suppressed {
		t.Errorf("four people are told apart: %+v", cohorts[3])
	}
	departments, err := f.Departments(t.Context(), []impact.CompanyID{99, c.ID})
	if err != nil || len(departments[0]) != 0 || !slices.Equal(departments[1], []string{"Ops", "Sales"}) {
		t.Errorf("departments %q, %v", departments, err)
	}
}

// A department that would give a small one away by subtraction is withheld with it, in
// whatever order and company they are asked for; and so is one whose programme would
// tell of the few who were elsewhere.
func TestCohortsWithheld(t *testing.T) {
	t.Parallel()
	s := open(t)
	a, b := company(t, s, "acme"), company(t, s, "globex")
	var events []*impact.Event
	add := func(c *impact.Company, department string, people int, programme string) {
		for range people {
			n := len(events)
			who := fmt.Sprint("p", n)
			e := sessionEvent(c, n, who, "v")
			e.Programme = programme
			events = append(events, e, &impact.Event{
				Company: c.ID, Key: impact.Key{200, byte(n), byte(n >> 8)}, Kind: impact.KindDirectory, Type: "x", Programme: "x",
				Participant: who, OccurredAt: e.OccurredAt, Department: department, Raw: []byte("{}"),
			})
		}
	}
	add(a, "Sales", 9, "buddy")
	add(a, "Ops", 4, "buddy")
	add(a, "Legal", 7, "buddy")
	add(b, "Sales", 8, "buddy")
	add(b, "Sales", 2, "kintell")
	add(b, "Ops", 6, "buddy")
	add(b, "Ops", 6, "kintell")
	add(b, "Legal", 5, "kintell")
	mustCommit(t, s, events...)
	foldAll(t, s)
	f := NewFigures(s, nil)
	ask := func(c *impact.Company, programme, key string) impact.CohortQuestion {
		return impact.CohortQuestion{Company: c.ID, Programme: programme, Range: impact.AllTime, Key: key}
	}
	told := func(questions ...impact.CohortQuestion) string {
		t.Helper()
		cohorts, err := f.Cohorts(t.Context(), questions)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, c := range cohorts {
			if c.Suppressed {
				list = append(list, "-")
				continue
			}
			list = append(list, fmt.Sprint(c.ParticipantCount))
		}
		return strings.Join(list, " ")
	}
	for _, tt := range []struct {
		want      string
		questions []impact.CohortQuestion
	}{
		{"20 9 - -", []impact.CohortQuestion{ask(a, "*", "all"), ask(a, "*", "sales"), ask(a, "*", "Ops"), ask(a, "*", "Legal")}},
		{"-", []impact.CohortQuestion{ask(a, "*", "LEGAL")}}, // alone it is withheld as well
		{"- 10 9", []impact.CohortQuestion{ask(a, "*", "Legal"), ask(b, "*", "Sales"), ask(a, "*", "Sales")}},
		{"27 10 12 5", []impact.CohortQuestion{ask(b, "*", "all"), ask(b, "*", "Sales"), ask(b, "*", "Ops"), ask(b, "*", "Legal")}},
		// Eight of Sales were in buddy, so two in kintell alone; Ops is withheld since the rest would be Sales.
		{"14 - - -", []impact.CohortQuestion{ask(b, "buddy", "all"), ask(b, "buddy", "Sales"), ask(b, "buddy", "Ops"), ask(b, "buddy", "Legal")}},
		{"13 - 6 -", []impact.CohortQuestion{ask(b, "kintell", "all"), ask(b, "kintell", "Sales"), ask(b, "kintell", "Ops"), ask(b, "kintell", "Legal")}},
	} {
		if got := told(tt.questions...); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.questions, got, tt.want)
		}
	}
	// k is the company's own.
	mustChange(t, s, a, set("minGroup", "", "4"))
	if got := told(ask(a, "*", "sales"), ask(a, "*", "Ops"), ask(a, "*", "Legal")); got != "9 4 7" {
		t.Errorf("with k of 4: %s", got)
	}
}
