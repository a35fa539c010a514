package impact

import (
	"math"
	"math/big"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/shopspring/decimal"
)

// SumRatio names a live figure that is a sum over participants divided by another. The
// interval of such a ratio says how far it could have come out otherwise with other
// participants like these: each is a unit, with all that they did in the range.
type SumRatio string

// The ratios. A figure by [ImprovementMean] is none of them: it divides a mean of scores
// by a sum.
const (
	// RatioSROI is teei-1.0 with [ImprovementSum] and the default baseline. Above, each
	// participant's improvements are worth what the methodology says, less its discount of
	// a low mean confidence. Below is the worth of the hours that they had with volunteers;
	// what else was invested, in hours that nobody is named to have had and in costs, is
	// shared out evenly, which is to hold it fixed.
	RatioSROI SumRatio = "SROI"
	// RatioCompletion is completed / started enrolments by the end of the range, percent.
	RatioCompletion SumRatio = "COMPLETION_RATE"
	// RatioHours is hours with named volunteers / active participants.
	RatioHours SumRatio = "HOURS_PER_PARTICIPANT"
	// RatioRating is the sum of the ratings given by named participants / their number.
	RatioRating SumRatio = "MEAN_RATING"

	// The mean score of a dimension: the sum of the scores / their number.
	RatioIntegration  SumRatio = "INTEGRATION_SCORE"
	RatioLanguage     SumRatio = "LANGUAGE_SCORE"
	RatioJobReadiness SumRatio = "JOB_READINESS_SCORE"
	RatioConfidence   SumRatio = "CONFIDENCE_SCORE"
	RatioBelonging    SumRatio = "BELONGING_SCORE"
	RatioWellBeing    SumRatio = "WELL_BEING_SCORE"
)

var ratioDimensions = map[SumRatio]Dimension{
	RatioIntegration: Integration, RatioLanguage: Language, RatioJobReadiness: JobReadiness,
	RatioConfidence: Confidence, RatioBelonging: Belonging, RatioWellBeing: WellBeing,
}

// IntervalMethod says how an interval is made.
type IntervalMethod string

// The methods.
const (
	MethodBootstrap  IntervalMethod = "BOOTSTRAP"  // [BootstrapBCa]
	MethodPercentile IntervalMethod = "PERCENTILE" // [BootstrapPercentile]
	MethodDelta      IntervalMethod = "DELTA"      // [DeltaInterval]
	MethodFieller    IntervalMethod = "FIELLER"    // [FiellerInterval]
)

// Draws reports a method that draws participants anew.
func (m IntervalMethod) Draws() bool { return m == MethodBootstrap || m == MethodPercentile }

// Limits of [ConfidenceQuestion]: as many units are drawn as a second is worth.
const (
	MaxUnits     = 200_000
	MinDraws     = 100
	maxUnitDraws = 50_000_000
)

// ConfidenceQuestion asks for the interval of a ratio. It needs [PartsConfidence] of the
// reading.
type ConfidenceQuestion struct {
	Company   CompanyID
	Programme string
	Range     Range
	Ratio     SumRatio
	Method    IntervalMethod
	Level     float64 // such as 0.95
	Draws     int     // of the two that draw
	Seed      uint64
}

// PartsConfidence is what a reading needs for [Reading.Confidence].
const PartsConfidence = PartsCohort

// Check reports a value that breaks a rule, with [CodeInvalid].
func (q *ConfidenceQuestion) Check() error {
	switch {
	case !(q.Level >= 0.5 && q.Level <= 0.999):
		return Errorf(CodeInvalid, "level must be 0.5 to 0.999, such as 0.95")
	case q.Draws < MinDraws || q.Draws > MaxDraws:
		return Errorf(CodeInvalid, "draws must be %d to %d", MinDraws, MaxDraws)
	}
	return nil
}

// RatioInterval is a ratio and its interval.
type RatioInterval struct {
	ConfidenceQuestion
	Units      int64 // participants who enter it
	Suppressed bool  // there are some, but so few that mean and spread would tell of each; then there is nothing else
	Ratio      decimal.NullDecimal
	Interval   ConfidenceInterval
	Err        error // [CodeTooLarge]: more units than can be drawn

	sum     Pair
	moments moments // by the methods that do not draw
	few     bool    // so few add to the sum above that it would tell of them
}

