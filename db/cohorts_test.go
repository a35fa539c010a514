package db

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lib/pq"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

// randomFilter is a filter, and the same as a condition on x.participant in SQL.
func randomFilter(rng *rand.Rand, depth int) (f impact.CohortFilter, sql string) {
	list := func() (filters []impact.CohortFilter, conditions []string) {
		for range 1 + rng.IntN(3) {
			one, condition := randomFilter(rng, depth-1)
			filters, conditions = append(filters, one), append(conditions, condition)
		}
		return filters, conditions
	}
	roll := rng.IntN(8)
	if depth == 0 {
		roll = 3 + rng.IntN(5)
	}
	var conditions []string
	switch roll {
	case 0:
		f.And, conditions = list()
		return f, "(" + strings.Join(conditions, " AND ") + ")"
	case 1:
		f.Or, conditions = list()
		return f, "(" + strings.Join(conditions, " OR ") + ")"
	case 2:
		not, condition := randomFilter(rng, depth-1)
		f.Not = &not
		return f, "(NOT " + condition + ")"
	case 3:
		f.Department = []string{[]string{"sales", "Engineering", "ÄRZTE", "HR", "none"}[rng.IntN(5)], "Finance"}
		return f, fmt.Sprintf("(x.participant IN (SELECT key FROM person WHERE company_id = x.company_id AND department_key = %s))",
			pq.QuoteLiteral(departmentKey(f.Department[0])))
	case 4, 5:
		f.Attribute = &impact.CohortTrait{Name: []string{"division", "STATUS", "Cost_Centre", "none"}[rng.IntN(4)]}
		sql = fmt.Sprintf("company_id = x.company_id AND name = %s", pq.QuoteLiteral(strings.ToLower(f.Attribute.Name)))
		switch rng.IntN(3) {
		case 0:
			f.Attribute.In = []string{"NORTH", "none"}
			sql += " AND lower(value) IN ('north', 'none')"
		case 1:
			f.Attribute.NotIn = []string{"north", "Active"}
			sql += " AND lower(value) NOT IN ('north', 'active')"
		}
		return f, "(x.participant IN (SELECT participant FROM said WHERE " + sql + "))"
	}
	f.Did = &impact.CohortDid{Activity: []impact.Activity{"ANY", "SESSION", "FEEDBACK", "MILESTONE", "COURSE_DONE", "COMPLETION", "JOB", "DONATION", "MATCH"}[rng.IntN(9)]}
	sql = fmt.Sprintf("activity = '%s'", f.Did.Activity)
	if rng.IntN(3) == 0 {
		f.Did.Programme = programmes[rng.IntN(len(programmes))]
		sql += fmt.Sprintf(" AND programme = '%s'", f.Did.Programme)
	}
	if rng.IntN(2) == 0 {
		f.Did.Period = []string{"2019", "2020-Q1", "2020-01", "2020-W01", "2024", "2019-12-31/2022-01-01", "2025"}[rng.IntN(7)]
		p, err := impact.ParsePeriod(f.Did.Period)
		if err != nil {
			panic(err)
		}
		r := p.Range(impact.Calendar{}, 0)
		sql += fmt.Sprintf(" AND day >= %d AND day < %d", r.From, r.To)
	}
	return f, "(x.participant IN (SELECT participant FROM did WHERE company_id = x.company_id AND " + sql + "))"
}

