package verify

import (
	"fmt"
	"iter"
	"maps"
	"math/big"

	"github.com/impactql/impactql/impact"
)

// scope is what happened in a period of a programme, and what else its figures take.
type scope struct {
	*account
	history   *history
	programme string
	days      impact.Range
	months    int64
	weights   weights
	costs     sheet // of the programme, by line
}

func (r *run) scope(a *account, h *history, programme string, days impact.Range, months int64) *scope {
	return &scope{a, h, programme, days, months, r.weightsOn(days.To - 1), r.costs(programme, days)}
}

// among are those who are members; nil are everybody.
func (a *account) among(members map[string]bool) iter.Seq[*person] {
	return func(yield func(*person) bool) {
		for who, p := range a.people {
			if (members == nil || members[who]) && !yield(p) {
				return
			}
		}
	}
}

// invested notes time by what an hour was worth, and the costs of everybody.
func (s *scope) invested(list sheet, members map[string]bool) {
	time := s.time
	if members == nil {
		maps.Copy(list, s.costs)
	} else {
		time = make(map[*rates]int64)
		for p := range s.among(members) {
			for by, ms := range p.received {
				time[by] += ms
			}
		}
	}
	for by, ms := range time {
		if ms != 0 {
			list.count(onDay("time", s.stretch(by)), ms)
			list.set(onDay("hourlyValue", s.stretch(by)), numeral(by.hour))
		}
	}
}

// stretch is from when on rates hold, of the days.
func (s *scope) stretch(by *rates) impact.Day { return max(by.from, s.days.From) }

// assessed notes the scores of members in the dimensions that are valued.
func (s *scope) assessed(list sheet, members map[string]bool, confidence bool) {
	for _, v := range valued {
		var all assessed
		for p := range s.among(members) {
			own := &p.assessed[v.dimension]
			all.n, all.sum, all.stated, all.certain = all.n+own.n, all.sum+own.sum, all.stated+own.stated, all.certain+own.certain
		}
		list.scored("score."+v.dimension.String(), all.n, all.sum)
		if confidence {
			list.scored("confidence."+v.dimension.String(), all.stated, all.certain)
		}
	}
}

// baselineScore is assumed of who was not assessed before.
var baselineScore = ratio(3, 10)

// teei is of members; nil are everybody.
func (s *scope) teei(members map[string]bool, sum, measured bool) sheet {
	list := sheet{"improvementMode": "MEAN", "baseline": "ASSUMED", "absentConfidence": "0.85", "minConfidence": "0.7", "lowConfidenceFactor": "0.8"}
	if sum {
		list["improvementMode"] = "SUM"
	}
	if measured {
		list["baseline"] = "MEASURED"
	}
	s.invested(list, members)
	s.assessed(list, members, true)
	for _, v := range valued {
		list.count(v.name+"Value", v.worth)
		if sum || measured {
			list.set(v.name, s.ownImprovement(v.dimension, sum, measured))
		}
	}
	list.set("baselineScore", baselineScore)
	return list
}

// ownImprovement is in points of 0..1, of each participant's own.
func (a *account) ownImprovement(d impact.Dimension, sum, measured bool) *big.Rat {
	people, own := int64(0), new(big.Rat)
	for _, p := range a.people {
		s := &p.assessed[d]
		if s.n == 0 {
			continue
		}
		people++
		from := baselineScore
		if measured && s.n >= 2 {
			from = ratio(s.first, million)
		}
		by := minus(ratio(s.sum, s.n*million), from)
		if sum {
			by = positive(by)
		}
		own = plus(own, by)
	}
	if people > 0 && !sum {
		own = over(own, ratio(people, 1))
	}
	return positive(own)
}

// npv is likewise of members.
func (s *scope) npv(members map[string]bool) sheet {
	list := sheet{"wageLift": "15000", "employmentMultiplier": "1.5", "discountRate": "0.03", "years": "3"}
	placed := int64(0)
	for p := range s.among(members) {
		if p.placed {
			placed++
		}
	}
	list.count("placed", placed)
	s.invested(list, members)
	return list
}

func (s *scope) activities() sheet {
	list := sheet{"months": "CALENDAR", "monthlyCost": "1500"}
	list.count("monthCount", s.months)
	for i, name := range activityNames {
		for by, n := range s.worth[i] {
			list.count(onDay(name[0], s.stretch(by)), n)
			list.set(onDay(name[1], s.stretch(by)), numeral(by.activity[i]))
		}
	}
	return list
}

