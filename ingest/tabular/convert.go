package tabular

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/impactql/impactql/impact"
)

// converter turns the rows of one file into events.
type converter struct {
	mapping  *Mapping
	header   []string
	at       map[string]int // column -> place
	location *time.Location
	events   []eventPlan
	other    []int // columns that no event takes up
	buf      []byte
	offScale bool // a score of the last row is not on the scale that was chosen for want of a choice
}

// eventPlan is an [EventMapping] for the columns that are there.
type eventPlan struct {
	*EventMapping
	fields   []fieldPlan // by name, so that the same row is the same bytes
	identity []int
	session  bool // the webhook tells such events apart by type and session
}

type fieldPlan struct {
	name     string
	form     form
	column   int // -1: constant
	constant string
	from, to Scale
	limits   *[2]float64 // of a number; nil: the webhook's alone
	choice   bool        // the mapping leaves a choice of scales, and nobody chose
}

func newConverter(m *Mapping, header []string, o Options) (*converter, error) {
	c := &converter{mapping: m, header: header, at: make(map[string]int), location: time.UTC}
	for i, name := range header {
		c.at[name] = i
	}
	if absent := missing(m, header); len(absent) > 0 {
		return nil, fmt.Errorf("the file lacks the columns %s of mapping %s; it has %s",
			strings.Join(absent, ", "), m.Name, strings.Join(header, ", "))
	}
	if o.Location != nil {
		c.location = o.Location
	}
	if m.location != nil {
		c.location = m.location
	}
	used := make(map[int]bool)
	for i := range m.Events {
		p := c.plan(&m.Events[i], o)
		for _, f := range p.fields {
			used[f.column] = true
		}
		c.events = append(c.events, p)
	}
	for i, name := range header {
		if !used[i] && name != "" {
			c.other = append(c.other, i)
		}
	}
	return c, nil
}

func (c *converter) plan(e *EventMapping, o Options) eventPlan {
	p := eventPlan{EventMapping: e}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := fieldPlan{name: name, form: fields[name], column: -1}
		column, mapped := e.Fields[name]
		place, there := c.at[column]
		constant, fixed := e.Constants[name]
		switch {
		case mapped && there:
			f.column = place
		case name == "programId" && o.Programme != "":
			f.constant = o.Programme
		case fixed:
			f.constant = constant
		default:
			continue
		}
		if name == "sessionId" && f.column >= 0 {
			p.session = true
		}
		if limits, has := c.mapping.Limits[name]; has {
			f.limits = &limits
		}
		if f.form == formScore {
			f.to, _ = target(name, e.Type)
			f.from = f.to
			if choices := c.mapping.Scales[name]; len(choices) > 0 {
				f.from, f.choice = choices[0], len(choices) > 1
			}
			if name == "rating" && o.RatingScale != nil {
				f.from, f.choice = *o.RatingScale, false
			}
		}
		p.fields = append(p.fields, f)
	}
	for _, column := range e.Identity {
		if place, there := c.at[column]; there {
			p.identity = append(p.identity, place)
		}
	}
	return p
}

// row is the events of a row, or that it is scheduled only, or why it is refused.
// Pointers are to columns.
func (c *converter) row(cells []string) (events [][]byte, scheduled bool, refused *impact.Error) {
	if len(cells) != len(c.header) {
		return nil, false, impact.Errorf(impact.CodeInvalid, "the row has %d values, the header %d columns: "+
			"put values that hold the separator in quotes", len(cells), len(c.header))
	}
	c.offScale = false
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	if done := c.mapping.Done; done != "" && cells[c.at[done]] == "" {
		return nil, true, nil
	}
	for i := range c.events {
		p := &c.events[i]
		if p.Needs != "" {
			if place, there := c.at[p.Needs]; !there || cells[place] == "" {
				continue
			}
		}
		c.buf = c.buf[:0]
		if refused := c.event(p, cells); refused != nil {
			return nil, false, refused
		}
		events = append(events, slices.Clone(c.buf))
	}
	return events, false, nil
}

func (c *converter) event(p *eventPlan, cells []string) *impact.Error {
	c.raw(`{"type":`)
	c.text(p.Type)
	if len(p.identity) > 0 || !p.session {
		c.raw(`,"id":`)
		c.text(c.identity(p, cells))
	}
	envelope := -1 // the time of the event as a whole
	for i := range p.fields {
		if f := &p.fields[i]; f.name == "timestamp" && (f.column < 0 || cells[f.column] != "") {
			envelope = i
		}
	}
	if envelope >= 0 {
		c.raw(",")
		if refused := c.field(&p.fields[envelope], cells); refused != nil {
			return refused
		}
	}
	c.raw(`,"data":{`)
	for i := range p.fields {
		f := &p.fields[i]
		if i == envelope || f.column >= 0 && cells[f.column] == "" {
			continue
		}
		c.comma()
		if refused := c.field(f, cells); refused != nil {
			return refused
		}
	}
	first := true
	for _, i := range c.other {
		if cells[i] == "" {
			continue
		}
		if first {
			c.comma()
			c.raw(`"columns":{`)
			first = false
		}
		c.comma()
		c.text(c.header[i])
		c.raw(":")
		c.text(cells[i])
	}
	if !first {
		c.raw("}")
	}
	c.raw("}}")
	return nil
}

