package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

type sroiResolver struct{}

func (sroiResolver) Methodology(_ context.Context, s *model.SROI) (*impact.Methodology, error) {
	return model.MethodologyOf(s.Methodology), nil
}

func (sroiResolver) Improvements(_ context.Context, s *model.SROI) ([]*model.Improvement, error) {
	list := make([]*model.Improvement, 0, len(s.Improvement))
	for _, d := range impact.Dimensions {
		if points, ok := s.Improvement[d]; ok {
			list = append(list, &model.Improvement{Dimension: d.String(), Points: points})
		}
	}
	return list, nil
}
