package tabular

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/impactql/impactql/impact"
)

// Mapping says what the columns of a CSV mean. docs/import.md describes its file form,
// which is YAML or JSON.
type Mapping struct {
	Name string `yaml:"name"`
	// Columns have to be in the header; a built-in mapping is recognised by them.
	// Optional ones may be. Names are compared without case.
	Columns  []string `yaml:"columns"`
	Optional []string `yaml:"optional"`
	// Done is the column that a row which is scheduled only leaves empty.
	Done string `yaml:"done"`
	// TimeZone is of times that name none: an IANA name; empty is the company's.
	TimeZone string `yaml:"time_zone"`
	// DateFormat is how times are written, of YYYY, MM, DD, HH, mm, ss; empty is ISO
	// 8601, with or without a time, or Unix seconds or milliseconds.
	DateFormat string `yaml:"date_format"`
	// Decimal is the decimal mark, `.` or `,`; empty is `.`.
	Decimal string `yaml:"decimal"`
	// Scales are those that a score field may be on; the first is meant unless the caller
	// says otherwise. A field without any is on the webhook's own.
	Scales map[string][]Scale `yaml:"scales"`
	// Limits are the least and the greatest value of a number field, both allowed, where the
	// format is narrower than the webhook.
	Limits map[string][2]float64 `yaml:"limits"`
	Events []EventMapping        `yaml:"events"`

	location *time.Location
	layout   string
}

// EventMapping is one event that a row becomes.
type EventMapping struct {
	Type string `yaml:"type"` // as a webhook names it
	// Needs is a column without whose value there is no such event; empty: there
	// always is.
	Needs string `yaml:"needs"`
	// Identity are columns that together tell the event from others; empty: the session,
	// if there is one, else the whole row.
	Identity  []string          `yaml:"identity"`
	Fields    map[string]string `yaml:"fields"`    // canonical field -> column
	Constants map[string]string `yaml:"constants"` // canonical field -> value
}

//go:embed mappings/*.yaml
var files embed.FS

// builtin are the mappings that headers are recognised by.
var builtin = func() (list []*Mapping) {
	for _, name := range Names() {
		text, _ := Source(name)
		m, err := Parse(text)
		if err != nil || m.Name != name {
			panic(fmt.Sprintf("mapping %s: %v", name, err)) // it is part of the binary
		}
		list = append(list, m)
	}
	return list
}()

// Names of the built-in mappings.
func Names() (list []string) {
	entries, err := files.ReadDir("mappings")
	if err != nil {
		panic(err) // it is part of the binary
	}
	for _, e := range entries {
		list = append(list, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return list
}

// Source is the text of a built-in mapping, for a file of one's own to start from.
func Source(name string) ([]byte, bool) {
	text, err := files.ReadFile("mappings/" + name + ".yaml")
	return text, err == nil
}

// Parse reads a mapping file and checks it.
func Parse(text []byte) (*Mapping, error) {
	m := new(Mapping)
	if err := yaml.UnmarshalWithOptions(text, m, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("the mapping cannot be read: %s", yaml.FormatError(err, false, true))
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Mapping) check() error {
	lower(m.Columns)
	lower(m.Optional)
	m.Done = strings.ToLower(m.Done)
	if m.Done != "" && !m.knows(m.Done) {
		return m.unknown("done", m.Done)
	}
	if m.TimeZone != "" {
		var err error
		if m.location, err = time.LoadLocation(m.TimeZone); err != nil {
			return fmt.Errorf("time_zone: unknown time zone %q: use an IANA name such as Europe/Oslo", m.TimeZone)
		}
	}
	if m.DateFormat != "" {
		var ok bool
		if m.layout, ok = layoutOf(m.DateFormat); !ok {
			return fmt.Errorf("date_format: %q has to name YYYY, MM and DD, and may name HH, mm and ss", m.DateFormat)
		}
	}
	if m.Decimal != "" && m.Decimal != "." && m.Decimal != "," {
		return fmt.Errorf("decimal: use \".\" or \",\"")
	}
	for _, field := range slices.Sorted(maps.Keys(m.Scales)) {
		if _, ok := target(field, ""); !ok {
			return fmt.Errorf("scales: %s is not a score: use rating, score, finalScore or confidence", field)
		}
		if len(m.Scales[field]) == 0 {
			return fmt.Errorf("scales: %s needs at least one of %s", field, scaleNames)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(m.Limits)) {
		if form, known := fields[field]; !known || form != formNumber {
			return fmt.Errorf("limits: %s is not a number: use durationMinutes, duration, hours, points, progressPercent or amount", field)
		}
		if l := m.Limits[field]; l[0] > l[1] {
			return fmt.Errorf("limits: %s has its least value behind its greatest", field)
		}
	}
	if len(m.Events) == 0 {
		return fmt.Errorf("events: a mapping needs at least one")
	}
	for i := range m.Events {
		if err := m.checkEvent(&m.Events[i]); err != nil {
			return fmt.Errorf("events[%d].%w", i, err)
		}
	}
	return nil
}

func (m *Mapping) checkEvent(e *EventMapping) error {
	if _, known := impact.KindOf(e.Type); !known && e.Type != hoursType {
		return fmt.Errorf("type: %q is not known: docs/events.md lists the types", e.Type)
	}
	e.Needs = strings.ToLower(e.Needs)
	if e.Needs != "" && !m.knows(e.Needs) {
		return m.unknown("needs", e.Needs)
	}
	lower(e.Identity)
	for _, c := range e.Identity {
		if !m.knows(c) {
			return m.unknown("identity", c)
		}
	}
	for field, column := range e.Fields {
		if _, ok := fields[field]; !ok {
			return fmt.Errorf("fields: unknown field %q: use %s", field, fieldNames)
		}
		e.Fields[field] = strings.ToLower(column)
		if !m.knows(e.Fields[field]) {
			return m.unknown("fields."+field, column)
		}
	}
	for field := range e.Constants {
		if _, ok := fields[field]; !ok {
			return fmt.Errorf("constants: unknown field %q: use %s", field, fieldNames)
		}
		if e.Fields[field] != "" {
			return fmt.Errorf("constants: %s is a field of column %s already", field, e.Fields[field])
		}
	}
	if len(e.Fields) == 0 {
		return fmt.Errorf("fields: an event needs at least one")
	}
	return nil
}

func (m *Mapping) knows(column string) bool {
	return slices.Contains(m.Columns, column) || slices.Contains(m.Optional, column)
}

func (m *Mapping) unknown(where, column string) error {
	return fmt.Errorf("%s: column %q is neither among columns nor optional", where, column)
}

func lower(names []string) {
	for i, n := range names {
		names[i] = strings.ToLower(n)
	}
}

// recognise finds the built-in mapping whose columns the header has; of several, the
// one that asks for most.
func recognise(header []string) (*Mapping, error) {
	var best *Mapping
	for _, m := range builtin {
		if len(missing(m, header)) == 0 && (best == nil || len(m.Columns) > len(best.Columns)) {
			best = m
		}
	}
	if best == nil {
		return nil, fmt.Errorf("no built-in mapping knows a file with the columns %s: say with --mapping what they mean; "+
			"--print-mapping NAME prints one to start from (%s)", strings.Join(header, ", "), strings.Join(Names(), ", "))
	}
	return best, nil
}

func missing(m *Mapping, header []string) (list []string) {
	for _, c := range m.Columns {
		if !slices.Contains(header, c) {
			list = append(list, c)
		}
	}
	return list
}
