package verify

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// What readers answer, under the names that the recomputation gives its figures.

func (f *figures) decimal(name string, x decimal.Decimal, places int32) {
	f.say(name, x.StringFixed(places))
}

func (f *figures) maybe(name string, x decimal.NullDecimal, places int32) {
	if x.Valid {
		f.decimal(name, x.Decimal, places)
	} else {
		f.say(name, "null")
	}
}

func metricsOf(f *impact.Figures) (list figures) {
	m := f.Metrics
	list.count("events", m.Events)
	list.count("unmapped", m.Unmapped)
	list.count("sessions", m.Sessions)
	list.count("participants", m.Participants)
	list.count("volunteers", m.Volunteers)
	list.decimal("volunteerHours", m.VolunteerHours, 2)
	list.decimal("avgEngagement", m.AvgEngagement, 2)
	list.decimal("completionRate", m.CompletionRate, 2)
	list.decimal("impactScore", f.ImpactScore, 2)
	return list
}

func teeiOf(prefix string, s *impact.SROI) (list figures) {
	for _, v := range valued {
		list.decimal(prefix+"improvement."+v.dimension.String(), s.Improvement[v.dimension], 4)
	}
	list.decimal(prefix+"investment", s.Investment, 2)
	list.decimal(prefix+"socialValue", s.SocialValue, 2)
	list.maybe(prefix+"ratio", s.Ratio, 2)
	return list
}

func valueOverOf(prefix string, s *impact.SROI) (list figures) {
	list.decimal(prefix+"investment", s.Investment, 2)
	list.decimal(prefix+"socialValue", s.SocialValue, 2)
	list.maybe(prefix+"netPresentValue", s.NetPresentValue, 2)
	list.maybe(prefix+"netRatio", s.NetRatio, 4)
	list.maybe(prefix+"ratio", s.Ratio, 4)
	return list
}

func scoreOf(prefix string, v *impact.VIS) (list figures) {
	list.decimal(prefix+"score", v.Score, 2)
	list.say(prefix+"band", v.Band)
	return list
}

func visOf(v *impact.VIS) figures {
	list := scoreOf("vis ", v)
	for _, c := range v.Components {
		if c.Covered {
			list.decimal("vis "+c.Name, c.Score, 2)
		} else {
			list.say("vis "+c.Name, "no data")
		}
	}
	return list
}

// variants are teei-1.0 as it can be asked for, the default first.
var variants = [...]struct {
	prefix        string
	sum, measured bool
}{
	{"sroi teei-1.0 ", false, false},
	{"sroi teei-1.0 SUM ", true, false},
	{"sroi teei-1.0 MEASURED ", false, true},
	{"sroi teei-1.0 SUM MEASURED ", true, true},
}

func overrides(sum, measured bool) impact.Overrides {
	o := impact.Overrides{"improvementMode": {Word: "MEAN"}, "baseline": {Word: "ASSUMED"}}
	if sum {
		o["improvementMode"] = impact.Setting{Word: "SUM"}
	}
	if measured {
		o["baseline"] = impact.Setting{Word: "MEASURED"}
	}
	return o
}

// partsAsked is what a company's own figures by any live methodology need.
const partsAsked = impact.PartsOverview | impact.PartOwn

// ask compares what waits with the readers' figures, all of it in one go.
func (r *run) ask(ctx context.Context) error {
	waiting := r.waiting
	r.waiting = nil
	return r.askOf(ctx, r.ledger.Figures, 0, waiting)
}

// askOf compares claims with what readers tell, as of an instant; 0 is now.
func (r *run) askOf(ctx context.Context, readers *db.Figures, asOf impact.AsOf, claims []*claim) error {
	var questions []impact.Question
	var cohorts []impact.CohortQuestion
	for _, c := range claims {
		questions = append(questions, impact.Question{Company: r.ledger.Company.ID, Programme: c.programme, Range: c.days, Parts: partsAsked, AsOf: asOf})
		cohorts = append(cohorts, r.cohortsOf(c, asOf)...)
	}
	told, err := readers.Figures(ctx, questions)
	if err != nil {
		return err
	}
	groups, err := readers.Cohorts(ctx, cohorts)
	if impact.CodeOf(err) == impact.CodeTooLarge && asOf != 0 { // the stored filters are too much together
		cohorts = nil
		for _, c := range claims {
			c.cohorts = nil
			cohorts = append(cohorts, r.cohortsOf(c, asOf)...)
		}
		groups, err = readers.Cohorts(ctx, cohorts)
	}
	if err != nil {
		return err
	}
	for i, c := range claims {
		if err := r.judgeClaim(c, told[i], groups); err != nil {
			return fmt.Errorf("%s, %s: %w", c.period, c.programme, err)
		}
		groups = groups[1+len(c.cohorts):]
	}
	return nil
}

