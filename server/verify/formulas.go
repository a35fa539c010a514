package verify

import (
	"fmt"
	"math/big"

	"github.com/impactql/impactql/impact"
)

// figure is one value as it is published.
type figure struct{ name, value string }

type figures []figure

func (f *figures) say(name, value string)     { *f = append(*f, figure{name, value}) }
func (f *figures) count(name string, n int64) { f.say(name, fmt.Sprint(n)) }
func (f *figures) number(name string, x *big.Rat, places int) {
	f.say(name, fixed(x, places))
}

// value is that of a figure; nil is no number.
func (f figures) value(name string) *big.Rat {
	for _, of := range f {
		if of.name == name && of.value != "null" {
			return numeral(of.value)
		}
	}
	return nil
}

// fixed rounds half away from zero; nil is no number.
func fixed(x *big.Rat, places int) string {
	if x == nil {
		return "null"
	}
	text := x.FloatString(places)
	if r, ok := new(big.Rat).SetString(text); ok && r.Sign() == 0 {
		return new(big.Rat).FloatString(places) // no -0.00
	}
	return text
}

func ratio(a, b int64) *big.Rat { return big.NewRat(a, b) }
func plus(a, b *big.Rat) *big.Rat {
	return new(big.Rat).Add(a, b)
}
func minus(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }
func times(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }

// over is 0 where the divisor is: an explanation can say anything.
func over(a, b *big.Rat) *big.Rat {
	if b.Sign() == 0 {
		return new(big.Rat)
	}
	return new(big.Rat).Quo(a, b)
}

func numeral(text string) *big.Rat {
	x, ok := new(big.Rat).SetString(text)
	if !ok {
		panic("verify: " + text + " is no number")
	}
	return x
}

func percent(part, whole *big.Rat) *big.Rat { return times(ratio(100, 1), over(part, whole)) }

func positive(x *big.Rat) *big.Rat {
	if x.Sign() < 0 {
		return new(big.Rat)
	}
	return x
}

