package impact

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// FunnelStep is something that people do on their way.
type FunnelStep struct {
	Activity  Activity
	Programme string // or [AllProgrammes]
}

// The bounds of a funnel.
const (
	MaxFunnelSteps  = 10
	MaxFunnelWindow = 3660 // days
)

// FunnelQuestion asks how many people did one thing after the other. Step by step:
// the first on a day of Range, each further one on the day of the one before or
// later (on a later one if both are the same), and all within Window days after the
// first, also behind the end of Range. The rollups know days: what was done on one
// day counts as done in the order of the steps.
type FunnelQuestion struct {
	Company CompanyID
	Cohort  string // key of the cohort that people have to be members of
	Filter  string // in place of a key, as in [CohortQuestion]
	Range   Range
	Steps   []FunnelStep
	Window  int // days, 0 or more

	AsOf      AsOf // as in [CohortQuestion]
	Explained bool // [Funnel.Events] is asked for
}

// Check reports steps or a window that are out of bounds.
func (q *FunnelQuestion) Check() error {
	if n := len(q.Steps); n < 1 || n > MaxFunnelSteps {
		return Errorf(CodeInvalid, "a funnel has 1 to %d steps", MaxFunnelSteps)
	}
	if q.Window < 0 || q.Window > MaxFunnelWindow {
		return Errorf(CodeInvalid, "the window of a funnel is 0 to %d days", MaxFunnelWindow)
	}
	for _, s := range q.Steps {
		if _, ok := s.Activity.Set(); !ok {
			return Errorf(CodeInvalid, "unknown activity %q", shortened(string(s.Activity)))
		}
		if s.Programme != AllProgrammes && !ValidKey(s.Programme) {
			return Errorf(CodeInvalid, "the programme of a step must be 1 to %d of the characters A-Z a-z 0-9 _ . @ : -", MaxKey)
		}
	}
	return nil
}

// Days are the days whose sets [FunnelQuestion.Answer] needs.
func (q *FunnelQuestion) Days() Range {
	return Range{q.Range.From, q.Range.To + Day(q.Window)}.Clip(AllTime)
}

