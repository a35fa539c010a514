package verify

import (
	"math/big"

	"github.com/impactql/impactql/impact"
)

// weights are those of the four parts of a VIS.
type weights [4]*big.Rat

// parts of teei-vis-1.0 of a group, 0..100; nil has no data. volunteers is how many gave
// the time, 0 for nobody.
func (a *account) parts(group func(yield func(*person) bool), ms, volunteers, rated, ratings int64) (parts [4]*big.Rat) {
	if volunteers > 0 {
		parts[0] = times(ratio(ms, volunteers*hour), ratio(1, 10))
		if parts[0].Cmp(ratio(100, 1)) > 0 {
			parts[0] = ratio(100, 1)
		}
	}
	quality := [...]impact.Dimension{impact.Confidence, impact.Belonging, impact.WellBeing, impact.JobReadiness}
	var n, sum [len(quality)]int64
	var improved, twice, placed, ready int64
	for p := range group {
		for i, d := range quality {
			n[i], sum[i] = n[i]+p.assessed[d].n, sum[i]+p.assessed[d].sum
		}
		gain, again := p.gain()
		if again {
			twice++
		}
		if gain > 0 {
			improved++
		}
		if p.placed {
			placed++
		}
		if p.ready {
			ready++
		}
	}
	var present int64
	all := new(big.Rat)
	for i := range quality {
		if n[i] > 0 {
			present++
			all = plus(all, ratio(sum[i], n[i]*million))
		}
	}
	switch {
	case present > 0:
		parts[1] = times(all, ratio(100, present))
	case rated > 0:
		parts[1] = ratio(100*ratings, rated*million)
	}
	if twice > 0 {
		parts[2] = percent(improved, twice)
	}
	if ready > 0 {
		parts[3] = percent(placed, ready)
	}
	return parts
}

// gain is by how much a participant's scores rose, if they were assessed again.
func (p *person) gain() (gain int64, again bool) {
	for d := range p.assessed {
		if s := &p.assessed[d]; s.n >= 2 {
			again = true
			gain += s.last - s.first
		}
	}
	return gain, again
}

func score(parts [4]*big.Rat, w weights) *big.Rat {
	sum := new(big.Rat)
	for i, p := range parts {
		if p != nil {
			sum = plus(sum, times(p, w[i]))
		}
	}
	return sum
}

func (a *account) everybody(yield func(*person) bool) {
	for _, p := range a.people {
		if !yield(p) {
			return
		}
	}
}

var partNames = [4]string{"hours", "quality", "outcome_lift", "placement"}

func (a *account) vis(w weights) (list figures, published *big.Rat) {
	_, volunteers, _ := a.counts()
	if sumOf(a.time) == 0 {
		volunteers = 0
	}
	parts := a.parts(a.everybody, sumOf(a.time), volunteers, a.rated, a.ratings)
	published = numeral(fixed(score(parts, w), 2))
	list.say("vis score", fixed(published, 2))
	list.say("vis band", band(published))
	for i, p := range parts {
		if p == nil {
			list.say("vis "+partNames[i], "no data")
		} else {
			list.number("vis "+partNames[i], p, 2)
		}
	}
	return list, published
}

func band(score *big.Rat) string {
	for _, b := range []struct {
		below int64
		name  string
	}{{31, "Developing"}, {51, "Good"}, {71, "Excellent"}, {86, "Outstanding"}} {
		if score.Cmp(ratio(b.below, 1)) < 0 {
			return b.name
		}
	}
	return "Transformational"
}

// reporting is teei-vis-reporting-1.0.
func (a *account) reporting(months int64) (list figures) {
	_, volunteers, _ := a.counts()
	sum := new(big.Rat)
	if volunteers > 0 {
		hours := ratio(sumOf(a.time), volunteers*hour)
		if hours.Cmp(ratio(100, 1)) > 0 {
			hours = ratio(100, 1)
		}
		sum = plus(sum, times(hours, ratio(3, 10)))
		if months > 0 {
			sum = plus(sum, ratio(3*tier(ratio(a.sessions, volunteers*months)), 10))
		}
	}
	points, n := new(big.Rat), int64(0)
	for _, v := range valued {
		if p := a.improvement(v.dimension, nil, false, false); p != nil {
			points, n = plus(points, p), n+1
		}
	}
	if n > 0 {
		outcome := positive(over(minus(over(points, ratio(n, 1)), ratio(1, 10)), ratio(9, 10)))
		if outcome.Cmp(ratio(1, 1)) > 0 {
			outcome = ratio(1, 1)
		}
		sum = plus(sum, times(outcome, ratio(40, 1)))
	}
	published := numeral(fixed(sum, 2))
	list.say("vis teei-vis-reporting-1.0 score", fixed(published, 2))
	list.say("vis teei-vis-reporting-1.0 band", band(published))
	return list
}

func tier(perMonth *big.Rat) int64 {
	for _, t := range [...]struct{ from, score int64 }{{8, 100}, {4, 75}, {2, 50}} {
		if perMonth.Cmp(ratio(t.from, 1)) >= 0 {
			return t.score
		}
	}
	return 25 * int64(perMonth.Sign())
}

// impactScore is (min(sroi/10, 1) + vis/100) / 2 x 10, of published figures.
func impactScore(sroi, vis *big.Rat) *big.Rat {
	part := new(big.Rat)
	if sroi != nil {
		part = positive(over(sroi, ratio(10, 1)))
	}
	if part.Cmp(ratio(1, 1)) > 0 {
		part = ratio(1, 1)
	}
	return times(plus(part, over(vis, ratio(100, 1))), ratio(5, 1))
}

// avgVIS is the mean of the published scores of the volunteers who met somebody of the
// members who took part; nil are everybody.
func (a *account) avgVIS(members map[string]bool, w weights) *big.Rat {
	sum, n := new(big.Rat), int64(0)
	for _, v := range a.people {
		serves := false
		for who := range v.met {
			if members == nil || members[who] && a.people[who].takesPart {
				serves = true
				break
			}
		}
		if !serves {
			continue
		}
		var gave, rated, ratings int64
		if v.givenMS > 0 {
			gave = 1
		}
		for who := range v.met {
			if p := a.people[who]; p != nil {
				rated, ratings = rated+p.rated, ratings+p.rates
			}
		}
		own := a.parts(func(yield func(*person) bool) {
			for who := range v.met {
				if p := a.people[who]; p != nil && !yield(p) {
					return
				}
			}
		}, v.givenMS, gave, rated, ratings)
		sum, n = plus(sum, numeral(fixed(score(own, w), 2))), n+1
	}
	if n == 0 {
		return sum
	}
	return over(sum, ratio(n, 1))
}

// cohort is the figures of members; nil are everybody, whose investment is the company's.
func (a *account) cohort(name string, h *history, members map[string]bool, investment *big.Rat, w weights) (list figures, size int64) {
	prefix := "cohort " + name + " "
	for who, p := range a.people {
		if p.takesPart && (members == nil || members[who]) {
			size++
		}
	}
	if members != nil {
		investment = new(big.Rat)
		for who, p := range a.people {
			if members[who] {
				investment = plus(investment, worthOf(p.received))
			}
		}
	}
	list.count(prefix+"participantCount", size)
	list.number(prefix+"completionRate", h.completion(members), 2)
	sroi, _ := a.teei(prefix+"sroi ", investment, members, false, false)
	list = append(list, sroi...)
	list.number(prefix+"avgVIS", a.avgVIS(members, w), 2)
	return list, size
}
