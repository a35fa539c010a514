package model

import (
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// Confidence is a ratio and its interval.
type Confidence struct {
	*impact.RatioInterval
	Explained Explained
}

// Explain explains the interval; nil if withheld.
func (c *Confidence) Explain() *Explanation {
	return c.Explained.explained(c.RatioInterval.Explain(c.Explained.Company))
}

// Participants is how many enter it; nil if suppressed.
func (c *Confidence) Participants() *int64 { return told(c.Units, c.Suppressed) }

// Ratio is the figure itself; null where there is none.
func (c *Confidence) Ratio() decimal.NullDecimal {
	r := c.RatioInterval.Ratio
	r.Decimal = r.Decimal.Round(ratioPlaces)
	return r
}

// Shape is what the ends mean.
func (c *Confidence) Shape() impact.IntervalShape { return c.Interval.Shape }

// Unbounded reports an interval that goes on without an end.
func (c *Confidence) Unbounded() bool {
	return c.Interval.Shape == impact.IntervalOutside || c.Interval.Shape == impact.IntervalAll
}

// Low is the lower end; null where there is none.
func (c *Confidence) Low() decimal.NullDecimal { return c.end(c.Interval.Lower) }

// High is the higher end; null where there is none.
func (c *Confidence) High() decimal.NullDecimal { return c.end(c.Interval.Upper) }

func (c *Confidence) end(x float64) decimal.NullDecimal {
	if c.Interval.Shape != impact.IntervalBounded && c.Interval.Shape != impact.IntervalOutside {
		return decimal.NullDecimal{}
	}
	return decimal.NewNullDecimal(ratio(x))
}

// Level is how often such intervals hold what they are about.
func (c *Confidence) Level() decimal.Decimal { return decimal.NewFromFloat(c.RatioInterval.Level) }
