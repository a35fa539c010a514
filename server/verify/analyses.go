package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// What is compared of analyses: matrices whose rows are the last year's or two's, and
// funnels that begin before the last months, of the first programmes (with all
// of them together first) and of the first cohorts by a filter.
const (
	maxAnalysedCohorts = 3
	funnelStarts       = 275 // days
	funnelWindow       = 90  // days, after the starts
)

// matrix is a retention matrix that is asked for.
type matrix struct {
	mode     impact.RetentionMode
	interval impact.Interval
	months   int // of an interval
	rows     int
	widths   []int // of the columns, in intervals
}

var matrices = []matrix{
	{impact.RetentionClassic, impact.IntervalMonth, 1, 12, slices.Repeat([]int{1}, 12)},
	{impact.RetentionRolling, impact.IntervalMonth, 1, 12, slices.Repeat([]int{1}, 6)},
	{impact.RetentionBracket, impact.IntervalMonth, 1, 12, []int{1, 3, 8}},
	{impact.RetentionClassic, impact.IntervalQuarter, 3, 8, slices.Repeat([]int{1}, 8)},
}

func (m *matrix) name() string { return fmt.Sprintf("retention %s by %s", m.mode, m.interval) }

// step is what people do in a programme, or in any.
type step struct{ activity, programme string }

// walks are the funnels that are asked for, each step of any programme; the first ones
// also of each programme, and of cohorts.
var walks = [...][]string{
	{"SESSION", "OUTCOME", "FEEDBACK"}, {"ANY", "ANY", "ANY"}, {"ENROLMENT", "SESSION", "SESSION", "COMPLETION"},
}

const programmeWalks = 2

// analyses are what participants did when, as far as the log was read.
type analyses struct {
	months map[string]map[string][]int      // by programme and person: months in which they were active, ascending
	starts impact.Range                     // of funnels
	days   map[step]map[string][]impact.Day // by person, ascending; while funnels go on
}

func (r *run) prepareAnalyses(ctx context.Context) error {
	if r.options.Only != nil && !r.options.Only(AllTime) {
		return nil
	}
	active, err := r.ledger.Figures.Active(ctx, []impact.CompanyID{r.ledger.Company.ID})
	if err != nil {
		return err
	}
	end := active[0].To - min(funnelWindow, (active[0].To-active[0].From)/2)
	a := &analyses{
		months: make(map[string]map[string][]int), days: make(map[step]map[string][]impact.Day),
		starts: impact.Range{From: end - funnelStarts, To: end}.Clip(impact.AllTime),
	}
	for _, programme := range r.analysed() {
		a.months[programme] = make(map[string][]int)
		for i, walk := range walks {
			if programme == impact.AllProgrammes || i < programmeWalks {
				for _, activity := range walk {
					a.days[step{activity, programme}] = make(map[string][]impact.Day)
				}
			}
		}
	}
	r.analyses = a
	return nil
}

// analysed are the programmes whose analyses are compared.
func (r *run) analysed() []string { return r.programmes[:min(len(r.programmes), maxFilterProgrammes)] }

// note notes what an event lets its participant have done.
func (a *analyses) note(e *db.LedgerEvent, day impact.Day) {
	if a == nil || e.Participant == "" {
		return
	}
	date := day.Time()
	month := 12*date.Year() + int(date.Month()) - 1
	for _, programme := range [...]string{impact.AllProgrammes, e.Programme} {
		if of := a.months[programme]; of != nil && isActivity(e) {
			if list := of[e.Participant]; len(list) == 0 || list[len(list)-1] != month {
				of[e.Participant] = append(list, month)
			}
		}
	}
	if day < a.starts.From || day >= a.starts.To+funnelWindow {
		return
	}
	for s, of := range a.days {
		if (s.programme == impact.AllProgrammes || s.programme == e.Programme) && isDoing(e, s.activity) {
			if list := of[e.Participant]; len(list) == 0 || list[len(list)-1] != day {
				of[e.Participant] = append(list, day)
			}
		}
	}
}

