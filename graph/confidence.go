package graph

import (
	"context"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// confidenceAsk is what an interval asks.
type confidenceAsk struct {
	scope
	ratio       impact.SumRatio
	method      impact.IntervalMethod
	level       string // decimal
	draws, seed int
}

// errDrawn is of an interval whose ends are ratios of known draws of the participants: a few
// of them, by other seeds, are equations that tell what each participant adds.
var errDrawn = impact.Errorf(impact.CodeForbidden,
	"an interval by BOOTSTRAP or PERCENTILE tells of each participant, so it needs an API key with the scope %s: DELTA and FIELLER do not", ScopePeople)

// confidences is the field of intervals.
var confidences = analysis[confidenceAsk, impact.ConfidenceQuestion, *impact.RatioInterval]{
	field: "confidence",
	ask: func(args arguments) (a confidenceAsk, err error) {
		if a.scope, err = args.scope(); err != nil {
			return a, err
		}
		level := decimal.Zero // of null, which no level is
		if args["level"] != nil {
			if level, err = model.UnmarshalNumber(args["level"]); err != nil {
				return a, err
			}
		}
		draws, err := args.int("draws")
		if err != nil {
			return a, err
		}
		seed, err := args.int("seed")
		a.ratio, a.method, a.level = impact.SumRatio(args.text("of")), impact.IntervalMethod(args.text("method")), level.String()
		a.draws, a.seed = or(draws, 0), or(seed, 0)
		return a, err
	},
	question: func(q *request, c *impact.Company, a confidenceAsk, _ asked) (impact.ConfidenceQuestion, error) {
		level, err := decimal.NewFromString(a.level)
		if err != nil {
			return impact.ConfidenceQuestion{}, err
		}
		if a.seed < 0 {
			return impact.ConfidenceQuestion{}, impact.Errorf(impact.CodeInvalid, "seed must be 0 or more")
		}
		question := impact.ConfidenceQuestion{
			Company: c.ID, Programme: a.programme, Range: q.rangeOf(c, a.period),
			Ratio: a.ratio, Method: a.method, Level: level.InexactFloat64(), Draws: a.draws, Seed: uint64(a.seed),
		}
		if err := question.Check(); err != nil {
			return question, err
		}
		if a.method.Draws() && !q.viewer.Can(ScopePeople) {
			return question, errDrawn
		}
		return question, nil
	},
	read: func(ctx context.Context, r Reader, questions []impact.ConfidenceQuestion) ([]*impact.RatioInterval, error) {
		return r.Confidences(ctx, questions)
	},
	events: func(c *impact.RatioInterval, cal impact.Calendar) []impact.EventsQuestion {
		return []impact.EventsQuestion{c.Events(cal)}
	},
}
