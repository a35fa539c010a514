package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// explainedAsk is a page of the events of each figure that a field makes: of all
// companies of the group, and all points of a series.
type explainedAsk struct {
	group       *model.Group
	book        *figuresBook
	ask         figuresAsk
	methodology string // says the kinds
	first       int
	after       impact.HappenedCursor
}

// explainedPlace is a figure: of a company in the group, and a point of its series.
type explainedPlace struct{ company, point int }

// explainedEvents is how to list the events of a figure.
func (b *figuresBook) explainedEvents(c *model.Company, ask figuresAsk, point int) model.ExplainedEvents {
	return func(ctx context.Context, methodology string, first *int, after *string) (*model.ArrivedEventConnection, error) {
		p, cursor, err := eventsPage(first, after)
		if err != nil {
			return nil, err
		}
		key := explainedAsk{group: c.Group, book: b, ask: ask, methodology: methodology, first: p.first, after: cursor}
		lists, err := requestOf(ctx).explained.Load(ctx, key)
		if err != nil {
			return nil, err
		}
		return model.NewArrivedEventConnection(lists[explainedPlace{c.Place, point}], p.first, model.HappenedCursor), nil
	}
}

// explainedRead reads the events of the figures of a field.
type explainedRead[P comparable] struct {
	asOf      impact.AsOf
	first     int
	places    []P // of the questions
	questions []impact.EventsQuestion
}

// readEvents is a loader of explained events: one read for each page that a field asks
// for, of all its figures.
func readEvents[A any, P comparable](
	q *request, of func(*A) explainedRead[P],
) func(context.Context, []A) ([]map[P][]*impact.Arrival, []error) {
	return func(ctx context.Context, asks []A) (all []map[P][]*impact.Arrival, errs []error) {
		defer func() {
			if p := recover(); p != nil {
				all, errs = nil, []error{q.recovered(ctx, p)}
			}
		}()
		if q.Inbox == nil {
			return nil, []error{errNoInbox}
		}
		for i := range asks {
			r := of(&asks[i])
			lists, err := q.Inbox.ExplainedEvents(ctx, r.asOf, r.questions, r.first+1, arrivedBody)
			if err == nil {
				err = miscounted("ExplainedEvents", len(lists), len(r.questions))
			}
			if err != nil {
				return nil, []error{err}
			}
			if !q.viewer.Can(ScopePeople) {
				anonymous(lists, (*impact.Arrival).Anonymous)
			}
			events := make(map[P][]*impact.Arrival, len(r.places))
			for n, place := range r.places {
				events[place] = lists[n]
			}
			all = append(all, events)
		}
		return all, nil
	}
}

func (q *request) explainedQuestions(ask *explainedAsk) explainedRead[explainedPlace] {
	r := explainedRead[explainedPlace]{asOf: ask.ask.asOf, first: ask.first}
	for place, e := range ask.book.entries[ask.ask] {
		if e.err != nil {
			continue
		}
		c := ask.group.Companies[place]
		calendar, _ := q.calendar(c, ask.ask.scope, ask.book.pasts)
		for at := e.from; at < e.bases; at++ {
			question := impact.EventsQuestion{
				Company: c.ID, Programme: ask.ask.programme, Kinds: impact.ExplainedKinds(ask.methodology), After: ask.after,
			}
			question.From, question.To = calendar.Instants(ask.book.answers[at].Range)
			r.places, r.questions = append(r.places, explainedPlace{place, at - e.from}), append(r.questions, question)
		}
	}
	return r
}

// cohortEventsAsk is a page of the events of a figure of each cohort that a field yields.
type cohortEventsAsk struct {
	group       *model.Group
	book        *cohortsBook
	ask         any // cohortAsk or pageAsk
	others      bool
	methodology string
	first       int
	after       impact.HappenedCursor
}

var errNotMembers = impact.Errorf(impact.CodeForbidden,
	"the events of some participants tell who they are: that needs an API key with the scope %s", ScopePeople)

// cohortEvents is how to list the events of the figures of a cohort, or of the others of
// its company.
func (b *cohortsBook) cohortEvents(q *request, g *model.Group, ask any) func(*impact.Cohort, bool) model.ExplainedEvents {
	return func(cohort *impact.Cohort, others bool) model.ExplainedEvents {
		return func(ctx context.Context, methodology string, first *int, after *string) (*model.ArrivedEventConnection, error) {
			p, cursor, err := eventsPage(first, after)
			if err != nil {
				return nil, err
			}
			if cohort.Explained.Members != nil && !q.viewer.Can(ScopePeople) {
				return nil, errNotMembers
			}
			lists, err := q.cohortEvents.Load(ctx, cohortEventsAsk{g, b, ask, others, methodology, p.first, cursor})
			if err != nil {
				return nil, err
			}
			return model.NewArrivedEventConnection(lists[cohort], p.first, model.HappenedCursor), nil
		}
	}
}

