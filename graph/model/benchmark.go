package model

import (
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// Benchmark is a cohort beside the others of its company, and beside other companies.
type Benchmark struct {
	of     *impact.Benchmark
	cohort *Cohort
}

// Others are the company's others; nil for everybody.
func (b *Benchmark) Others() *CohortOthers {
	if b.cohort.Others == nil {
		return nil
	}
	others := Cohort{Cohort: b.cohort.Others, Company: b.cohort.Company, Of: "not " + b.cohort.Of, Events: b.cohort.Events, others: true}
	return &CohortOthers{others}
}

// CohortOthers are those who are not in a cohort.
type CohortOthers struct{ Cohort }

// SROI is the return on them, by teei-1.0.
func (o *CohortOthers) SROI() *SROI {
	if o.Suppressed {
		return nil
	}
	return &SROI{SROI: &o.Cohort.Cohort.SROI, explain: o.explainSROI(impact.IDTeei1)}
}

// VIS is the score of the volunteers who serve them.
func (o *CohortOthers) VIS() *CohortVIS {
	if o.Suppressed {
		return nil
	}
	return o.vis()
}

// PeerGroup is nil where the company is in none.
func (b *Benchmark) PeerGroup() *string {
	if b.of.Group == "" {
		return nil
	}
	return &b.of.Group
}

// Suppressed reports a group with too few companies.
func (b *Benchmark) Suppressed() bool { return b.of.Group != "" && b.of.Peers == 0 }

// Peers is how many there are to compare with.
func (b *Benchmark) Peers() *int64 { return told(b.of.Peers, b.of.Peers == 0) }

// TakenAt is when their figures were read.
func (b *Benchmark) TakenAt() *string {
	if b.of.Group == "" {
		return nil
	}
	at := instant(b.of.TakenAt)
	return &at
}

// Figures are the figures in their order; none without a group.
func (b *Benchmark) Figures() []*BenchmarkFigure {
	list := []*BenchmarkFigure{}
	if b.of.Group == "" {
		return list
	}
	for i := range b.of.Figures {
		list = append(list, &BenchmarkFigure{&b.of.Figures[i], b.own(i)})
	}
	return list
}

// own is the cohort's figure: of everybody the company's, of another those that it has.
func (b *Benchmark) own(i int) decimal.NullDecimal {
	switch name := impact.BenchmarkNames[i]; {
	case b.cohort.Key == impact.CohortAll:
		return b.of.Own.Values[i]
	case name == impact.BenchmarkCompletionRate:
		return b.cohort.CompletionRate()
	case name == impact.BenchmarkSROI:
		return b.cohort.Cohort.SROI.Ratio
	}
	return decimal.NullDecimal{}
}

// Explain explains the figures; nil without a group.
func (b *Benchmark) Explain() (*Explanation, error) {
	var own impact.Own
	for i := range own.Values {
		own.Values[i] = b.own(i)
	}
	if b.cohort.Key == impact.CohortAll {
		var err error
		if own.Explained, err = b.of.ExplainOwn(b.cohort.Company); err != nil {
			return nil, err
		}
	} else {
		ratio, err := b.cohort.explainSROI(impact.IDTeei1)()
		if err != nil {
			return nil, err
		}
		for _, x := range [...]*Explanation{b.cohort.Explain(), ratio} {
			if x != nil {
				own.Explained = append(own.Explained, x.Explanation)
			}
		}
	}
	if x := b.of.Explain(b.cohort.Company, b.cohort.Of, b.of.OwnFigures.Question, own); x != nil {
		return &Explanation{x, nil}, nil
	}
	return nil, nil //nolint:nilnil // there is nothing to explain
}

// BenchmarkFigure is how the peers did in one figure.
type BenchmarkFigure struct {
	of  *impact.BenchmarkFigure
	own decimal.NullDecimal
}

// Name is the figure's.
func (f *BenchmarkFigure) Name() impact.BenchmarkName { return f.of.Name }

// Value is the cohort's.
func (f *BenchmarkFigure) Value() decimal.NullDecimal { return f.own }

// Suppressed reports too few peers.
func (f *BenchmarkFigure) Suppressed() bool { return f.of.Suppressed }

// Peers is how many have the figure.
func (f *BenchmarkFigure) Peers() *int64 { return told(f.of.Peers, f.of.Suppressed) }

// LowerQuartile is theirs.
func (f *BenchmarkFigure) LowerQuartile() decimal.NullDecimal { return f.of.Lower }

// Median is theirs.
func (f *BenchmarkFigure) Median() decimal.NullDecimal { return f.of.Median }

// UpperQuartile is theirs.
func (f *BenchmarkFigure) UpperQuartile() decimal.NullDecimal { return f.of.Upper }
