package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/impactql/impactql/impact"
)

const (
	// pageSize is how many rows of a connection are read at once: the most that it gives to
	// anybody.
	pageSize = 100
	// pageBytes is what a page of a list that may have longer ones is to be near to: rows of
	// many bytes must not take more memory for it.
	pageBytes = 1 << 20
)

// plan is an export that was asked for: a query, and how its answer becomes rows.
type plan struct {
	list      *List
	query     string
	variables map[string]any
	path      []string // of the rows in the answer
	paged     bool     // a page of them
	columns   []column
	period    string // for the name of the file
	flat      string // the argument whose fields are parameters, if one is given
}

// newPlan turns parameters into a query. They are called as the arguments of the graph's
// fields are; company is empty where the list is of none.
func newPlan(schema *ast.Schema, list *List, company string, given url.Values) (*plan, error) {
	p := &plan{list: list, variables: make(map[string]any)}
	given = maps.Clone(given)
	for name, value := range list.Defaults {
		if !given.Has(name) {
			given.Set(name, value)
		}
	}
	q := &queryText{schema: schema, given: given, plan: p, used: make(map[string]bool)}
	fields := strings.Split(list.Field, ".")
	from := schema.Query
	if !list.Root {
		fields, from = append([]string{"company"}, fields...), schema.Query
	}
	if company != "" {
		p.variables["company"] = company
		q.declared = append(q.declared, "$company: ID!")
	}
	text, err := q.fields(from, fields, company != "")
	if err != nil {
		return nil, err
	}
	p.query = fmt.Sprintf("query Export(%s) {%s}", strings.Join(q.declared, ", "), text)
	if len(q.declared) == 0 {
		p.query = "query Export {" + text + "}"
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !q.used[name] {
			return nil, impact.Errorf(impact.CodeInvalid, "%s has no parameter %q; it has %s", list.Name, name, q.known())
		}
	}
	return p, nil
}

// adapt chooses how many rows the page after this one has.
func (p *plan) adapt(last *page) {
	if p.list.Page > pageSize && last.nodes > 0 {
		p.variables["first"] = min(max(pageBytes*last.nodes/last.bytes, pageSize), p.list.Page)
	}
}

// said is an error of the graph as of the parameters that were given.
func (p *plan) said(err error) error {
	e, ok := errors.AsType[*impact.Error](err)
	if !ok || p.flat == "" || !strings.HasPrefix(e.Pointer, "/"+p.flat+"/") {
		return err
	}
	return &impact.Error{
		Code: e.Code, Pointer: strings.TrimPrefix(e.Pointer, "/"+p.flat), Message: strings.TrimPrefix(e.Message, p.flat+"/"),
	}
}

// queryText is a query in the making.
type queryText struct {
	schema   *ast.Schema
	given    url.Values
	plan     *plan
	declared []string
	used     map[string]bool // parameters that there are
}

func (q *queryText) known() string {
	known := slices.Sorted(maps.Keys(q.used))
	return strings.Join(append(known, "format"), ", ")
}

// fields is the text of a field within a field, down to the rows.
func (q *queryText) fields(in *ast.Definition, path []string, ofCompany bool) (string, error) {
	field := in.Fields.ForName(path[0])
	q.plan.path = append(q.plan.path, field.Name)
	of := q.schema.Types[field.Type.Name()]
	nodes := of.Fields.ForName("nodes")
	var args []string
	for _, arg := range field.Arguments {
		switch {
		case ofCompany && (arg.Name == "key" || arg.Name == "company") && in == q.schema.Query:
			args = append(args, arg.Name+": $company")
		case nodes != nil && arg.Name == "first":
			q.declared = append(q.declared, "$first: Int!")
			args = append(args, "first: $first")
			q.plan.variables["first"] = pageSize
		case nodes != nil && arg.Name == "after":
			q.declared = append(q.declared, "$after: String")
			args = append(args, "after: $after")
		default:
			ok, err := q.argument(arg)
			if err != nil {
				return "", err
			}
			if ok {
				q.declared = append(q.declared, "$"+arg.Name+": "+arg.Type.String())
				args = append(args, arg.Name+": $"+arg.Name)
			}
		}
	}
	head := field.Name
	if len(args) > 0 {
		head += "(" + strings.Join(args, ", ") + ")"
	}
	switch {
	case len(path) > 1:
		below, err := q.fields(of, path[1:], ofCompany)
		if len(path) == 2 && len(q.plan.list.Above) > 0 {
			below += " " + q.above(of)
		}
		return head + " {" + below + "}", err
	case nodes != nil:
		q.plan.paged = true
		return head + " {nodes {" + q.rows(q.schema.Types[nodes.Type.Name()]) + "} pageInfo {hasNextPage endCursor}}", nil
	}
	return head + " {" + q.rows(of) + "}", nil
}

