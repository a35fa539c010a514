package impact

import "github.com/shopspring/decimal"

// The ids of the formulas of figures that are set beside others.
const (
	IDChange    = "change-1.0"
	IDBenchmark = "benchmark-1.0"
)

const unitHash = "SHA-256"

// Changed is a figure and what it is compared with, both as published; null is none.
type Changed struct {
	Name, Unit string
	Now, Base  decimal.NullDecimal
}

// ExplainChange explains changes of figures by the explanations of both.
func ExplainChange(now, base *Explanation, figures []Changed) *Explanation {
	x := &Explanation{
		Methodology: IDChange, Formula: analysisFormulas[IDChange], Company: now.Company, Programme: now.Programme, Range: now.Range,
	}
	x.parameter("now.hash", now.Hash(), unitHash, now.Methodology)
	x.parameter("base.hash", base.Hash(), unitHash, base.Methodology)
	x.parameter("base.start", base.Range.From.String(), "day", sourceAsked)
	x.parameter("base.end", (base.Range.To - 1).String(), "day", sourceAsked)
	for _, f := range figures {
		x.published("now."+f.Name, f.Now, f.Unit, now.Methodology)
		x.published("base."+f.Name, f.Base, f.Unit, base.Methodology)
	}
	return x
}

// published explains a figure that has an explanation of its own.
func (x *Explanation) published(name string, value decimal.NullDecimal, unit, methodology string) {
	if value.Valid {
		x.input(name, value.Decimal.Rat(), unit, methodology+" as published", GradeReported)
	}
}

// Own is a cohort's part in a benchmark: its figures, as published, in the order of
// [BenchmarkNames], and the explanations that tell of them. One that is withheld must not be
// among these: a hash tells a text that can be guessed.
type Own struct {
	Values    [len(BenchmarkNames)]decimal.NullDecimal
	Explained []*Explanation
}

// Explain explains the benchmark of a cohort (its key or filter; empty: of everybody) as
// figures of the company of a key; nil without a peer group. Of the peers it has what is
// told of them.
func (b *Benchmark) Explain(company, cohort string, q Question, own Own) *Explanation {
	if b.Group == "" {
		return nil
	}
	x := &Explanation{
		Methodology: IDBenchmark, Formula: analysisFormulas[IDBenchmark], Company: company, Programme: q.Programme, Cohort: cohort, Range: q.Range,
	}
	x.parameter("peerGroup", b.Group, unitWord, sourceCosts)
	for _, e := range own.Explained {
		x.parameter("hash."+e.Methodology, e.Hash(), unitHash, e.Methodology)
	}
	for i := range b.Figures {
		f := &b.Figures[i]
		of := "." + string(f.Name)
		x.published("value"+of, own.Values[i], benchmarkUnits[f.Name], "the cohort's figure")
		if f.Suppressed {
			continue
		}
		x.input("peers"+of, ratInt(f.Peers), "companies", sourcePeers, GradeReported)
		x.published("lowerQuartile"+of, f.Lower, benchmarkUnits[f.Name], sourcePeers)
		x.published("median"+of, f.Median, benchmarkUnits[f.Name], sourcePeers)
		x.published("upperQuartile"+of, f.Upper, benchmarkUnits[f.Name], sourcePeers)
	}
	return x
}

const sourcePeers = "the peer group"

var benchmarkUnits = map[BenchmarkName]string{
	BenchmarkCompletionRate: "percent", BenchmarkEngagement: "percent", BenchmarkVolunteerHours: unitHours, BenchmarkSROI: "ratio", BenchmarkVIS: "points of 0 to 100",
}

// ExplainOwn are the explanations of the company's own figures.
func (b *Benchmark) ExplainOwn(company string) ([]*Explanation, error) {
	live, err := b.OwnFigures.Basis.SROI(IDTeei1, nil, AllTime)
	if err != nil {
		return nil, err
	}
	return []*Explanation{b.OwnFigures.ExplainMetrics(company), live.Explain(company, b.OwnFigures.Question), b.OwnFigures.ExplainVIS(company)}, nil
}
