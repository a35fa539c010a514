package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
)

func (queryResolver) Erasures(ctx context.Context, company string, first *int, after *string) (*model.ErasureConnection, error) {
	p, err := newPage(first, after)
	if err != nil {
		return nil, err
	}
	return requestOf(ctx).erasures(ctx, company, p)
}

func (mutationResolver) ForgetPerson(ctx context.Context, company, person string) (*model.Erasure, error) {
	return requestOf(ctx).forgetPerson(ctx, company, person)
}
