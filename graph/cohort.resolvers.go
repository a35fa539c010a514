package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

func (mutationResolver) SaveCohort(
	ctx context.Context, company, key string, name *string, filter model.CohortFilter, expectedVersion *int,
) (*model.CohortDefinition, error) {
	c, err := requestOf(ctx).company(ctx, company)
	if err != nil {
		return nil, err
	}
	var expected *int64
	if expectedVersion != nil {
		n := int64(*expectedVersion)
		expected = &n
	}
	q := requestOf(ctx)
	def, err := q.Cohorts.SaveCohort(ctx, impact.CohortDefinition{
		Company: c.Company.ID, Key: key, Name: or(name, key), Filter: filter.Filter(),
	}, q.viewer.Name(), expected)
	if err != nil {
		return nil, err
	}
	return &model.CohortDefinition{CohortDefinition: def}, nil
}

func (mutationResolver) DeleteCohort(ctx context.Context, company, key string) (*string, error) {
	q := requestOf(ctx)
	c, err := q.company(ctx, company)
	if err != nil {
		return nil, err
	}
	if err := q.Cohorts.DeleteCohort(ctx, c.Company.ID, key, q.viewer.Name()); err != nil {
		return nil, err
	}
	return &key, nil
}