// Needs are the steps whose sets [FunnelQuestion.Answer] needs: those of the question,
// each also without its programme, and of a cohort who was active in the programme and
// in any.
func (q *FunnelQuestion) Needs() (list []FunnelStep) {
	add := func(s FunnelStep) {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	for _, s := range q.Steps {
		add(s)
	}
	for _, s := range q.Steps {
		add(FunnelStep{s.Activity, AllProgrammes})
		if q.Filter != "" || q.Cohort != CohortAll {
			add(FunnelStep{ActivityAny, s.Programme})
			add(FunnelStep{ActivityAny, AllProgrammes})
		}
	}
	return list
}

// Presence is who did each of [FunnelQuestion.Needs] on a day; nil is nobody.
type Presence struct {
	Day   Day
	Steps []*roaring.Bitmap
}

// Funnel is how far people came.
type Funnel struct {
	Steps []FunnelCount
	Among

	question *FunnelQuestion
}

// FunnelCount is a step of a funnel.
type FunnelCount struct {
	FunnelStep
	Suppressed bool  // withheld: fewer than k people, see [Settings.K], or they tell of some
	People     int64 // who came so far
	// MedianDays is the median, over them, of the days from the step before to the
	// first day on which they reached this one; nil for the first step and for nobody.
	// Of several days on which a person could have started, the latest counts that
	// leads here.
	MedianDays *float64
}

// Answer works the funnel out from the days of q.Days on which anybody did anything,
// ascending. members are the cohort; nil, and one without a set, is everybody. Error:
// [CodeTooLarge].
//
// What tells of fewer than k people is withheld, see [disclosure]:
//   - a step, and those who came to the step before and not to it;
//   - what could be found by subtracting from the same funnel of everybody, or from that
//     without the programme of one step;
//   - of a cohort, a step beside which the number of its people who were active in the
//     range and programme would be withheld.
//
// It walks through the days once and keeps, per person and step, the latest start
// from which the step can have been reached: if any start leads further within the
// window, the latest does.
func (q *FunnelQuestion) Answer(days []Presence, members *Members, k int64) (*Funnel, error) {
	needs := q.Needs()
	w := newFunnelWalk(q)
	if members != nil {
		w.members = members.People
	}
	w.walk(days, needs)
	d := &disclosure{k: k}
	for i := range w.steps {
		d.add(w.steps[i].people(), i-1)
	}
	for i, s := range q.Steps {
		if s.Programme == AllProgrammes {
			continue
		}
		wider := *q
		wider.Steps = slices.Clone(q.Steps)
		wider.Steps[i].Programme = AllProgrammes
		all := newFunnelWalk(&wider)
		all.asked = q.Steps
		all.walk(days, needs)
		for n := i; n < len(q.Steps); n++ {
			people := all.steps[n].people()
			d.addBeside(people, n)
			d.addBeside(roaring.AndNot(people, d.cells[n]), n)
		}
	}
	if w.members != nil {
		all := q.active(days, needs, AllProgrammes)
		for i, s := range q.Steps {
			d.addBeside(all, i)
			if s.Programme != AllProgrammes {
				active := q.active(days, needs, s.Programme)
				d.addBeside(active, i)
				d.addBeside(roaring.AndNot(all, active), i)
			}
		}
	}
	return w.funnel(d, members)
}

// active is who was active in a programme in the range.
func (q *FunnelQuestion) active(days []Presence, needs []FunnelStep, programme string) *roaring.Bitmap {
	active := roaring.New()
	at := slices.Index(needs, FunnelStep{ActivityAny, programme})
	for _, day := range days {
		if at >= 0 && day.Day < q.Range.To && day.Steps[at] != nil {
			active.Or(day.Steps[at])
		}
	}
	return active
}

// walk goes through the days.
func (w *funnelWalk) walk(days []Presence, needs []FunnelStep) {
	at := make([]int, len(w.Steps))
	for i, s := range w.Steps {
		at[i] = slices.Index(needs, s)
	}
	var buf [512]Ordinal
	for _, day := range days {
		for from := 0; from < len(w.Steps); {
			to := w.runEnd(from)
			if people := day.Steps[at[from]]; people != nil {
				it := people.ManyIterator()
				for n := it.NextMany(buf[:]); n > 0; n = it.NextMany(buf[:]) {
					w.did(from, to, buf[:n], day.Day)
				}
			}
			from = to
		}
	}
}

type funnelWalk struct {
	*FunnelQuestion
	asked   []FunnelStep // only those that are equal here as well have to be on different days
	steps   []funnelState
	members *roaring.Bitmap // whose waiting counts; nil is everybody's
}

// funnelState is where people are on a step. Days are kept plus one, so that 0 is
// never.
type funnelState struct {
	at      []funnelPlace // by ordinal
	waiting []int         // how many members took so many days from the step before, the first time
}

type funnelPlace struct {
	start   Day // latest from which the step was reached
	reached Day // and the first day on which it was, from there
}

func newFunnelWalk(q *FunnelQuestion) *funnelWalk {
	return &funnelWalk{FunnelQuestion: q, asked: q.Steps, steps: make([]funnelState, len(q.Steps))}
}

// runEnd is the end of the run of equal steps that begins at from.
func (w *funnelWalk) runEnd(from int) int {
	to := from + 1
	for to < len(w.Steps) && w.Steps[to] == w.Steps[from] && w.asked[to] == w.asked[from] {
		to++
	}
	return to
}

// did notes that people, who are ascending, did the equal steps [from, to) on a day. The
// last comes first, so that one day counts for one of them.
func (w *funnelWalk) did(from, to int, people []Ordinal, day Day) {
	for step := to - 1; step >= from; step-- {
		if step > 0 {
			w.reach(step, people, day)
		} else if day < w.Range.To {
			w.start(people, day)
		}
	}
}

// start notes who did the first step on a day.
func (w *funnelWalk) start(people []Ordinal, day Day) {
	s := &w.steps[0]
	s.grow(people)
	for _, who := range people {
		s.at[who] = funnelPlace{day + 1, day + 1}
	}
}

// reach notes who came to a later step by having done it on a day.
func (w *funnelWalk) reach(step int, people []Ordinal, day Day) {
	s, prior := &w.steps[step], w.steps[step-1].at
	s.grow(people)
	at := s.at
	earliest := max(day-Day(w.Window)+1, 1)
	for _, who := range people {
		if int(who) >= len(prior) {
			return
		}
		// Whoever was here from that start or a later one is here already.
		if from := prior[who]; from.start >= earliest && from.start > at[who].start {
			if at[who].start == 0 && (w.members == nil || w.members.Contains(who)) {
				s.wait(int(day - (from.reached - 1)))
			}
			at[who] = funnelPlace{from.start, day + 1}
		}
	}
}

// grow makes room for people, who are ascending.
func (s *funnelState) grow(people []Ordinal) {
	if last := int(people[len(people)-1]); last >= len(s.at) {
		s.at = append(s.at, make([]funnelPlace, max(last+1, 2*len(s.at))-len(s.at))...)
	}
}

// wait counts somebody who took so many days from the step before.
func (s *funnelState) wait(days int) {
	if days >= len(s.waiting) {
		s.waiting = append(s.waiting, make([]int, days+1-len(s.waiting))...)
	}
	s.waiting[days]++
}

func (w *funnelWalk) funnel(d *disclosure, members *Members) (*Funnel, error) {
	withheld, err := d.withheld(members)
	if err != nil {
		return nil, err
	}
	counts := d.group(w.members).counts
	f := &Funnel{Steps: make([]FunnelCount, len(w.Steps)), Among: Among{Members: w.members}, question: w.FunnelQuestion}
	for i := range f.Steps {
		step := &f.Steps[i]
		step.FunnelStep = w.Steps[i]
		if step.Suppressed = withheld[i]; step.Suppressed {
			continue
		}
		step.People = counts[i]
		if i > 0 {
			step.MedianDays = median(w.steps[i].waiting)
		}
	}
	return f, nil
}

// people is who came to the step.
func (s *funnelState) people() *roaring.Bitmap {
	reached := make([]Ordinal, 0, len(s.at))
	for who := range s.at {
		if s.at[who].start != 0 {
			reached = append(reached, Ordinal(who))
		}
	}
	return roaring.BitmapOf(reached...)
}

// median is that of a histogram; nil where it is empty.
func median(histogram []int) *float64 {
	total := 0
	for _, n := range histogram {
		total += n
	}
	if total == 0 {
		return nil
	}
	nth := func(n int) int {
		for value, count := range histogram {
			if n -= count; n < 0 {
				return value
			}
		}
		panic("impact: a histogram ends early")
	}
	m := float64(nth((total-1)/2)+nth(total/2)) / 2
	return &m
}
