package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// eraseLimit is up to how many events a mutation looks through for a person: a few
// seconds' worth, of the ten that an operation has.
const eraseLimit = 100_000

func (q *request) forgetPerson(ctx context.Context, key, person string) (*model.Erasure, error) {
	c, err := q.company(ctx, key)
	if err != nil {
		return nil, err
	}
	if person = impact.PersonKey(person); !impact.ValidKey(person) {
		return nil, &impact.Error{Code: impact.CodeInvalid, Pointer: "/person", Message: impact.KeyRule}
	}
	done, err := q.Editor.Erase(ctx, impact.EraseRequest{Company: c.Company.ID, Person: person, By: q.viewer.Name(), Limit: eraseLimit})
	if err != nil || done.ID == 0 {
		return nil, err
	}
	return &model.Erasure{Erasure: done}, nil
}

// erasures is a page of a company's erasures.
func (q *request) erasures(ctx context.Context, company string, p page) (*model.ErasureConnection, error) {
	id, err := q.administered(ctx, company)
	if err != nil {
		return nil, err
	}
	before, err := p.before()
	if err != nil {
		return nil, err
	}
	list, err := q.Editor.Erasures(ctx, id, before, p.first+1)
	if err != nil {
		return nil, err
	}
	return model.NewErasureConnection(list, p.first), nil
}
