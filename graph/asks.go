package graph

import (
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// figuresAsk, cohortAsk and pageAsk are what one field asks about each company of a
// group. They are comparable: fields that ask the same share the answer.
type figuresAsk struct {
	scope
	interval impact.Interval   // empty: the whole period at once
	compare  impact.Comparison // empty: with nothing
}

type cohortAsk struct {
	scope
	who
}

type pageAsk struct {
	scope
	page
}

// asks is everything that the selection of a group asks about each of its
// companies, in the order of the selection.
type asks struct {
	figures []figuresAsk
	parts   map[figuresAsk]impact.Parts
	methods map[figuresAsk][]methodAsk
	cohorts []cohortAsk
	pages   []pageAsk

	compared  map[any]bool // cohortAsk and pageAsk whose benchmarks are selected
	explained map[any]bool // those of whose figures some explanation is

	unnamed bool // a field names no methodology
	months  bool // a field counts the months of all time
}

// asksOf reads the selection ahead of its resolvers. Fields whose arguments break a
// rule ask nothing: their resolvers never get as far as the answer.
func asksOf(op *graphql.OperationContext, fields []graphql.CollectedField) *asks {
	a := &asks{parts: make(map[figuresAsk]impact.Parts), methods: make(map[figuresAsk][]methodAsk), compared: make(map[any]bool), explained: make(map[any]bool)}
	for _, f := range fields {
		args := arguments(f.ArgumentMap(op.Variables))
		s, err := args.scope()
		if err != nil {
			continue
		}
		switch f.Name {
		case "metrics":
			a.addFigures(figuresAsk{scope: s, compare: args.comparison()}, partsOf(op, f))
		case "sroi", "vis":
			a.addMethod(figuresAsk{scope: s, compare: args.comparison()}, f, args)
		case "timeSeries":
			ask := figuresAsk{s, impact.Interval(args.text("interval")), args.comparison()}
			a.addFigures(ask, 0)
			for _, sub := range collect(op, f.Selections) {
				if sub.Name == "sroi" || sub.Name == "vis" {
					a.addMethod(ask, sub, arguments(sub.ArgumentMap(op.Variables)))
				} else {
					a.addFigures(ask, partsOf(op, sub))
				}
			}
		case "cohort":
			if w, err := args.who("key", ""); err == nil {
				a.cohorts = append(a.cohorts, cohortAsk{s, w})
				a.noteCohort(op, cohortAsk{s, w}, collect(op, f.Selections))
			}
		case "cohorts":
			if p, err := args.page(); err == nil {
				a.pages = append(a.pages, pageAsk{s, p})
				a.noteCohort(op, pageAsk{s, p}, nodeFields(op, f.Selections))
			}
		}
	}
	return a
}

// noteCohort notes what takes more to read of the cohorts of an ask.
func (a *asks) noteCohort(op *graphql.OperationContext, ask any, fields []graphql.CollectedField) {
	a.compared[ask] = a.compared[ask] || slices.ContainsFunc(fields, func(f graphql.CollectedField) bool { return f.Name == "benchmark" })
	a.explained[ask] = a.explained[ask] || explains(op, fields)
}

// explains reports whether some figure's explanation is selected.
func explains(op *graphql.OperationContext, fields []graphql.CollectedField) bool {
	return slices.ContainsFunc(fields, func(f graphql.CollectedField) bool {
		return f.Name == "explain" || explains(op, collect(op, f.Selections))
	})
}

func (a *asks) addFigures(f figuresAsk, parts impact.Parts) {
	if _, asked := a.parts[f]; !asked {
		a.figures = append(a.figures, f)
	}
	a.parts[f] |= parts
}

// partsOf is what a field of metrics needs to be read: no more than that, since a series
// that selects counts alone is far cheaper than one that selects scores.
func partsOf(op *graphql.OperationContext, f graphql.CollectedField) impact.Parts {
	if f.Name != "metrics" {
		return 0
	}
	parts := impact.PartsMetrics
	for _, sub := range collect(op, f.Selections) {
		switch sub.Name {
		case "impactScore", "explain": // which explains it too
			parts |= impact.PartsOverview
		case "change":
			for _, changed := range collect(op, sub.Selections) {
				if changed.Name == "impactScore" || changed.Name == "explain" {
					parts |= impact.PartsOverview
				}
			}
		}
	}
	return parts
}

// arguments are those of a field as the operation gives them, defaults filled in.
// They passed validation, but for what the scalars check themselves.
type arguments map[string]any

func (a arguments) text(name string) string {
	s, _ := a[name].(string)
	return s
}

func (a arguments) optional(name string) *string {
	if a[name] == nil {
		return nil
	}
	s := a.text(name)
	return &s
}

func (a arguments) comparison() impact.Comparison { return impact.Comparison(a.text("compareTo")) }

func (a arguments) scope() (scope, error) {
	var period *impact.Period
	if v := a["period"]; v != nil {
		p, err := model.UnmarshalPeriod(v)
		if err != nil {
			return scope{}, err
		}
		period = &p
	}
	s, err := newScope(period, a.optional("programme"))
	if v := a["asOf"]; v != nil && err == nil {
		s.asOf, err = model.UnmarshalDateTime(v)
	}
	return s, err
}

func (a arguments) page() (page, error) {
	var first *int
	if v := a["first"]; v != nil {
		n, err := model.UnmarshalInt(v)
		if err != nil {
			return page{}, err
		}
		first = &n
	}
	return newPage(first, a.optional("after"))
}

// collect is the fields of a selection, of fragments too, without those skipped. No
// type condition can fail: the graph has one interface, and one type that
// implements it.
func collect(op *graphql.OperationContext, selections ast.SelectionSet) []graphql.CollectedField {
	return graphql.CollectFields(op, selections, nil)
}

// nodeFields is what is selected of the items on a page.
func nodeFields(op *graphql.OperationContext, connection ast.SelectionSet) []graphql.CollectedField {
	var fields []graphql.CollectedField
	for _, f := range collect(op, connection) {
		switch f.Name {
		case "nodes":
			fields = append(fields, collect(op, f.Selections)...)
		case "edges":
			for _, e := range collect(op, f.Selections) {
				if e.Name == "node" {
					fields = append(fields, collect(op, e.Selections)...)
				}
			}
		}
	}
	return fields
}
