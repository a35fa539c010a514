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
		p, err := newPage(first, after)
		if err != nil {
			return nil, err
		}
		key := explainedAsk{group: c.Group, book: b, ask: ask, methodology: methodology, first: p.first}
		if p.after != "" {
			var ok bool
			if key.after, ok = model.HappenedAfter(p.after); !ok {
				return nil, errCursor
			}
		}
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
