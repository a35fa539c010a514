package graph

import (
	"context"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

func (companyResolver) Confidence(
	ctx context.Context, c *model.Company, of impact.SumRatio, period *impact.Period, programme *string, method *impact.IntervalMethod,
	level *decimal.Decimal, draws, seed *int,
) (*model.Confidence, error) {
	s, err := newScope(period, programme)
	if err != nil {
		return nil, err
	}
	book, err := requestOf(ctx).confidences.Load(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	ask := confidenceAsk{s, of, or(method, ""), or(level, decimal.Zero).String(), or(draws, 0), or(seed, 0)}
	got, err := book.of(c, ask)
	if err != nil {
		return nil, err
	}
	if got.Err != nil {
		return nil, got.Err
	}
	return &model.Confidence{RatioInterval: got, Explained: book.explained(requestOf(ctx), c, ask, 0, who{key: impact.CohortAll})}, nil
}
