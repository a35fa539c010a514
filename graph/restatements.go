package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// restatementsAsk is what a field asks for, of which it shows a page.
type restatementsAsk struct {
	since, until impact.AsOf // until is 0 on the first page
}

// when is now: the question says which instants it compares.
func (restatementsAsk) when() scope { return scope{} }

func newRestatementsAsk(since impact.AsOf, p page) (ask restatementsAsk, after model.RestatementPlace, err error) {
	ask.since = since
	if p.after == "" {
		return ask, after, nil
	}
	after, ok := model.ParseRestatementPlace(p.after)
	if !ok || after.Until <= since {
		return ask, after, errCursor
	}
	ask.until = after.Until
	return ask, after, nil
}

var restatements = analysis[restatementsAsk, impact.RestatementQuestion, *impact.Restatements]{
	field: "restatements",
	ask: func(args arguments) (restatementsAsk, error) {
		since, err := model.UnmarshalDateTime(args["since"])
		if err != nil {
			return restatementsAsk{}, err
		}
		p, err := args.page()
		if err != nil {
			return restatementsAsk{}, err
		}
		ask, _, err := newRestatementsAsk(since, p)
		return ask, err
	},
	question: func(_ *request, c *impact.Company, a restatementsAsk, _ asked) (impact.RestatementQuestion, error) {
		return impact.RestatementQuestion{Company: c.ID, Since: a.since, Until: a.until}, nil
	},
	read: func(ctx context.Context, r Reader, questions []impact.RestatementQuestion) ([]*impact.Restatements, error) {
		return r.Restatements(ctx, questions)
	},
}

// restatementsPage is a page of a company's restatements.
func restatementsPage(ctx context.Context, c *model.Company, since impact.AsOf, p page) (*model.RestatementConnection, error) {
	ask, after, err := newRestatementsAsk(since, p)
	if err != nil {
		return nil, err
	}
	book, err := requestOf(ctx).restatements.Load(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	all, err := book.of(c, ask)
	if err != nil {
		return nil, err
	}
	list := all.List
	for p.after != "" && len(list) > 0 && !after.Before(&list[0]) {
		list = list[1:]
	}
	n := min(p.first, len(list))
	return &model.RestatementConnection{Of: all, Page: list[:n], HasNextPage: n < len(list)}, nil
}
