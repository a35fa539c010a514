package db

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/impactql/impactql/impact"
)

// didSQL is who did what on which of the company's days, from the log alone.
const didSQL = `
	SELECT e.participant, (occurred_at AT TIME ZONE c.time_zone)::date - date '1970-01-01' AS day, programme, activity
	FROM event e JOIN company c ON c.id = e.company_id
	CROSS JOIN LATERAL unnest(array_remove(ARRAY[
		CASE WHEN kind NOT IN ('unknown', 'directory', 'donation', 'enrollment', 'placement') AND (kind <> 'match' OR status IS DISTINCT FROM 'ended') THEN 'ANY' END,
		CASE kind WHEN 'session.completed' THEN 'SESSION' WHEN 'feedback.received' THEN 'FEEDBACK' WHEN 'checkin.submitted' THEN 'CHECKIN'
			WHEN 'milestone.achieved' THEN 'MILESTONE' WHEN 'outcome.assessed' THEN 'OUTCOME' WHEN 'course.completed' THEN 'COURSE'
			WHEN 'enrollment' THEN 'ENROLMENT' WHEN 'placement' THEN 'PLACEMENT' WHEN 'donation' THEN 'DONATION' WHEN 'event.attended' THEN 'EVENT' END,
		CASE WHEN kind = 'match' AND status IS DISTINCT FROM 'ended' THEN 'MATCH' END,
		CASE WHEN kind = 'course.completed' AND status = 'completed' THEN 'COURSE_DONE' END,
		CASE WHEN kind = 'enrollment' AND status = 'completed' THEN 'COMPLETION' END,
		CASE WHEN kind = 'placement' AND status = 'placed' THEN 'JOB' END,
		CASE WHEN kind = 'outcome.assessed' AND dimension = 'job_readiness' AND score >= 700000 THEN 'JOB_READY' END
	], NULL)) AS activity
	WHERE e.company_id = $1 AND participant IS NOT NULL`

type did struct {
	Participant string
	Day         impact.Day
	Programme   string
	Activity    impact.Activity
}

// world is companies of several zones with random events, folded in several goes, and
// what people did according to the log.
func randomWorld(t *testing.T, seed uint64, events int) (s *Store, companies []*impact.Company, done map[impact.CompanyID][]did) {
	t.Helper()
	s = open(t)
	for i, zone := range zones {
		companies = append(companies, companyIn(t, s, fmt.Sprint("company-", i), zone))
	}
	rng := rand.New(rand.NewPCG(seed, 9))
	for range 4 {
		mustCommit(t, s, randomEvents(rng, companies, events/4)...)
		foldAll(t, s)
	}
	done = make(map[impact.CompanyID][]did)
	for _, c := range companies {
		var list []did
		if err := s.db.Select(&list, didSQL, c.ID); err != nil {
			t.Fatal(err)
		}
		done[c.ID] = list
	}
	return s, companies, done
}

