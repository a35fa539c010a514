package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

func (companyResolver) Funnel(
	ctx context.Context, c *model.Company, steps []*model.FunnelStepInput, period impact.Period, window *int, cohort *string,
	filter *model.CohortFilter, asOf *impact.AsOf,
) (*model.Funnel, error) {
	s, err := newScope(&period, nil)
	if err != nil {
		return nil, err
	}
	w, err := newWho(cohort, cohortFilterOf(filter), impact.CohortAll)
	if err != nil {
		return nil, err
	}
	ask := newFunnelAsk(s.as(asOf), steps, window, w)
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
	return &model.Funnel{Funnel: f, Explained: book.explained(requestOf(ctx), c, ask, 0, w)}, nil
}
