package impact

import (
	"errors"
	"math/big"

	"github.com/shopspring/decimal"
)

// LiveSROI is a ratio that was made of ingested events, with the parameters that made
// it.
type LiveSROI struct {
	SROI
	Parameters []ParameterValue // in the methodology's order
	Result     *SROIResult      // of svi-2012 alone
	Model      *Model           // what to analyse; nil where there is no ratio

	basis     *Basis    // what it was made of: this,
	valueMap  *ValueMap // or of svi-2012 this, with what was overridden
	overrides Overrides
}

// SROI is the ratio by a methodology other than svi-2012, with what a caller
// overrides. What each needs of the question's parts says [PartsOfSROI].
//
// active is the company's days from its first event to its last: the months of
// teei-activity-1.0 are of the range as far as it lies within.
//
// The cost of teei-npv-1.0 is the investment of teei-1.0. Where there is none, the
// status is [FigureInsufficientData]. The error is that of [Methodology.Check], or of
// [CodeInvalid] if the methodology is unknown.
func (b *Basis) SROI(id string, o Overrides, active Range) (*LiveSROI, error) {
	m, err := FindMethodology(id, FigureSROI)
	if err != nil {
		return nil, err
	}
	if err := m.Check(o); err != nil {
		return nil, err
	}
	ps := newParameters(m)
	live := &LiveSROI{basis: b, overrides: o}
	switch id {
	case IDTeei1:
		live.SROI = b.teei1(ps, o)
	case IDNPV:
		live.SROI, err = b.npv(ps, o)
	case IDActivity:
		live.SROI = b.activity(ps, o, active)
	default:
		return nil, Errorf(CodeInvalid, "%s is worked out from a value map", id)
	}
	if err != nil {
		return nil, err
	}
	live.Parameters = ps.values
	if live.Status == FigureOK {
		live.Model = ps.model()
	}
	return live, nil
}

func (b *Basis) teei1(ps *parameters, o Overrides) SROI {
	p := b.Settings.SROI(DefaultSROI, b.Question)
	ps.say("improvementMode", string(p.Mode))
	ps.say("baseline", string(p.Baseline))
	ps.override(o, true)
	p.Mode, p.Baseline = ImprovementMode(ps.word("improvementMode")), Baseline(ps.word("baseline"))

	hours, cost := hoursOf(b.volunteerMS()), b.timeCost(&p)
	ps.set("hours", hours)
	ps.money("hourlyValue", p.HourlyRate(b.Range.To-1))
	if hours.Sign() > 0 {
		ps.set("hourlyValue", new(big.Rat).Quo(cost, hours)) // the mean over the days
	}
	if p.ProgrammeCosts != nil && !b.members {
		ps.set("programmeCosts", p.ProgrammeCosts)
	}
	improvements := b.improvements(p.Mode, p.Baseline)
	for d, name := range improvementNames {
		if x := improvements[d]; x != nil {
			ps.set(name, x)
		}
		ps.money(name+"Value", p.Values.of(d))
	}
	ps.set("confidence", p.NoConfidence.rat())
	if c := b.pooled.confidence(p.NoConfidence); c != nil {
		ps.set("confidence", c)
	}
	ps.set("minConfidence", p.MinConfidence.rat())
	ps.set("lowConfidenceFactor", p.Discount.rat())
	ps.override(o, false)

	in := SROIInput{
		TimeCost:    new(big.Rat).Mul(ps.number("hours"), ps.number("hourlyValue")),
		Costs:       ps.number("programmeCosts"),
		Confidence:  ps.number("confidence"),
		Improvement: make(map[Dimension]*big.Rat, len(improvementNames)),
	}
	for d, name := range improvementNames {
		in.Improvement[d] = ps.number(name)
	}
	p.Values = SROIValues{
		Integration:  exact(ps.number("integrationValue")),
		Language:     exact(ps.number("languageValue")),
		JobReadiness: exact(ps.number("jobReadinessValue")),
	}
	p.MinConfidence, p.Discount = micro(ps.number("minConfidence")), micro(ps.number("lowConfidenceFactor"))
	return SROITeei1(in, p)
}

var improvementNames = map[Dimension]string{
	Integration: "integration", Language: "language", JobReadiness: "jobReadiness",
}

