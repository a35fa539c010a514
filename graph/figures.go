package graph

import (
	"context"
	"errors"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// figuresBook is the answers to everything that a group asks the figures.
type figuresBook struct {
	entries map[figuresAsk][]figuresEntry // by the company's place in the group
	answers []*impact.Figures             // of all groups that were read together

	settings map[impact.CompanyID]*impact.Settings // where a field names no methodology
	active   map[impact.CompanyID]impact.Range     // where a field depends on it
	maps     map[impact.CompanyID]*impact.StoredMap
	pasts    pasts
	bound    map[boundAt]map[int]int // where the answers to the bound lines are, by line
}

// figuresEntry is where the answers are: one, or one per point; and, from bases on, as
// many that they are compared with.
type figuresEntry struct {
	from, bases, to int
	err             error
}

var errNotAsked = errors.New("a field asks for what was not read ahead")

// loadFigures is the answers about a company to one of the asks of its group.
func loadFigures(ctx context.Context, c *model.Company, ask figuresAsk) ([]model.Figures, error) {
	book, err := requestOf(ctx).figures.Load(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	entries, ok := book.entries[ask]
	if !ok {
		return nil, errNotAsked
	}
	e := entries[c.Place]
	if e.err != nil {
		return nil, e.err
	}
	list := make([]model.Figures, e.bases-e.from)
	for i := range list {
		list[i].Figures, list[i].Company = book.answers[e.from+i], c.Company.Key
		list[i].Events = book.explainedEvents(c, ask, i)
		if e.bases < e.to {
			list[i].Base = book.answers[e.bases+i]
		}
	}
	return list, nil
}

// figuresOf is the figures of a company over a period.
func figuresOf(
	ctx context.Context, c *model.Company, period *impact.Period, programme *string, compare *impact.Comparison, asOf *impact.AsOf,
) (model.Figures, error) {
	s, err := newScope(period, programme)
	if err != nil {
		return model.Figures{}, err
	}
	figures, err := loadFigures(ctx, c, figuresAsk{scope: s.as(asOf), compare: or(compare, "")})
	if err != nil {
		return model.Figures{}, err
	}
	return figures[0], nil
}

// readFigures is the figures loader: it asks everything that the groups select, at
// once.
func (q *request) readFigures(ctx context.Context, groups []*model.Group) ([]*figuresBook, []error) {
	op := graphql.GetOperationContext(ctx)
	all := make([]*asks, len(groups))
	for i, g := range groups {
		all[i] = asksOf(op, g.Fields)
	}
	settings, err := q.readDefaults(ctx, groups, all)
	if err != nil {
		return nil, []error{err}
	}
	active, err := q.readActive(ctx, groups, all)
	if err != nil {
		return nil, []error{err}
	}

	past := q.readPast(ctx, groups, all, false)
	maps, err := q.readValueMaps(ctx, groups, all, settings)
	if err != nil {
		return nil, []error{err}
	}

	books, errs := make([]*figuresBook, len(groups)), make([]error, len(groups))
	var questions []impact.Question
	for i, g := range groups {
		books[i] = &figuresBook{
			entries: make(map[figuresAsk][]figuresEntry, len(all[i].figures)), settings: settings, active: active,
			maps: maps, pasts: past, bound: make(map[boundAt]map[int]int),
		}
		before := len(questions)
		for _, ask := range all[i].figures {
			entries := make([]figuresEntry, len(g.Companies))
			for place, c := range g.Companies {
				ranges, bases, err := q.ranges(c, ask, active, past)
				from := len(questions)
				entries[place] = figuresEntry{from, from + len(ranges), from + len(ranges) + len(bases), err}
				chosen := past.settingsAt(c, ask.scope, settings)
				for point, r := range slices.Concat(ranges, bases) {
					questions = append(questions, impact.Question{
						Company: c.ID, Programme: ask.programme, Range: r, AsOf: ask.asOf,
						Parts: all[i].partsOf(ask, chosen, ranges[point%len(ranges)]),
					})
				}
			}
			books[i].entries[ask] = entries
			for place, c := range g.Companies {
				e := entries[place]
				m := books[i].mapAt(c, ask)
				for at := e.from; at < e.to && m != nil; at++ {
					now := e.from + (at-e.from)%(e.bases-e.from) // of which the methodology is
					if !all[i].byMap(ask, past.settingsAt(c, ask.scope, settings), questions[now].Range) {
						continue
					}
					lines := make(map[int]int)
					for line, question := range q.boundQuestions(c, m, ask, questions[at].Range, past) {
						lines[line] = len(questions)
						questions = append(questions, question)
					}
					books[i].bound[boundAt{ask, c.ID, questions[at].Range}] = lines
				}
			}
			if len(questions)-before > q.MaxFigures {
				errs[i] = impact.Errorf(impact.CodeTooLarge, "the operation asks for more than %d points: "+
					"ask for fewer companies, a shorter period or a wider interval", q.MaxFigures)
				questions = questions[:before]
				break
			}
		}
	}
	if len(questions) == 0 {
		return books, errs
	}

	answers, pastErr, err := readAnswers(questions, func(place int) impact.AsOf { return questions[place].AsOf },
		func(asked []impact.Question) ([]*impact.Figures, error) { return q.Reader.Figures(ctx, asked) })
	if err != nil {
		return nil, []error{err}
	}
	for _, b := range books {
		b.answers = answers
		for ask, entries := range b.entries {
			for place := range entries {
				if pastErr != nil && ask.asOf != 0 && entries[place].err == nil {
					entries[place].err = pastErr
				}
			}
		}
	}
	return books, errs
}

// ranges is what an ask covers, the period or its points, and what it is compared with.
func (q *request) ranges(
	c *impact.Company, ask figuresAsk, active map[impact.CompanyID]impact.Range, past pasts,
) (ranges, bases []impact.Range, err error) {
	if ask.asOf != 0 && past.err != nil {
		return nil, nil, past.err
	}
	calendar, today := q.calendar(c, ask.scope, past)
	r := q.rangeAt(c, ask.scope, past)
	if ask.interval == "" {
		ranges = []impact.Range{r}
		if ask.compare != "" {
			base, err := ask.period.Before(ask.compare, calendar, today)
			if err != nil {
				return nil, nil, err
			}
			bases = []impact.Range{base}
		}
		return ranges, bases, nil
	}
	if ask.isUnbounded() {
		days := active[c.ID]
		if then := past.at(c, ask.scope); then != nil {
			days = then.Active
		}
		r = r.Clip(days)
	}
	if ranges, err = r.Split(ask.interval, calendar); err != nil {
		return nil, nil, err
	}
	if ask.compare != "" {
		for _, point := range ranges {
			bases = append(bases, ask.interval.Before(ask.compare, point))
		}
	}
	return ranges, bases, nil
}

// isUnbounded reports a series over all time: it has no points before the first
// event or after the last.
func (a figuresAsk) isUnbounded() bool { return a.interval != "" && a.period == impact.Period{} }

// readActive is the days on which companies were active, of groups that select a
// series over all time, or what counts the months of it.
func (q *request) readActive(
	ctx context.Context, groups []*model.Group, all []*asks,
) (map[impact.CompanyID]impact.Range, error) {
	var unbounded []*model.Group
	for i, g := range groups {
		if all[i].months || slices.ContainsFunc(all[i].figures, figuresAsk.isUnbounded) {
			unbounded = append(unbounded, g)
		}
	}
	if len(unbounded) == 0 {
		return nil, nil
	}
	ids := everyID(unbounded)
	ranges, err := q.Reader.Active(ctx, ids)
	if err == nil {
		err = miscounted("Active", len(ranges), len(ids))
	}
	if err != nil {
		return nil, err
	}
	active := make(map[impact.CompanyID]impact.Range, len(ids))
	for i, id := range ids {
		active[id] = ranges[i]
	}
	return active, nil
}
