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

// readExplained is the loader of explained events: one read for each page that a field
// asks for, of all its figures.
func (q *request) readExplained(ctx context.Context, asks []explainedAsk) (all []map[explainedPlace][]*impact.Arrival, errs []error) {
	defer func() {
		if p := recover(); p != nil {
			all, errs = nil, []error{q.recovered(ctx, p)}
		}
	}()
	if q.Inbox == nil {
		return nil, []error{errNoInbox}
	}
	for _, ask := range asks {
		places, questions := q.explainedQuestions(ask)
		lists, err := q.Inbox.ExplainedEvents(ctx, ask.ask.asOf, questions, ask.first+1, arrivedBody)
		if err == nil {
			err = miscounted("ExplainedEvents", len(lists), len(questions))
		}
		if err != nil {
			return nil, []error{err}
		}
		if !q.viewer.Can(ScopePeople) {
			anonymous(lists, (*impact.Arrival).Anonymous)
		}
		of := make(map[explainedPlace][]*impact.Arrival, len(places))
		for i, place := range places {
			of[place] = lists[i]
		}
		all = append(all, of)
	}
	return all, nil
}

func (q *request) explainedQuestions(ask explainedAsk) (places []explainedPlace, questions []impact.EventsQuestion) {
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
			places, questions = append(places, explainedPlace{place, at - e.from}), append(questions, question)
		}
	}
	return places, questions
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

// readCohortEvents is the loader of the events of cohorts: one read for each page that a
// field asks for.
func (q *request) readCohortEvents(ctx context.Context, asks []cohortEventsAsk) (all []map[*impact.Cohort][]*impact.Arrival, errs []error) {
	defer func() {
		if p := recover(); p != nil {
			all, errs = nil, []error{q.recovered(ctx, p)}
		}
	}()
	if q.Inbox == nil {
		return nil, []error{errNoInbox}
	}
	for i := range asks {
		asOf, cohorts, questions := q.cohortEventsQuestions(&asks[i])
		lists, err := q.Inbox.ExplainedEvents(ctx, asOf, questions, asks[i].first+1, arrivedBody)
		if err == nil {
			err = miscounted("ExplainedEvents", len(lists), len(questions))
		}
		if err != nil {
			return nil, []error{err}
		}
		if !q.viewer.Can(ScopePeople) {
			anonymous(lists, (*impact.Arrival).Anonymous)
		}
		of := make(map[*impact.Cohort][]*impact.Arrival, len(cohorts))
		for n, cohort := range cohorts {
			of[cohort] = lists[n]
		}
		all = append(all, of)
	}
	return all, nil
}

func (q *request) cohortEventsQuestions(a *cohortEventsAsk) (asOf impact.AsOf, cohorts []*impact.Cohort, questions []impact.EventsQuestion) {
	add := func(place int, s scope, cohort *impact.Cohort) {
		if a.others && cohort != nil {
			cohort = cohort.Others
		}
		if cohort == nil || cohort.Explained == nil || cohort.Explained.Members != nil && !q.viewer.Can(ScopePeople) {
			return
		}
		asOf = s.asOf
		calendar, _ := q.calendar(a.group.Companies[place], s, a.book.pasts)
		question := impact.EventsQuestion{
			Company: cohort.Basis.Company, Programme: s.programme, Kinds: impact.ExplainedKinds(a.methodology), After: a.after,
			Participants: cohort.Explained.Members,
		}
		question.From, question.To = calendar.Instants(cohort.Basis.Range)
		if a.methodology == impact.IDCohortVIS {
			question.Participants, question.Volunteers = cohort.Explained.Met, cohort.Explained.Serving
		}
		cohorts, questions = append(cohorts, cohort), append(questions, question)
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
	return asOf, cohorts, questions
}