// compareAnalyses compares matrices and funnels, once the whole log was read.
func (r *run) compareAnalyses(ctx context.Context) error {
	if r.analyses == nil || !r.begun {
		return nil
	}
	if err := r.compareRetention(ctx); err != nil {
		return err
	}
	return r.compareFunnels(ctx)
}

// analysedCohort is a cohort of which analyses are compared; of everybody it has no
// members.
type analysedCohort struct {
	suffix, key, filter string
	members             map[string]bool
}

// named is what was asked for.
func (c *analysedCohort) named() string {
	if c.members == nil {
		return ""
	}
	return or(c.key, c.filter)
}

func (c *analysedCohort) has(who string) bool { return c.members == nil || c.members[who] }

// analysedCohorts are everybody and the first cohorts by a filter.
func (r *run) analysedCohorts() []analysedCohort {
	list := []analysedCohort{{key: impact.CohortAll}}
	for _, c := range r.cohorts[:min(len(r.cohorts), maxAnalysedCohorts)] {
		of := analysedCohort{" of cohort " + c.name, c.key, "", r.members(&c.filter, r.history[impact.AllProgrammes].known)}
		if c.key == "" {
			of.filter = c.text
		}
		list = append(list, of)
	}
	return list
}

func (r *run) compareRetention(ctx context.Context) error {
	now := time.Now()
	company := r.ledger.Company
	today := dayOf(now, company.Location)
	last := r.last.Time()
	var questions []impact.RetentionQuestion
	var claims []func(*impact.Retention)
	for i := range matrices {
		m := &matrices[i]
		first := (12*last.Year()+int(last.Month())-1)/m.months - m.rows + 1
		starts := func(n int) impact.Day { // of interval n, from the first row's on
			month := (first + n) * m.months
			return impact.Date(month/12, time.Month(month%12+1), 1)
		}
		for _, programme := range r.analysed() {
			for _, c := range r.analysedCohorts() {
				if c.members != nil && programme != impact.AllProgrammes {
					continue
				}
				q, err := impact.NewRetentionQuestion(impact.RetentionQuestion{
					Company: company.ID, Programme: programme, Cohort: c.key, Filter: c.filter, Mode: m.mode, Today: company.Today(now),
				}, impact.Range{From: starts(0), To: starts(m.rows)}, m.interval, company.Calendar, m.widths)
				if err != nil {
					return err
				}
				questions = append(questions, q)
				claims = append(claims, func(got *impact.Retention) {
					r.judgeRetention(m, programme, &c, m.count(r.analyses.months[programme], first, c.has), starts, today, got)
				})
			}
		}
	}
	told, err := r.ledger.Figures.Retentions(ctx, questions)
	if err != nil {
		return err
	}
	for i, claim := range claims {
		claim(told[i])
	}
	return nil
}

// count is how many came in each row, and how many of them stayed, by column.
func (m *matrix) count(months map[string][]int, first int, has func(string) bool) (cells [][]int) {
	cells = make([][]int, m.rows)
	for row := range cells {
		cells[row] = make([]int, len(m.widths)+1)
	}
	for who, list := range months {
		row := list[0]/m.months - first
		if row < 0 || row >= m.rows || !has(who) {
			continue
		}
		cells[row][0]++
		from := list[0] / m.months
		for column, width := range m.widths {
			to := from + width
			if slices.ContainsFunc(list, func(month int) bool {
				return month/m.months >= from && (month/m.months < to || m.mode == impact.RetentionRolling)
			}) {
				cells[row][column+1]++
			}
			from = to
		}
	}
	return cells
}

