package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
)

func (mutationResolver) SetValueMap(
	ctx context.Context, company string, valueMap model.ValueMapInput, expectedVersion *int,
) (*model.ValueMap, error) {
	return requestOf(ctx).setValueMap(ctx, company, &valueMap, expectedVersion)
}

func (companyResolver) ValueMap(ctx context.Context, c *model.Company) (*model.ValueMap, error) {
	return valueMapOf(ctx, c)
}
