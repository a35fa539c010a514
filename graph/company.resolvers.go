package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

type companyResolver struct{}

func (companyResolver) Metrics(
	ctx context.Context, c *model.Company, period *impact.Period, programme *string, compareTo *impact.Comparison,
) (*model.Metrics, error) {
	f, err := figuresOf(ctx, c, period, programme, compareTo)
	if err != nil {
		return nil, err
	}
	return f.Metrics(), nil
}

func (companyResolver) Sroi(
	ctx context.Context, c *model.Company, period *impact.Period, methodology, programme *string, compareTo *impact.Comparison,
) (*model.SROI, error) {
	if err := accept(methodology, impact.DefaultSROI.ID); err != nil {
		return nil, err
	}
	f, err := figuresOf(ctx, c, period, programme, compareTo)
	if err != nil {
		return nil, err
	}
	return f.SROI(), nil
}

func (companyResolver) Vis(
	ctx context.Context, c *model.Company, period *impact.Period, methodology, programme *string, compareTo *impact.Comparison,
) (*model.VIS, error) {
	if err := accept(methodology, impact.DefaultVIS.ID); err != nil {
		return nil, err
	}
	f, err := figuresOf(ctx, c, period, programme, compareTo)
	if err != nil {
		return nil, err
	}
	return f.VIS(), nil
}

func (companyResolver) Cohort(
	ctx context.Context, c *model.Company, key string, period *impact.Period, programme *string,
) (*model.Cohort, error) {
	s, err := newScope(period, programme)
	if err != nil {
		return nil, err
	}
	return cohortOf(ctx, c, s, key)
}

func (companyResolver) Cohorts(
	ctx context.Context, c *model.Company, first *int, after *string, period *impact.Period, programme *string,
) (*model.CohortConnection, error) {
	s, err := newScope(period, programme)
	if err != nil {
		return nil, err
	}
	p, err := newPage(first, after)
	if err != nil {
		return nil, err
	}
	return cohortPage(ctx, c, s, p)
}

func (companyResolver) TimeSeries(
	ctx context.Context, c *model.Company, period *impact.Period, interval impact.Interval, programme *string,
	compareTo *impact.Comparison,
) ([]*model.Point, error) {
	s, err := newScope(period, programme)
	if err != nil {
		return nil, err
	}
	figures, err := loadFigures(ctx, c, figuresAsk{s, interval, or(compareTo, "")})
	if err != nil {
		return nil, err
	}
	points := make([]*model.Point, len(figures))
	for i, f := range figures {
		points[i] = &model.Point{Figures: f}
	}
	return points, nil
}