func (r *run) judgeRetention(
	m *matrix, programme string, of *analysedCohort, cells [][]int, starts func(int) impact.Day, today impact.Day, got *impact.Retention,
) {
	analysis := m.name() + of.suffix
	c := &claim{period: AllTime, programme: programme, days: impact.Range{From: impact.MinDay, To: starts(m.intervals())}}
	if m.mode == impact.RetentionRolling {
		c.days.To = impact.MaxDay
	}
	if got == nil {
		r.differ(AllTime, programme, analysis, "a matrix", "no cohort")
		return
	}
	want, told := m.sheet(starts), figures{}
	for n := range got.Rows {
		row := &got.Rows[n]
		name := fmt.Sprintf("%s row %s", analysis, starts(n))
		r.judgeOne(c, name+" starts", starts(n).String(), row.Range.From.String())
		if row.Suppressed {
			continue
		}
		r.judgeCount(c, name+" size", cells[n][0], cells[n][0], row.Size)
		want.count(fmt.Sprintf("size[%d]", n), int64(cells[n][0]))
		end := n
		for column, width := range m.widths {
			end += width
			at := fmt.Sprintf("%s column %d", name, column)
			switch retained := row.Retained[column]; {
			case row.Withheld[column]:
			case starts(end) > today && retained != nil:
				r.differ(AllTime, programme, at, "not finished", fmt.Sprint(*retained))
			case starts(end) > today:
				r.result.Figures++
			case retained == nil:
				r.differ(AllTime, programme, at, fmt.Sprint(cells[n][column+1]), "null")
			default:
				r.judgeCount(c, at, cells[n][column+1], cells[n][0], *retained)
				want.count(fmt.Sprintf("retained[%d][%d]", n, column), int64(cells[n][column+1]))
				if row.Size > 0 {
					told.decimal(fmt.Sprintf("%s rate[%d][%d]", analysis, n, column), impact.Percent(*retained, row.Size), 2)
				}
			}
		}
	}
	r.judgeExplanation(c, of.named(), newPart(analysis+" ", impact.IDRetention, want), answer{told, got.Explain(r.ledger.Company.Key)})
}

// intervals are those of all rows and columns.
func (m *matrix) intervals() int {
	n := m.rows - 1
	for _, width := range m.widths {
		n += width
	}
	return n
}

// sheet is what is asked for.
func (m *matrix) sheet(starts func(int) impact.Day) sheet {
	list := sheet{"mode": string(m.mode)}
	for n := range m.intervals() {
		list[fmt.Sprintf("interval[%d]", n)] = impact.Range{From: starts(n), To: starts(n + 1)}.String()
	}
	for k, width := range m.widths {
		list.count(fmt.Sprintf("width[%d]", k), int64(width))
	}
	return list
}

func (r *run) judgeOne(c *claim, name, want, got string) {
	r.judge(c, figures{{name, want}}, figures{{name, got}})
}

// judgeCount judges a count of people that is told, of so many: it must be right, and
// neither it nor the rest may be of too few.
func (r *run) judgeCount(c *claim, name string, want, of int, got int64) {
	r.judgeOne(c, name, fmt.Sprint(want), fmt.Sprint(got))
	least := int(r.least())
	for _, n := range [...]int{want, of - want} {
		if 0 < n && n < least {
			r.differ(c.period, c.programme, name, "withheld", fmt.Sprintf("%d of %d people", got, of))
			return
		}
	}
}

func (r *run) compareFunnels(ctx context.Context) error {
	a := r.analyses
	var questions []impact.FunnelQuestion
	var claims []func(*impact.Funnel)
	for i, walk := range walks {
		for _, programme := range r.analysed() {
			if programme != impact.AllProgrammes && i >= programmeWalks {
				continue
			}
			for _, c := range r.analysedCohorts() {
				if c.members != nil && (programme != impact.AllProgrammes || i > 0) {
					continue
				}
				q := impact.FunnelQuestion{Company: r.ledger.Company.ID, Cohort: c.key, Filter: c.filter, Range: a.starts, Window: funnelWindow}
				for _, activity := range walk {
					q.Steps = append(q.Steps, impact.FunnelStep{Activity: impact.Activity(activity), Programme: programme})
				}
				questions = append(questions, q)
				claims = append(claims, func(got *impact.Funnel) { r.judgeFunnel(walk, programme, &c, got) })
			}
		}
	}
	told, err := r.ledger.Figures.Funnels(ctx, questions)
	if err != nil {
		return err
	}
	for i, claim := range claims {
		claim(told[i])
	}
	return nil
}

