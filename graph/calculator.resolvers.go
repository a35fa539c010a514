package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
)

func (queryResolver) SimulateSroi(_ context.Context, in model.ValueMapInput) (*model.SroiResult, error) {
	m, err := in.ValueMap(false)
	if err != nil {
		return nil, err
	}
	return model.SroiResultOf(m)
}
