package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

type companyResolver struct{}

func (companyResolver) Metrics(
	ctx context.Context, c *model.Company, period *impact.Period, programme *string, compareTo *impact.Comparison, asOf *impact.AsOf,
) (*model.Metrics, error) {
	f, err := figuresOf(ctx, c, period, programme, compareTo, asOf)
	if err != nil {
		return nil, err
	}
	return f.Metrics(), nil
}

func (companyResolver) Sroi(
	ctx context.Context, c *model.Company, period *impact.Period, methodology, programme *string, compareTo *impact.Comparison,
	whatIf map[string]any, asOf *impact.AsOf,
) (*model.SROI, error) {
	return sroiOf(ctx, c, period, methodology, programme, compareTo, whatIf, asOf)
}

func (companyResolver) Vis(
	ctx context.Context, c *model.Company, period *impact.Period, methodology, programme *string, compareTo *impact.Comparison,
	asOf *impact.AsOf,
) (*model.VIS, error) {
	return visOf(ctx, c, period, methodology, programme, compareTo, asOf)
}

func (companyResolver) Cohort(
	ctx context.Context, c *model.Company, key *string, filter *model.CohortFilter, period *impact.Period, programme *string,
	asOf *impact.AsOf,
) (*model.Cohort, error) {
	s, err := newScope(period, programme)
	if err != nil {
		return nil, err
	}
	w, err := newWho(key, cohortFilterOf(filter), "")
	if err != nil {
		return nil, err
	}
	return cohortOf(ctx, c, s.as(asOf), w)
}

func (companyResolver) Cohorts(
	ctx context.Context, c *model.Company, first *int, after *string, period *impact.Period, programme *string, asOf *impact.AsOf,
) (*model.CohortConnection, error) {
	s, err := newScope(period, programme)
	if err != nil {
		return nil, err
	}
	p, err := newPage(first, after)
	if err != nil {
		return nil, err
	}
	return cohortPage(ctx, c, s.as(asOf), p)
}

func (companyResolver) TimeSeries(
	ctx context.Context, c *model.Company, period *impact.Period, interval impact.Interval, programme *string,
	compareTo *impact.Comparison, asOf *impact.AsOf,
) ([]*model.Point, error) {
	s, err := newScope(period, programme)
	if err != nil {
		return nil, err
	}
	ask := figuresAsk{s.as(asOf), interval, or(compareTo, "")}
	figures, err := loadFigures(ctx, c, ask)
	if err != nil {
		return nil, err
	}
	by, err := methodsOf(ctx, c, ask)
	if err != nil {
		return nil, err
	}
	points := make([]*model.Point, len(figures))
	for i, f := range figures {
		points[i] = &model.Point{Figures: f, By: by}
	}
	return points, nil
}
