package impact

import (
	"fmt"
	"math/big"

	"github.com/shopspring/decimal"
)

const unitMS = "milliseconds"

// ExplainMetrics explains the metrics of figures that have [PartsOverview], of the company
// of a key.
func (f *Figures) ExplainMetrics(company string) *Explanation {
	b := f.Basis
	x := b.explain(MetricsMethodology, company)
	for k, n := range b.kinds {
		if n != 0 {
			x.count("count."+Kind(k).String(), n, unitEvents)
		}
	}
	x.count("time", b.volunteerMS(), unitMS)
	x.count("participants", b.People.Participants, unitPeople)
	x.count("volunteers", b.People.Volunteers, unitPeople)
	x.count("known", b.known, unitPeople)
	x.count("enrolments", b.People.Enrolments, "enrolments")
	x.count("enrolmentsCompleted", b.People.Completed, "enrolments")
	ratio := new(big.Rat)
	if f.SROI.Ratio.Valid {
		ratio = f.SROI.Ratio.Decimal.Rat()
	}
	x.input("sroiRatio", ratio, "ratio", "teei-1.0 as published, 0 without one", GradeReported)
	x.input("visScore", f.VIS.Score.Rat(), "points of 0 to 100", "teei-vis-1.0 as published", GradeReported)
	return x
}

// ExplainVIS explains the score by teei-vis-1.0 of figures that have [PartsVIS].
func (f *Figures) ExplainVIS(company string) *Explanation {
	b := f.Basis
	x := b.explain(IDVis1, company)
	x.visInput(b.vis)
	x.weights(b.Settings, b.Range, b.Settings.VIS(DefaultVIS, b.Range))
	return x
}

// visInput explains what a score of teei-vis-1.0 is made of.
func (x *Explanation) visInput(in *VISInput) {
	x.count("time", in.VolunteerMS, unitMS)
	x.count("volunteers", in.Volunteers, unitPeople)
	for i, d := range qualityDimensions {
		x.scored("score."+d.String(), in.Scores[i])
	}
	x.scored("rating", in.Ratings)
	x.count("improved", in.Improved, unitPeople)
	x.count("assessedTwice", in.Assessed, unitPeople)
	x.count("placed", in.Placed, unitPeople)
	x.count("jobReady", in.Ready, unitPeople)
}

// weights explains the parameters of teei-vis-1.0.
func (x *Explanation) weights(s *Settings, r Range, p VISParams) {
	source := sourceTEEI
	if s != nil && At(s.VISWeights, r.To-1) != nil {
		source = sourceCosts
	}
	for _, w := range [...]struct {
		name  string
		value Micro
	}{{"hoursWeight", p.Hours}, {"qualityWeight", p.Quality}, {"outcomeLiftWeight", p.OutcomeLift}, {"placementWeight", p.Placement}} {
		x.parameter(w.name, w.value.decimal().String(), unitShare, source)
	}
	x.parameter("fullHours", decimal.NewFromInt(p.FullHours).String(), unitHours, sourceTEEI)
}

// ExplainReporting explains [Basis.Reporting].
func (b *Basis) ExplainReporting(company string, p ReportingParams, active Range) *Explanation {
	x := b.explain(IDVisReporting, company)
	x.count("time", b.volunteerMS(), unitMS)
	x.count("volunteers", b.People.Volunteers, unitPeople)
	x.count("sessions", b.Activity.Sessions, unitEvents)
	x.count("months", b.Range.Clip(active).Months(MonthsCalendar), "months")
	x.baseline()
	for _, d := range sroiDimensions {
		x.scored("score."+d.String(), b.pooled.scores[d])
	}
	for _, w := range [...]struct {
		name  string
		value Micro
		unit  string
	}{{"hoursWeight", p.Hours, unitShare}, {"sessionsWeight", p.Sessions, unitShare}, {"outcomeWeight", p.Outcome, unitShare}, {"floor", p.Floor, unitPoints}} {
		x.parameter(w.name, w.value.decimal().String(), w.unit, sourceTEEI)
	}
	x.parameter("fullHours", decimal.NewFromInt(p.FullHours).String(), unitHours, sourceTEEI)
	return x
}

// Explain explains the ratio as the figure of a company and a question.
func (l *LiveSROI) Explain(company string, q Question) *Explanation {
	if l.valueMap != nil {
		x := l.valueMap.explain(l.overrides, sourceMap)
		x.Company, x.Programme, x.Range = company, q.Programme, q.Range
		return x
	}
	x := l.basis.explain(l.Methodology, company)
	values := make(map[string]*ParameterValue, len(l.Parameters))
	for i := range l.Parameters {
		values[l.Parameters[i].Name] = &l.Parameters[i]
	}
	switch l.Methodology {
	case IDTeei1:
		l.basis.explainTeei1(x, values)
	case IDNPV:
		x.given(values["placed"], GradeReported)
		if cost := values["cost"]; cost.Overridden {
			x.given(cost, GradeDeclared)
		} else {
			l.basis.explainTime(x)
			l.basis.explainCosts(x)
		}
	case IDActivity:
		l.basis.explainActivity(x, values)
	}
	for i := range l.Parameters {
		if v := &l.Parameters[i]; v.Default != "" && !l.explainedApart(v.Name) {
			x.set(v)
		}
	}
	return x
}

