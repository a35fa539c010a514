package impact

import (
	"fmt"
	"math"
	"strconv"

	"github.com/shopspring/decimal"
)

// Explain explains the ratio and its interval as a figure of the company of a key; nil if
// that would tell of few people.
//
// It tells no more of how participants differ than the interval does. Exact sums of
// squares of two periods would, by subtraction, tell what those who came on the days
// between had done before. So spreads have as few digits as make the interval that is
// published; those of an interval that is drawn are not there at all.
func (c *RatioInterval) Explain(company string) *Explanation {
	if c.Suppressed || c.few {
		return nil
	}
	x := &Explanation{
		Methodology: IDConfidence, Formula: analysisFormulas[IDConfidence], Company: company, Programme: c.Programme, Range: c.Range,
	}
	x.parameter("of", string(c.ConfidenceQuestion.Ratio), unitWord, sourceAsked)
	x.parameter("method", string(c.Method), unitWord, sourceAsked)
	x.parameter("level", decimal.NewFromFloat(c.Level).String(), unitShare, sourceAsked)
	if c.Method.Draws() {
		x.parameter("draws", strconv.Itoa(c.Draws), "draws", sourceAsked)
		x.parameter("seed", strconv.FormatUint(c.Seed, 10), "seed", sourceAsked)
	}
	x.count("participants", c.Units, unitPeople)
	above, below := ratioUnits[c.ConfidenceQuestion.Ratio][0], ratioUnits[c.ConfidenceQuestion.Ratio][1]
	x.float("above.sum", above, c.sum.Y, maxDigits)
	x.float("below.sum", below, c.sum.X, maxDigits)
	if c.Interval.Shape == IntervalNone || c.Method.Draws() {
		return x
	}
	m := c.moments
	m.y, m.x = c.sum.Y/m.n, c.sum.X/m.n
	if c.Method == MethodDelta {
		digits := fewestDigits(func(digits int) bool {
			return m.delta(atDigits(c.moments.standardError(), digits), c.Level).published(c.Interval)
		})
		x.float("standardError", "of the ratio", c.moments.standardError(), digits)
		return x
	}
	digits := fewestDigits(func(digits int) bool {
		short := m
		short.varY, short.covX, short.varX = atDigits(m.varY, digits), atDigits(m.covX, digits), atDigits(m.varX, digits)
		return short.fieller(c.Level).published(c.Interval)
	})
	x.float("above.variance", above+" squared", m.varY, digits)
	x.float("covariance", above+" × "+below, m.covX, digits)
	x.float("below.variance", below+" squared", m.varX, digits)
	return x
}

// float explains a number that was reckoned in double precision, to significant digits.
func (x *Explanation) float(name, unit string, value float64, digits int) {
	x.input(name, decimal.NewFromFloat(atDigits(value, digits)).Rat(), unit, sourceEvents, GradeReported)
}

// maxDigits are the significant digits that tell any two doubles apart.
const maxDigits = 17

// fewestDigits is the least number of significant digits that is enough.
func fewestDigits(enough func(digits int) bool) int {
	digits := 1
	for digits < maxDigits && !enough(digits) {
		digits++
	}
	return digits
}

func atDigits(x float64, digits int) float64 {
	short, err := strconv.ParseFloat(fmt.Sprintf("%.*e", digits-1, x), 64)
	if err != nil || math.IsInf(short, 0) {
		return x
	}
	return short
}

// published reports an interval that is published like another.
func (c ConfidenceInterval) published(as ConfidenceInterval) bool {
	same := func(a, b float64) bool {
		return decimal.NewFromFloat(a).Round(ratioPlaces).Equal(decimal.NewFromFloat(b).Round(ratioPlaces))
	}
	return c.Shape == as.Shape && (c.Shape == IntervalAll || same(c.Lower, as.Lower) && same(c.Upper, as.Upper))
}

// Events asks for the events that the ratio is made of.
func (c *RatioInterval) Events(cal Calendar) EventsQuestion {
	days := c.Range
	if c.ConfidenceQuestion.Ratio == RatioCompletion { // by the end of the range
		days.From = MinDay
	}
	return eventsQuestion(c.Company, c.Programme, ratioKinds[c.ConfidenceQuestion.Ratio], days, cal, nil)
}

var ratioKinds = map[SumRatio][]Kind{
	RatioSROI: activeKinds, RatioHours: activeKinds, RatioCompletion: {KindEnrollment}, RatioRating: {KindFeedback},
	RatioIntegration: {KindOutcome}, RatioLanguage: {KindOutcome}, RatioJobReadiness: {KindOutcome}, RatioConfidence: {KindOutcome},
	RatioBelonging: {KindOutcome}, RatioWellBeing: {KindOutcome},
}

// ratioUnits are the units of the sums above and below.
var ratioUnits = map[SumRatio][2]string{
	RatioSROI: {unitUSD, unitUSD}, RatioHours: {unitHours, unitPeople}, RatioCompletion: {"percent", "enrolments"}, RatioRating: {unitPoints, "ratings"},
	RatioIntegration: {unitPoints, "scores"}, RatioLanguage: {unitPoints, "scores"}, RatioJobReadiness: {unitPoints, "scores"},
	RatioConfidence: {unitPoints, "scores"}, RatioBelonging: {unitPoints, "scores"}, RatioWellBeing: {unitPoints, "scores"},
}