// rows is the selection of a row, and lays out its columns.
func (q *queryText) rows(of *ast.Definition) string {
	names := q.plan.list.Columns
	if q.given.Has("compareTo") {
		names = slices.Clone(names)
		known := make(map[string]bool)
		for _, path := range q.plan.list.Compared {
			figure, name := path[:strings.LastIndexByte(path, '.')+1]+"change.", path[strings.LastIndexByte(path, '.')+1:]
			if !known[figure] {
				known[figure] = true
				names = append(names, figure+"start", figure+"end")
			}
			names = append(names, prefixed(figure+name+".", "base", "absolute", "relative")...)
		}
	}
	selected := new(selection)
	for _, name := range names {
		c := newColumn(name, q.plan.list.Each)
		c.number = isNumber(q.schema, of, c.path)
		q.plan.columns = append(q.plan.columns, c)
		selected.add(c.path)
	}
	return selected.text()
}

// above is the selection of what the rows are a list of, and lays out its columns.
func (q *queryText) above(of *ast.Definition) string {
	selected := new(selection)
	for _, name := range q.plan.list.Above {
		c := newColumn(name, "")
		c.above, c.number = true, isNumber(q.schema, of, c.path)
		q.plan.columns = append(q.plan.columns, c)
		selected.add(c.path)
	}
	return selected.text()
}

// selection is fields to select, in order.
type selection struct {
	names []string
	below map[string]*selection
}

func (s *selection) add(path []step) {
	if len(path) == 0 {
		return
	}
	if s.below == nil {
		s.below = make(map[string]*selection)
	}
	name := path[0].field
	if s.below[name] == nil {
		s.names, s.below[name] = append(s.names, name), new(selection)
	}
	if path[0].item != "" {
		s.below[name].add([]step{{field: itemName(name)}})
	}
	s.below[name].add(path[1:])
}

func (s *selection) text() string {
	var parts []string
	for _, name := range s.names {
		if below := s.below[name]; len(below.names) > 0 {
			name += " {" + below.text() + "}"
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, " ")
}

// itemName is the field by which the items of a list are told apart.
func itemName(list string) string {
	if list == "improvements" {
		return "dimension"
	}
	return "name"
}

// argument reads an argument of a field from the parameters, if it is among them. A
// filter of plain values is a parameter for each of them; what else is not plain is JSON.
func (q *queryText) argument(arg *ast.ArgumentDefinition) (given bool, err error) {
	if of := q.schema.Types[arg.Type.Name()]; isFlat(q.schema, of) && arg.Type.Elem == nil {
		object := make(map[string]any)
		for _, field := range of.Fields {
			ok, err := q.read(field.Name, field.Type, object)
			if err != nil {
				return false, err
			}
			given = given || ok
		}
		if given {
			q.plan.variables[arg.Name], q.plan.flat = object, arg.Name
		}
		return given, nil
	}
	given, err = q.read(arg.Name, arg.Type, q.plan.variables)
	if !given && err == nil && arg.Type.NonNull && arg.DefaultValue == nil {
		err = impact.Errorf(impact.CodeInvalid, "%s needs the parameter %q", q.plan.list.Name, arg.Name)
	}
	return given, err
}

// isFlat reports an input object of plain values.
func isFlat(schema *ast.Schema, of *ast.Definition) bool {
	return of.Kind == ast.InputObject && !slices.ContainsFunc(of.Fields, func(f *ast.FieldDefinition) bool {
		return f.Type.Elem != nil || schema.Types[f.Type.Name()].Kind == ast.InputObject
	}) && of.Name != "SroiWhatIf"
}

// read puts the value of a parameter into an object, if it is given.
func (q *queryText) read(name string, of *ast.Type, into map[string]any) (given bool, err error) {
	q.used[name] = true
	if !q.given.Has(name) {
		return false, nil
	}
	text := q.given.Get(name)
	kind := q.schema.Types[of.Name()]
	switch {
	case name == "steps" && !strings.HasPrefix(text, "["):
		into[name] = steps(text)
	case kind.Kind == ast.InputObject:
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil || d.More() {
			return true, impact.Errorf(impact.CodeInvalid, "%s must be JSON, as in a variable of GraphQL of type %s", name, of)
		}
		into[name] = v
	case of.Elem != nil:
		var list []any
		for one := range strings.SplitSeq(text, ",") {
			list = append(list, plain(kind, one))
		}
		into[name] = list
	default:
		into[name] = plain(kind, text)
	}
	return true, nil
}

// plain is a value as a variable of GraphQL has it. What is not of its kind stays text,
// which GraphQL refuses in its own words.
func plain(kind *ast.Definition, text string) any {
	switch {
	case kind.Name == "Boolean" && text == "true":
		return true
	case kind.Name == "Boolean" && text == "false":
		return false
	case kind.Name == "Int" || kind.Name == "Float":
		if n := json.Number(text); isDigits(text) {
			return n
		}
	}
	return text
}

// steps reads the steps of a funnel as ACTIVITY or ACTIVITY:programme, by commas.
func steps(text string) []any {
	var list []any
	for one := range strings.SplitSeq(text, ",") {
		activity, programme, limited := strings.Cut(one, ":")
		step := map[string]any{"activity": activity}
		if limited {
			step["programme"] = programme
		}
		list = append(list, step)
	}
	return list
}