func TestRetentionEqualsTheLog(t *testing.T) {
	t.Parallel()
	s, companies, done := randomWorld(t, 1, 2400)
	rng := rand.New(rand.NewPCG(3, 4))
	intervals := []impact.Interval{
		impact.IntervalDay, impact.IntervalWeek, impact.IntervalMonth, impact.IntervalQuarter, impact.IntervalFiscalYear,
	}
	var questions []impact.RetentionQuestion
	for range 400 {
		c := companies[rng.IntN(len(companies))]
		cal := c.Calendar
		cal.FiscalStart, cal.WeekStart = 4, 0
		r := impact.Range{From: impact.Date(2019, 1, 1) + impact.Day(rng.IntN(400))}
		interval := intervals[rng.IntN(len(intervals))]
		r.To = r.From + 1 + impact.Day(rng.IntN(600))
		if interval == impact.IntervalDay {
			r.From = impact.Date(2019, 12, 28) + impact.Day(rng.IntN(5))
			r.To = r.From + 1 + impact.Day(rng.IntN(60))
		}
		brackets := [][]int{{1, 1, 1, 1}, {1, 2, 5}, {3}}[rng.IntN(3)]
		mode := impact.RetentionBracket
		if len(brackets) == 4 {
			mode = []impact.RetentionMode{impact.RetentionClassic, impact.RetentionRolling}[rng.IntN(2)]
		}
		q, err := impact.NewRetentionQuestion(impact.RetentionQuestion{
			Company: c.ID, Programme: append([]string{"*", "*", "none"}, programmes...)[rng.IntN(6)], Cohort: impact.CohortAll,
			Mode: mode, Today: r.To + impact.Day(rng.IntN(2000)),
		}, r, interval, cal, brackets)
		if err != nil {
			t.Fatal(err)
		}
		questions = append(questions, q)
	}
	answers, err := NewFigures(s, nil).Retentions(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	cells := map[string]int{}
	for i, q := range questions {
		days := make(map[string][]impact.Day)
		for _, d := range done[q.Company] {
			if d.Activity == impact.ActivityAny && (q.Programme == "*" || q.Programme == d.Programme) {
				days[d.Participant] = append(days[d.Participant], d.Day)
			}
		}
		ranges := q.Ranges()[1:] // of rows and columns, and of everything later
		brackets := []int{1, 1, 1, 1}
		for _, b := range [][]int{{1, 2, 5}, {3}} {
			if q.Mode == impact.RetentionBracket && len(answers[i].Rows[0].Retained) == len(b) {
				brackets = b
			}
		}
		for n, row := range answers[i].Rows {
			var people []string
			for who, list := range days {
				if first := slices.Min(list); first >= row.Range.From && first < row.Range.To {
					people = append(people, who)
				}
			}
			if row.Range != ranges[n] {
				t.Errorf("question %d, row %d: %v, want %v", i, n, row.Range, ranges[n])
			}
			small := func(n int) bool { return 0 < n && n < impact.DefaultMinGroup }
			if small(len(people)) && !row.Suppressed || !row.Suppressed && int(row.Size) != len(people) {
				t.Errorf("question %d, %v: %d people, suppressed: %v; want %d", i, row.Range, row.Size, row.Suppressed, len(people))
			}
			if row.Suppressed {
				cells["suppressed"]++
				continue
			}
			from := n
			for column, width := range brackets {
				within := impact.Range{From: ranges[from].From, To: ranges[from+width-1].To}
				from += width
				got := row.Retained[column]
				if within.To > q.Today {
					if got != nil {
						t.Errorf("question %d, %v, column %d: %d though it is not finished", i, row.Range, column, *got)
					}
					cells["unfinished"]++
					continue
				}
				if q.Mode == impact.RetentionRolling {
					within.To = impact.MaxDay
				}
				want := 0
				for _, who := range people {
					if slices.ContainsFunc(days[who], func(d impact.Day) bool { return within.From <= d && d < within.To }) {
						want++
					}
				}
				if row.Withheld[column] {
					if got != nil || column == 0 {
						t.Errorf("question %d (%s), %v, column %d: %v though it is withheld", i, q.Mode, row.Range, column, got)
					}
					cells["withheld"]++
					continue
				}
				if small(want) || small(len(people)-want) {
					t.Errorf("question %d (%s), %v, column %d: %d of %d are told", i, q.Mode, row.Range, column, want, len(people))
				}
				if got == nil || int(*got) != want {
					t.Errorf("question %d (%s), %v, column %d: %v, want %d", i, q.Mode, row.Range, column, got, want)
				}
				if len(people) > 0 {
					cells[string(q.Mode)]++
				}
			}
		}
	}
	t.Log(cells)
	for _, kind := range []string{"suppressed", "withheld", "unfinished", "CLASSIC", "ROLLING", "BRACKET"} {
		if cells[kind] < 10 {
			t.Errorf("only %d cells are %s", cells[kind], kind)
		}
	}
}

func TestFunnelEqualsTheLog(t *testing.T) {
	t.Parallel()
	s, companies, done := randomWorld(t, 2, 4000)
	rng := rand.New(rand.NewPCG(5, 6))
	activities := []impact.Activity{
		"ANY", "SESSION", "SESSION", "FEEDBACK", "CHECKIN", "MILESTONE", "OUTCOME", "COURSE", "COURSE_DONE", "ENROLMENT",
		"COMPLETION", "PLACEMENT", "JOB", "JOB_READY", "DONATION", "MATCH", "EVENT",
	}
	var questions []impact.FunnelQuestion
	for range 600 {
		q := impact.FunnelQuestion{
			Company: companies[rng.IntN(len(companies))].ID, Cohort: impact.CohortAll,
			Range:  impact.Range{From: impact.Date(2019, 6, 1) + impact.Day(rng.IntN(600))},
			Window: []int{0, 1, 3, 30, 400, 3000}[rng.IntN(6)],
		}
		q.Range.To = q.Range.From + impact.Day(rng.IntN(2500))
		for range 1 + rng.IntN(5) {
			q.Steps = append(q.Steps, impact.FunnelStep{Activity: activities[rng.IntN(len(activities))], Programme: []string{"*", "*", "buddy"}[rng.IntN(3)]})
		}
		if rng.IntN(3) == 0 {
			q.Steps = append(q.Steps, q.Steps[len(q.Steps)-1])
		}
		if err := q.Check(); err != nil {
			t.Fatal(err)
		}
		questions = append(questions, q)
	}
	answers, err := NewFigures(s, nil).Funnels(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	reached, suppressed, repeated := 0, 0, 0
	for i, q := range questions {
		counts, medians := bruteFunnel(q, q.Steps, done[q.Company])
		fewElsewhere := fewWithoutProgramme(q, counts, done[q.Company])
		for n, step := range answers[i].Steps {
			isSmall := func(n int) bool { return 0 < n && n < impact.DefaultMinGroup }
			withheld := step.Suppressed
			tells := isSmall(counts[n]) || fewElsewhere[n]
			for before := range n {
				tells = tells || !answers[i].Steps[before].Suppressed && isSmall(counts[before]-counts[n])
			}
			if tells && !withheld || withheld && !tells || !withheld && int(step.People) != counts[n] {
				t.Errorf("question %d %+v, step %d: %d people, suppressed: %v; want %d", i, q, n, step.People, step.Suppressed, counts[n])
			}
			if withheld {
				suppressed++
				continue
			}
			if n > 0 && counts[n] > 0 {
				reached++
				if q.Steps[n] == q.Steps[n-1] {
					repeated++
				}
				if step.MedianDays == nil || *step.MedianDays != medians[n] {
					t.Errorf("question %d %+v, step %d: median %v, want %v", i, q, n, step.MedianDays, medians[n])
				}
			} else if step.MedianDays != nil {
				t.Errorf("question %d, step %d: a median of %v", i, n, *step.MedianDays)
			}
		}
	}
	if reached < 50 || suppressed < 50 || repeated < 10 {
		t.Errorf("%d steps were reached, %d by repetition, and %d suppressed: too few to prove anything", reached, repeated, suppressed)
	}
}

// fewWithoutProgramme reports the steps to which few come, or few more, without the
// programme of one step.
func fewWithoutProgramme(q impact.FunnelQuestion, counts []int, done []did) []bool {
	few := make([]bool, len(q.Steps))
	isSmall := func(n int) bool { return 0 < n && n < impact.DefaultMinGroup }
	for i, s := range q.Steps {
		if s.Programme == "*" {
			continue
		}
		wider := q
		wider.Steps = slices.Clone(q.Steps)
		wider.Steps[i].Programme = "*"
		all, _ := bruteFunnel(wider, q.Steps, done)
		for n := i; n < len(few); n++ {
			few[n] = few[n] || isSmall(all[n]) || isSmall(all[n]-counts[n])
		}
	}
	return few
}

// bruteFunnel tries every start of every person. Steps have to be on different days that
// are equal, also as they were asked for.
func bruteFunnel(q impact.FunnelQuestion, asked []impact.FunnelStep, done []did) (counts []int, medians []float64) {
	days := make(map[string][]map[impact.Day]bool) // person, step
	for _, d := range done {
		for n, s := range q.Steps {
			if s.Activity == d.Activity && (s.Programme == "*" || s.Programme == d.Programme) {
				if days[d.Participant] == nil {
					days[d.Participant] = make([]map[impact.Day]bool, len(q.Steps))
				}
				if days[d.Participant][n] == nil {
					days[d.Participant][n] = make(map[impact.Day]bool)
				}
				days[d.Participant][n][d.Day] = true
			}
		}
	}
	counts, medians = make([]int, len(q.Steps)), make([]float64, len(q.Steps))
	waits := make([][]int, len(q.Steps))
	for _, steps := range days {
		// first[n] is the first day of step n, and when, on the way there from the latest
		// start that leads there that day, step n-1 was.
		first := make([]impact.Day, len(q.Steps))
		wait := make([]int, len(q.Steps))
		for n := range first {
			first[n] = -1
		}
		for start := range steps[0] {
			if start < q.Range.From || start >= q.Range.To {
				continue
			}
			if first[0] < 0 || start < first[0] {
				first[0] = start
			}
		}
		latest := make([]impact.Day, len(q.Steps))
		for start := range steps[0] {
			if start < q.Range.From || start >= q.Range.To {
				continue
			}
			at := start
			for n := 1; n < len(steps); n++ {
				next := impact.Day(-1)
				for d := range steps[n] {
					if (d > at || d == at && (q.Steps[n] != q.Steps[n-1] || asked[n] != asked[n-1])) && int(d-start) <= q.Window && (next < 0 || d < next) {
						next = d
					}
				}
				if next < 0 {
					break
				}
				if first[n] < 0 || next < first[n] || next == first[n] && start > latest[n] {
					first[n], wait[n], latest[n] = next, int(next-at), start
				}
				at = next
			}
		}
		for n := range first {
			if first[n] >= 0 {
				counts[n]++
				waits[n] = append(waits[n], wait[n])
			}
		}
	}
	for n, list := range waits {
		if len(list) > 0 {
			slices.Sort(list)
			medians[n] = float64(list[(len(list)-1)/2]+list[len(list)/2]) / 2
		}
	}
	return counts, medians
}