// The members of random filters who were active in random ranges are COUNT(DISTINCT) of
// the log.
func TestCohortsEqualCountDistinct(t *testing.T) {
	t.Parallel()
	s, companies, _ := randomWorld(t, 3, 2000)
	exec(t, s, "CREATE TABLE did (company_id integer, participant text, day integer, programme text, activity text)")
	for _, c := range companies {
		exec(t, s, "INSERT INTO did SELECT $1, * FROM ("+didSQL+") d", c.ID)
	}
	exec(t, s, "CREATE INDEX ON did (company_id, activity)")
	exec(t, s, `CREATE TABLE said AS SELECT * FROM (
		SELECT DISTINCT ON (company_id, participant, name) company_id, participant, name, value
		FROM event, jsonb_each_text(attributes::jsonb) AS a (name, value) WHERE kind = 'directory' AND participant IS NOT NULL
		ORDER BY company_id, participant, name, occurred_at DESC, value COLLATE "C" DESC) latest WHERE value <> ''`)
	rng := rand.New(rand.NewPCG(8, 9))
	var cohorts []impact.CohortQuestion
	var questions []impact.Question
	var conditions []string
	for i := range 1000 {
		f, condition := randomFilter(rng, 3)
		if err := f.Check(); err != nil {
			t.Fatalf("%s: %v", &f, err)
		}
		r := impact.Range{From: impact.Date(2019, 1, 1) + impact.Day(rng.IntN(2600))}
		r.To = r.From + 1 + impact.Day(rng.IntN([]int{3, 40, 400, 3000}[rng.IntN(4)]))
		c := companies[rng.IntN(len(companies))]
		q := impact.CohortQuestion{
			Company: c.ID, Programme: append([]string{"*", "*"}, programmes...)[rng.IntN(5)], Range: r, Filter: f.String(),
		}
		if i%10 == 0 { // some are stored
			q.Key, q.Filter = fmt.Sprint("Stored-", i), ""
			if _, err := s.SaveCohort(t.Context(), impact.CohortDefinition{Company: c.ID, Key: q.Key, Name: q.Key, Filter: f}, "test", nil); err != nil {
				t.Fatal(err)
			}
		}
		cohorts, conditions = append(cohorts, q), append(conditions, condition)
		questions = append(questions, impact.Question{Company: c.ID, Programme: q.Programme, Range: r, Parts: impact.PartMembers})
	}
	members, err := s.members(t.Context(), cohorts)
	if err != nil {
		t.Fatal(err)
	}
	readings, err := s.Read(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := NewFigures(s, nil).Cohorts(t.Context(), cohorts)
	if err != nil {
		t.Fatal(err)
	}
	found, wrong, told := 0, 0, 0
	for i, q := range cohorts {
		want := get[uint64](t, s, `SELECT count(DISTINCT x.participant) FROM did x
			WHERE company_id = $1 AND ($2 = '*' OR programme = $2) AND activity = 'ANY' AND day >= $3 AND day < $4 AND `+conditions[i],
			q.Company, q.Programme, int(q.Range.From), int(q.Range.To))
		got := members[i].People.AndCardinality(readings[i].Total().Members(impact.SetParticipants))
		if got != want && wrong < 5 {
			wrong++
			t.Errorf("%+v, %s: %d people, want %d", q, conditions[i], got, want)
		}
		// Nor are those told of whose complement is small, or a department of theirs.
		out := readings[i].Total().Count(impact.SetParticipants) - int64(want)
		small := want < impact.DefaultMinGroup || out > 0 && out < impact.DefaultMinGroup
		if a := answers[i]; small && !a.Suppressed || !a.Suppressed && uint64(a.ParticipantCount) != want {
			t.Errorf("%+v: %d people, suppressed: %v; want %d", q, a.ParticipantCount, a.Suppressed, want)
		} else if !a.Suppressed {
			told++
		}
		if want > 0 {
			found++
		}
	}
	if found < 200 || told < 50 {
		t.Errorf("only %d of the cohorts have members, and %d are told of", found, told)
	}
}

// The audit log tells who defined what, and what it was before.
func TestAuditOfCohorts(t *testing.T) {
	t.Parallel()
	s := openURL(t, dbtest.New(t))
	a := company(t, s, "a")
	ctx := t.Context()
	for _, department := range []string{"Sales", "North"} {
		if _, err := s.SaveCohort(ctx, impact.CohortDefinition{
			Company: a.ID, Key: "Mine", Name: "Mine", Filter: impact.CohortFilter{Department: []string{department}},
		}, "key 7 (office)", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteCohort(ctx, a.ID, "MINE", "ada"); err != nil {
		t.Fatal(err)
	}
	logs, err := s.AuditLog(ctx, []impact.CompanyID{a.ID}, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	const sales, north = `mine "Mine": {"department":["Sales"]}`, `mine "Mine": {"department":["North"]}`
	want := []string{"ada cohort " + north + " -> - 2", "key 7 (office) cohort " + sales + " -> " + north + " 2", "key 7 (office) cohort - -> " + sales + " 1"}
	var got []string
	for _, line := range logs[0] {
		got = append(got, fmt.Sprintf("%s %s %s -> %s %d", line.Actor, line.Subject, orNone(line.Old), orNone(line.New), line.Version))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the audit log has %q, want %q", got, want)
	}
}

func orNone(text *string) string {
	if text == nil {
		return "-"
	}
	return *text
}

func TestStoredCohorts(t *testing.T) {
	t.Parallel()
	s := openURL(t, dbtest.New(t))
	a, b := company(t, s, "a"), company(t, s, "b")
	ctx := t.Context()
	def := impact.CohortDefinition{Company: a.ID, Key: "Sales", Name: "Those in sales", Filter: impact.CohortFilter{Department: []string{"Sales"}}}
	version := func(n int64) *int64 { return &n }
	if _, err := s.SaveCohort(ctx, def, "test", version(1)); !isCode(err, impact.CodeConflict) {
		t.Errorf("a version of what is not there: %v", err)
	}
	for want := int64(1); want <= 2; want++ {
		stored, err := s.SaveCohort(ctx, def, "test", version(want-1))
		if err != nil || stored.Version != want || stored.Key != "sales" {
			t.Fatalf("%+v, %v", stored, err)
		}
	}
	if _, err := s.SaveCohort(ctx, def, "test", version(1)); !isCode(err, impact.CodeConflict) {
		t.Errorf("an old version: %v", err)
	}
	relative := def
	relative.Filter = impact.CohortFilter{Did: &impact.CohortDid{Activity: impact.ActivityAny, Period: "last-30d"}}
	if _, err := s.SaveCohort(ctx, relative, "test", nil); !isCode(err, impact.CodeInvalid) {
		t.Errorf("a relative period: %v", err)
	}
	members, err := s.members(ctx, []impact.CohortQuestion{{Company: a.ID, Key: "SALES"}, {Company: b.ID, Key: "sales"}, {Company: a.ID, Key: "all"}})
	if err != nil {
		t.Fatal(err)
	}
	if m := members[0]; m == nil || m.Name != "Those in sales" || m.People == nil {
		t.Errorf("the stored cohort is %+v", m)
	}
	if members[1] != nil || members[2] == nil || members[2].People != nil {
		t.Errorf("another company's is %+v, all is %+v", members[1], members[2])
	}
	lists, err := s.departments(ctx, []impact.CompanyID{b.ID, a.ID})
	if err != nil || fmt.Sprint(lists) != "[[] [sales]]" {
		t.Errorf("cohorts: %v, %v", lists, err)
	}
	if err := s.DeleteCohort(ctx, b.ID, "sales", "test"); !isCode(err, impact.CodeNotFound) {
		t.Errorf("deleting another company's: %v", err)
	}
	if err := s.DeleteCohort(ctx, a.ID, "sAles", "test"); err != nil {
		t.Error(err)
	}
	if n := get[int](t, s, "SELECT count(*) FROM cohort"); n != 0 {
		t.Errorf("%d cohorts are left", n)
	}
}

func isCode(err error, code impact.Code) bool {
	e, ok := errors.AsType[*impact.Error](err)
	return ok && e.Code == code
}

// Whoever subtracts the figures of a filter from those of everybody, or of the same with
// one condition less, or adds up the values of an attribute, does not find few people:
// not in cohorts, nor in the steps of funnels and the rows of retention.
func TestAttackerSubtractsFilters(t *testing.T) {
	t.Parallel()
	s, companies, _ := randomWorld(t, 4, 4000)
	rng := rand.New(rand.NewPCG(6, 7))
	var cohorts []impact.CohortQuestion
	var funnels []impact.FunnelQuestion
	var retentions []impact.RetentionQuestion
	ask := func(c *impact.Company, r impact.Range, filter string) {
		key := ""
		if filter == "" {
			key = impact.CohortAll
		}
		cohorts = append(cohorts, impact.CohortQuestion{Company: c.ID, Programme: impact.AllProgrammes, Range: r, Key: key, Filter: filter})
		funnels = append(funnels, impact.FunnelQuestion{
			Company: c.ID, Cohort: key, Filter: filter, Range: r, Window: 400,
			Steps: []impact.FunnelStep{{Activity: "ANY", Programme: "*"}, {Activity: "SESSION", Programme: "*"}, {Activity: "OUTCOME", Programme: "*"}},
		})
		q, err := impact.NewRetentionQuestion(impact.RetentionQuestion{
			Company: c.ID, Programme: "*", Cohort: key, Filter: filter, Mode: impact.RetentionClassic, Today: impact.Date(2027, 1, 1),
		}, r, impact.IntervalYear, c.Calendar, []int{1, 1, 1})
		if err != nil {
			t.Fatal(err)
		}
		retentions = append(retentions, q)
	}
	type pair struct{ filter, beside int } // the second: everybody, or with one condition less
	var pairs []pair
	for range 150 {
		f, _ := randomFilter(rng, 2)
		c := companies[rng.IntN(len(companies))]
		r := impact.Range{From: impact.Date(2019, 1, 1), To: impact.Date(2020+rng.IntN(6), 1, 1)}
		filter := len(cohorts)
		ask(c, r, f.String())
		pairs = append(pairs, pair{filter, len(cohorts)})
		ask(c, r, "")
		for _, simpler := range f.Simpler() {
			pairs = append(pairs, pair{filter, len(cohorts)})
			ask(c, r, simpler.String())
		}
	}
	f := NewFigures(s, nil)
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
	told := 0
	check := func(p pair, what string, a, b int64) {
		if d := max(a-b, b-a); 0 < d && d < impact.DefaultMinGroup {
			t.Errorf("%s: %s has %d, %s%s has %d", what, cohorts[p.filter].Filter, a, cohorts[p.beside].Filter, cohorts[p.beside].Key, b)
		}
		told++
	}
	for _, p := range pairs {
		if a, b := counts[p.filter], counts[p.beside]; !a.Suppressed && !b.Suppressed {
			check(p, "participants", a.ParticipantCount, b.ParticipantCount)
		}
		for i, a := range steps[p.filter].Steps {
			if b := steps[p.beside].Steps[i]; !a.Suppressed && !b.Suppressed {
				check(p, fmt.Sprint("step ", i), a.People, b.People)
			}
		}
		for i, a := range matrices[p.filter].Rows {
			b := matrices[p.beside].Rows[i]
			if !a.Suppressed && !b.Suppressed {
				check(p, fmt.Sprint("row ", i), a.Size, b.Size)
			}
			for c := range a.Retained {
				if a.Retained[c] != nil && b.Retained[c] != nil {
					check(p, fmt.Sprintf("row %d, column %d", i, c), *a.Retained[c], *b.Retained[c])
				}
			}
		}
	}
	if told < 400 {
		t.Errorf("%d differences are known: the attack proves little", told)
	}
}