// Confidence is the interval of a ratio over the reading.
func (r *Reading) Confidence(q *ConfidenceQuestion) *RatioInterval {
	pairs := r.pairs(q.Ratio)
	c := &RatioInterval{ConfidenceQuestion: *q, Units: int64(len(pairs)), Interval: ConfidenceInterval{Shape: IntervalNone}}
	switch {
	case c.Units > 0 && c.Units < r.Settings.K():
		return &RatioInterval{ConfidenceQuestion: *q, Suppressed: true, Interval: c.Interval}
	case c.Units > MaxUnits:
		c.Err = Errorf(CodeTooLarge, "%d participants are more than the %d of whom an interval is made: ask for a shorter period or a programme",
			c.Units, MaxUnits)
		return c
	case q.Method.Draws() && c.Units*int64(q.Draws) > maxUnitDraws:
		c.Err = Errorf(CodeTooLarge, "%d draws of %d participants are too many: ask for at most %d draws, or for DELTA or FIELLER",
			q.Draws, c.Units, maxUnitDraws/c.Units)
		return c
	}
	var adding int64
	for _, p := range pairs {
		c.sum.Y += p.Y
		c.sum.X += p.X
		if p.Y != 0 {
			adding++
		}
	}
	c.few = 0 < adding && adding < r.Settings.K()
	if c.sum.X == 0 {
		return c
	}
	c.Ratio = decimal.NewNullDecimal(decimal.NewFromFloat(c.sum.Y / c.sum.X))
	if !q.Method.Draws() {
		c.moments, _ = momentsOf(pairs)
	}
	switch q.Method {
	case MethodDelta:
		c.Interval = DeltaInterval(pairs, q.Level)
	case MethodFieller:
		c.Interval = FiellerInterval(pairs, q.Level)
	case MethodPercentile:
		c.Interval = BootstrapInterval(pairs, q.Level, q.Draws, q.Seed, BootstrapPercentile)
	case MethodBootstrap:
		c.Interval = BootstrapInterval(pairs, q.Level, q.Draws, q.Seed, BootstrapBCa)
	}
	if math.IsNaN(c.Interval.Lower) || math.IsNaN(c.Interval.Upper) || math.IsInf(c.Interval.Lower, 0) || math.IsInf(c.Interval.Upper, 0) {
		c.Interval = ConfidenceInterval{Shape: IntervalNone}
	}
	return c
}

// pairs is what each participant adds to a ratio, by ordinal, so that a seed draws the
// same ones again.
func (r *Reading) pairs(ratio SumRatio) (pairs []Pair) {
	c := r.total
	add := func(people *roaring.Bitmap, of func(Ordinal) Pair) {
		for it := people.Iterator(); it.HasNext(); {
			if p := of(it.Next()); p.X != 0 {
				pairs = append(pairs, p)
			}
		}
	}
	active := c.Members(SetParticipants)
	switch ratio {
	case RatioSROI:
		return r.sroiPairs()
	case RatioCompletion:
		enrolled := roaring.New()
		for _, e := range r.Enrolments {
			enrolled.Or(e.Enrolled)
			enrolled.Or(e.Completed)
		}
		add(enrolled, func(who Ordinal) (p Pair) {
			for _, e := range r.Enrolments {
				switch {
				case e.Completed.Contains(who):
					p.Y, p.X = p.Y+100, p.X+1
				case e.Enrolled.Contains(who):
					p.X++
				}
			}
			return p
		})
	case RatioHours:
		add(active, func(who Ordinal) Pair {
			if s := c.Participants.Get(who); s != nil {
				return Pair{float64(s.MS) / msPerHour, 1}
			}
			return Pair{0, 1}
		})
	case RatioRating:
		add(active, func(who Ordinal) (p Pair) {
			if s := c.Participants.Get(who); s != nil {
				p = Pair{float64(s.RatingSum) / float64(One), float64(s.Ratings)}
			}
			return p
		})
	case RatioIntegration, RatioLanguage, RatioJobReadiness, RatioConfidence, RatioBelonging, RatioWellBeing:
		d := ratioDimensions[ratio]
		add(active, func(who Ordinal) (p Pair) {
			if a := c.Assessments.Get(who); a != nil {
				p = Pair{float64(a[d].Sum) / float64(One), float64(a[d].N)}
			}
			return p
		})
	}
	return pairs
}

// sroiPairs is what each active participant adds to [RatioSROI], USD.
func (r *Reading) sroiPairs() []Pair {
	p := r.Settings.SROI(DefaultSROI, r.Question)
	p.Mode, p.Baseline = ImprovementSum, BaselineAssumed
	factor := 1.0
	if mean := poolAll(r.total).confidence(p.NoConfidence); mean != nil && mean.Cmp(p.MinConfidence.rat()) < 0 {
		factor = toFloat(p.Discount.rat())
	}
	own := make(map[Ordinal]float64)
	rest := new(big.Rat)
	if p.ProgrammeCosts != nil {
		rest.Set(p.ProgrammeCosts)
	}
	for _, s := range r.Segments {
		rate := p.HourlyRate(s.From)
		hourly, shared := rate.InexactFloat64(), s.Tallies[MeasureVolunteerTime].Sum
		for who, sums := range s.Participants.All() {
			if sums.MS != 0 {
				own[who] += float64(sums.MS) / msPerHour * hourly
				shared -= sums.MS
			}
		}
		cost := hoursOf(shared)
		rest.Add(rest, cost.Mul(cost, rate.Rat()))
	}
	active := r.total.Members(SetParticipants)
	n := active.GetCardinality()
	if n == 0 {
		return nil
	}
	even := toFloat(rest) / float64(n)
	pairs := make([]Pair, 0, n)
	for it := active.Iterator(); it.HasNext(); {
		who := it.Next()
		one := Pair{X: own[who] + even}
		if a := r.total.Assessments.Get(who); a != nil {
			for _, d := range sroiDimensions {
				if a[d].N > 0 {
					gain := float64(a[d].Sum)/float64(a[d].N) - float64(p.BaselineScore)
					one.Y += factor * max(0, gain) / float64(One) * p.Values.of(d).InexactFloat64()
				}
			}
		}
		pairs = append(pairs, one)
	}
	return pairs
}