// explainedApart reports a parameter that is among the inputs, or told by days.
func (l *LiveSROI) explainedApart(name string) bool {
	if name == "programmeCosts" {
		return true
	}
	for _, activity := range activityNames {
		if name == activity[1] {
			return true
		}
	}
	return false
}

func (b *Basis) explainTeei1(x *Explanation, values map[string]*ParameterValue) {
	if hours, hourly := values["hours"], values["hourlyValue"]; hours.Overridden || hourly.Overridden {
		x.given(hours, GradeReported)
		x.set(hourly)
	} else {
		b.explainTime(x)
	}
	if costs := values["programmeCosts"]; costs.Overridden {
		x.given(costs, GradeDeclared)
	} else {
		b.explainCosts(x)
	}
	for _, d := range sroiDimensions {
		x.scored("score."+d.String(), b.pooled.scores[d])
		x.scored("confidence."+d.String(), b.pooled.confidences[d])
	}
	assumed := values["improvementMode"].Word == string(ImprovementMean) && values["baseline"].Word == string(BaselineAssumed)
	for _, d := range sroiDimensions {
		if v := values[improvementNames[d]]; v.Overridden || !assumed {
			x.given(v, GradeAssessed)
		}
	}
	x.baseline()
	if v := values["confidence"]; v.Overridden {
		x.given(v, GradeDeclared)
	} else {
		x.input("absentConfidence", DefaultSROI.NoConfidence.rat(), unitShare, sourceTEEI, GradeAssumed)
	}
}

// baseline explains what improvement is measured from where nobody knows.
func (x *Explanation) baseline() {
	x.input("baselineScore", DefaultSROI.BaselineScore.rat(), unitPoints, sourceTEEI, GradeAssumed)
}

// stretches are the segments by the days from which their rates hold, in order. A reading
// may have more of them, if it was made together with others.
func (b *Basis) stretches() (list []basisSegment) {
	pieces := b.Settings.Cut(b.Range)
	for _, s := range b.segments {
		s.from = stretchOf(pieces, s.from)
		if last := len(list) - 1; last >= 0 && list[last].from == s.from {
			list[last].ms += s.ms
			list[last].activity.add(&s.activity)
			continue
		}
		list = append(list, s)
	}
	return list
}

// explainTime explains the volunteers' time by the days from which its rates hold.
func (b *Basis) explainTime(x *Explanation) {
	p := b.Settings.SROI(DefaultSROI, b.Question)
	for _, s := range b.stretches() {
		if s.ms == 0 {
			continue
		}
		x.count(onDay("time", s.from), s.ms, unitMS)
		source := sourceHourly
		if At(p.OwnHourly, s.from) != nil {
			source = sourceCosts
		}
		x.parameter(onDay("hourlyValue", s.from), exactText(p.HourlyRate(s.from).Rat()), "USD per hour", source)
	}
}

func (b *Basis) explainCosts(x *Explanation) {
	if b.Settings == nil || b.members {
		return
	}
	for i := range b.Settings.Costs {
		c := &b.Settings.Costs[i]
		share := c.Share(b.Range)
		if share.Sign() == 0 || b.Programme != AllProgrammes && c.Programme != b.Programme {
			continue
		}
		days := c.Range.Clip(b.Range)
		x.input(fmt.Sprintf("programmeCosts[%d]", c.ID), share, unitUSD,
			fmt.Sprintf("%s: %s for %s, of which %s counts", sourceCosts, c.Amount, c.Range, days), GradeDeclared)
	}
}

func (b *Basis) explainActivity(x *Explanation, values map[string]*ParameterValue) {
	stretches := b.stretches()
	for i, name := range activityNames {
		if n, worth := values[name[0]], values[name[1]]; n.Overridden || worth.Overridden {
			x.given(n, GradeReported)
			x.set(worth)
			continue
		}
		for j := range stretches {
			s := &stretches[j]
			n := s.activity.list()[i]
			if n == 0 {
				continue
			}
			x.count(onDay(name[0], s.from), n, unitEvents)
			source := sourceTEEI
			if b.Settings != nil && At(b.Settings.ActivityWeights, s.from) != nil {
				source = sourceCosts
			}
			weights := b.Settings.Activity(s.from)
			x.parameter(onDay(name[1], s.from), exactText(weights.list()[i].Rat()), unitUSD, source)
		}
	}
	x.given(values["monthCount"], GradeReported)
}
