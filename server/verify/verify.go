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

// Difference is a figure that readers answer otherwise than the log says, or an event
// whose columns say otherwise than what was sent.
type Difference struct {
	Company, Period, Programme string
	Figure                     string
	Expected, Found            string
}

// String is one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s, %s, programme %s: %s is %s by the log, readers say %s", d.Company, d.Period, d.Programme, d.Figure, d.Expected, d.Found)
}

// Options say what to verify.
type Options struct {
	// Only verifies the periods that it holds for; nil is all of them: all time, each year,
	// month and day in which something happened, or in which a rollup says so.
	Only func(period string) bool
	// Progress, if not nil, is told of events that are read.
	Progress func(events int64)
	// Report is told each difference.
	Report func(Difference)
}

// Result is how much was looked at.
type Result struct {
	Events, Periods, Figures, Differences int64
	// Reread is how many events were decoded again from what was sent; the others say in
	// their bytes alone not who they are.
	Reread int64
	// Instants is at how many what was known then was compared.
	Instants int64
}

// AllTime is the name of the period of all events.
const AllTime = "all time"

// period is a run of days that figures are compared for.
type period struct {
	name     string
	days     impact.Range
	accounts map[string]*account // by programme; those in which something happened
}

func newPeriod(name string, days impact.Range) *period {
	return &period{name, days, make(map[string]*account)}
}

// run is the verification of one company.
type run struct {
	ledger  *db.Ledger
	options Options
	result  Result

	programmes []string        // with all of them together first
	crowd                      // of now
	told       map[string]bool // names of cohorts that readers know
	history    map[string]*history

	valueMap *valueMap // nil: there is none
	bound    []*boundPeriod
	pasts    []*past
	analyses *analyses // nil: none are compared
	bases    map[baseOf]pair
	maps     []mapClaim

	rates     *rates
	ratesDay  impact.Day
	stretches map[impact.Day]*rates // by the first day

	// What is being added up; days come in order.
	day, month, year, ever *period
	first, last            impact.Day
	begun                  bool
	whole                  bool // the whole log was read

	waiting []*claim
}

// Company verifies a company. Memory is in proportion to the people of its whole history,
// and of one year, month and day.
func Company(ctx context.Context, l *db.Ledger, o Options) (Result, error) {
	r := &run{ledger: l, options: o, history: make(map[string]*history), stretches: make(map[impact.Day]*rates), ever: newPeriod(AllTime, impact.AllTime)}
	chains, err := r.prepare(ctx)
	if err != nil {
		return r.result, err
	}
	marks, err := l.Days(ctx)
	if err != nil {
		return r.result, err
	}
	standing := chains.stands
	for e, err := range l.Events(ctx) {
		if err != nil {
			return r.result, err
		}
		if r.result.Events++; o.Progress != nil {
			o.Progress(r.result.Events)
		}
		r.reread(e)
		r.takePasts(e)
		if chains.members[e.Key] {
			continue
		}
		for len(standing) > 0 && byTime(standing[0], e) < 0 {
			if marks, err = r.take(ctx, standing[0], marks); err != nil {
				return r.result, err
			}
			standing = standing[1:]
		}
		if marks, err = r.take(ctx, e, marks); err != nil {
			return r.result, err
		}
	}
	for _, e := range standing {
		if marks, err = r.take(ctx, e, marks); err != nil {
			return r.result, err
		}
	}
	for _, day := range marks {
		if err := r.open(ctx, day); err != nil {
			return r.result, err
		}
	}
	return r.result, r.end(ctx)
}

