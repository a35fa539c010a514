package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

type visResolver struct{}

func (visResolver) Methodology(_ context.Context, v *impact.VIS) (*model.Methodology, error) {
	return model.MethodologyOf(v.Methodology), nil
}
