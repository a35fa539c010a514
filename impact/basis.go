package impact

import (
	"math/big"

	"github.com/shopspring/decimal"
)

// Basis is the exact numbers of a reading that methodologies are made of: a ratio or
// a score by any of them, with any parameters, follows from it without reading again.
// Which numbers are there depends on the parts of the question. It must not be
// changed: readers share it.
type Basis struct {
	Question
	Settings *Settings // as of [Reading.Settings]

	Activity ActivityCounts
	Courses  int64
	People   PeopleCounts // with PartSets

	kinds       [numKinds]int64 // events
	known       int64           // people enrolled or ever active as participants by the range's end, with PartSets
	vis         *VISInput       // with PartsVIS
	segments    []basisSegment
	pooled      *pool
	improvement map[ownRule]map[Dimension]*big.Rat // with PartOwn, but for MEAN and ASSUMED

	members   bool // it is of some participants, who bear no costs
	fewPlaced bool // who was placed, of them or of the others, must not be told
}

// basisSegment is what has a rate of its own.
type basisSegment struct {
	from     Day
	ms       int64 // given by named volunteers
	activity ActivityCounts
}

// ActivityCounts are events by what they are worth in teei-activity-1.0.
type ActivityCounts struct {
	Matches, EventsAttended, SkillShares, Feedback, Milestones, Checkins, Sessions int64
}

// PeopleCounts are distinct people of the range, and enrolments by its end.
type PeopleCounts struct {
	Participants, Volunteers, Placed, Ready int64
	Enrolments, Completed                   int64
}

// ownRule is how participants' own improvements become one number.
type ownRule struct {
	mode     ImprovementMode
	baseline Baseline
}

var ownRules = [...]ownRule{
	{ImprovementMean, BaselineMeasured}, {ImprovementSum, BaselineAssumed}, {ImprovementSum, BaselineMeasured},
}

// Basis is the numbers that the reading's parts allow.
func (r *Reading) Basis() *Basis {
	b := &Basis{
		Question: r.Question, Settings: r.Settings, pooled: poolAll(r.total),
		Activity: activityCounts(r.total), Courses: r.total.Tallies[MeasureCourseDone].N,
		segments: make([]basisSegment, len(r.Segments)),
	}
	for i, s := range r.Segments {
		b.segments[i] = basisSegment{s.From, s.Tallies[MeasureVolunteerTime].Sum, activityCounts(s.Cell)}
	}
	for k := range b.kinds {
		b.kinds[k] = r.total.Tallies[MeasureOf(Kind(k))].N
	}
	if r.Parts&PartsVIS == PartsVIS {
		in := r.visInput()
		b.vis = &in
	}
	if r.Parts&PartSets != 0 {
		n := r.counts()
		b.known, b.People = n.Known, n.PeopleCounts
	}
	if r.Parts&PartOwn == PartOwn {
		b.improvement = make(map[ownRule]map[Dimension]*big.Rat, len(ownRules))
		for _, rule := range ownRules {
			p := DefaultSROI
			p.Mode, p.Baseline = rule.mode, rule.baseline
			b.improvement[rule] = r.improvement(b.pooled, nil, p)
		}
	}
	return b
}

func activityCounts(c *Cell) ActivityCounts {
	count := func(k Kind) int64 { return c.Tallies[MeasureOf(k)].N }
	return ActivityCounts{
		Matches:        c.Tallies[MeasureOf(KindMatch)].Sum,
		EventsAttended: count(KindEventAttended),
		SkillShares:    c.Tallies[MeasureSkillShare].N,
		Feedback:       count(KindFeedback),
		Milestones:     count(KindMilestone),
		Checkins:       count(KindCheckin),
		Sessions:       count(KindSession),
	}
}

func (b *Basis) volunteerMS() (sum int64) {
	for _, s := range b.segments {
		sum += s.ms
	}
	return sum
}

// timeCost is the worth of the volunteers' time, each segment at its own rate, USD.
func (b *Basis) timeCost(p *SROIParams) *big.Rat {
	sum := new(big.Rat)
	for _, s := range b.segments {
		cost := hoursOf(s.ms)
		sum.Add(sum, cost.Mul(cost, p.HourlyRate(s.from).Rat()))
	}
	return sum
}

