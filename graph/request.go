package graph

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vikstrous/dataloadgen"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// request is what the resolvers of one operation share: who asks, one instant
// that is now for all of its figures, and the loaders with what they have read.
type request struct {
	*Config
	viewer Viewer
	now    time.Time

	companies      *dataloadgen.Loader[string, *impact.Company]
	figures        *dataloadgen.Loader[*model.Group, *figuresBook]
	cohorts        *dataloadgen.Loader[*model.Group, *cohortsBook]
	settings       *dataloadgen.Loader[*model.Group, []*impact.Settings]
	maps           *dataloadgen.Loader[*model.Group, map[impact.CompanyID]*impact.StoredMap]
	rejects        *dataloadgen.Loader[rejectAsk, [][]*impact.Reject]
	arrivals       *dataloadgen.Loader[arrivalAsk, [][]*impact.Arrival]
	explained      *dataloadgen.Loader[explainedAsk, map[explainedPlace][]*impact.Arrival]
	cohortEvents   *dataloadgen.Loader[cohortEventsAsk, map[*impact.Cohort][]*impact.Arrival]
	analysisEvents *dataloadgen.Loader[analysisEventsAsk, map[analysisPlace][]*impact.Arrival]
	intake         *dataloadgen.Loader[*model.Group, []*impact.Intake]
	audits         *dataloadgen.Loader[auditAsk, [][]*impact.AuditEntry]

	retentions  *dataloadgen.Loader[*model.Group, *analysisBook[retentionAsk, *impact.Retention]]
	confidences *dataloadgen.Loader[*model.Group, *analysisBook[confidenceAsk, *impact.RatioInterval]]
	funnels     *dataloadgen.Loader[*model.Group, *analysisBook[funnelAsk, *impact.Funnel]]

	restatements *dataloadgen.Loader[*model.Group, *analysisBook[restatementsAsk, *impact.Restatements]]

	volunteers   *dataloadgen.Loader[*model.Group, *analysisBook[rosterAsk, *impact.Roster]]
	participants *dataloadgen.Loader[*model.Group, *analysisBook[rosterAsk, *impact.Roster]]

	logged sync.Map // texts of the errors in the log, so that one fault is one line
}

type requestKey struct{}

func (c *Config) withRequest(ctx context.Context) context.Context {
	q := &request{Config: c, viewer: c.Viewer(ctx), now: c.Now()}
	wait := dataloadgen.WithWait(waitOf(graphql.GetOperationContext(ctx)))
	q.companies = dataloadgen.NewMappedLoader(q.readCompanies, wait)
	q.figures = dataloadgen.NewLoader(guarded(q, q.readFigures), wait)
	q.cohorts = dataloadgen.NewLoader(guarded(q, q.readCohorts), wait)
	q.retentions = dataloadgen.NewLoader(guarded(q, retentions.books(q)), wait)
	q.confidences = dataloadgen.NewLoader(guarded(q, confidences.books(q)), wait)
	q.funnels = dataloadgen.NewLoader(guarded(q, funnels.books(q)), wait)
	q.restatements = dataloadgen.NewLoader(guarded(q, restatements.books(q)), wait)
	q.volunteers = dataloadgen.NewLoader(guarded(q, volunteers.books(q)), wait)
	q.participants = dataloadgen.NewLoader(guarded(q, participants.books(q)), wait)
	q.settings = dataloadgen.NewLoader(guarded(q, q.readSettings), wait)
	q.maps = dataloadgen.NewLoader(guarded(q, q.loadValueMaps), wait)
	q.rejects = dataloadgen.NewLoader(q.readRejects, wait)
	q.arrivals = dataloadgen.NewLoader(q.readArrivals, wait)
	q.explained = dataloadgen.NewLoader(readEvents(q, q.explainedQuestions), wait)
	q.cohortEvents = dataloadgen.NewLoader(readEvents(q, q.cohortEventsQuestions), wait)
	q.analysisEvents = dataloadgen.NewLoader(readEvents(q, q.analysisEventsQuestions), wait)
	q.intake = dataloadgen.NewLoader(guarded(q, q.readIntake), wait)
	q.audits = dataloadgen.NewLoader(q.readAudits, wait)
	return context.WithValue(ctx, requestKey{}, q)
}

