package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
)

func (companyResolver) Events(
	ctx context.Context, c *model.Company, first *int, after *string, filter *model.EventFilter,
) (*model.ArrivedEventConnection, error) {
	p, err := newLongPage(ctx, first, after)
	if err != nil {
		return nil, err
	}
	return arrivalPage(ctx, c, p, filter)
}