// improvements are the points of the three valued dimensions; nil where nobody was
// assessed.
func (b *Basis) improvements(mode ImprovementMode, baseline Baseline) map[Dimension]*big.Rat {
	if mode != ImprovementMean || baseline != BaselineAssumed {
		return b.improvement[ownRule{mode, baseline}]
	}
	by := make(map[Dimension]*big.Rat, len(sroiDimensions))
	for _, d := range sroiDimensions {
		if by[d] = b.pooled.scores[d].mean(); by[d] != nil {
			by[d] = floor0(by[d].Sub(by[d], DefaultSROI.BaselineScore.rat()))
		}
	}
	return by
}

// Reporting is the score of teei-vis-reporting-1.0, which needs [PartsMetrics]. Hours
// and sessions are per volunteer active in the range, the sessions also per calendar
// month of the range that lies within active, the company's days from its first event
// to its last. The improvement is the mean, over integration, language and
// job_readiness as far as they were assessed, of teei-1.0's own (MEAN, ASSUMED).
func (b *Basis) Reporting(p ReportingParams, active Range) VIS {
	var in ReportingInput
	if n := b.People.Volunteers; n > 0 {
		if ms := b.volunteerMS(); ms > 0 {
			in.Hours = hoursOf(ms)
			in.Hours.Quo(in.Hours, ratInt(n))
		}
		if months := b.Range.Clip(active).Months(MonthsCalendar); months > 0 {
			in.Sessions = big.NewRat(b.Activity.Sessions, n*months)
		}
	}
	sum, assessed := new(big.Rat), int64(0)
	for _, points := range b.improvements(ImprovementMean, BaselineAssumed) {
		if points != nil {
			sum.Add(sum, points)
			assessed++
		}
	}
	if assessed > 0 {
		in.Improvement = sum.Quo(sum, ratInt(assessed))
	}
	return VISReporting(in, p)
}

// ParameterValue is a parameter of a methodology as a figure was made with it.
type ParameterValue struct {
	*Parameter
	Number     *big.Rat // nil where it is a word
	Word       string
	Overridden bool // by the caller
}

// Value is the number at up to 6 places, or the word.
func (v *ParameterValue) Value() string {
	if v.Number == nil {
		return v.Word
	}
	return rounded(v.Number, 6).String()
}

// parameters are the values of a methodology's parameters, in its order.
type parameters struct {
	*Methodology
	values []ParameterValue
}

// newParameters sets what the methodology documents a default for, as documented.
func newParameters(m *Methodology) *parameters {
	ps := &parameters{m, make([]ParameterValue, len(m.Parameters))}
	for i := range m.Parameters {
		p := &m.Parameters[i]
		v := &ps.values[i]
		v.Parameter = p
		switch {
		case p.Words != nil:
			v.Word = p.Default
		case p.Default != "":
			v.Number = decimal.RequireFromString(p.Default).Rat()
		default:
			v.Number = new(big.Rat)
		}
	}
	return ps
}

func (ps *parameters) find(name string) *ParameterValue {
	for i := range ps.values {
		if ps.values[i].Name == name {
			return &ps.values[i]
		}
	}
	panic("impact: " + ps.ID + " has no parameter " + name)
}

func (ps *parameters) number(name string) *big.Rat          { return ps.find(name).Number }
func (ps *parameters) word(name string) string              { return ps.find(name).Word }
func (ps *parameters) set(name string, x *big.Rat)          { ps.find(name).Number = x }
func (ps *parameters) say(name, word string)                { ps.find(name).Word = word }
func (ps *parameters) money(name string, x decimal.Decimal) { ps.set(name, x.Rat()) }

// override sets what o says; o passed [Methodology.Check]. words says whether to set
// the words or the numbers: what is live can depend on a word.
func (ps *parameters) override(o Overrides, words bool) {
	for name, s := range o {
		v := ps.find(name)
		if (v.Words != nil) != words {
			continue
		}
		v.Overridden = true
		if words {
			v.Word = s.Word
		} else {
			v.Number = s.Number.Rat()
		}
	}
}