// cohortsOf asks for everybody and for the other cohorts of a claim.
func (r *run) cohortsOf(c *claim, asOf impact.AsOf) []impact.CohortQuestion {
	list := []impact.CohortQuestion{{Key: impact.CohortAll}}
	for i := range c.cohorts {
		list = append(list, c.cohorts[i].question)
	}
	for i := range list {
		q := &list[i]
		q.Company, q.Programme, q.Range, q.AsOf, q.Explained = r.ledger.Company.ID, c.programme, c.days, asOf, c.explained
	}
	return list
}

// judgeClaim judges what readers tell, of cohorts in the order of [run.cohortsOf].
func (r *run) judgeClaim(c *claim, f *impact.Figures, groups []*impact.Cohort) error {
	own, err := r.companyBy(f, c)
	if err != nil {
		return err
	}
	everybody, err := r.cohortBy(impact.CohortAll, groups[0])
	if err != nil {
		return err
	}
	told := r.judgeParts(c, "", c.parts, own)
	r.judgeParts(c, "", c.everybody, everybody)
	for n := range c.cohorts {
		if err := r.judgeCohort(c, &c.cohorts[n], groups[1+n]); err != nil {
			return err
		}
	}
	return r.judgeChanges(c, told)
}

// companyBy is a company's own figures by every methodology that is live.
func (r *run) companyBy(f *impact.Figures, c *claim) (list []answer, err error) {
	key := r.ledger.Company.Key
	add := func(told figures, explain func() *impact.Explanation) {
		a := answer{figures: told}
		if c.explained {
			a.explanation = explain()
		}
		list = append(list, a)
	}
	add(metricsOf(f), func() *impact.Explanation { return f.ExplainMetrics(key) })
	ratio := func(prefix, id string, o impact.Overrides, of func(string, *impact.SROI) figures) error {
		live, err := f.Basis.SROI(id, o, c.active)
		if err == nil {
			add(of(prefix, &live.SROI), func() *impact.Explanation { return live.Explain(key, f.Question) })
		}
		return err
	}
	if err := ratio("sroi ", impact.IDTeei1, nil, func(prefix string, _ *impact.SROI) figures { return teeiOf(prefix, f.SROI) }); err != nil {
		return nil, err
	}
	for _, v := range variants {
		if err := ratio(v.prefix, impact.IDTeei1, overrides(v.sum, v.measured), teeiOf); err != nil {
			return nil, err
		}
	}
	for _, id := range [...]string{impact.IDNPV, impact.IDActivity} {
		if err := ratio("sroi "+id+" ", id, nil, valueOverOf); err != nil {
			return nil, err
		}
	}
	add(visOf(f.VIS), func() *impact.Explanation { return f.ExplainVIS(key) })
	reporting := f.Basis.Reporting(impact.DefaultReporting, c.active)
	add(scoreOf("vis teei-vis-reporting-1.0 ", &reporting), func() *impact.Explanation {
		return f.Basis.ExplainReporting(key, impact.DefaultReporting, c.active)
	})
	return list, nil
}

// cohortBy is the figures of a cohort, and what of them may be explained.
func (r *run) cohortBy(name string, c *impact.Cohort) ([]answer, error) {
	prefix, key := "cohort "+name+" ", r.ledger.Company.Key
	counts, score := answer{explanation: c.ExplainCounts(key)}, answer{explanation: c.ExplainVIS(key)}
	counts.figures.count(prefix+"participantCount", c.ParticipantCount)
	counts.figures.decimal(prefix+"completionRate", c.CompletionRate, 2)
	score.figures.decimal(prefix+"avgVIS", c.AvgVIS, 2)
	list := []answer{counts, score}
	for _, of := range [...]struct {
		id, prefix string
		figures    func(string, *impact.SROI) figures
	}{{impact.IDTeei1, prefix + "sroi ", teeiOf}, {impact.IDNPV, prefix + "sroi teei-npv-1.0 ", valueOverOf}} {
		live, err := c.SROIBy(of.id)
		if err != nil {
			return nil, err
		}
		var told answer
		if live != nil {
			told.figures = of.figures(of.prefix, &live.SROI)
			if told.explanation, err = c.ExplainSROI(of.id, key); err != nil {
				return nil, err
			}
		}
		list = append(list, told)
	}
	return list, nil
}
