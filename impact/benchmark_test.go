package impact_test

import (
	"fmt"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// peers are companies with the ids 1, 2, ... and one figure.
func peers(values ...float64) (list []impact.PeerFigures) {
	for i, v := range values {
		p := impact.PeerFigures{Company: impact.CompanyID(i + 1), Participants: 10}
		if v >= 0 {
			p.Values[0] = decimal.NewNullDecimal(decimal.NewFromFloat(v))
		}
		list = append(list, p)
	}
	return list
}

func TestBenchmark(t *testing.T) {
	t.Parallel()
	own := impact.PeerFigures{Company: 1}
	for name, tt := range map[string]struct {
		values []float64 // the first is the company's own
		k      int64
		want   string
	}{
		"four others":               {[]float64{1, 2, 3, 4, 5}, 3, "0: 0 true"},
		"five others":               {[]float64{99, 50, 10, 30, 20, 40}, 3, "5: 5 20 30 40"},
		"five others, k is six":     {[]float64{99, 50, 10, 30, 20, 40}, 6, "0: 0 true"},
		"one of five has no figure": {[]float64{99, 50, 10, 30, 20, -1}, 5, "5: 0 true"},
		"seven, two digits":         {[]float64{0, 0.123, 1.278, 12.345, 67.891, 70, 71, 99.5}, 5, "7: 7 27 50 80"},
		"large and small":           {[]float64{0, 0.001, 0.002, 0.003, 1234, 5678}, 5, "5: 5 0 410 2300"},
	} {
		b := impact.NewBenchmark("g", own, peers(tt.values...), tt.k)
		f := b.Figures[0]
		got := fmt.Sprintf("%d: %d %s %s %s", b.Peers, f.Peers, f.Lower.Decimal, f.Median.Decimal, f.Upper.Decimal)
		if f.Suppressed {
			got = fmt.Sprintf("%d: %d %v", b.Peers, f.Peers, f.Lower.Valid || !f.Suppressed || !f.Median.Valid)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// Whatever company somebody looks for, another world in which its figure is another has
// the same quartiles.
func TestAttackerLearnsNoCompanyOfABenchmark(t *testing.T) {
	t.Parallel()
	for n := impact.MinPeers; n <= 9; n++ {
		values := make([]float64, n)
		for i := range values {
			values[i] = 0.05 * float64(i+1) * float64(i+1) // of two places in all, so that nothing is rounded away
		}
		seen := func(values []float64) string {
			f := impact.NewBenchmark("g", impact.PeerFigures{}, peers(values...), impact.MinPeers).Figures[0]
			return fmt.Sprint(f.Lower.Decimal, " ", f.Median.Decimal, " ", f.Upper.Decimal)
		}
		want, free := seen(values), make([]bool, n)
		worlds := 1
		for range n {
			worlds *= 3
		}
		for world := range worlds {
			other := make([]float64, n)
			for i, rest := 0, world; i < n; i, rest = i+1, rest/3 {
				other[i] = values[i] + 0.06*float64(rest%3-1)
			}
			if seen(other) == want {
				for i := range free {
					free[i] = free[i] || other[i] != values[i]
				}
			}
		}
		for i, is := range free {
			if !is {
				t.Errorf("%d companies, quartiles %s: company %d can only have %v", n, want, i, values[i])
			}
		}
	}
}

func TestCheckBenchmark(t *testing.T) {
	t.Parallel()
	today := impact.Date(2025, 11, 13)
	for period, ok := range map[string]bool{
		"2024": true, "2025-Q3": true, "2025-10": true, "2024-01-01/2024-12-31": true,
		"2025": false, "2025-Q4": false, "2025-11": false, "2025-W10": false, "2025-03-01": false, "": false, "last-30d": false,
		"2024-02-01/2024-04-30": false, "2024-01-01/2024-06-30": false,
	} {
		p, err := impact.ParsePeriod(period)
		if err != nil {
			t.Fatal(err)
		}
		if err := impact.CheckBenchmark(p.Range(impact.Calendar{}, today), today); (err == nil) != ok {
			t.Errorf("%s: %v", period, err)
		}
	}
}
