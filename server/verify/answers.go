package verify

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"

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

func metricsOf(m *impact.Metrics) (list figures) {
	list.count("events", m.Events)
	list.count("unmapped", m.Unmapped)
	list.count("sessions", m.Sessions)
	list.count("participants", m.Participants)
	list.count("volunteers", m.Volunteers)
	list.decimal("volunteerHours", m.VolunteerHours, 2)
	list.decimal("avgEngagement", m.AvgEngagement, 2)
	list.decimal("completionRate", m.CompletionRate, 2)
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

func visOf(v *impact.VIS) (list figures) {
	list.decimal("vis score", v.Score, 2)
	list.say("vis band", v.Band)
	for _, c := range v.Components {
		if c.Covered {
			list.decimal("vis "+c.Name, c.Score, 2)
		} else {
			list.say("vis "+c.Name, "no data")
		}
	}
	return list
}

func cohortOf(name string, c *impact.Cohort) (list figures) {
	prefix := "cohort " + name + " "
	list.count(prefix+"participantCount", c.ParticipantCount)
	list.decimal(prefix+"completionRate", c.CompletionRate, 2)
	list = append(list, teeiOf(prefix+"sroi ", &c.SROI)...)
	list.decimal(prefix+"avgVIS", c.AvgVIS, 2)
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
	var questions []impact.Question
	var cohorts []impact.CohortQuestion
	for _, c := range waiting {
		company := r.ledger.Company.ID
		questions = append(questions, impact.Question{Company: company, Programme: c.programme, Range: c.days, Parts: partsAsked})
		cohorts = append(cohorts, impact.CohortQuestion{Company: company, Programme: c.programme, Range: c.days, Key: impact.CohortAll})
		for _, d := range c.cohorts {
			d.question.Company, d.question.Programme, d.question.Range = company, c.programme, c.days
			cohorts = append(cohorts, d.question)
		}
	}
	told, err := r.ledger.Figures.Figures(ctx, questions)
	if err != nil {
		return err
	}
	groups, err := r.ledger.Figures.Cohorts(ctx, cohorts)
	if err != nil {
		return err
	}
	for i, c := range waiting {
		list, err := companyOf(told[i], c.active)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", c.period, c.programme, err)
		}
		r.judge(c, c.figures, append(list, cohortOf(impact.CohortAll, groups[0])...))
		if c.explained != nil {
			given, err := explainedBy(told[i], r.ledger.Company.Key)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", c.period, c.programme, err)
			}
			r.judge(c, c.explained, given)
		}
		if err := r.judgeChanges(c, list); err != nil {
			return err
		}
		for n, d := range c.cohorts {
			r.judgeCohort(c, d, groups[1+n])
		}
		groups = groups[1+len(c.cohorts):]
	}
	return nil
}

// companyOf is a company's own figures by every methodology that is live.
func companyOf(f *impact.Figures, active impact.Range) (figures, error) {
	list := metricsOf(f.Metrics)
	list = append(list, teeiOf("sroi ", f.SROI)...)
	for _, v := range variants {
		live, err := f.Basis.SROI(impact.IDTeei1, overrides(v.sum, v.measured), active)
		if err != nil {
			return nil, err
		}
		list = append(list, teeiOf(v.prefix, &live.SROI)...)
	}
	for _, id := range [...]string{impact.IDNPV, impact.IDActivity} {
		live, err := f.Basis.SROI(id, nil, active)
		if err != nil {
			return nil, err
		}
		list = append(list, valueOverOf("sroi "+id+" ", &live.SROI)...)
	}
	list = append(list, visOf(f.VIS)...)
	reporting := f.Basis.Reporting(impact.DefaultReporting, active)
	list.decimal("vis teei-vis-reporting-1.0 score", reporting.Score, 2)
	list.say("vis teei-vis-reporting-1.0 band", reporting.Band)
	list.decimal("impactScore", f.ImpactScore, 2)
	return list, nil
}

// recomputed is the same, and the cohort of everybody, of an account.
func (r *run) recomputed(a *account, h *history, programme string, days impact.Range, months int64) figures {
	w := r.weightsOn(days.To - 1)
	investment := plus(worthOf(a.time), r.costs(programme, days))
	list := a.metrics(h)
	sroi, ratio := a.teei("sroi ", investment, nil, false, false)
	list = append(list, sroi...)
	for _, v := range variants {
		own, _ := a.teei(v.prefix, investment, nil, v.sum, v.measured)
		list = append(list, own...)
	}
	list = append(list, a.npv(investment)...)
	list = append(list, a.activities(months)...)
	vis, score := a.vis(w)
	list = append(list, vis...)
	list = append(list, a.reporting(months)...)
	list.number("impactScore", impactScore(ratio, score), 2)
	cohort, _ := a.cohort(impact.CohortAll, h, nil, investment, w)
	return append(list, cohort...)
}
