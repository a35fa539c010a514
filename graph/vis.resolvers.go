package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
)

type visResolver struct{}

func (visResolver) Methodology(_ context.Context, v *model.VIS) (*model.Methodology, error) {
	return model.MethodologyOf(v.Methodology), nil
}
