package graph

import (
	"context"

	"github.com/impactql/impactql/graph/generated"
	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// resolvers holds nothing: what a resolver needs comes with the request.
type resolvers struct{}

func (resolvers) Query() generated.QueryResolver         { return queryResolver{} }
func (resolvers) Company() generated.CompanyResolver     { return companyResolver{} }
func (resolvers) SROI() generated.SROIResolver           { return sroiResolver{} }
func (resolvers) Parameter() generated.ParameterResolver { return parameterResolver{} }
func (resolvers) VIS() generated.VISResolver             { return visResolver{} }

type queryResolver struct{}

func (queryResolver) Company(ctx context.Context, key string) (*model.Company, error) {
	return requestOf(ctx).company(ctx, key)
}

func (queryResolver) Companies(ctx context.Context, first *int, after *string) (*model.CompanyConnection, error) {
	p, err := newPage(first, after)
	if err != nil {
		return nil, err
	}
	return requestOf(ctx).companyPage(ctx, p)
}

func (queryResolver) Node(ctx context.Context, id string) (model.Node, error) {
	key, ok := model.CompanyKey(id)
	if !ok {
		return nil, impact.Errorf(impact.CodeInvalid, "not the id of a Company; a reject is read with `reject(id:)`")
	}
	// Not returned at once: a nil company must not become a node that is not nil.
	c, err := requestOf(ctx).company(ctx, key)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (queryResolver) Methodologies(context.Context) ([]*impact.Methodology, error) {
	list := make([]*impact.Methodology, len(impact.Methodologies))
	for i := range impact.Methodologies {
		list[i] = &impact.Methodologies[i]
	}
	return list, nil
}
