package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

func (queryResolver) Sources(ctx context.Context, company string) ([]*model.Source, error) {
	return requestOf(ctx).sources(ctx, company)
}

func (mutationResolver) CreateSource(
	ctx context.Context, company, name, scheme string, secret, label *string,
) (*model.SourceWithSecret, error) {
	return requestOf(ctx).createSource(ctx, company, name, scheme, orEmpty(secret), orEmpty(label))
}

func (mutationResolver) RotateSourceSecret(
	ctx context.Context, company, source string, overlapHours *int, secret, label *string,
) (*model.SourceWithSecret, error) {
	overlap := 24
	if overlapHours != nil {
		overlap = *overlapHours
	}
	return requestOf(ctx).rotateSource(ctx, company, source, orEmpty(secret), orEmpty(label), overlap)
}

func (mutationResolver) RevokeSourceSecret(ctx context.Context, company, source string, number int) (*model.Source, error) {
	q := requestOf(ctx)
	return q.endSource(ctx, company, source, func(ctx context.Context, id impact.CompanyID) error {
		return q.Sources.Revoke(ctx, id, source, number, q.viewer.Name())
	})
}

func (mutationResolver) DisableSource(ctx context.Context, company, source string) (*model.Source, error) {
	q := requestOf(ctx)
	return q.endSource(ctx, company, source, func(ctx context.Context, id impact.CompanyID) error {
		return q.Sources.Disable(ctx, id, source, q.viewer.Name())
	})
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
