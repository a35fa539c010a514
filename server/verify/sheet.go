package verify

import (
	"iter"
	"math/big"
	"strings"

	"github.com/impactql/impactql/impact"
)

// sheet is the numbers and words that a figure is made of, as an explanation writes them,
// by the names that they have there.
type sheet map[string]string

// set notes an exact number: a decimal, or where there is none a fraction.
func (s sheet) set(name string, x *big.Rat) {
	if places, exact := x.FloatPrec(); exact {
		s[name] = x.FloatString(places)
	} else {
		s[name] = x.RatString()
	}
}

func (s sheet) count(name string, n int64) { s.set(name, ratio(n, 1)) }

// scored notes scores in millionths, if there are any.
func (s sheet) scored(name string, n, sum int64) {
	if n != 0 {
		s.set(name+".sum", ratio(sum, million))
		s.count(name+".count", n)
	}
}

// onDay is the name of what holds from a day on.
func onDay(name string, day impact.Day) string { return name + "[" + day.String() + "]" }

func (s sheet) has(name string) bool { _, is := s[name]; return is }

// of is a number; what is not there, or none, is 0.
func (s sheet) of(name string) *big.Rat {
	if x, ok := new(big.Rat).SetString(s[name]); ok {
		return x
	}
	return new(big.Rat)
}

// whole is a number that is one.
func (s sheet) whole(name string) int64 { return s.of(name).Num().Int64() }

// under are the names that begin with a prefix, and what follows it.
func (s sheet) under(prefix string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for name := range s {
			if rest, ok := strings.CutPrefix(name, prefix); ok && !yield(name, rest) {
				return
			}
		}
	}
}

// sum adds up what is told by what stands in brackets behind a name.
func (s sheet) sum(name string, f func(at string) *big.Rat) *big.Rat {
	total := new(big.Rat)
	for _, rest := range s.under(name + "[") {
		at, _, _ := strings.Cut(rest, "]")
		total = plus(total, f("["+at+"]"))
	}
	return total
}

// sheetOf is what an explanation gives.
func sheetOf(x *impact.Explanation) sheet {
	s := make(sheet, len(x.Parameters)+len(x.Inputs))
	for _, p := range x.Parameters {
		s[p.Name] = p.Value
	}
	for _, in := range x.Inputs {
		s[in.Name] = in.Value
	}
	return s
}

// part is figures of one methodology by the log.
type part struct {
	prefix, methodology string // of the names of the figures
	sheet               sheet
	fewest              int64 // who add to one of its numbers, of a cohort; 0 is nobody, or of everybody
}

func newPart(prefix, methodology string, s sheet) part {
	return part{prefix: prefix, methodology: methodology, sheet: s}
}

func (p *part) figures() figures { return formulas[p.methodology](p.prefix, p.sheet) }