func (s *scope) reporting() sheet {
	list := sheet{"hoursWeight": "0.3", "sessionsWeight": "0.3", "outcomeWeight": "0.4", "floor": "0.1", "fullHours": "100"}
	_, volunteers := s.counts()
	list.count("time", sumOf(s.time))
	list.count("volunteers", volunteers)
	list.count("sessions", s.kinds[impact.KindSession])
	list.count("months", s.months)
	list.set("baselineScore", baselineScore)
	s.assessed(list, nil, false)
	return list
}

func (s *scope) metrics(sroi, vis *big.Rat) sheet {
	list := make(sheet)
	for k, n := range s.kinds {
		list.count("count."+k.String(), n)
	}
	participants, volunteers := s.counts()
	list.count("time", sumOf(s.time))
	list.count("participants", participants)
	list.count("volunteers", volunteers)
	list.count("known", int64(len(s.history.known)))
	s.enrolments(list, nil)
	if sroi == nil {
		sroi = new(big.Rat)
	}
	list.set("sroiRatio", sroi)
	list.set("visScore", vis)
	return list
}

// enrolments notes those of members; nil are everybody.
func (s *scope) enrolments(list sheet, members map[string]bool) {
	var started, finished int64
	for e := range s.history.enrolled {
		if members != nil && !members[e.who] {
			continue
		}
		started++
		if s.history.finished[e] {
			finished++
		}
	}
	list.count("enrolments", started)
	list.count("enrolmentsCompleted", finished)
}

// company is a company's own figures, as [run.companyBy] has them of readers.
func (s *scope) company() (parts []part) {
	_, volunteers := s.counts()
	sroi := newPart("sroi ", impact.IDTeei1, s.teei(nil, false, false))
	vis := newPart("vis ", impact.IDVis1, serviceOf(sumOf(s.time), volunteers, s.rated, s.ratings, s.among(nil)).sheet(s.weights))
	metrics := s.metrics(sroi.figures().value("sroi ratio"), vis.figures().value("vis score"))
	parts = append(parts, newPart("", impact.MetricsMethodology, metrics), sroi)
	for _, v := range variants {
		parts = append(parts, newPart(v.prefix, impact.IDTeei1, s.teei(nil, v.sum, v.measured)))
	}
	return append(parts,
		newPart("sroi teei-npv-1.0 ", impact.IDNPV, s.npv(nil)),
		newPart("sroi teei-activity-1.0 ", impact.IDActivity, s.activities()),
		vis,
		newPart("vis teei-vis-reporting-1.0 ", impact.IDVisReporting, s.reporting()))
}

// cohort is the figures of members; nil are everybody.
func (s *scope) cohort(name string, members map[string]bool) (parts []part, size int64) {
	for p := range s.among(members) {
		if p.takesPart {
			size++
		}
	}
	counts, score := make(sheet), make(sheet)
	counts.count("participants", size)
	s.enrolments(counts, members)
	sum, n := s.served(members, s.weights)
	score.set("scores.sum", sum)
	score.count("scores.count", n)
	score.weights(s.weights)
	prefix := fmt.Sprintf("cohort %s ", name)
	parts = []part{
		newPart(prefix, impact.IDCohort, counts), newPart(prefix, impact.IDCohortVIS, score),
		newPart(prefix+"sroi ", impact.IDTeei1, s.teei(members, false, false)), newPart(prefix+"sroi teei-npv-1.0 ", impact.IDNPV, s.npv(members)),
	}
	if members != nil {
		ratio := s.fewestOfRatio(members)
		parts[0].fewest, parts[1].fewest, parts[2].fewest, parts[3].fewest = s.fewestEnrolled(members), n, ratio, ratio
	}
	return parts, size
}

// fewest is the least number of people that is not 0; 0 is none.
func fewest(adding map[string]int64) (least int64) {
	for _, n := range adding {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

func (s *scope) fewestEnrolled(members map[string]bool) int64 {
	people := make(map[[2]string]bool)
	for e := range s.history.enrolled {
		if members[e.who] {
			people[[2]string{"enrolled", e.who}], people[[2]string{fmt.Sprint(s.history.finished[e]), e.who}] = true, true
		}
	}
	adding := make(map[string]int64)
	for of := range people {
		adding[of[0]]++
	}
	return fewest(adding)
}

// fewestOfRatio is of scores with and without a confidence, times and placements.
func (s *scope) fewestOfRatio(members map[string]bool) int64 {
	adding := make(map[string]int64)
	note := func(name string, adds bool) {
		if adds {
			adding[name]++
		}
	}
	for p := range s.among(members) {
		for _, v := range valued {
			own := &p.assessed[v.dimension]
			note(v.name, own.n > 0)
			note("stated "+v.name, own.stated > 0)
			note("silent "+v.name, own.n > own.stated)
		}
		for by, ms := range p.received {
			note(onDay("time", s.stretch(by)), ms > 0)
		}
		note("placed", p.placed)
	}
	return fewest(adding)
}
