package impact

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"sort"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
)

// Explanation is what a stranger needs to work a figure out again: its formula and every
// number and word in it. Docs: docs/methodology.md, chapter "To check a figure".
//
// A name among the inputs or parameters is that number; a name of the formula that is
// not among them is what the formula says it is. Square brackets hold the first day from
// which a rate holds, the id of a cost, or a place in a value map.
type Explanation struct {
	Methodology string
	Formula     string
	Company     string // its key; empty: of no company, and of no programme and no days
	Programme   string // or [AllProgrammes]
	Cohort      string // the key of a cohort or its filter as JSON; empty: of everybody
	Range       Range
	Inputs      []ExplainedInput     // what happened, and what somebody declared or assumed
	Parameters  []ExplainedParameter // what the formula is set to
}

// ExplainedInput is a number that a figure was made of.
type ExplainedInput struct {
	Name          string
	Value         string // exact: a decimal, or where there is none a fraction in lowest terms, 10/3
	Unit          string
	Source        string
	EvidenceGrade EvidenceGrade
}

// ExplainedParameter is a number or a word that a formula was set to.
type ExplainedParameter struct{ Name, Value, Unit, Source string }

// EvidenceGrade says what an input rests on.
type EvidenceGrade string

// The grades. Those of a value map's proxies are its own, A to E: see [EvidenceGrades].
const (
	GradeAssessed EvidenceGrade = "ASSESSED" // scores that somebody gave in an assessment or as feedback
	GradeReported EvidenceGrade = "REPORTED" // counted or added up from events
	GradeDeclared EvidenceGrade = "DECLARED" // said by the company, in settings or its value map, or by who asks
	GradeAssumed  EvidenceGrade = "ASSUMED"  // a stand-in of the methodology for what nobody knows
	GradeUngraded EvidenceGrade = "UNGRADED" // a proxy whose line does not say
)

// MetricsMethodology is the id that the explanation of [Metrics] carries.
const MetricsMethodology = "metrics-1.0"

// CanonicalVersion is the first line of [Explanation.Canonical].
const CanonicalVersion = "impactql-explain/1"

// Canonical is the text that [Explanation.Hash] is of: lines of fields with a tab between
// them, each line ended by a line feed; in a field a backslash, a tab, a line feed and a
// carriage return are written as \\, \t, \n and \r. The lines are:
//
//	impactql-explain/1
//	methodology, formula, company, programme (empty: all), start, end (a day)   each with its value
//	cohort                                                                       if there is one, likewise
//	parameter, name, value, unit, source                                         for each, in order
//	input, name, value, unit, source, evidence grade                             for each, in order
func (x *Explanation) Canonical() string {
	var b strings.Builder
	line := func(fields ...string) {
		for i, f := range fields {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(canonicalField.Replace(f))
		}
		b.WriteByte('\n')
	}
	programme, start, end := x.Programme, "", ""
	if programme == AllProgrammes {
		programme = ""
	}
	if x.Company != "" {
		start, end = x.Range.From.String(), (x.Range.To - 1).String()
	}
	line(CanonicalVersion)
	line("methodology", x.Methodology)
	line("formula", x.Formula)
	line("company", x.Company)
	line("programme", programme)
	line("start", start)
	line("end", end)
	if x.Cohort != "" {
		line("cohort", x.Cohort)
	}
	for _, p := range x.Parameters {
		line("parameter", p.Name, p.Value, p.Unit, p.Source)
	}
	for _, in := range x.Inputs {
		line("input", in.Name, in.Value, in.Unit, in.Source, string(in.EvidenceGrade))
	}
	return b.String()
}

var canonicalField = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// Hash is the SHA-256 of [Explanation.Canonical], 64 hexadecimal digits: the same for the
// same figure from the same data.
func (x *Explanation) Hash() string {
	sum := sha256.Sum256([]byte(x.Canonical()))
	return hex.EncodeToString(sum[:])
}

// explain begins an explanation of a figure of the basis.
func (b *Basis) explain(methodology, company string) *Explanation {
	return &Explanation{
		Methodology: methodology, Formula: explainedFormula(methodology, b.members),
		Company: company, Programme: b.Programme, Range: b.Range,
	}
}

func (x *Explanation) input(name string, value *big.Rat, unit, source string, grade EvidenceGrade) {
	x.Inputs = append(x.Inputs, ExplainedInput{name, exactText(value), unit, source, grade})
}

func (x *Explanation) count(name string, n int64, unit string) {
	x.input(name, ratInt(n), unit, sourceEvents, GradeReported)
}

// scored explains scores in millionths by their sum and count.
func (x *Explanation) scored(name string, t Tally) {
	if t.N != 0 {
		x.input(name+".sum", big.NewRat(t.Sum, int64(One)), unitPoints, sourceEvents, GradeAssessed)
		x.input(name+".count", ratInt(t.N), "scores", sourceEvents, GradeAssessed)
	}
}

func (x *Explanation) parameter(name, value, unit, source string) {
	x.Parameters = append(x.Parameters, ExplainedParameter{name, value, unit, source})
}

// set explains a parameter as a figure was made with it.
func (x *Explanation) set(v *ParameterValue) {
	value := v.Word
	if v.Number != nil {
		value = exactText(v.Number)
	}
	x.parameter(v.Name, value, v.Unit, v.origin())
}

// given explains a parameter that is an input.
func (x *Explanation) given(v *ParameterValue, grade EvidenceGrade) {
	if v.Overridden {
		grade = GradeDeclared
	}
	x.input(v.Name, v.Number, v.Unit, v.origin(), grade)
}

const sourceWhatIf = "whatIf"

func (v *ParameterValue) origin() string {
	if v.Overridden {
		return sourceWhatIf
	}
	return v.Source
}

// exactText is the number as a decimal, or where there is none as a fraction.
func exactText(x *big.Rat) string {
	if places, exact := x.FloatPrec(); exact {
		return x.FloatString(places)
	}
	return x.RatString()
}

// onDay is a name of what holds from a day on.
func onDay(name string, day Day) string { return fmt.Sprintf("%s[%s]", name, day) }

// EventsQuestion asks for events of a company that count in a figure: of a programme (or
// [AllProgrammes]) and of kinds (or all), that happened in [From, To), by when they
// happened and then by identity, after a cursor.
type EventsQuestion struct {
	Company   CompanyID
	Programme string
	Kinds     []Kind
	From, To  time.Time
	After     HappenedCursor
	// Participants and Volunteers, if one of them is not nil, are whose events are asked for:
	// of the one as participants or of the other as volunteers.
	Participants, Volunteers *roaring.Bitmap
}

// HappenedCursor is an event's place by when it happened; the zero cursor is before all.
type HappenedCursor struct {
	At  int64 // microseconds since 1970
	Key Key
}

// Instants are when the days of r begin and end in the calendar's time zone.
func (c Calendar) Instants(r Range) (from, to time.Time) {
	return startOf(r.From, c.Location), startOf(r.To, c.Location)
}

// startOf is the first second of a day; midnight may be left out or come twice.
func startOf(d Day, loc *time.Location) time.Time {
	const most = 15 * 60 * 60 // seconds between any zone and UTC
	at := func(s int) time.Time { return d.Time().Add(time.Duration(s-most) * time.Second) }
	return at(sort.Search(2*most, func(s int) bool { return DayAt(at(s), loc) >= d }))
}
