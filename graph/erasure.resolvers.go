package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
)

func (mutationResolver) ForgetPerson(ctx context.Context, company, person string) (*model.Erasure, error) {
	return requestOf(ctx).forgetPerson(ctx, company, person)
}
