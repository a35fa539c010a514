package graph

import (
	"context"

	"github.com/impactql/impactql/graph/generated"
	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

func (resolvers) Mutation() generated.MutationResolver { return mutationResolver{} }

type mutationResolver struct{}

func (mutationResolver) UpdateSettings(
	ctx context.Context, company string, input model.SettingsInput, expectedVersion *int,
) (*model.Settings, error) {
	return requestOf(ctx).updateSettings(ctx, company, &input, expectedVersion)
}

func (companyResolver) Settings(ctx context.Context, c *model.Company, at *impact.Day) (*model.Settings, error) {
	s, err := settingsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	day := c.Today(requestOf(ctx).now)
	if at != nil {
		day = *at
	}
	return model.SettingsAt(s, day), nil
}

func (companyResolver) SettingsHistory(ctx context.Context, c *model.Company) ([]*model.SettingVersion, error) {
	s, err := settingsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	return model.SettingVersions(s), nil
}

func (companyResolver) AuditLog(ctx context.Context, c *model.Company, first *int, after *string) (*model.AuditConnection, error) {
	p, err := newPage(first, after)
	if err != nil {
		return nil, err
	}
	return auditPage(ctx, c, p)
}
