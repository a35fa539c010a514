package impact

import (
	"math"
	"slices"
	"time"

	"github.com/shopspring/decimal"
)

// The bounds of a benchmark over other companies.
const (
	MinPeers = 5   // fewer are not told of, whatever the company's own k
	MaxPeers = 200 // of a group; those that are there longest
)

// BenchmarkName is a figure that companies are compared by.
type BenchmarkName string

// The figures, of a company as a whole.
const (
	BenchmarkCompletionRate BenchmarkName = "COMPLETION_RATE"     // percent
	BenchmarkEngagement     BenchmarkName = "ENGAGEMENT"          // percent
	BenchmarkVolunteerHours BenchmarkName = "HOURS_PER_VOLUNTEER" // hours over the range
	BenchmarkSROI           BenchmarkName = "SROI"                // teei-1.0
	BenchmarkVIS            BenchmarkName = "VIS"                 // teei-vis-1.0
)

// BenchmarkNames lists the figures.
var BenchmarkNames = [...]BenchmarkName{
	BenchmarkCompletionRate, BenchmarkEngagement, BenchmarkVolunteerHours, BenchmarkSROI, BenchmarkVIS,
}

// BenchmarkQuestion asks how the other companies of a company's peer group did.
type BenchmarkQuestion struct {
	Company   CompanyID
	Programme string
	Range     Range // that passed [CheckBenchmark]
}

// CheckBenchmark reports a range that no benchmark is made of, an [Error] of
// [CodeInvalid]: only whole calendar months, quarters and years are that are over. Ranges
// that can be chosen freely would tell by subtraction of what happened in a few days.
func CheckBenchmark(r Range, today Day) error {
	y, m, _ := r.From.Time().Date()
	for _, months := range [...]int{1, 3, 12} {
		if r.From == Date(y, m, 1) && (int(m)-1)%months == 0 && r.To == Date(y, m+time.Month(months), 1) && r.To <= today {
			return nil
		}
	}
	return &Error{CodeInvalid, "/period", "a benchmark is of a calendar month, quarter or year that is over, such as 2025, 2025-Q1 or 2025-03"}
}

// PeerFigures are the figures of a company, in the order of [BenchmarkNames]; null where
// there is nothing that one could be made of.
type PeerFigures struct {
	Company      CompanyID
	Participants int64
	Values       [len(BenchmarkNames)]decimal.NullDecimal
}

// PeerFiguresOf takes figures that have [PartsOverview].
func PeerFiguresOf(f *Figures) PeerFigures {
	p := PeerFigures{Company: f.Company, Participants: f.Metrics.Participants}
	when := func(known bool, value decimal.Decimal) decimal.NullDecimal {
		return decimal.NullDecimal{Decimal: value, Valid: known}
	}
	perVolunteer := decimal.Zero
	if n := f.Metrics.Volunteers; n > 0 {
		perVolunteer = f.Metrics.VolunteerHours.DivRound(decimal.NewFromInt(n), scorePlaces)
	}
	covered := slices.ContainsFunc(f.VIS.Components, func(c VISComponent) bool { return c.Covered })
	p.Values = [len(BenchmarkNames)]decimal.NullDecimal{
		when(f.Basis.People.Enrolments > 0, f.Metrics.CompletionRate),
		when(p.Participants > 0, f.Metrics.AvgEngagement),
		when(f.Metrics.Volunteers > 0, perVolunteer),
		f.SROI.Ratio,
		when(covered, f.VIS.Score),
	}
	return p
}

// Benchmark is a company's figures beside those of its peers.
type Benchmark struct {
	Group   string // the peer group; empty: the company is in none, and nothing else is there
	TakenAt time.Time
	Own     PeerFigures
	// OwnFigures are what Own was made of; they have [PartsOverview].
	OwnFigures *Figures
	Peers      int64 // how many other companies of the group there are to compare with; 0 if withheld
	Figures    [len(BenchmarkNames)]BenchmarkFigure
}

// BenchmarkFigure is how the peers did in one figure. Without enough of them all is
// withheld.
type BenchmarkFigure struct {
	Name                 BenchmarkName
	Suppressed           bool
	Peers                int64 // that have the figure
	Lower, Median, Upper decimal.NullDecimal
}

// NewBenchmark compares a company with those of its group; it may be one of them itself.
//
// What is told of the peers must not tell of one: at least k of them and [MinPeers] are
// needed, for each figure anew; a quartile is no company's figure, but the mean of the
// three that are nearest to its rank; and it is rounded to two digits, so that what one
// company does between two looks hardly shows. Ends of the list are not told at all.
func NewBenchmark(group string, own PeerFigures, all []PeerFigures, k int64) *Benchmark {
	k = max(k, MinPeers)
	b := &Benchmark{Group: group, Own: own}
	var values [len(BenchmarkNames)][]decimal.Decimal
	for _, p := range all {
		if p.Company == own.Company {
			continue
		}
		b.Peers++
		for i, v := range p.Values {
			if v.Valid {
				values[i] = append(values[i], v.Decimal)
			}
		}
	}
	for i, name := range BenchmarkNames {
		b.Figures[i] = benchmarkFigure(name, values[i], k)
	}
	if b.Peers < k {
		b.Peers = 0
	}
	return b
}

func benchmarkFigure(name BenchmarkName, values []decimal.Decimal, k int64) BenchmarkFigure {
	f := BenchmarkFigure{Name: name, Suppressed: int64(len(values)) < k}
	if f.Suppressed {
		return f
	}
	slices.SortFunc(values, decimal.Decimal.Cmp)
	quartile := func(share float64) decimal.NullDecimal {
		at := int(math.Round(float64(len(values)-1)*share)) - 1
		at = min(max(at, 0), len(values)-3)
		sum := decimal.Sum(values[at], values[at+1:at+3]...)
		return decimal.NewNullDecimal(twoDigits(sum.DivRound(decimal.NewFromInt(3), 8)))
	}
	f.Peers, f.Lower, f.Median, f.Upper = int64(len(values)), quartile(0.25), quartile(0.5), quartile(0.75)
	return f
}

// twoDigits rounds to two significant digits, half away from zero, and to no more than
// two places.
func twoDigits(d decimal.Decimal) decimal.Decimal {
	places := int32(scorePlaces)
	for limit := decimal.New(1, 0); places > -8 && d.Abs().GreaterThanOrEqual(limit); limit = limit.Shift(1) {
		places--
	}
	return d.Round(places)
}
