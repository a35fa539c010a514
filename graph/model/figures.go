package model

import (
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// Figures are the figures of a range, and of the one that they are compared with, if
// any.
type Figures struct {
	*impact.Figures
	Base    *impact.Figures
	Company string          // its key
	Events  ExplainedEvents // what they are made of
}

// Metrics are the figures of a period, and their summary.
type Metrics struct {
	*impact.Metrics
	ImpactScore decimal.Decimal
	ErasedSince bool
	base        *impact.Figures
	figures     Figures
}

// UnmappedEvents is the count of events of unknown types.
func (m *Metrics) UnmappedEvents() int64 { return m.Unmapped }

// Metrics are the metrics among figures that have [impact.PartsMetrics]; the summary
// needs [impact.PartsOverview].
func (f Figures) Metrics() *Metrics {
	return &Metrics{Metrics: f.Figures.Metrics, ImpactScore: f.ImpactScore, ErasedSince: f.ErasedSince, base: f.Base, figures: f}
}

// SROI is a ratio, and the one that it is compared with.
type SROI struct {
	*impact.SROI
	ErasedSince bool
	base        *impact.Figures
	baseSROI    *impact.SROI
	company     string
	baseLive    func() *impact.LiveSROI // of what it is compared with
	live        func() *impact.LiveSROI // nil for a cohort by teei-1.0
	explain     func() (*Explanation, error)
}

// SROI is the ratio among figures that have [impact.PartsSROI].
func (f Figures) SROI() *SROI {
	s := &SROI{SROI: f.Figures.SROI, ErasedSince: f.ErasedSince, base: f.Base, company: f.Company}
	if f.Base != nil {
		s.baseSROI, s.baseLive = f.Base.SROI, liveTeei1(f.Base)
	}
	if f.Basis != nil {
		s.live = liveTeei1(f.Figures)
	}
	s.explain = f.explainSROI(s.live)
	return s
}

// liveTeei1 is the ratio by teei-1.0 with its parameters.
func liveTeei1(f *impact.Figures) func() *impact.LiveSROI {
	return func() *impact.LiveSROI {
		live, err := f.Basis.SROI(impact.IDTeei1, nil, impact.AllTime)
		if err != nil {
			panic(err) // there is such a methodology, and nothing was overridden
		}
		return live
	}
}

// LiveSROI is the ratio that was worked out from the figures' basis, and from that of
// what they are compared with.
func (f Figures) LiveSROI(now, base *impact.LiveSROI) *SROI {
	live := func() *impact.LiveSROI { return now }
	s := &SROI{SROI: &now.SROI, ErasedSince: f.ErasedSince, base: f.Base, company: f.Company, live: live, explain: f.explainSROI(live)}
	if base != nil {
		s.baseSROI, s.baseLive = &base.SROI, func() *impact.LiveSROI { return base }
	}
	return s
}

// ImprovementMode is null but in teei-1.0.
func (s *SROI) ImprovementMode() *impact.ImprovementMode {
	if s.SROI.ImprovementMode == "" {
		return nil
	}
	return &s.SROI.ImprovementMode
}

// Baseline is null but in teei-1.0.
func (s *SROI) Baseline() *impact.Baseline {
	if s.SROI.Baseline == "" {
		return nil
	}
	return &s.SROI.Baseline
}

// Parameters are those that made the ratio.
func (s *SROI) Parameters() []*impact.ParameterValue {
	list := []*impact.ParameterValue{}
	if s.live != nil {
		live := s.live()
		for i := range live.Parameters {
			list = append(list, &live.Parameters[i])
		}
	}
	return list
}

// Sensitivity is what moves the ratio.
func (s *SROI) Sensitivity() *Sensitivity { return SensitivityOf(s.model()) }

// Uncertainty is how sure it is.
func (s *SROI) Uncertainty() *Uncertainty { return UncertaintyOf(s.model()) }

func (s *SROI) model() *impact.Model {
	if s.live == nil {
		return nil
	}
	return s.live().Model
}

// VIS is a score, and the one that it is compared with.
type VIS struct {
	*impact.VIS
	ErasedSince bool
	base        *impact.Figures
	baseVIS     *impact.VIS
	// explain and explainBase are of the score and of what it is compared with.
	explain, explainBase func() *impact.Explanation

	events ExplainedEvents
}

// VIS is the score among figures that have [impact.PartsVIS].
func (f Figures) VIS() *VIS {
	v := &VIS{VIS: f.Figures.VIS, ErasedSince: f.ErasedSince, base: f.Base, events: f.Events}
	v.explain = func() *impact.Explanation { return f.ExplainVIS(f.Company) }
	if f.Base != nil {
		v.baseVIS = f.Base.VIS
		v.explainBase = func() *impact.Explanation { return f.Base.ExplainVIS(f.Company) }
	}
	return v
}

// LiveVIS is the score that was worked out from the figures' basis, and from that of
// what they are compared with; explain says what that of figures is made of.
func (f Figures) LiveVIS(now, base *impact.VIS, explain func(*impact.Figures) *impact.Explanation) *VIS {
	return &VIS{
		VIS: now, ErasedSince: f.ErasedSince, base: f.Base, baseVIS: base, events: f.Events,
		explain:     func() *impact.Explanation { return explain(f.Figures) },
		explainBase: func() *impact.Explanation { return explain(f.Base) },
	}
}

// Point is the figures of one interval of a time series.
type Point struct {
	Figures
	By Methods
}

// Methods works figures out by the methodology of an id, or with an empty one by the
// company's default.
type Methods interface {
	SROI(f Figures, methodology string) (*SROI, error)
	VIS(f Figures, methodology string) (*VIS, error)
}

// SROI is the ratio of the interval.
func (p *Point) SROI(methodology *string) (*SROI, error) {
	return p.By.SROI(p.Figures, orEmpty(methodology))
}

// VIS is the score of the interval.
func (p *Point) VIS(methodology *string) (*VIS, error) {
	return p.By.VIS(p.Figures, orEmpty(methodology))
}

// Start is the first day.
func (p *Point) Start() impact.Day { return p.Range.From }

// End is the last day.
func (p *Point) End() impact.Day { return p.Range.To - 1 }

// NetPresentValue is null but where value is set against investment in money.
func (s *SROI) NetPresentValue() *decimal.Decimal {
	if !s.SROI.NetPresentValue.Valid {
		return nil
	}
	return &s.SROI.NetPresentValue.Decimal
}
