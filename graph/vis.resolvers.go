package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

type visResolver struct{}

func (visResolver) Methodology(_ context.Context, v *model.VIS) (*impact.Methodology, error) {
	return model.MethodologyOf(v.Methodology), nil
}
