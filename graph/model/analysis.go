package model

import (
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// FunnelStepInput is a step to ask for.
type FunnelStepInput struct {
	Activity  impact.Activity
	Programme *string
}

// RetentionRow is the participants first active in an interval.
type RetentionRow struct{ *impact.RetentionRow }

// Start is the first day.
func (r RetentionRow) Start() impact.Day { return r.Range.From }

// End is the last day.
func (r RetentionRow) End() impact.Day { return r.Range.To - 1 }

// Size is how many there are.
func (r RetentionRow) Size() *int64 { return told(r.RetentionRow.Size, r.Suppressed) }

// Rates is the share that stayed, by column, in percent.
func (r RetentionRow) Rates() []decimal.NullDecimal {
	rates := make([]decimal.NullDecimal, len(r.Retained))
	for i, n := range r.Retained {
		if n != nil && r.RetentionRow.Size > 0 {
			rates[i] = decimal.NewNullDecimal(impact.Percent(*n, r.RetentionRow.Size))
		}
	}
	return rates
}

// Retention is a retention matrix.
type Retention struct {
	*impact.Retention
	Explained Explained
}

// Explained is an answer that explains itself.
type Explained struct {
	Company, Of string // as in [Cohort]
	Events      ExplainedEvents
}

// explained is an explanation as the graph shows it; nil stays nil.
func (e Explained) explained(x *impact.Explanation) *Explanation {
	if x == nil {
		return nil
	}
	if e.Of != "" {
		x.Cohort = e.Of
	}
	return &Explanation{x, e.Events}
}

// Explain explains the matrix.
func (r Retention) Explain() *Explanation {
	return r.Explained.explained(r.Retention.Explain(r.Explained.Company))
}

// Rows are the rows in order.
func (r Retention) Rows() []RetentionRow {
	rows := make([]RetentionRow, len(r.Retention.Rows))
	for i := range rows {
		rows[i] = RetentionRow{&r.Retention.Rows[i]}
	}
	return rows
}

// Funnel is how far people came.
type Funnel struct {
	*impact.Funnel
	Explained Explained
}

// Explain explains the steps.
func (f Funnel) Explain() *Explanation {
	return f.Explained.explained(f.Funnel.Explain(f.Explained.Company))
}

// Steps are the steps in order.
func (f Funnel) Steps() []FunnelStep {
	steps := make([]FunnelStep, len(f.Funnel.Steps))
	for i := range steps {
		steps[i] = FunnelStep{&f.Funnel.Steps[i], &f.Funnel.Steps[0]}
	}
	return steps
}

// FunnelStep is a step beside the first one.
type FunnelStep struct {
	*impact.FunnelCount
	first *impact.FunnelCount
}

// Programme is the step's programme; nil is any.
func (s FunnelStep) Programme() *string {
	if s.FunnelCount.Programme == impact.AllProgrammes {
		return nil
	}
	return &s.FunnelCount.Programme
}

// People is how many came so far.
func (s FunnelStep) People() *int64 { return told(s.FunnelCount.People, s.Suppressed) }

// Conversion is their share of the people of the first step, in percent.
func (s FunnelStep) Conversion() decimal.NullDecimal {
	if s.Suppressed || s.first.Suppressed || s.first.People == 0 {
		return decimal.NullDecimal{}
	}
	return decimal.NewNullDecimal(impact.Percent(s.FunnelCount.People, s.first.People))
}

// MedianDays is how long people took from the step before.
func (s FunnelStep) MedianDays() decimal.NullDecimal {
	if s.FunnelCount.MedianDays == nil {
		return decimal.NullDecimal{}
	}
	return decimal.NewNullDecimal(decimal.NewFromFloat(*s.FunnelCount.MedianDays))
}

func told(n int64, suppressed bool) *int64 {
	if suppressed {
		return nil
	}
	return &n
}
