package impact_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"github.com/impactql/impactql/impact"
)

// stranger has an explanation and the documentation, and nothing else.
type stranger struct {
	*impact.Explanation
	numbers map[string]*big.Rat
	words   map[string]string
}

func newStranger(x *impact.Explanation) *stranger {
	s := &stranger{x, make(map[string]*big.Rat), make(map[string]string)}
	note := func(name, value string) {
		if _, twice := s.words[name]; twice {
			panic("twice: " + name)
		}
		s.words[name] = value
		if number, ok := new(big.Rat).SetString(value); ok {
			s.numbers[name] = number
		}
	}
	for _, p := range x.Parameters {
		note(p.Name, p.Value)
	}
	for _, in := range x.Inputs {
		note(in.Name, in.Value)
	}
	return s
}

// of is a number, 0 if it is not there.
func (s *stranger) of(name string) *big.Rat {
	if x, ok := s.numbers[name]; ok {
		return x
	}
	return new(big.Rat)
}

func (s *stranger) has(name string) bool { _, ok := s.words[name]; return ok }

// sum adds up f over what is in the brackets of names.
func (s *stranger) sum(name string, f func(at string) *big.Rat) *big.Rat {
	total := new(big.Rat)
	for n := range s.numbers {
		if rest, ok := strings.CutPrefix(n, name+"["); ok {
			at, _, _ := strings.Cut(rest, "]")
			total = plus(total, f("["+at+"]"))
		}
	}
	return total
}

func (s *stranger) ratio(a, b *big.Rat) *big.Rat {
	if b.Sign() == 0 {
		return new(big.Rat)
	}
	return over(a, b)
}

func (s *stranger) percent(a, b *big.Rat) *big.Rat { return times(frac(100, 1), s.ratio(a, b)) }

func (s *stranger) investment() *big.Rat {
	time := s.sum("time", func(at string) *big.Rat {
		return times(over(s.of("time"+at), frac(3_600_000, 1)), s.of("hourlyValue"+at))
	})
	if s.has("hours") {
		time = times(s.of("hours"), s.of("hourlyValue"))
	}
	if s.has("programmeCosts") {
		return plus(time, s.of("programmeCosts"))
	}
	return plus(time, s.sum("programmeCosts", func(at string) *big.Rat { return s.of("programmeCosts" + at) }))
}

var valued = map[string]string{"integration": "integration", "language": "language", "jobReadiness": "job_readiness"}

func (s *stranger) improvement(name string) *big.Rat {
	if s.has(name) {
		return s.of(name)
	}
	score := "score." + valued[name]
	if !s.has(score + ".count") {
		return new(big.Rat)
	}
	return positive(minus(over(s.of(score+".sum"), s.of(score+".count")), s.of("baselineScore")))
}

func (s *stranger) teei1() (investment, value *big.Rat) {
	value, sum, n := new(big.Rat), new(big.Rat), new(big.Rat)
	for name, dimension := range valued {
		value = plus(value, times(s.improvement(name), s.of(name+"Value")))
		silent := minus(s.of("score."+dimension+".count"), s.of("confidence."+dimension+".count"))
		sum = plus(sum, plus(s.of("confidence."+dimension+".sum"), times(silent, s.of("absentConfidence"))))
		n = plus(n, s.of("score."+dimension+".count"))
	}
	confidence := s.of("absentConfidence")
	switch {
	case s.has("confidence"):
		confidence = s.of("confidence")
	case n.Sign() > 0:
		confidence = over(sum, n)
	}
	if confidence.Cmp(s.of("minConfidence")) < 0 {
		value = times(value, s.of("lowConfidenceFactor"))
	}
	return s.investment(), value
}

func (s *stranger) npv() (cost, value *big.Rat) {
	cost = s.investment()
	if s.has("cost") {
		cost = s.of("cost")
	}
	value = new(big.Rat)
	benefit := times(times(s.of("placed"), s.of("wageLift")), s.of("employmentMultiplier"))
	for range s.of("years").Num().Int64() {
		benefit = over(benefit, plus(frac(1, 1), s.of("discountRate")))
		value = plus(value, benefit)
	}
	return cost, value
}

func (s *stranger) activity() (investment, value *big.Rat) {
	value = new(big.Rat)
	for count, worth := range map[string]string{
		"matches": "matchValue", "eventsAttended": "eventValue", "skillShares": "skillShareValue",
		"feedback": "feedbackValue", "milestones": "milestoneValue", "checkins": "checkinValue",
	} {
		if s.has(count) {
			value = plus(value, times(s.of(count), s.of(worth)))
			continue
		}
		value = plus(value, s.sum(count, func(at string) *big.Rat { return times(s.of(count+at), s.of(worth+at)) }))
	}
	return times(s.of("monthCount"), s.of("monthlyCost")), value
}