func (b *Basis) npv(ps *parameters, o Overrides) (SROI, error) {
	p := DefaultNPV
	ps.set("placed", ratInt(b.People.Placed))
	ps.money("wageLift", p.WageLift)
	ps.money("employmentMultiplier", p.Multiplier)
	ps.money("discountRate", p.DiscountRate)
	ps.set("years", ratInt(int64(p.Years)))
	cost := b.Settings.SROI(DefaultSROI, b.Question)
	ps.set("cost", b.timeCost(&cost))
	if cost.ProgrammeCosts != nil && !b.members {
		ps.set("cost", new(big.Rat).Add(ps.number("cost"), cost.ProgrammeCosts))
	}
	ps.override(o, false)

	p.WageLift, p.Multiplier = exact(ps.number("wageLift")), exact(ps.number("employmentMultiplier"))
	p.DiscountRate, p.Years = exact(ps.number("discountRate")), int(ps.number("years").Num().Int64())
	s, err := NPVTeei1(NPVInput{Placed: ps.number("placed"), Cost: ps.number("cost")}, p)
	if e, ok := errors.AsType[*Error](err); ok && e.Pointer == "/cost" {
		return SROI{Methodology: p.ID, Status: FigureInsufficientData}, nil // nothing was put in yet
	}
	return s, err
}

func (b *Basis) activity(ps *parameters, o Overrides, active Range) SROI {
	p := DefaultActivity
	ps.say("months", string(p.Months))
	ps.override(o, true)
	p.Months = MonthsMode(ps.word("months"))

	counts := b.Activity.list()
	latest := b.Settings.Activity(b.Range.To - 1)
	for i, name := range activityNames {
		ps.set(name[0], ratInt(counts[i]))
		ps.money(name[1], *latest.list()[i])
		if worth := b.activityWorth(i); counts[i] != 0 {
			ps.set(name[1], worth.Quo(worth, ratInt(counts[i]))) // the mean over the days
		}
	}
	ps.money("monthlyCost", p.MonthlyCost)
	ps.set("monthCount", ratInt(b.Range.Clip(active).Months(p.Months)))
	ps.override(o, false)

	value := new(big.Rat)
	for _, name := range activityNames {
		value.Add(value, new(big.Rat).Mul(ps.number(name[0]), ps.number(name[1])))
	}
	return activityRatioOf(value, new(big.Rat).Mul(ps.number("monthCount"), ps.number("monthlyCost")), p.ID)
}

// activityWorth is what the events of one activity are worth, each by its own day.
func (b *Basis) activityWorth(activity int) *big.Rat {
	sum := new(big.Rat)
	for i := range b.segments {
		s := &b.segments[i]
		weights := b.Settings.Activity(s.from)
		sum.Add(sum, new(big.Rat).Mul(ratInt(s.activity.list()[activity]), weights.list()[activity].Rat()))
	}
	return sum
}

// activityNames are the parameters of each activity, its count and its worth, in the
// order of [ActivityWeights].
var activityNames = [...][2]string{
	{"matches", "matchValue"},
	{"eventsAttended", "eventValue"},
	{"skillShares", "skillShareValue"},
	{"feedback", "feedbackValue"},
	{"milestones", "milestoneValue"},
	{"checkins", "checkinValue"},
}

// exact is a number that came of a decimal.
func exact(x *big.Rat) decimal.Decimal {
	const places = 30 // more than any parameter has
	return decimal.NewFromBigRat(x, places)
}

func micro(x *big.Rat) Micro {
	return Micro(rounded(new(big.Rat).Mul(x, One.rat()), 6).Shift(6).IntPart())
}

// PartsOfSROI is what a ratio by a methodology needs to be read. svi-2012 itself needs
// nothing; its bound lines ask for themselves.
func PartsOfSROI(id string, o Overrides) Parts {
	switch id {
	case IDNPV:
		return PartTallies | PartSets
	case IDTeei1:
		mode, baseline := o["improvementMode"].Word, o["baseline"].Word
		if mode != "" && mode != string(ImprovementMean) || baseline != "" && baseline != string(BaselineAssumed) {
			return PartTallies | PartOwn
		}
	}
	return PartTallies
}
