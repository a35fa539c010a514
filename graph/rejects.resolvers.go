package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
)

func (companyResolver) Rejects(
	ctx context.Context, c *model.Company, first *int, after *string, filter *model.RejectFilter,
) (*model.RejectConnection, error) {
	p, err := newLongPage(ctx, first, after)
	if err != nil {
		return nil, err
	}
	return rejectPage(ctx, c, p, filter)
}

func (companyResolver) Reject(ctx context.Context, c *model.Company, id string) (*model.Reject, error) {
	key, number, ok := model.RejectKey(id)
	if !ok || key != c.Key {
		return nil, errNoReject
	}
	return requestOf(ctx).rejectOf(ctx, c, number)
}

func (companyResolver) Intake(ctx context.Context, c *model.Company) (*model.Intake, error) {
	list, err := requestOf(ctx).intake.Load(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	return &model.Intake{Intake: list[c.Place]}, nil
}

func (mutationResolver) ReplayReject(ctx context.Context, id string, edit *string, dryRun *bool) (*model.Replay, error) {
	q := requestOf(ctx)
	c, number, err := q.rejectOwner(ctx, id)
	if err != nil {
		return nil, err
	}
	var body []byte
	if edit != nil {
		body = []byte(*edit)
	}
	list, err := q.Inbox.Replay(ctx, c.Company, []int64{number}, body, isTrue(dryRun))
	if err == nil {
		err = miscounted("Replay", len(list), 1)
	}
	if err != nil {
		return nil, err
	}
	return model.NewReplay(c.Key, list[0]), nil
}

func (mutationResolver) ReplayRejects(
	ctx context.Context, company string, filter *model.RejectFilter, dryRun *bool,
) (*model.Replays, error) {
	q := requestOf(ctx)
	c, err := q.company(ctx, company)
	if err != nil {
		return nil, err
	}
	if q.Inbox == nil {
		return nil, errNoInbox
	}
	list, more, err := q.Inbox.ReplayAll(ctx, c.Company, rejectFilterOf(filter), isTrue(dryRun))
	if err != nil {
		return nil, err
	}
	return model.NewReplays(c.Key, list, more), nil
}

func (mutationResolver) DismissReject(ctx context.Context, id string) (*model.Reject, error) {
	q := requestOf(ctx)
	c, number, err := q.rejectOwner(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := q.Inbox.DismissReject(ctx, c.Company.ID, number); err != nil {
		return nil, err
	}
	return q.rejectOf(ctx, c, number)
}

func isTrue(b *bool) bool { return b != nil && *b }
