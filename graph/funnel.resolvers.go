package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

func (companyResolver) Funnel(
	ctx context.Context, c *model.Company, steps []*model.FunnelStepInput, period impact.Period, window *int, cohort *string,
) (*model.Funnel, error) {
	ask, err := newFunnelAsk(period, steps, window, cohort)
	if err != nil {
		return nil, err
	}
	book, err := requestOf(ctx).funnels.Load(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	f, err := book.of(c, ask)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errNoCohort
	}
	return &model.Funnel{Funnel: f}, nil
}
