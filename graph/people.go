package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// rosterAsk is what a list of people asks.
type rosterAsk struct {
	scope
	page
	order impact.RosterOrder
}

// roster is the field that lists the people of a role.
func roster(field string, role impact.Role) *analysis[rosterAsk, impact.RosterQuestion, *impact.Roster] {
	return &analysis[rosterAsk, impact.RosterQuestion, *impact.Roster]{
		field: field,
		ask: func(args arguments) (rosterAsk, error) {
			s, err := args.scope()
			if err != nil {
				return rosterAsk{}, err
			}
			p, err := args.page()
			return rosterAsk{s, p, impact.RosterOrder(args.text("orderBy"))}, err
		},
		question: func(q *request, c *impact.Company, a rosterAsk, _ asked) (impact.RosterQuestion, error) {
			question := impact.RosterQuestion{
				Company: c.ID, Programme: a.programme, Range: q.rangeOf(c, a.period),
				Role: role, Order: a.order, After: a.after, First: a.first,
			}
			if !q.viewer.Can(ScopePeople) {
				return question, errNotPeople
			}
			err := question.Check()
			return question, err
		},
		read: func(ctx context.Context, r Reader, questions []impact.RosterQuestion) ([]*impact.Roster, error) {
			return r.Rosters(ctx, questions)
		},
		events: func(r *impact.Roster, cal impact.Calendar) []impact.EventsQuestion {
			questions := make([]impact.EventsQuestion, len(r.People))
			for i, p := range r.People {
				questions[i] = p.Events(cal)
			}
			return questions
		},
	}
}

var (
	volunteers   = roster("volunteers", impact.RoleVolunteer)
	participants = roster("participants", impact.RoleParticipant)

	errNotPeople = impact.Errorf(impact.CodeForbidden, "a list of people needs an API key with the scope %s", ScopePeople)
)

// rosterOf is the answer to a field that lists people, and how each is explained.
func rosterOf(
	ctx context.Context, c *model.Company, role impact.Role, first *int, after *string, order impact.RosterOrder,
	period *impact.Period, programme *string,
) (*impact.Roster, func(place int) model.Explained, error) {
	s, err := newScope(period, programme)
	if err != nil {
		return nil, nil, err
	}
	p, err := newPage(first, after)
	if err != nil {
		return nil, nil, err
	}
	q := requestOf(ctx)
	loader := q.volunteers
	if role == impact.RoleParticipant {
		loader = q.participants
	}
	book, err := loader.Load(ctx, c.Group)
	if err != nil {
		return nil, nil, err
	}
	ask := rosterAsk{s, p, order}
	r, err := book.of(c, ask)
	return r, func(place int) model.Explained { return book.explained(q, c, ask, place, who{key: impact.CohortAll}) }, err
}