// waitOf is how long loaders wait for others to ask as well. What is below one field
// at the root is read together without that; a wait is for aliases, which reach the
// loaders at about the same time. An idle Go program sleeps no less than 1 ms, which
// an operation with one field need not pay.
func waitOf(op *graphql.OperationContext) time.Duration {
	fields := 0
	for _, f := range collect(op, op.Operation.SelectionSet) {
		if !strings.HasPrefix(f.Name, "__") {
			fields++
		}
	}
	if fields > 1 {
		return time.Millisecond
	}
	return 0
}

// requestOf is the request of a context that a resolver or a loader was given.
func requestOf(ctx context.Context) *request {
	q, _ := ctx.Value(requestKey{}).(*request)
	return q
}

// guarded logs the stack of a panic in a loader, which runs in a goroutine of its
// own, beyond the reach of gqlgen's recover.
func guarded[V any](
	q *request, read func(context.Context, []*model.Group) ([]V, []error),
) func(context.Context, []*model.Group) ([]V, []error) {
	return func(ctx context.Context, groups []*model.Group) (values []V, errs []error) {
		defer func() {
			if p := recover(); p != nil {
				values, errs = nil, []error{q.recovered(ctx, p)}
			}
		}()
		return read(ctx, groups)
	}
}

func (c *Config) recovered(ctx context.Context, p any) error {
	c.Log.ErrorContext(ctx, "panic in GraphQL", "operation", operationName(ctx), "path", graphql.GetPath(ctx).String(),
		"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return errPanic
}

func (q *request) readCompanies(ctx context.Context, keys []string) (found map[string]*impact.Company, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = q.recovered(ctx, p)
		}
	}()
	list, err := q.Reader.Companies(ctx, keys)
	if err != nil {
		return nil, err
	}
	found = make(map[string]*impact.Company, len(list))
	for _, c := range list {
		found[c.Key] = c
	}
	return found, nil
}

var errNoCompany = impact.Errorf(impact.CodeNotFound, "Company not found")

// company is the company of a key, if the viewer may see it.
func (q *request) company(ctx context.Context, key string) (*model.Company, error) {
	if !impact.ValidKey(key) {
		return nil, errNoCompany
	}
	c, err := q.companies.Load(ctx, key)
	switch {
	case errors.Is(err, dataloadgen.ErrNotFound):
		return nil, errNoCompany
	case err != nil:
		return nil, err
	case !q.viewer.May(c.ID):
		return nil, impact.Errorf(impact.CodeForbidden, "this API key may not see the company: `companies` lists those it may")
	}
	fields := collect(graphql.GetOperationContext(ctx), graphql.GetFieldContext(ctx).Field.Selections)
	group := &model.Group{Companies: []*impact.Company{c}, Fields: fields}
	return group.Members()[0], nil
}

// companyPage is a page of the companies that the viewer may see.
func (q *request) companyPage(ctx context.Context, p page) (*model.CompanyConnection, error) {
	if p.after != "" && !impact.ValidKey(p.after) {
		return nil, errCursor
	}
	ids, all := q.viewer.Companies()
	switch {
	case all:
		ids = nil
	case len(ids) == 0:
		return &model.CompanyConnection{Nodes: []*model.Company{}}, nil
	}
	list, err := q.Reader.CompanyPage(ctx, ids, p.after, p.first+1)
	if err != nil {
		return nil, err
	}
	more := len(list) > p.first
	if more {
		list = list[:p.first]
	}
	fields := nodeFields(graphql.GetOperationContext(ctx), graphql.GetFieldContext(ctx).Field.Selections)
	group := &model.Group{Companies: list, Fields: fields}
	return &model.CompanyConnection{Nodes: group.Members(), HasNextPage: more}, nil
}

// everyID is the companies of several groups, one after the other.
func everyID(groups []*model.Group) []impact.CompanyID {
	var ids []impact.CompanyID
	for _, g := range groups {
		for _, c := range g.Companies {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// rangeOf is the days that a period means to a company today.
func (q *request) rangeOf(c *impact.Company, p impact.Period) impact.Range {
	return p.Range(c.Calendar, c.Today(q.now))
}

// miscounted reports a reader that broke its promise, before an answer goes to the
// wrong question.
func miscounted(call string, answers, questions int) error {
	if answers == questions {
		return nil
	}
	return fmt.Errorf("%s: %d answers to %d questions", call, answers, questions)
}
