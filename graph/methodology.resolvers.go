package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

type parameterResolver struct{}

func (parameterResolver) Default(_ context.Context, p *impact.Parameter) (*string, error) {
	return model.ParameterDefault(p), nil
}
