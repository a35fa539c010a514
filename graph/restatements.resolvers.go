package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

func (companyResolver) Restatements(
	ctx context.Context, c *model.Company, since impact.AsOf, first *int, after *string,
) (*model.RestatementConnection, error) {
	p, err := newPage(first, after)
	if err != nil {
		return nil, err
	}
	return restatementsPage(ctx, c, since, p)
}