func (s *stranger) svi() (inputs, value *big.Rat) {
	one := frac(1, 1)
	inputs = s.sum("inputs", func(at string) *big.Rat { return s.of("inputs" + at + ".amount") })
	value = new(big.Rat)
	for n := 0; s.has(fmt.Sprintf("outcomes[%d].quantity", n)); n++ {
		cell := func(name string) *big.Rat { return s.of(fmt.Sprintf("outcomes[%d].%s", n, name)) }
		x := times(cell("quantity"), cell("proxy"))
		if s.words["combine"] == "ADDITIVE" {
			x = times(x, minus(minus(minus(one, cell("deadweight")), cell("displacement")), cell("attribution")))
		} else {
			x = times(times(times(x, minus(one, cell("deadweight"))), minus(one, cell("displacement"))), minus(one, cell("attribution")))
		}
		for t := range cell("duration").Num().Int64() {
			years := cell("startYear").Num().Int64() + t
			if s.words["discountTiming"] == "YEAR_1_UNDISCOUNTED" {
				years--
			}
			discounted := x
			for range years {
				discounted = over(discounted, plus(one, s.of("discountRate")))
			}
			value = plus(value, discounted)
			x = times(x, minus(one, cell("dropOff")))
		}
	}
	return inputs, value
}

func (s *stranger) vis1() *big.Rat {
	one := frac(1, 1)
	hours := times(frac(100, 1), least(s.ratio(s.ratio(over(s.of("time"), frac(3_600_000, 1)), s.of("volunteers")), s.of("fullHours")), one))
	quality, present := new(big.Rat), new(big.Rat)
	for _, d := range []string{"confidence", "belonging", "well_being", "job_readiness"} {
		if s.has("score." + d + ".count") {
			quality, present = plus(quality, over(s.of("score."+d+".sum"), s.of("score."+d+".count"))), plus(present, one)
		}
	}
	if present.Sign() == 0 {
		quality, present = s.of("rating.sum"), s.of("rating.count")
	}
	score := times(s.of("hoursWeight"), hours)
	score = plus(score, times(s.of("qualityWeight"), s.percent(quality, present)))
	score = plus(score, times(s.of("outcomeLiftWeight"), s.percent(s.of("improved"), s.of("assessedTwice"))))
	return plus(score, times(s.of("placementWeight"), s.percent(s.of("placed"), s.of("jobReady"))))
}

func (s *stranger) reporting() *big.Rat {
	one, hundred := frac(1, 1), frac(100, 1)
	hours := s.ratio(over(s.of("time"), frac(3_600_000, 1)), s.of("volunteers"))
	tier := new(big.Rat)
	perMonth := s.ratio(s.of("sessions"), times(s.of("volunteers"), s.of("months")))
	for _, t := range [][2]int64{{8, 100}, {4, 75}, {2, 50}, {0, 25}} {
		if c := perMonth.Cmp(frac(t[0], 1)); c > 0 || c == 0 && t[0] > 0 {
			tier = frac(t[1], 1)
			break
		}
	}
	sum, n := new(big.Rat), new(big.Rat)
	for name, d := range valued {
		if s.has("score." + d + ".count") {
			sum, n = plus(sum, s.improvement(name)), plus(n, one)
		}
	}
	outcome := times(hundred, positive(over(minus(s.ratio(sum, n), s.of("floor")), minus(one, s.of("floor")))))
	score := times(s.of("hoursWeight"), times(hundred, least(over(hours, s.of("fullHours")), one)))
	return plus(plus(score, times(s.of("sessionsWeight"), tier)), times(s.of("outcomeWeight"), outcome))
}

// hash is that of the text which the documentation describes.
func (s *stranger) hash() string {
	var b strings.Builder
	line := func(fields ...string) {
		for i, f := range fields {
			for _, escape := range [][2]string{{`\`, `\\`}, {"\t", `\t`}, {"\n", `\n`}, {"\r", `\r`}} {
				f = strings.ReplaceAll(f, escape[0], escape[1])
			}
			fields[i] = f
		}
		b.WriteString(strings.Join(fields, "\t") + "\n")
	}
	programme, start, end := s.Programme, "", ""
	if programme == "*" {
		programme = "" // null
	}
	if s.Company != "" {
		start, end = s.Range.From.String(), (s.Range.To - 1).String()
	}
	line("impactql-explain/1")
	line("methodology", s.Methodology)
	line("formula", s.Formula)
	line("company", s.Company)
	line("programme", programme)
	line("start", start)
	line("end", end)
	if s.Cohort != "" {
		line("cohort", s.Cohort)
	}
	for _, p := range s.Parameters {
		line("parameter", p.Name, p.Value, p.Unit, p.Source)
	}
	for _, in := range s.Inputs {
		line("input", in.Name, in.Value, in.Unit, in.Source, string(in.EvidenceGrade))
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}