func (r *run) judgeFunnel(walk []string, programme string, of *analysedCohort, got *impact.Funnel) {
	c := &claim{period: r.analyses.starts.String(), programme: programme, days: r.analyses.starts}
	name := "funnel " + strings.Join(walk, ", ") + of.suffix
	if got == nil {
		r.differ(c.period, programme, name, "a funnel", "no cohort")
		return
	}
	want, told := sheet{"window": fmt.Sprint(funnelWindow)}, figures{}
	waits := r.analyses.walk(walk, programme, of.has)
	before := -1 // how many came to the last step that is told
	for n := range got.Steps {
		s, step := &got.Steps[n], fmt.Sprintf("steps[%d].", n)
		want[step+"activity"] = walk[n]
		if programme != impact.AllProgrammes {
			want[step+"programme"] = programme
		}
		if s.Suppressed {
			continue
		}
		at := fmt.Sprintf("%s step %d", name, n)
		want.count(step+"people", int64(len(waits[n])))
		if before < 0 {
			before = len(waits[n])
		}
		r.judgeCount(c, at, len(waits[n]), before, s.People)
		before = len(waits[n])
		found := "null"
		if s.MedianDays != nil {
			found = fmt.Sprintf("%.1f", *s.MedianDays)
		}
		median := medianOf(waits[n], n)
		r.judgeOne(c, at+" median days", median, found)
		if median != "null" {
			want.set(step+"medianDays", numeral(median))
		}
		if first := &got.Steps[0]; !first.Suppressed && first.People > 0 {
			told.decimal(name+" "+step+"conversion", impact.Percent(s.People, first.People), 2)
		}
	}
	r.judgeExplanation(c, of.named(), newPart(name+" ", impact.IDFunnel, want), answer{told, got.Explain(r.ledger.Company.Key)})
}

// medianOf is the median of how long people waited for a step; null for the first, and of
// nobody.
func medianOf(waits []int, step int) string {
	if step == 0 || len(waits) == 0 {
		return "null"
	}
	slices.Sort(waits)
	return fixed(ratio(int64(waits[(len(waits)-1)/2]+waits[len(waits)/2]), 2), 1)
}

// walk is how many days everybody who came to a step took from the one before, by step: to
// the first day on which they were there, from the latest start that leads there that day.
func (a *analyses) walk(walk []string, programme string, has func(string) bool) [][]int {
	waits := make([][]int, len(walk))
	done := make([]map[string][]impact.Day, len(walk))
	for n, activity := range walk {
		done[n] = a.days[step{activity, programme}]
	}
	for _, who := range slices.Sorted(maps.Keys(done[0])) {
		if !has(who) {
			continue
		}
		reached := make([]impact.Day, len(walk)) // 0 is never
		wait := make([]int, len(walk))
		for _, start := range slices.Backward(done[0][who]) {
			if start >= a.starts.To {
				continue
			}
			here := start
			reached[0] = start
			for n := 1; n < len(walk); n++ {
				next := slices.IndexFunc(done[n][who], func(day impact.Day) bool {
					return day > here || day == here && walk[n] != walk[n-1]
				})
				if next < 0 || done[n][who][next] > start+funnelWindow {
					break
				}
				if day := done[n][who][next]; reached[n] == 0 || day < reached[n] {
					reached[n], wait[n] = day, int(day-here)
				}
				here = done[n][who][next]
			}
		}
		for n := range reached {
			if reached[n] != 0 {
				waits[n] = append(waits[n], wait[n])
			}
		}
	}
	return waits
}
