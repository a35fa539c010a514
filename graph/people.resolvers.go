package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

func (companyResolver) Volunteers(
	ctx context.Context, c *model.Company, first *int, after *string, orderBy *impact.RosterOrder,
	period *impact.Period, programme *string,
) (*model.VolunteerConnection, error) {
	r, explained, err := rosterOf(ctx, c, impact.RoleVolunteer, first, after, or(orderBy, impact.OrderHours), period, programme)
	if err != nil {
		return nil, err
	}
	return model.NewVolunteerConnection(r, explained), nil
}

func (companyResolver) Participants(
	ctx context.Context, c *model.Company, first *int, after *string, orderBy *impact.RosterOrder,
	period *impact.Period, programme *string,
) (*model.ParticipantConnection, error) {
	r, _, err := rosterOf(ctx, c, impact.RoleParticipant, first, after, or(orderBy, impact.OrderHours), period, programme)
	if err != nil {
		return nil, err
	}
	return model.NewParticipantConnection(r), nil
}