// eventsPage is a page of events by when they happened.
func eventsPage(first *int, after *string) (p page, cursor impact.HappenedCursor, err error) {
	if p, err = newPage(first, after); err == nil && p.after != "" {
		var ok bool
		if cursor, ok = model.HappenedAfter(p.after); !ok {
			err = errCursor
		}
	}
	return p, cursor, err
}

func (q *request) cohortEventsQuestions(a *cohortEventsAsk) explainedRead[*impact.Cohort] {
	r := explainedRead[*impact.Cohort]{first: a.first}
	add := func(place int, s scope, cohort *impact.Cohort) {
		if a.others && cohort != nil {
			cohort = cohort.Others
		}
		if cohort == nil || cohort.Explained == nil || cohort.Explained.Members != nil && !q.viewer.Can(ScopePeople) {
			return
		}
		r.asOf = s.asOf
		calendar, _ := q.calendar(a.group.Companies[place], s, a.book.pasts)
		question := impact.EventsQuestion{
			Company: cohort.Basis.Company, Programme: s.programme, Kinds: impact.ExplainedKinds(a.methodology), After: a.after,
			Participants: cohort.Explained.Members,
		}
		question.From, question.To = calendar.Instants(cohort.Basis.Range)
		if a.methodology == impact.IDCohortVIS {
			question.Participants, question.Volunteers = cohort.Explained.Met, cohort.Explained.Serving
		}
		r.places, r.questions = append(r.places, cohort), append(r.questions, question)
	}
	switch ask := a.ask.(type) {
	case cohortAsk:
		for place, at := range a.book.cohorts[ask] {
			add(place, ask.scope, a.book.answers[at])
		}
	case pageAsk:
		for place, e := range a.book.pages[ask] {
			for _, cohort := range a.book.answers[e.from:e.to] {
				add(place, ask.scope, cohort)
			}
		}
	}
	return r
}

// analysisEventsAsk is a page of the events of each figure of the answers that a field
// yields.
type analysisEventsAsk struct {
	group *model.Group
	book  interface {
		// eventsOf are the questions after the events of the figures of an answer about a
		// company, by its place, and as of when.
		eventsOf(q *request, c *impact.Company, place int, ask any) ([]impact.EventsQuestion, impact.AsOf)
	}
	ask   any
	first int
	after impact.HappenedCursor
}

// analysisPlace is a figure: of a company in the group, and at a place of its answer.
type analysisPlace struct{ company, figure int }

// explained is how a figure of an answer about some people of a company is explained.
func (b *analysisBook[K, A]) explained(q *request, c *model.Company, ask K, figure int, of who) model.Explained {
	cohort := of.explained(q.calendar(c.Company, ask.when(), b.past))
	return model.Explained{Company: c.Company.Key, Of: cohort, Events: func(
		ctx context.Context, _ string, first *int, after *string,
	) (*model.ArrivedEventConnection, error) {
		p, cursor, err := eventsPage(first, after)
		if err != nil {
			return nil, err
		}
		if cohort != "" && !q.viewer.Can(ScopePeople) {
			return nil, errNotMembers
		}
		lists, err := q.analysisEvents.Load(ctx, analysisEventsAsk{c.Group, b, ask, p.first, cursor})
		if err != nil {
			return nil, err
		}
		return model.NewArrivedEventConnection(lists[analysisPlace{c.Place, figure}], p.first, model.HappenedCursor), nil
	}}
}

func (b *analysisBook[K, A]) eventsOf(q *request, c *impact.Company, place int, ask any) ([]impact.EventsQuestion, impact.AsOf) {
	key, _ := ask.(K)
	e := b.entries[key][place]
	if e.err != nil {
		return nil, 0
	}
	calendar, _ := q.calendar(c, key.when(), b.past)
	return b.events(b.answers[e.place], calendar), key.when().asOf
}

func (q *request) analysisEventsQuestions(a *analysisEventsAsk) explainedRead[analysisPlace] {
	r := explainedRead[analysisPlace]{first: a.first}
	for place, c := range a.group.Companies {
		questions, at := a.book.eventsOf(q, c, place, a.ask)
		r.asOf = max(r.asOf, at)
		for figure, question := range questions {
			question.After = a.after
			r.places, r.questions = append(r.places, analysisPlace{place, figure}), append(r.questions, question)
		}
	}
	return r
}
