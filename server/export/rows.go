package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

// step leads from a value of the graph to one below: a field and, where that is a list of
// which one item is meant, its name.
type step struct{ field, item string }

// column is a column of an export.
type column struct {
	name   string
	path   []step
	each   int  // how many steps lead to the list that is laid out in rows; 0: none does
	number bool // a number, also where the graph writes it as text
	above  bool // of the object that the rows are a list of
	count  bool // of no field: it counts the items of that list
}

func newColumn(name, each string) column {
	if counter, ok := strings.CutPrefix(name, "#"); ok {
		return column{name: counter, number: true, count: true}
	}
	c := column{name: strings.NewReplacer("[", ".", "]", "").Replace(name)}
	for part := range strings.SplitSeq(name, ".") {
		field, item, _ := strings.Cut(strings.TrimSuffix(part, "]"), "[")
		c.path = append(c.path, step{field, item})
	}
	for list := range strings.SplitSeq(each, ",") {
		if c.path[0].field == list {
			c.each = 1
		}
	}
	return c
}

// isNumber reports whether a path ends at a number.
func isNumber(schema *ast.Schema, of *ast.Definition, path []step) bool {
	for i, s := range path {
		field := of.Fields.ForName(s.field)
		of = schema.Types[field.Type.Name()]
		if i == len(path)-1 {
			return of.Name == "Int" || of.Name == "Float" || of.Name == "Decimal"
		}
	}
	return false
}

// cell is the value of a column in a row: as the graph's JSON has it, numbers as
// json.Number.
type cell struct {
	value  any
	number bool
}

// page is what an answer holds.
type page struct {
	rows   [][]cell
	after  string // the cursor to go on from; empty at the end
	isLast bool
	// The answer's size, and how many nodes it had.
	bytes, nodes int
}

// read lays an answer flat.
func (p *plan) read(data json.RawMessage) (*page, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var at any
	if err := d.Decode(&at); err != nil {
		return nil, fmt.Errorf("export %s: %w", p.list.Name, err)
	}
	var above any
	for _, field := range p.path {
		above, at = at, below(at, step{field: field})
	}
	out := &page{isLast: true, bytes: len(data)}
	if p.paged {
		info := below(at, step{field: "pageInfo"})
		more, _ := below(info, step{field: "hasNextPage"}).(bool)
		out.after, _ = below(info, step{field: "endCursor"}).(string)
		out.isLast = !more
		at = below(at, step{field: "nodes"})
	}
	nodes, isList := at.([]any)
	if !isList && at != nil {
		nodes = []any{at}
	}
	out.nodes = len(nodes)
	for _, node := range nodes {
		out.rows = append(out.rows, p.lay(node, above)...)
	}
	return out, nil
}

// lay is the rows of a node, which is below another.
func (p *plan) lay(node, above any) [][]cell {
	rows := 1
	if p.list.Each != "" {
		lists := strings.Split(p.list.Each, ",")
		items, _ := below(node, step{field: lists[0]}).([]any)
		rows = len(items)
	}
	laid := make([][]cell, rows)
	for i := range laid {
		laid[i] = make([]cell, len(p.columns))
		for j := range p.columns {
			c := &p.columns[j]
			at, path := node, c.path
			if c.above {
				at = above
			}
			if c.each > 0 {
				items, _ := below(node, path[0]).([]any)
				at, path = nil, path[1:]
				if i < len(items) {
					at = items[i]
				}
			}
			for _, s := range path {
				at = below(at, s)
			}
			if c.count {
				at = json.Number(fmt.Sprint(i))
			}
			laid[i][j] = cell{at, c.number}
		}
	}
	return laid
}

// below is a field of an object, or of null.
func below(v any, s step) any {
	object, _ := v.(map[string]any)
	at := object[s.field]
	if s.item == "" {
		return at
	}
	items, _ := at.([]any)
	for _, item := range items {
		if below(item, step{field: itemName(s.field)}) == s.item {
			return item
		}
	}
	return nil
}

var digits = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// isDigits reports text that is a number and nothing else.
func isDigits(text string) bool { return digits.MatchString(text) }

// text is a value that is not null as it stands in a table.
func (c cell) text() string {
	switch v := c.value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return string(asJSON(c.value))
}

// asJSON is a value as JSON, with <, > and & as they are.
func asJSON(v any) []byte { return appendJSON(nil, v) }

// appendJSON appends what asJSON is. What most values are, plain text and numbers, is as it
// stands.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case json.Number:
		return append(b, v...)
	case string:
		if isPlain(v) {
			return append(append(append(b, '"'), v...), '"')
		}
	}
	to := bytes.NewBuffer(b)
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return b // it came from JSON
	}
	return bytes.TrimSuffix(to.Bytes(), []byte("\n"))
}

// isPlain reports text that JSON has as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