// prepare reads what must be known before events are added up.
func (r *run) prepare(ctx context.Context) (*chains, error) {
	corrections, err := r.ledger.Corrections(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[impact.Key]bool)
	for _, e := range corrections {
		for _, n := range targetsOf(e) {
			names[n] = true
		}
	}
	var named []*db.LedgerEvent
	if len(names) > 0 {
		if named, err = r.ledger.Named(ctx, slices.Collect(maps.Keys(names))); err != nil {
			return nil, err
		}
	}
	c := resolve(corrections, named)
	programmes, err := r.ledger.Programmes(ctx)
	if err != nil {
		return nil, err
	}
	r.programmes = append([]string{impact.AllProgrammes}, programmes...)
	for _, e := range c.stands { // a correction can name a programme that the log does not
		if !slices.Contains(r.programmes, e.Programme) {
			r.programmes = append(r.programmes, e.Programme)
		}
	}
	for _, p := range r.programmes {
		r.history[p] = newHistory()
	}
	var directory []*db.LedgerEvent
	for e, err := range r.ledger.Directory(ctx) {
		if err != nil {
			return nil, err
		}
		directory = append(directory, e)
	}
	if err := r.preparePasts(ctx, corrections, named, directory); err != nil {
		return nil, err
	}
	if r.crowd, err = newCrowd(c.counting(directory)); err != nil {
		return nil, err
	}
	for _, step := range [...]func(context.Context) error{r.prepareCohorts, r.prepareAnalyses, r.prepareMap, r.compareDepartments, r.compareAttributes} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// prepareCohorts collects the cohorts by a filter to compare.
func (r *run) prepareCohorts(ctx context.Context) error {
	stored, err := r.ledger.Defined(ctx)
	if err != nil {
		return err
	}
	company := r.ledger.Company
	return r.collect(stored, company.Calendar, company.Today(time.Now()))
}

// compareDepartments compares which departments there are. Definitions of cohorts hide a
// department of their name; they are no business of the log's.
func (r *run) compareDepartments(ctx context.Context) error {
	lists, err := r.ledger.Figures.Departments(ctx, []impact.CompanyID{r.ledger.Company.ID})
	if err != nil {
		return err
	}
	r.told = make(map[string]bool)
	for _, name := range lists[0] {
		r.told[strings.ToLower(name)] = true
	}
	for name := range r.departments {
		if !r.told[name] && !r.defined[name] {
			r.differ(AllTime, impact.AllProgrammes, "cohort "+name, "a department", "no cohort")
		}
	}
	for name := range r.told {
		if r.departments[name] == nil && !r.defined[name] {
			r.differ(AllTime, impact.AllProgrammes, "cohort "+name, "no department", "a cohort")
		}
	}
	return nil
}

// take adds an event up. Days that only a rollup knows are gone through on the way.
func (r *run) take(ctx context.Context, e *db.LedgerEvent, marks []impact.Day) ([]impact.Day, error) {
	day := dayOf(e.OccurredAt, r.ledger.Company.Location)
	for len(marks) > 0 && marks[0] <= day {
		if err := r.open(ctx, marks[0]); err != nil {
			return nil, err
		}
		marks = marks[1:]
	}
	if err := r.open(ctx, day); err != nil {
		return nil, err
	}
	if e.Kind != impact.KindUnknown && e.Kind != impact.KindDirectory {
		if !r.begun {
			r.begun, r.first = true, day
		}
		r.last = day
	}
	rates := r.ratesOn(day)
	r.note(e, day)
	r.analyses.note(e, day)
	for _, b := range r.bound {
		b.add(e, day, rates)
	}
	for _, programme := range [...]string{impact.AllProgrammes, e.Programme} {
		r.history[programme].add(e)
		for _, p := range [...]*period{r.day, r.month, r.year, r.ever} {
			a := p.accounts[programme]
			if a == nil {
				a = newAccount()
				p.accounts[programme] = a
			}
			a.add(e, rates)
		}
	}
	return marks, nil
}

// open makes a day the one that is added up, and compares those that end by it.
func (r *run) open(ctx context.Context, day impact.Day) error {
	if r.day != nil && day < r.day.days.To {
		return nil
	}
	date := day.Time()
	if r.day != nil {
		if err := r.close(ctx, day); err != nil {
			return err
		}
	}
	r.day = newPeriod(day.String(), impact.Range{From: day, To: day + 1})
	if r.month == nil {
		y, m, _ := date.Date()
		r.month = newPeriod(date.Format("2006-01"), impact.Range{From: impact.Date(y, m, 1), To: impact.Date(y, m+1, 1)})
	}
	if r.year == nil {
		y := date.Year()
		r.year = newPeriod(date.Format("2006"), impact.Range{From: impact.Date(y, 1, 1), To: impact.Date(y+1, 1, 1)})
	}
	return nil
}

// close compares the periods that a day lies behind.
func (r *run) close(ctx context.Context, day impact.Day) error {
	if err := r.compare(ctx, r.day, false); err != nil {
		return err
	}
	if day >= r.month.days.To {
		if err := r.compare(ctx, r.month, true); err != nil {
			return err
		}
		r.month = nil
	}
	if day >= r.year.days.To {
		if err := r.compare(ctx, r.year, true); err != nil {
			return err
		}
		r.year = nil
	}
	return nil
}

func (r *run) end(ctx context.Context) error {
	r.whole = true
	if r.day != nil {
		if err := r.close(ctx, impact.MaxDay); err != nil {
			return err
		}
	}
	if err := r.compare(ctx, r.ever, true); err != nil {
		return err
	}
	if err := r.ask(ctx); err != nil { // days alone, if only they are asked for
		return err
	}
	for _, step := range [...]func(context.Context) error{r.compareMaps, r.compareAnalyses, r.comparePasts} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// claim is what the log says of a programme in a period, until readers are asked.
type claim struct {
	period, programme string
	days, active      impact.Range
	explained         bool   // whether explanations are compared: of what is longer than a day
	parts, everybody  []part // everybody is the cohort
	cohorts           []cohortClaim
}

type cohortClaim struct {
	name     string
	question impact.CohortQuestion // its key or filter
	size     int64
	parts    []part
}

// maxWaiting is how many claims wait for the readers' answers: a month of days of some
// programmes.
const maxWaiting = 1_000

// compare works out the figures of a period that is complete, to be compared; cohorts and
// value maps only of those that are longer than a day. Of cohorts by a filter, who belongs
// to them is known with the end of the log: theirs are compared in the last periods.
func (r *run) compare(ctx context.Context, p *period, cohorts bool) error {
	if r.options.Only != nil && !r.options.Only(p.name) {
		return nil
	}
	r.result.Periods++
	active, months := impact.AllTime, monthsOf(p.days)
	if p == r.ever {
		ranges, err := r.ledger.Figures.Active(ctx, []impact.CompanyID{r.ledger.Company.ID})
		if err != nil {
			return err
		}
		active, months = ranges[0], 0
		if r.begun {
			months = monthsOf(impact.Range{From: r.first, To: r.last + 1})
		}
	}
	for i, programme := range r.programmes {
		a := p.accounts[programme]
		if a == nil {
			a = newAccount()
		}
		of := r.scope(a, r.history[programme], programme, p.days, months)
		c := &claim{period: p.name, programme: programme, days: p.days, active: active, explained: cohorts, parts: of.company()}
		c.everybody, _ = of.cohort(impact.CohortAll, nil)
		if cohorts && programme == impact.AllProgrammes {
			c.cohorts = r.departmentClaims(of, func(name string) bool { return r.told[name] })
		}
		if cohorts && r.whole && i < maxFilterProgrammes {
			c.cohorts = append(c.cohorts, r.filterClaims(of, r.history[impact.AllProgrammes])...)
		}
		if cohorts && r.valueMap != nil {
			r.claimMap(p, programme)
		}
		r.waiting = append(r.waiting, c)
	}
	if cohorts || len(r.waiting) >= maxWaiting {
		return r.ask(ctx)
	}
	return nil
}

func (r *run) judge(c *claim, want, got figures) {
	for i := range want {
		r.result.Figures++
		if want[i] != got[i] {
			r.differ(c.period, c.programme, want[i].name, want[i].value, got[i].value)
		}
	}
}

// judgeCohort judges a cohort other than everybody. One that readers withhold, since it or
// another could be found by difference, has no figures to compare; but none may be told
// that is smaller than the company's least group.
func (r *run) judgeCohort(c *claim, want *cohortClaim, got *impact.Cohort) error {
	switch {
	case got == nil:
		r.differ(c.period, c.programme, "cohort "+want.name, "a cohort", "no cohort")
	case got.Suppressed:
	case want.size < r.least():
		r.differ(c.period, c.programme, "cohort "+want.name, "withheld", fmt.Sprintf("%d participants", got.ParticipantCount))
	default:
		answers, err := r.cohortBy(want.name, got)
		if err != nil {
			return err
		}
		r.judgeParts(c, or(want.question.Key, want.question.Filter), want.parts, answers)
	}
	return nil
}

// least is the smallest group that is told of.
func (r *run) least() int64 {
	if own := r.ledger.Settings.MinGroup; own > 0 {
		return own
	}
	return 5
}

func (r *run) differ(period, programme, figure, want, got string) {
	r.result.Differences++
	r.options.Report(Difference{r.ledger.Company.Key, period, programme, figure, want, got})
}
