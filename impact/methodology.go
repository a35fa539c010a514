package impact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// Methodology documents a released formula. It is never edited once released: a
// change is a new version with an id of its own. The GraphQL query `methodologies`
// and docs/methodology.md are made from it.
type Methodology struct {
	ID         string
	Title      string
	Figure     FigureKind
	Formula    string // in one line, of the parameters
	Rounding   string
	Source     string // where the formula comes from
	Parameters []Parameter
}

// FigureKind is what a methodology makes.
type FigureKind string

// The kinds.
const (
	FigureSROI FigureKind = "SROI"
	FigureVIS  FigureKind = "VIS"
)

// Parameter is a number or a word that a formula takes beside what happened.
type Parameter struct {
	Name    string // as in an answer's parameters and in whatIf
	Meaning string
	Unit    string
	Default string // exact; empty: live, from the ingested events or the company's settings
	Min     string // the least value, included; empty: no bound
	Max     string // the greatest value, included; empty: no bound
	Whole   bool   // only whole numbers
	Words   []string
	Source  string
}

// Range says in words what the parameter can be.
func (p *Parameter) Range() string {
	switch {
	case p.Words != nil:
		return strings.Join(p.Words, ", ")
	case p.Max != "":
		return p.Min + " to " + p.Max
	case p.Min != "":
		return p.Min + " or more"
	}
	return "any number"
}

// Overrides are the parameters that somebody sets otherwise, by name.
type Overrides map[string]Setting

// Setting is the value of one parameter: a number, or a word where there is one.
type Setting struct {
	Number decimal.Decimal
	Word   string
}

// String is the setting as people write it.
func (s Setting) String() string {
	if s.Word != "" {
		return s.Word
	}
	return s.Number.String()
}

// Parameter is the parameter of a name, nil if there is none.
func (m *Methodology) Parameter(name string) *Parameter {
	for i := range m.Parameters {
		if m.Parameters[i].Name == name {
			return &m.Parameters[i]
		}
	}
	return nil
}

// Check reports the first override, by name, that the methodology does not have or
// that is out of range: an [Error] of [CodeInvalid] at /<name>.
func (m *Methodology) Check(o Overrides) error {
	for _, name := range sortedNames(o) {
		p := m.Parameter(name)
		if p == nil {
			return &Error{CodeInvalid, "/" + name, fmt.Sprintf("%s has no such parameter: it has %s", m.ID, m.names())}
		}
		if !p.allows(o[name]) {
			return &Error{CodeInvalid, "/" + name, fmt.Sprintf("%s of %s must be %s", name, m.ID, p.Range())}
		}
	}
	return nil
}

func (m *Methodology) names() string {
	names := make([]string, len(m.Parameters))
	for i := range m.Parameters {
		names[i] = m.Parameters[i].Name
	}
	return strings.Join(names, ", ")
}

func (p *Parameter) allows(s Setting) bool {
	if p.Words != nil {
		return slices.Contains(p.Words, s.Word)
	}
	return s.Word == "" &&
		(p.Min == "" || s.Number.GreaterThanOrEqual(decimal.RequireFromString(p.Min))) &&
		(p.Max == "" || s.Number.LessThanOrEqual(decimal.RequireFromString(p.Max))) &&
		(!p.Whole || s.Number.IsInteger()) && tame(s.Number)
}

// tame reports whether a number is short enough to reckon with: 15 digits before
// the point and 10 behind it.
func tame(d decimal.Decimal) bool {
	return d.Exponent() >= -10 && d.Exponent() <= 15 && d.Abs().LessThan(decimal.New(1, 15))
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// FindMethodology is the methodology of an id that makes a kind of figure. Another
// is an [Error] of [CodeInvalid] that names those there are.
func FindMethodology(id string, kind FigureKind) (*Methodology, error) {
	if m := MethodologyByID(id); m != nil && m.Figure == kind {
		return m, nil
	}
	return nil, &Error{CodeInvalid, "/methodology", fmt.Sprintf("unknown methodology %q: use one of %s",
		shortened(id), strings.Join(methodologyIDs(kind), ", "))}
}

func methodologyIDs(kind FigureKind) (ids []string) {
	for i := range Methodologies {
		if Methodologies[i].Figure == kind {
			ids = append(ids, Methodologies[i].ID)
		}
	}
	return ids
}

// MethodologyByID is the methodology of an id, nil if there is none.
func MethodologyByID(id string) *Methodology {
	for i := range Methodologies {
		if Methodologies[i].ID == id {
			return &Methodologies[i]
		}
	}
	return nil
}

// Markdown is the methodology as docs/methodology.md has it, from its formula on.
func (m *Methodology) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**Formula:** %s.\n\n**Rounding:** %s. **Source:** %s.\n\n", m.Formula, m.Rounding, m.Source)
	b.WriteString("| parameter | meaning | unit | default | range | source |\n|---|---|---|---|---|---|\n")
	for i := range m.Parameters {
		p := &m.Parameters[i]
		value := p.Default
		if value == "" {
			value = "live"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", p.Name, p.Meaning, p.Unit, value, p.Range(), p.Source)
	}
	return b.String()
}
