package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

func (companyResolver) Retention(
	ctx context.Context, c *model.Company, period impact.Period, interval *impact.Interval, intervals *int,
	mode *impact.RetentionMode, brackets []int, cohort *string, filter *model.CohortFilter, programme *string, asOf *impact.AsOf,
) (*model.Retention, error) {
	s, err := newScope(&period, programme)
	if err != nil {
		return nil, err
	}
	w, err := newWho(cohort, cohortFilterOf(filter), impact.CohortAll)
	if err != nil {
		return nil, err
	}
	ask, err := newRetentionAsk(s.as(asOf), interval, intervals, mode, brackets, w)
	if err != nil {
		return nil, err
	}
	book, err := requestOf(ctx).retentions.Load(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	r, err := book.of(c, ask)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, errNoCohort
	}
	return &model.Retention{Retention: r, Explained: book.explained(requestOf(ctx), c, ask, 0, w)}, nil
}
