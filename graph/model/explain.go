package model

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/impactql/impactql/impact"
)

// Explanation is what a figure is made of.
type Explanation struct {
	*impact.Explanation
	events ExplainedEvents // nil: there are none to tell
}

// ExplainedEvents lists events that a figure by a methodology is made of.
type ExplainedEvents func(ctx context.Context, methodology string, first *int, after *string) (*ArrivedEventConnection, error)

// Company is null where there is none.
func (x *Explanation) Company() *string { return optional(x.Explanation.Company) }

// Programme is null for all of them.
func (x *Explanation) Programme() *string {
	if x.Explanation.Programme == impact.AllProgrammes {
		return nil
	}
	return optional(x.Explanation.Programme)
}

// Cohort is null for everybody.
func (x *Explanation) Cohort() *string { return optional(x.Explanation.Cohort) }

// Start is the first day.
func (x *Explanation) Start() *impact.Day { return x.day(x.Range.From) }

// End is the last day.
func (x *Explanation) End() *impact.Day { return x.day(x.Range.To - 1) }

func (x *Explanation) day(d impact.Day) *impact.Day {
	if x.Explanation.Company == "" {
		return nil
	}
	return &d
}

// Events are the stored events that made the figure.
func (x *Explanation) Events(ctx context.Context, first *int, after *string) (*ArrivedEventConnection, error) {
	if x.events == nil || x.Methodology == impact.IDSVI {
		return nil, nil //nolint:nilnil // null
	}
	return x.events(ctx, x.Methodology, first, after)
}

func (f Figures) explained(x *impact.Explanation) *Explanation { return &Explanation{x, f.Events} }

// Explain explains the metrics.
func (m *Metrics) Explain() *Explanation {
	return m.figures.explained(m.figures.ExplainMetrics(m.figures.Company))
}

// Explain explains the ratio; nil if withheld.
func (s *SROI) Explain() (*Explanation, error) { return s.explain() }

func (f Figures) explainSROI(live func() *impact.LiveSROI) func() (*Explanation, error) {
	return func() (*Explanation, error) { return f.explained(live().Explain(f.Company, f.Question)), nil }
}

// Explain explains the score.
func (v *VIS) Explain() *Explanation { return &Explanation{v.explain(), v.events} }

// Explain explains the ratio of a map that was given.
func (r *SroiResult) Explain() *Explanation { return &Explanation{r.of.Explain(), nil} }

// HappenedCursor is the cursor of an event in a list by when it happened.
func HappenedCursor(a *impact.Arrival) string {
	return Cursor(strconv.FormatInt(a.OccurredAt.UnixMicro(), 10) + ":" + hex.EncodeToString(a.Key[:]))
}

// HappenedAfter reads the key of such a cursor.
func HappenedAfter(key string) (c impact.HappenedCursor, ok bool) {
	at, identity, _ := strings.Cut(key, ":")
	n, err := strconv.ParseInt(at, 10, 64)
	k, hexErr := hex.DecodeString(identity)
	if err != nil || hexErr != nil || n < -1e15 || n > 1e16 || len(k) != len(c.Key) {
		return c, false
	}
	return impact.HappenedCursor{At: n, Key: impact.Key(k)}, true
}
