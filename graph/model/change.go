package model

import (
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// FigureChange is how a figure changed.
type FigureChange struct {
	Base     decimal.Decimal
	Absolute decimal.Decimal
	Relative decimal.NullDecimal
}

func changed(now, base decimal.Decimal) *FigureChange {
	return &FigureChange{base, now.Sub(base), impact.RelativeChange(now, base)}
}

func counted(now, base int64) *FigureChange {
	return changed(decimal.NewFromInt(now), decimal.NewFromInt(base))
}

// MoneyChange is how an amount changed.
type MoneyChange FigureChange

type baseRange struct{ base *impact.Figures }

// Start is the first day of what a figure is compared with.
func (b baseRange) Start() impact.Day { return b.base.Range.From }

// End is its last day.
func (b baseRange) End() impact.Day { return b.base.Range.To - 1 }

// MetricsChange is how metrics changed.
type MetricsChange struct {
	baseRange
	now *Metrics
}

// Change is against the base; nil without one.
func (m *Metrics) Change() *MetricsChange {
	if m.base == nil {
		return nil
	}
	return &MetricsChange{baseRange{m.base}, m}
}

// Events and the other methods are the changes of the figures of the same name.
func (c *MetricsChange) Events() *FigureChange {
	return counted(c.now.Metrics.Events, c.base.Metrics.Events)
}

// Sessions is the change of the count of sessions.
func (c *MetricsChange) Sessions() *FigureChange {
	return counted(c.now.Metrics.Sessions, c.base.Metrics.Sessions)
}

// Participants is the change of the count of participants.
func (c *MetricsChange) Participants() *FigureChange {
	return counted(c.now.Metrics.Participants, c.base.Metrics.Participants)
}

// Volunteers is the change of the count of volunteers.
func (c *MetricsChange) Volunteers() *FigureChange {
	return counted(c.now.Metrics.Volunteers, c.base.Metrics.Volunteers)
}

// VolunteerHours is the change of the hours.
func (c *MetricsChange) VolunteerHours() *FigureChange {
	return changed(c.now.Metrics.VolunteerHours, c.base.Metrics.VolunteerHours)
}

// AvgEngagement is the change in points of percent.
func (c *MetricsChange) AvgEngagement() *FigureChange {
	return changed(c.now.Metrics.AvgEngagement, c.base.Metrics.AvgEngagement)
}

// CompletionRate is the change in points of percent.
func (c *MetricsChange) CompletionRate() *FigureChange {
	return changed(c.now.Metrics.CompletionRate, c.base.Metrics.CompletionRate)
}

// ImpactScore is the change of the summary.
func (c *MetricsChange) ImpactScore() *FigureChange {
	return changed(c.now.ImpactScore, c.base.ImpactScore)
}

// Explain explains the changes.
func (c *MetricsChange) Explain() *Explanation {
	company := c.now.figures.Company
	var list []impact.Changed
	for _, f := range [...]struct {
		name, unit string
		change     *FigureChange
	}{
		{"events", "events", c.Events()}, {"sessions", "events", c.Sessions()}, {"participants", "people", c.Participants()},
		{"volunteers", "people", c.Volunteers()}, {"volunteerHours", "hours", c.VolunteerHours()}, {"avgEngagement", "percent", c.AvgEngagement()},
		{"completionRate", "percent", c.CompletionRate()}, {"impactScore", "points of 0 to 10", c.ImpactScore()},
	} {
		list = append(list, f.change.of(f.name, f.unit))
	}
	return &Explanation{impact.ExplainChange(c.now.figures.ExplainMetrics(company), c.base.ExplainMetrics(company), list), nil}
}

func (c *FigureChange) of(name, unit string) impact.Changed {
	return impact.Changed{
		Name: name, Unit: unit, Now: decimal.NewNullDecimal(c.Base.Add(c.Absolute)), Base: decimal.NewNullDecimal(c.Base),
	}
}

// SROIChange is how a ratio changed.
type SROIChange struct {
	baseRange
	now *SROI
}

// Change is against the base; nil without one.
func (s *SROI) Change() *SROIChange {
	if s.base == nil {
		return nil
	}
	return &SROIChange{baseRange{s.base}, s}
}

// Ratio is the change of the ratio; nil unless there are both.
func (c *SROIChange) Ratio() *FigureChange {
	now, base := c.now.Ratio, c.now.baseSROI.Ratio
	if !now.Valid || !base.Valid {
		return nil
	}
	return changed(now.Decimal, base.Decimal)
}

// Investment is the change of the investment.
func (c *SROIChange) Investment() *MoneyChange {
	return (*MoneyChange)(changed(c.now.Investment, c.now.baseSROI.Investment))
}

// SocialValue is the change of the social value.
func (c *SROIChange) SocialValue() *MoneyChange {
	return (*MoneyChange)(changed(c.now.SocialValue, c.now.baseSROI.SocialValue))
}

// Explain explains the changes.
func (c *SROIChange) Explain() (*Explanation, error) {
	now, err := c.now.explain()
	if err != nil {
		return nil, err
	}
	base := c.now.baseLive().Explain(c.now.company, c.base.Question)
	return &Explanation{impact.ExplainChange(now.Explanation, base, []impact.Changed{
		{Name: "ratio", Unit: "ratio", Now: c.now.Ratio, Base: c.now.baseSROI.Ratio},
		(*FigureChange)(c.Investment()).of("investment", "USD"), (*FigureChange)(c.SocialValue()).of("socialValue", "USD"),
	}), nil}, nil
}

// VISChange is how a score changed.
type VISChange struct {
	baseRange
	now *VIS
}

// Change is against the base; nil without one.
func (v *VIS) Change() *VISChange {
	if v.base == nil {
		return nil
	}
	return &VISChange{baseRange{v.base}, v}
}

// Score is the change of the score.
func (c *VISChange) Score() *FigureChange { return changed(c.now.Score, c.now.baseVIS.Score) }

// Explain explains the change.
func (c *VISChange) Explain() *Explanation {
	return &Explanation{impact.ExplainChange(c.now.explain(), c.now.explainBase(), []impact.Changed{c.Score().of("score", "points of 0 to 100")}), nil}
}