func least(a, b *big.Rat) *big.Rat {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

const (
	million = 1_000_000
	hour    = 3_600_000 // milliseconds
)

func hours(ms *big.Rat) *big.Rat { return over(ms, ratio(hour, 1)) }

// formulas work out what a sheet comes to, by methodology; names of figures begin with a
// prefix.
var formulas = map[string]func(prefix string, s sheet) figures{
	impact.MetricsMethodology: metrics,
	impact.IDTeei1:            teei,
	impact.IDNPV:              npv,
	impact.IDActivity:         activities,
	impact.IDSVI:              svi,
	impact.IDVis1:             vis,
	impact.IDVisReporting:     reporting,
	impact.IDCohort:           cohortCounts,
	impact.IDCohortVIS:        cohortScore,
	impact.IDRetention:        retained,
	impact.IDFunnel:           conversions,
}

func metrics(prefix string, s sheet) (list figures) {
	events := new(big.Rat)
	for name := range s.under("count.") {
		if name != "count.unknown" {
			events = plus(events, s.of(name))
		}
	}
	list.number(prefix+"events", events, 0)
	list.number(prefix+"unmapped", s.of("count.unknown"), 0)
	list.number(prefix+"sessions", s.of("count.session.completed"), 0)
	list.number(prefix+"participants", s.of("participants"), 0)
	list.number(prefix+"volunteers", s.of("volunteers"), 0)
	list.number(prefix+"volunteerHours", hours(s.of("time")), 2)
	list.number(prefix+"avgEngagement", percent(s.of("participants"), s.of("known")), 2)
	list.number(prefix+"completionRate", percent(s.of("enrolmentsCompleted"), s.of("enrolments")), 2)
	part := least(positive(over(s.of("sroiRatio"), ratio(10, 1))), ratio(1, 1))
	list.number(prefix+"impactScore", times(plus(part, over(s.of("visScore"), ratio(100, 1))), ratio(5, 1)), 2)
	return list
}

// valued are the dimensions that teei-1.0 values, and what a point is worth.
var valued = []struct {
	dimension impact.Dimension
	name      string
	worth     int64
}{{impact.Integration, "integration", 150}, {impact.Language, "language", 500}, {impact.JobReadiness, "jobReadiness", 300}}

// improvement is in points of 0..1; nobody assessed is nil.
func (s sheet) improvement(d impact.Dimension, name string) *big.Rat {
	if s.has(name) {
		return s.of(name)
	}
	score := "score." + d.String()
	if !s.has(score + ".count") {
		return nil
	}
	return positive(minus(over(s.of(score+".sum"), s.of(score+".count")), s.of("baselineScore")))
}

func (s sheet) investment() *big.Rat {
	return plus(
		s.sum("time", func(at string) *big.Rat { return times(hours(s.of("time"+at)), s.of("hourlyValue"+at)) }),
		s.sum("programmeCosts", func(at string) *big.Rat { return s.of("programmeCosts" + at) }))
}

func teei(prefix string, s sheet) (list figures) {
	value, confidence, n := new(big.Rat), new(big.Rat), new(big.Rat)
	for _, v := range valued {
		points := s.improvement(v.dimension, v.name)
		if points == nil {
			points = new(big.Rat)
		}
		list.number(prefix+"improvement."+v.dimension.String(), points, 4)
		value = plus(value, times(points, s.of(v.name+"Value")))
		score, stated := s.of("score."+v.dimension.String()+".count"), "confidence."+v.dimension.String()
		n = plus(n, score)
		confidence = plus(confidence, plus(s.of(stated+".sum"), times(minus(score, s.of(stated+".count")), s.of("absentConfidence"))))
	}
	if n.Sign() > 0 && over(confidence, n).Cmp(s.of("minConfidence")) < 0 {
		value = times(value, s.of("lowConfidenceFactor"))
	}
	investment := s.investment()
	list.number(prefix+"investment", investment, 2)
	list.number(prefix+"socialValue", value, 2)
	var published *big.Rat
	if numeral(fixed(investment, 2)).Sign() > 0 {
		published = over(value, investment)
	}
	list.number(prefix+"ratio", published, 2)
	return list
}

// valueOver is the ratio of the other methodologies, at 4 places.
func valueOver(prefix string, value, investment *big.Rat) (list figures) {
	list.number(prefix+"investment", investment, 2)
	list.number(prefix+"socialValue", value, 2)
	var gain, net, ofOne *big.Rat
	if investment.Sign() > 0 {
		gain = minus(value, investment)
		net, ofOne = over(gain, investment), over(value, investment)
	}
	list.number(prefix+"netPresentValue", gain, 2)
	list.number(prefix+"netRatio", net, 4)
	list.number(prefix+"ratio", ofOne, 4)
	return list
}

func npv(prefix string, s sheet) figures {
	cost := s.investment()
	if cost.Sign() <= 0 {
		return valueOver(prefix, new(big.Rat), new(big.Rat)) // nothing was put in yet
	}
	benefits, yearly := new(big.Rat), times(times(s.of("placed"), s.of("wageLift")), s.of("employmentMultiplier"))
	for range s.whole("years") {
		yearly = over(yearly, plus(ratio(1, 1), s.of("discountRate")))
		benefits = plus(benefits, yearly)
	}
	return valueOver(prefix, benefits, cost)
}

// activityNames are those of the counts and worths of teei-activity-1.0.
var activityNames = [6][2]string{
	{"matches", "matchValue"}, {"eventsAttended", "eventValue"}, {"skillShares", "skillShareValue"},
	{"feedback", "feedbackValue"}, {"milestones", "milestoneValue"}, {"checkins", "checkinValue"},
}

func activities(prefix string, s sheet) figures {
	value := new(big.Rat)
	for _, name := range activityNames {
		value = plus(value, s.sum(name[0], func(at string) *big.Rat { return times(s.of(name[0]+at), s.of(name[1]+at)) }))
	}
	return valueOver(prefix, value, times(s.of("monthCount"), s.of("monthlyCost")))
}

func svi(prefix string, s sheet) (list figures) {
	one, value := ratio(1, 1), new(big.Rat)
	inputs := s.sum("inputs", func(at string) *big.Rat { return s.of("inputs" + at + ".amount") })
	growth := plus(one, s.of("discountRate"))
	for n := 0; s.has(fmt.Sprintf("outcomes[%d].quantity", n)); n++ {
		cell := func(name string) *big.Rat { return s.of(fmt.Sprintf("outcomes[%d].%s", n, name)) }
		x := times(cell("quantity"), cell("proxy"))
		if s["combine"] == "ADDITIVE" {
			x = times(x, minus(minus(minus(one, cell("deadweight")), cell("displacement")), cell("attribution")))
		} else {
			for _, share := range [...]string{"deadweight", "displacement", "attribution"} {
				x = times(x, minus(one, cell(share)))
			}
		}
		at := fmt.Sprintf("outcomes[%d].", n)
		year := s.whole(at + "startYear")
		if s["discountTiming"] == "YEAR_1_UNDISCOUNTED" {
			year--
		}
		for range s.whole(at + "duration") {
			discounted := x
			for range year {
				discounted = over(discounted, growth)
			}
			value = plus(value, discounted)
			x, year = times(x, minus(one, cell("dropOff"))), year+1
		}
	}
	list.number(prefix+"investment", inputs, 2)
	list.number(prefix+"socialValue", value, 2)
	list.number(prefix+"netPresentValue", minus(value, inputs), 2)
	var net, gross *big.Rat
	if inputs.Sign() > 0 {
		net, gross = over(minus(value, inputs), inputs), over(value, inputs)
	}
	list.number(prefix+"netRatio", net, 4)
	list.number(prefix+"ratio", gross, 4)
	return list
}

func cohortCounts(prefix string, s sheet) (list figures) {
	list.number(prefix+"participantCount", s.of("participants"), 0)
	list.number(prefix+"completionRate", percent(s.of("enrolmentsCompleted"), s.of("enrolments")), 2)
	return list
}

func cohortScore(prefix string, s sheet) (list figures) {
	list.number(prefix+"avgVIS", over(s.of("scores.sum"), s.of("scores.count")), 2)
	return list
}

// retained are the shares of the rows of a matrix that stayed.
func retained(prefix string, s sheet) (list figures) {
	for n := 0; s.has(fmt.Sprintf("interval[%d]", n)); n++ {
		size := fmt.Sprintf("size[%d]", n)
		for k := 0; s.has(fmt.Sprintf("width[%d]", k)); k++ {
			if at := fmt.Sprintf("[%d][%d]", n, k); s.has("retained"+at) && s.of(size).Sign() > 0 {
				list.number(prefix+"rate"+at, percent(s.of("retained"+at), s.of(size)), 2)
			}
		}
	}
	return list
}

// conversions are the shares of the first step of a funnel that came to each.
func conversions(prefix string, s sheet) (list figures) {
	for n := 0; s.has(fmt.Sprintf("steps[%d].activity", n)); n++ {
		of := fmt.Sprintf("steps[%d].", n)
		if first := s.of("steps[0].people"); s.has(of+"people") && first.Sign() > 0 {
			list.number(prefix+of+"conversion", percent(s.of(of+"people"), first), 2)
		}
	}
	return list
}
