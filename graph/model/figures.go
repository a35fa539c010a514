package model

import (
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// Figures are the figures of a range, and of the one that they are compared with, if
// any.
type Figures struct {
	*impact.Figures
	Base *impact.Figures
}

// Metrics are the figures of a period, and their summary.
type Metrics struct {
	*impact.Metrics
	ImpactScore decimal.Decimal
	base        *impact.Figures
}

// UnmappedEvents is the count of events of unknown types.
func (m *Metrics) UnmappedEvents() int64 { return m.Unmapped }

// Metrics are the metrics among figures that have [impact.PartsMetrics]; the summary
// needs [impact.PartsOverview].
func (f Figures) Metrics() *Metrics {
	return &Metrics{Metrics: f.Figures.Metrics, ImpactScore: f.ImpactScore, base: f.Base}
}

// SROI is a ratio, and the one that it is compared with.
type SROI struct {
	*impact.SROI
	base *impact.Figures
}

// SROI is the ratio among figures that have [impact.PartsSROI].
func (f Figures) SROI() *SROI { return &SROI{f.Figures.SROI, f.Base} }

// VIS is a score, and the one that it is compared with.
type VIS struct {
	*impact.VIS
	base *impact.Figures
}

// VIS is the score among figures that have [impact.PartsVIS].
func (f Figures) VIS() *VIS { return &VIS{f.Figures.VIS, f.Base} }

// Point is the figures of one interval of a time series.
type Point struct{ Figures }

// Start is the first day.
func (p *Point) Start() impact.Day { return p.Range.From }

// End is the last day.
func (p *Point) End() impact.Day { return p.Range.To - 1 }
