package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// Inbox is what arrived, taken or not, and what can be done with it. Errors are as
// those of [Reader]; mutations also [impact.CodeNotFound] and [impact.CodeConflict].
type Inbox interface {
	// Rejects are up to limit of the rejects of each company with an id below before (0:
	// any), newest first, in the order of companies; of their bodies at most body bytes.
	Rejects(ctx context.Context, companies []impact.CompanyID, f impact.RejectFilter, before int64, limit, body int) ([][]*impact.Reject, error)
	// Arrivals are up to limit of the events of each company that reached the log, after a
	// cursor, newest first, in the order of companies; of their bodies at most body
	// characters.
	Arrivals(ctx context.Context, companies []impact.CompanyID, f impact.ArrivalFilter, after impact.ArrivalCursor, limit, body int) ([][]*impact.Arrival, error)
	// ExplainedEvents are up to limit of the events of each question, in their order, as far
	// as figures of an instant (0: now) are made of them; see [impact.EventsQuestion].
	ExplainedEvents(ctx context.Context, asOf impact.AsOf, questions []impact.EventsQuestion, limit, body int) ([][]*impact.Arrival, error)
	// Intake counts what the events of companies were, in their order.
	Intake(ctx context.Context, companies []impact.CompanyID) ([]*impact.Intake, error)
	// Replay takes up rejects of a company. Edit, if not nil, stands in for what was sent.
	Replay(ctx context.Context, company *impact.Company, ids []int64, edit []byte, dryRun bool) ([]*impact.Replay, error)
	// ReplayAll takes up those that a filter selects; more says that there are more.
	ReplayAll(ctx context.Context, company *impact.Company, f impact.RejectFilter, dryRun bool) (list []*impact.Replay, more bool, err error)
	// DismissReject gives one up.
	DismissReject(ctx context.Context, company impact.CompanyID, id int64) error
}

var errNoInbox = impact.Errorf(impact.CodeUnavailable, "rejects are not kept here")

// listedBody is how many bytes of a body a list shows.
const listedBody = 16 << 10

// rejectAsk is a page of the rejects of each company of a group.
type rejectAsk struct {
	group                *model.Group
	status, code, source string
	before               int64
	first                int
}

func rejectFilterOf(f *model.RejectFilter) (filter impact.RejectFilter) {
	if f == nil {
		return filter
	}
	if f.Status != nil {
		filter.Status = *f.Status
	}
	if f.Code != nil {
		filter.Code = impact.Code(*f.Code)
	}
	if f.Source != nil {
		filter.Source = *f.Source
	}
	return filter
}

func rejectPage(ctx context.Context, c *model.Company, p page, filter *model.RejectFilter) (*model.RejectConnection, error) {
	f := rejectFilterOf(filter)
	before, err := p.before()
	if err != nil {
		return nil, err
	}
	ask := rejectAsk{group: c.Group, status: string(f.Status), code: string(f.Code), source: f.Source, before: before, first: p.first}
	lists, err := requestOf(ctx).rejects.Load(ctx, ask)
	if err != nil {
		return nil, err
	}
	return model.NewRejectConnection(c.Key, lists[c.Place], p.first), nil
}

// readRejects is the loader of rejects: a statement for each page that a field asks
// for, of all its companies.
func (q *request) readRejects(ctx context.Context, asks []rejectAsk) (all [][][]*impact.Reject, errs []error) {
	defer func() {
		if p := recover(); p != nil {
			all, errs = nil, []error{q.recovered(ctx, p)}
		}
	}()
	if q.Inbox == nil {
		return nil, []error{errNoInbox}
	}
	for _, ask := range asks {
		ids := everyID([]*model.Group{ask.group})
		f := impact.RejectFilter{Status: impact.RejectStatus(ask.status), Code: impact.Code(ask.code), Source: ask.source}
		lists, err := q.Inbox.Rejects(ctx, ids, f, ask.before, ask.first+1, listedBody)
		if err == nil {
			err = miscounted("Rejects", len(lists), len(ids))
		}
		if err != nil {
			return nil, []error{err}
		}
		if !q.viewer.Can(ScopePeople) {
			anonymous(lists, (*impact.Reject).Anonymous)
		}
		all = append(all, lists)
	}
	return all, nil
}

// readIntake is the loader of counts.
func (q *request) readIntake(ctx context.Context, groups []*model.Group) ([][]*impact.Intake, []error) {
	if q.Inbox == nil {
		return nil, []error{errNoInbox}
	}
	ids := everyID(groups)
	all, err := q.Inbox.Intake(ctx, ids)
	if err == nil {
		err = miscounted("Intake", len(all), len(ids))
	}
	if err != nil {
		return nil, []error{err}
	}
	lists := make([][]*impact.Intake, len(groups))
	for i, g := range groups {
		lists[i], all = all[:len(g.Companies)], all[len(g.Companies):]
	}
	return lists, nil
}

var errNoReject = impact.Errorf(impact.CodeNotFound, "there is no such reject: `rejects` lists those there are")

// rejectOf is one reject of a company, whole.
func (q *request) rejectOf(ctx context.Context, c *model.Company, id int64) (*model.Reject, error) {
	if q.Inbox == nil {
		return nil, errNoInbox
	}
	lists, err := q.Inbox.Rejects(ctx, []impact.CompanyID{c.Company.ID}, impact.RejectFilter{IDs: []int64{id}}, 0, 1, impact.MaxReject)
	if err == nil {
		err = miscounted("Rejects", len(lists), 1)
	}
	if err != nil {
		return nil, err
	}
	if len(lists[0]) == 0 {
		return nil, errNoReject
	}
	if !q.viewer.Can(ScopePeople) {
		anonymous(lists, (*impact.Reject).Anonymous)
	}
	return model.NewReject(c.Key, lists[0][0]), nil
}

// rejectOwner is the company of a reject's id, if the viewer may change it.
func (q *request) rejectOwner(ctx context.Context, id string) (*model.Company, int64, error) {
	key, number, ok := model.RejectKey(id)
	if !ok {
		return nil, 0, impact.Errorf(impact.CodeInvalid, "not an id of a Reject: use one that `rejects` gave")
	}
	if q.Inbox == nil {
		return nil, 0, errNoInbox
	}
	c, err := q.company(ctx, key)
	return c, number, err
}