// identity is an id that the same row has in every export; it stands for the columns
// that tell it apart, or for all of them.
func (c *converter) identity(p *eventPlan, cells []string) string {
	var b strings.Builder
	b.WriteString(c.mapping.Name)
	add := func(i int) {
		value := cells[i]
		for _, f := range p.fields {
			switch {
			case f.column != i:
			case f.form == formPerson:
				value = impact.PersonKey(value)
			case f.form == formTime:
				if t, ok := c.moment(value); ok {
					value = t
				}
			}
		}
		b.WriteString("|" + unambiguous.Replace(value))
	}
	if len(p.identity) > 0 {
		for _, i := range p.identity {
			add(i)
		}
		return b.String()
	}
	for _, name := range slices.Sorted(maps.Keys(c.at)) { // the columns' order may change
		b.WriteString("|" + unambiguous.Replace(name))
		add(c.at[name])
	}
	return b.String()
}

// unambiguous escapes what parts an identity, so that no two rows share one.
var unambiguous = strings.NewReplacer(`\`, `\\`, "|", `\|`)

func (c *converter) field(f *fieldPlan, cells []string) *impact.Error {
	value := f.constant
	if f.column >= 0 {
		value = cells[f.column]
	}
	c.text(f.name)
	c.raw(":")
	switch f.form {
	case formText:
		c.text(value)
	case formPerson:
		c.text(impact.PersonKey(value))
	case formTime:
		t, ok := c.moment(value)
		if !ok {
			return c.bad(f, "%q is not a time: use 2025-11-13T10:00:00Z or 2025-11-13, or say with date_format in a mapping how times are written", value)
		}
		c.text(t)
	case formNumber:
		n, ok := c.number(value)
		if !ok {
			return c.bad(f, "%q is not a number", value)
		}
		if x, err := strconv.ParseFloat(n, 64); f.limits != nil && (err != nil || x < f.limits[0] || x > f.limits[1]) {
			return c.bad(f, "must be %g to %g", f.limits[0], f.limits[1])
		}
		c.raw(n)
	case formScore:
		return c.score(f, value)
	}
	return nil
}

// number checks a number and writes it as JSON does, exactly as it is.
func (c *converter) number(value string) (string, bool) {
	if c.mapping.Decimal == "," {
		value = strings.Replace(value, ",", ".", 1)
	}
	if value == "" || strings.Trim(value, "0123456789.-") != "" || !jsontext.Value(value).IsValid() {
		return "", false
	}
	return value, true
}

func (c *converter) score(f *fieldPlan, value string) *impact.Error {
	text, ok := c.number(value)
	x, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil {
		return c.bad(f, "%q is not a number", value)
	}
	if x < f.from.lo || x > f.from.hi {
		c.offScale = c.offScale || f.choice
		hint := ""
		if f.name == "rating" {
			hint = ": if the file rates on another scale, import it with --rating-scale"
		}
		return c.bad(f, "%s is not on the scale %s%s", text, f.from, hint)
	}
	if f.from != f.to {
		x = f.to.lo + (x-f.from.lo)/(f.from.hi-f.from.lo)*(f.to.hi-f.to.lo)
		text = strconv.FormatFloat(x, 'f', -1, 64)
	}
	c.raw(text)
	return nil
}

func (c *converter) bad(f *fieldPlan, format string, args ...any) *impact.Error {
	e := impact.Errorf(impact.CodeInvalid, format, args...)
	if f.column >= 0 {
		e.Pointer = "/" + c.header[f.column]
	}
	return e
}

// column leads from a place in the event with number n of a row to the column that it
// came from. A row that left events out has fewer of them, so that several may be meant:
// they have the same columns for the same fields, or the first that has one.
func (c *converter) column(n int, pointer string) string {
	name := strings.TrimPrefix(strings.TrimPrefix(pointer, "/data"), "/")
	for _, p := range c.events[min(n, len(c.events)-1):] {
		for _, f := range p.fields {
			if f.name == name && f.column >= 0 {
				return "/" + c.header[f.column]
			}
		}
		if column, ok := p.Fields[name]; ok {
			return "/" + column
		}
	}
	return pointer
}

func (c *converter) raw(s string) { c.buf = append(c.buf, s...) }

func (c *converter) comma() {
	if last := c.buf[len(c.buf)-1]; last != '{' {
		c.buf = append(c.buf, ',')
	}
}

func (c *converter) text(s string) {
	c.buf, _ = jsontext.AppendQuote(c.buf, s) // rows are valid UTF-8
}
