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
func over(a, b *big.Rat) *big.Rat  { return new(big.Rat).Quo(a, b) }

func numeral(text string) *big.Rat {
	x, ok := new(big.Rat).SetString(text)
	if !ok {
		panic("verify: " + text + " is no number")
	}
	return x
}

func percent(part, whole int64) *big.Rat {
	if whole == 0 {
		return new(big.Rat)
	}
	return ratio(100*part, whole)
}

func positive(x *big.Rat) *big.Rat {
	if x.Sign() < 0 {
		return new(big.Rat)
	}
	return x
}

const (
	million = 1_000_000
	hour    = 3_600_000 // milliseconds
)

// worthOf adds up milliseconds by what an hour is worth.
func worthOf(time map[string]int64) *big.Rat {
	sum := new(big.Rat)
	for rate, ms := range time {
		sum = plus(sum, times(ratio(ms, hour), numeral(rate)))
	}
	return sum
}

func sumOf(time map[string]int64) (ms int64) {
	for _, n := range time {
		ms += n
	}
	return ms
}

func (a *account) counts() (participants, volunteers, placed int64) {
	for _, p := range a.people {
		if p.takesPart {
			participants++
		}
		if p.volunteers {
			volunteers++
		}
		if p.placed {
			placed++
		}
	}
	return participants, volunteers, placed
}

// completion is over the enrolments of members; nil are everybody.
func (h *history) completion(members map[string]bool) *big.Rat {
	var started, finished int64
	for e := range h.enrolled {
		if members != nil && !members[e.who] {
			continue
		}
		started++
		if h.finished[e] {
			finished++
		}
	}
	return percent(finished, started)
}

func (a *account) metrics(h *history) (list figures) {
	participants, volunteers, _ := a.counts()
	list.count("events", a.events)
	list.count("unmapped", a.unmapped)
	list.count("sessions", a.sessions)
	list.count("participants", participants)
	list.count("volunteers", volunteers)
	list.number("volunteerHours", ratio(sumOf(a.time), hour), 2)
	list.number("avgEngagement", percent(participants, int64(len(h.known))), 2)
	list.number("completionRate", h.completion(nil), 2)
	return list
}

// valued are the dimensions that teei-1.0 values, and what a point is worth.
var valued = []struct {
	dimension impact.Dimension
	worth     int64
}{{impact.Integration, 150}, {impact.Language, 500}, {impact.JobReadiness, 300}}

// improvement is in points of 0..1, of members; nil are everybody. Nobody assessed is
// nil.
func (a *account) improvement(d impact.Dimension, members map[string]bool, sum, measured bool) *big.Rat {
	var n, all, people int64
	own := new(big.Rat)
	for who, p := range a.people {
		s := &p.assessed[d]
		if s.n == 0 || members != nil && !members[who] {
			continue
		}
		n, all, people = n+s.n, all+s.sum, people+1
		baseline := ratio(3, 10)
		if measured && s.n >= 2 {
			baseline = ratio(s.first, million)
		}
		by := minus(ratio(s.sum, s.n*million), baseline)
		if sum {
			by = positive(by)
		}
		own = plus(own, by)
	}
	switch {
	case n == 0:
		return nil
	case !sum && !measured:
		return positive(minus(ratio(all, n*million), ratio(3, 10)))
	case !sum:
		own = over(own, ratio(people, 1))
	}
	return positive(own)
}

// confidence is the mean over the valued assessments of members; one that states none
// counts as 0.85, and so do none.
func (a *account) confidence(members map[string]bool) *big.Rat {
	var n, sum int64
	for who, p := range a.people {
		if members != nil && !members[who] {
			continue
		}
		for _, v := range valued {
			s := &p.assessed[v.dimension]
			n += s.n
			sum += s.certain + (s.n-s.stated)*850_000
		}
	}
	if n == 0 {
		return ratio(85, 100)
	}
	return ratio(sum, n*million)
}

// teei is SROI by teei-1.0 with an investment.
func (a *account) teei(prefix string, investment *big.Rat, members map[string]bool, sum, measured bool) (list figures, published *big.Rat) {
	value := new(big.Rat)
	for _, v := range valued {
		points := a.improvement(v.dimension, members, sum, measured)
		if points == nil {
			points = new(big.Rat)
		}
		list.number(prefix+"improvement."+v.dimension.String(), points, 4)
		value = plus(value, times(points, ratio(v.worth, 1)))
	}
	if a.confidence(members).Cmp(ratio(7, 10)) < 0 {
		value = times(value, ratio(8, 10))
	}
	list.number(prefix+"investment", investment, 2)
	list.number(prefix+"socialValue", value, 2)
	if numeral(fixed(investment, 2)).Sign() > 0 {
		published = over(value, investment)
	}
	list.number(prefix+"ratio", published, 2)
	if published != nil {
		published = numeral(fixed(published, 2))
	}
	return list, published
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

func (a *account) npv(investment *big.Rat) figures {
	const prefix = "sroi teei-npv-1.0 "
	if investment.Sign() <= 0 {
		return valueOver(prefix, new(big.Rat), new(big.Rat)) // nothing was put in yet
	}
	_, _, placed := a.counts()
	benefits, factor := new(big.Rat), ratio(1, 1)
	for range 3 {
		factor = over(factor, ratio(103, 100))
		benefits = plus(benefits, times(times(ratio(placed*15_000, 1), ratio(3, 2)), factor))
	}
	return valueOver(prefix, benefits, investment)
}

func (a *account) activities(months int64) figures {
	value := new(big.Rat)
	for i := range a.worth {
		for each, n := range a.worth[i] {
			value = plus(value, times(ratio(n, 1), numeral(each)))
		}
	}
	return valueOver("sroi teei-activity-1.0 ", value, ratio(1500*months, 1))
}
