package graph

import (
	"context"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// cohortsBook is the answers to everything that a group asks about cohorts.
type cohortsBook struct {
	cohorts map[cohortAsk][]int        // where the answer is, by the company's place in the group
	pages   map[pageAsk][]cohortsEntry // likewise
	answers []*impact.Cohort           // of all groups that were read together
	pasts   pasts
	pastErr error    // why nothing is known of the past
	beside  *besides // likewise of all groups
}

// cohort is an answer to an ask, a cohortAsk or a pageAsk, as the graph shows it.
func (b *cohortsBook) cohort(q *request, c *model.Company, s scope, ask any, of who, answer *impact.Cohort) *model.Cohort {
	return &model.Cohort{
		Cohort: answer, Order: of.key, Beside: b.beside.of(c, s), Company: c.Company.Key,
		Of: of.explained(q.calendar(c.Company, s, b.pasts)), Events: b.cohortEvents(q, c.Group, ask),
	}
}

// cohortsEntry is where the answers to a page are.
type cohortsEntry struct {
	from, to int
	keys     []string // what they are ordered by
	more     bool
}

func (b *cohortsBook) page(q *request, of *model.Company, ask pageAsk) *model.CohortConnection {
	e := b.pages[ask][of.Place]
	page := &model.CohortConnection{Nodes: make([]*model.Cohort, 0, len(e.keys)), HasNextPage: e.more}
	for i, c := range b.answers[e.from:e.to] {
		if c != nil { // a department that went away between the two reads
			page.Nodes = append(page.Nodes, b.cohort(q, of, ask.scope, ask, who{key: e.keys[i]}, c))
		}
	}
	return page
}

// cohortOf is one cohort of a company.
func cohortOf(ctx context.Context, c *model.Company, s scope, w who) (*model.Cohort, error) {
	book, err := requestOf(ctx).cohorts.Load(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	if s.asOf != 0 && book.pastErr != nil {
		return nil, book.pastErr
	}
	places, ok := book.cohorts[cohortAsk{s, w}]
	if !ok {
		return nil, errNotAsked
	}
	cohort := book.answers[places[c.Place]]
	if cohort == nil {
		return nil, errNoCohort
	}
	return book.cohort(requestOf(ctx), c, s, cohortAsk{s, w}, w, cohort), nil
}

// cohortPage is a page of the cohorts of a company.
func cohortPage(ctx context.Context, c *model.Company, s scope, p page) (*model.CohortConnection, error) {
	book, err := requestOf(ctx).cohorts.Load(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	if s.asOf != 0 && book.pastErr != nil {
		return nil, book.pastErr
	}
	if _, ok := book.pages[pageAsk{s, p}]; !ok {
		return nil, errNotAsked
	}
	return book.page(requestOf(ctx), c, pageAsk{s, p}), nil
}

// readCohorts is the cohorts loader: it asks everything that the groups select, at
// once.
func (q *request) readCohorts(ctx context.Context, groups []*model.Group) ([]*cohortsBook, []error) {
	op := graphql.GetOperationContext(ctx)
	all := make([]*asks, len(groups))
	for i, g := range groups {
		all[i] = asksOf(op, g.Fields)
	}
	departments, err := q.readDepartments(ctx, groups, all)
	if err != nil {
		return nil, []error{err}
	}

	past := q.readPast(ctx, groups, all, true)
	books := make([]*cohortsBook, len(groups))
	var questions []impact.CohortQuestion
	beside := newBesides()
	add := func(c *impact.Company, s scope, w who, compared, explained bool) error {
		filter, err := w.of(q.calendar(c, s, past))
		if compared {
			beside.ask(q, c, s)
		}
		questions = append(questions, impact.CohortQuestion{
			Company: c.ID, Programme: s.programme, Range: q.rangeAt(c, s, past), Key: w.key, Filter: filter, AsOf: s.asOf, Others: compared && s.asOf == 0, Explained: explained,
		})
		return err
	}
	for i, g := range groups {
		books[i] = &cohortsBook{cohorts: make(map[cohortAsk][]int), pages: make(map[pageAsk][]cohortsEntry), pasts: past, pastErr: past.err, beside: beside}
		for _, ask := range all[i].cohorts {
			if ask.asOf != 0 && past.err != nil {
				continue
			}
			places := make([]int, len(g.Companies))
			for place, c := range g.Companies {
				places[place] = len(questions)
				if err := add(c, ask.scope, ask.who, all[i].compared[ask], all[i].explained[ask]); err != nil {
					return nil, []error{err}
				}
			}
			books[i].cohorts[ask] = places
		}
		for _, ask := range all[i].pages {
			if ask.asOf != 0 && past.err != nil {
				continue
			}
			entries := make([]cohortsEntry, len(g.Companies))
			for place, c := range g.Companies {
				list := departments[c.ID]
				if then := past.at(c, ask.scope); then != nil {
					list = listedCohorts(then.Cohorts)
				}
				keys, more := ask.page.of(list)
				entries[place] = cohortsEntry{len(questions), len(questions) + len(keys), keys, more}
				for _, key := range keys {
					if err := add(c, ask.scope, who{key: key}, all[i].compared[ask], all[i].explained[ask]); err != nil {
						return nil, []error{err}
					}
				}
			}
			books[i].pages[ask] = entries
		}
	}
	if len(questions) == 0 {
		return books, nil
	}

	answers, pastErr, err := readAnswers(questions, func(place int) impact.AsOf { return questions[place].AsOf },
		func(asked []impact.CohortQuestion) ([]*impact.Cohort, error) { return q.Reader.Cohorts(ctx, asked) })
	if err != nil {
		return nil, []error{err}
	}
	if err := beside.read(ctx, q.Reader); err != nil {
		return nil, []error{err}
	}
	for _, b := range books {
		b.answers = answers
		if pastErr != nil {
			b.pastErr = pastErr
		}
	}
	return books, nil
}

// readDepartments is the departments of the companies of groups that select a page
// of cohorts, in the order of their bytes.
func (q *request) readDepartments(
	ctx context.Context, groups []*model.Group, all []*asks,
) (map[impact.CompanyID][]string, error) {
	var paged []*model.Group
	for i, g := range groups {
		if slices.ContainsFunc(all[i].pages, func(p pageAsk) bool { return p.asOf == 0 }) {
			paged = append(paged, g)
		}
	}
	if len(paged) == 0 {
		return nil, nil
	}
	ids := everyID(paged)
	names, err := q.Reader.Departments(ctx, ids)
	if err == nil {
		err = miscounted("Departments", len(names), len(ids))
	}
	if err != nil {
		return nil, err
	}
	departments := make(map[impact.CompanyID][]string, len(ids))
	for i, id := range ids {
		departments[id] = listedCohorts(names[i])
	}
	return departments, nil
}

// listedCohorts are the cohorts of a company beside "all", in the order of their bytes. A
// department of that name cannot be told from it.
func listedCohorts(names []string) []string {
	list := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.EqualFold(name, impact.CohortAll) })
	slices.Sort(list)
	return list
}

// of is the page's share of the cohorts of a company: "all", then its departments.
func (p page) of(departments []string) (keys []string, more bool) {
	switch p.after {
	case "":
		keys = append(keys, impact.CohortAll)
	case impact.CohortAll:
	default:
		at, found := slices.BinarySearch(departments, p.after)
		if found {
			at++
		}
		departments = departments[at:]
	}
	rest := min(p.first-len(keys), len(departments))
	return append(keys, departments[:rest]...), rest < len(departments)
}
