package verify

import (
	"iter"
	"math/big"

	"github.com/impactql/impactql/impact"
)

// weights are those of the four parts of a VIS, and the hours that score 100.
type weights [5]*big.Rat

var weightNames = [len(weights{})]string{"hoursWeight", "qualityWeight", "outcomeLiftWeight", "placementWeight", "fullHours"}

// quality are the dimensions whose scores are a part of teei-vis-1.0.
var quality = [...]impact.Dimension{impact.Confidence, impact.Belonging, impact.WellBeing, impact.JobReadiness}

// service is what a score of teei-vis-1.0 is made of.
type service struct {
	ms, volunteers                 int64 // the volunteers are 0 if they gave no time
	scores                         [len(quality)]struct{ n, sum int64 }
	rated, ratings                 int64
	improved, twice, placed, ready int64
}

// serviceOf is of participants.
func serviceOf(ms, volunteers, rated, ratings int64, participants iter.Seq[*person]) *service {
	s := &service{ms: ms, volunteers: volunteers, rated: rated, ratings: ratings}
	if ms == 0 {
		s.volunteers = 0
	}
	for p := range participants {
		for i, d := range quality {
			s.scores[i].n, s.scores[i].sum = s.scores[i].n+p.assessed[d].n, s.scores[i].sum+p.assessed[d].sum
		}
		gain, again := p.gain()
		if again {
			s.twice++
		}
		if gain > 0 {
			s.improved++
		}
		if p.placed {
			s.placed++
		}
		if p.ready {
			s.ready++
		}
	}
	return s
}

// counts are the names of what is counted.
func (s *service) counts() map[string]*int64 {
	return map[string]*int64{
		"time": &s.ms, "volunteers": &s.volunteers, "improved": &s.improved, "assessedTwice": &s.twice, "placed": &s.placed, "jobReady": &s.ready,
	}
}

func (s *service) sheet(w weights) sheet {
	list := make(sheet)
	for name, n := range s.counts() {
		list.count(name, *n)
	}
	for i, d := range quality {
		list.scored("score."+d.String(), s.scores[i].n, s.scores[i].sum)
	}
	list.scored("rating", s.rated, s.ratings)
	list.weights(w)
	return list
}

func (s sheet) weights(w weights) {
	for i, name := range weightNames {
		s.set(name, w[i])
	}
}

// service is the same of a sheet.
func (s sheet) service() (of service, w weights) {
	for name, n := range of.counts() {
		*n = s.whole(name)
	}
	scored := func(name string) (n, sum int64) {
		return s.whole(name + ".count"), times(s.of(name+".sum"), ratio(million, 1)).Num().Int64()
	}
	for i, d := range quality {
		of.scores[i].n, of.scores[i].sum = scored("score." + d.String())
	}
	of.rated, of.ratings = scored("rating")
	for i, name := range weightNames {
		w[i] = s.of(name)
	}
	return of, w
}

// parts of teei-vis-1.0, 0..100; nil has no data.
func (s *service) parts(fullHours *big.Rat) (parts [4]*big.Rat) {
	hundred := ratio(100, 1)
	if s.volunteers > 0 {
		parts[0] = least(times(over(ratio(s.ms, s.volunteers*hour), fullHours), hundred), hundred)
	}
	var present int64
	all := new(big.Rat)
	for _, of := range s.scores {
		if of.n > 0 {
			present++
			all = plus(all, ratio(of.sum, of.n*million))
		}
	}
	switch {
	case present > 0:
		parts[1] = times(all, ratio(100, present))
	case s.rated > 0:
		parts[1] = ratio(100*s.ratings, s.rated*million)
	}
	if s.twice > 0 {
		parts[2] = ratio(100*s.improved, s.twice)
	}
	if s.ready > 0 {
		parts[3] = ratio(100*s.placed, s.ready)
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

func (w *weights) score(parts [4]*big.Rat) *big.Rat {
	sum := new(big.Rat)
	for i, p := range parts {
		if p != nil {
			sum = plus(sum, times(p, w[i]))
		}
	}
	return sum
}

var partNames = [4]string{"hours", "quality", "outcome_lift", "placement"}

func vis(prefix string, s sheet) (list figures) {
	of, w := s.service()
	parts := of.parts(w[4])
	list.scoreAndBand(prefix, w.score(parts))
	for i, p := range parts {
		if p == nil {
			list.say(prefix+partNames[i], "no data")
		} else {
			list.number(prefix+partNames[i], p, 2)
		}
	}
	return list
}

func (f *figures) scoreAndBand(prefix string, score *big.Rat) {
	published := fixed(score, 2)
	f.say(prefix+"score", published)
	f.say(prefix+"band", band(numeral(published)))
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

func reporting(prefix string, s sheet) (list figures) {
	one, hundred, volunteers := ratio(1, 1), ratio(100, 1), s.of("volunteers")
	given := least(over(over(hours(s.of("time")), volunteers), s.of("fullHours")), one)
	sum := times(s.of("hoursWeight"), times(given, hundred))
	sum = plus(sum, times(s.of("sessionsWeight"), tier(over(s.of("sessions"), times(volunteers, s.of("months"))))))
	points, n := new(big.Rat), int64(0)
	for _, v := range valued {
		if p := s.improvement(v.dimension, v.name); p != nil {
			points, n = plus(points, p), n+1
		}
	}
	if n > 0 {
		outcome := over(minus(over(points, ratio(n, 1)), s.of("floor")), minus(one, s.of("floor")))
		sum = plus(sum, times(s.of("outcomeWeight"), times(least(positive(outcome), one), hundred)))
	}
	list.scoreAndBand(prefix, sum)
	return list
}

func tier(perMonth *big.Rat) *big.Rat {
	for _, t := range [...]struct{ from, score int64 }{{8, 100}, {4, 75}, {2, 50}} {
		if perMonth.Cmp(ratio(t.from, 1)) >= 0 {
			return ratio(t.score, 1)
		}
	}
	return ratio(25*int64(perMonth.Sign()), 1)
}

// served is the sum of the published scores of the volunteers who met somebody of the
// members who took part, and how many these are; nil are everybody.
func (a *account) served(members map[string]bool, w weights) (sum *big.Rat, n int64) {
	sum = new(big.Rat)
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
		var rated, ratings int64
		for who := range v.met {
			if p := a.people[who]; p != nil {
				rated, ratings = rated+p.rated, ratings+p.rates
			}
		}
		own := serviceOf(v.givenMS, 1, rated, ratings, func(yield func(*person) bool) {
			for who := range v.met {
				if p := a.people[who]; p != nil && !yield(p) {
					return
				}
			}
		})
		sum, n = plus(sum, numeral(fixed(w.score(own.parts(w[4])), 2))), n+1
	}
	return sum, n
}
