package impact_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/impactql/impactql/impact"
)

// job is ten jobs worth 1,000 each, of which a fifth would have come about anyway.
func job() *impact.ValueMap {
	line := impact.NewOutcome()
	line.Name, line.Quantity, line.Proxy, line.Deadweight, line.Duration = "Job", dec("10"), dec("1000"), dec("0.2"), 3
	line.DropOff = dec("0.1")
	return valueMap("5000", line)
}

func TestOneWayIsOrderedAndExact(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		m := randomMap(rand.New(rand.NewPCG(seed, 8)), 4)
		model := m.Model()
		swings := model.OneWay(0.2)
		for i := range swings {
			if i > 0 && swings[i].Swing() > swings[i-1].Swing() {
				t.Errorf("seed %d: swing %d is greater than the one before", seed, i)
			}
			// The ratio of the map itself, changed in that one cell.
			x := model.Base()
			for j, v := range model.Variables {
				if v.Name == swings[i].Name {
					x[j] = swings[i].High
				}
			}
			if got, _ := model.Ratio(x); got != swings[i].RatioHigh {
				t.Errorf("seed %d: %s raised gives %v, not %v", seed, swings[i].Name, swings[i].RatioHigh, got)
			}
		}
	}
	swings := job().Model().OneWay(0.2)
	// Years are whole, so 20 % of three is one.
	if swings[0].Name != "/outcomes/0/duration" || swings[0].Low != 2 || swings[0].High != 4 {
		t.Errorf("first is %+v", swings[0])
	}
	if swings[1].Name != "/inputs/0/amount" || swings[1].Low != 4000 || swings[1].High != 6000 {
		t.Errorf("second is %+v", swings[1])
	}
	changed := job()
	changed.Outcomes[0].Deadweight = dec("0.24")
	want, err := changed.SROI()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range swings {
		if s.Name == "/outcomes/0/deadweight" && math.Abs(s.RatioHigh-want.Ratio.Decimal.InexactFloat64()) > 0.00005 {
			t.Errorf("deadweight of 0.24 gives %v, want %s", s.RatioHigh, want.Ratio.Decimal)
		}
	}
}

func TestGrid(t *testing.T) {
	t.Parallel()
	model := job().Model()
	g, err := model.Grid("/discountRate", "/outcomes/0/quantity", 0.5, 3)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g.Ys, []float64{5, 10, 15}) || len(g.Ratios) != 3 || len(g.Ratios[0]) != 3 {
		t.Fatalf("%+v", g)
	}
	base, _ := model.Ratio(model.Base())
	if g.Ratios[1][1] != base || !near(g.Ratios[0][1]*2, base) || g.Ratios[1][0] <= base || g.Ratios[1][2] >= base {
		t.Errorf("ratios %v around %v", g.Ratios, base)
	}
	for pointer, call := range map[string][2]string{"/x": {"luck", "/discountRate"}, "/y": {"/discountRate", "/discountRate"}} {
		_, err := model.Grid(call[0], call[1], 0.2, 3)
		checkInvalid(t, err, pointer)
	}
	_, err = model.Grid("/discountRate", "/inputs/0/amount", 0.2, 51)
	checkInvalid(t, err, "/steps")
}

func TestBreakEvens(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		model := randomMap(rand.New(rand.NewPCG(seed, 9)), 3).Model()
		base, _ := model.Ratio(model.Base())
		for _, target := range []float64{1, base * 0.9, base * 1.1} {
			for i, b := range model.BreakEvens(target, 0) {
				x := model.Base()
				switch b.Status {
				case impact.BreakEvenFound:
					x[i] = b.At
					got, _ := model.Ratio(x)
					if !b.Whole && math.Abs(got-target) > 1e-6*max(1, math.Abs(target)) {
						t.Errorf("seed %d: %s = %v gives %v, want %v", seed, b.Name, b.At, got, target)
					}
					if b.At < b.Min || b.At > b.Max {
						t.Errorf("seed %d: %s = %v cannot be", seed, b.Name, b.At)
					}
				case impact.BreakEvenNone:
					// Brute force: nowhere on a fine net is there another sign.
					for k := range 1001 {
						x[i] = b.Min + (b.Max-b.Min)*float64(k)/1000
						if b.Whole {
							x[i] = 1 + float64(k%100)
						}
						got, ok := model.Ratio(x)
						if ok && !math.IsNaN(x[i]) && !math.IsInf(x[i], 0) && (got < target) != (base < target) {
							t.Errorf("seed %d: %s = %v gives %v, past %v", seed, b.Name, x[i], got, target)
							break
						}
					}
				case impact.BreakEvenAlways:
				}
			}
		}
	}
	// By hand: one year, no discount: 10 x 1000 x (1-d) / 5000 = 1.
	m := job()
	m.DiscountRate, m.Outcomes[0].Duration, m.Outcomes[0].Deadweight = dec("0"), 1, dec("0")
	want := map[string]float64{
		"/outcomes/0/deadweight": 0.5, "/outcomes/0/quantity": 5, "/outcomes/0/proxy": 500, "/inputs/0/amount": 10_000,
		"/discountRate": 1, // 10,000 / (1 + 1) / 5,000
	}
	for _, b := range m.Model().BreakEvens(1, 0) {
		if at, ok := want[b.Name]; ok && (b.Status != impact.BreakEvenFound || !near(b.At, at)) {
			t.Errorf("%s breaks even at %v %s, want %v", b.Name, b.At, b.Status, at)
		}
		if b.Name == "/outcomes/0/duration" && b.Status != impact.BreakEvenNone {
			t.Errorf("a longer duration never lowers the ratio to 1: %v %s", b.At, b.Status)
		}
	}
	for _, b := range m.Model().BreakEvens(2, 0) {
		if b.Name == "/outcomes/0/dropOff" && b.Status != impact.BreakEvenAlways {
			t.Errorf("drop-off moves nothing in one year: %s", b.Status)
		}
	}
}

// The ratio is linear in a quantity, so its quantiles are those of the quantity, which
// are known.
func TestSimulateHasTheDistributionsQuantiles(t *testing.T) {
	t.Parallel()
	m := job()
	m.DiscountRate, m.Outcomes[0].Duration, m.Outcomes[0].Deadweight = dec("0"), 1, dec("0")
	model := m.Model() // ratio = quantity / 5
	for _, tt := range []struct {
		d             impact.Distribution
		p10, p50, p90 float64 // of the quantity
		mean, sd      float64
	}{
		{impact.Distribution{Shape: impact.Uniform, Low: 10, High: 20}, 11, 15, 19, 15, 10 / math.Sqrt(12)},
		// Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 2, 26.9.
		{impact.Distribution{Shape: impact.Triangular, Low: 0, Mode: 0, High: 10}, 10 * (1 - math.Sqrt(0.9)), 10 * (1 - math.Sqrt(0.5)), 10 * (1 - math.Sqrt(0.1)), 10. / 3, 10 / math.Sqrt(18)},
		{impact.Distribution{Shape: impact.Triangular, Low: 0, Mode: 5, High: 10}, math.Sqrt(5), 5, 10 - math.Sqrt(5), 5, 10 / math.Sqrt(24)},
		{impact.Distribution{Shape: impact.Normal, Mean: 10, SD: 2}, 10 - 2*1.2815515655, 10, 10 + 2*1.2815515655, 10, 2},
	} {
		tt.d.Variable = "/outcomes/0/quantity"
		s, err := model.Simulate(100_000, 7, []impact.Distribution{tt.d})
		if err != nil {
			t.Fatal(err)
		}
		got := [...]float64{s.P10 * 5, s.P50 * 5, s.P90 * 5, s.Mean * 5, s.SD * 5}
		for i, want := range [...]float64{tt.p10, tt.p50, tt.p90, tt.mean, tt.sd} {
			if math.Abs(got[i]-want) > 0.08 {
				t.Errorf("%s: figure %d is %v, want %v", tt.d.Shape, i, got[i], want)
			}
		}
	}
}

func TestSimulateIsRepeatable(t *testing.T) {
	t.Parallel()
	model := randomMap(rand.New(rand.NewPCG(3, 3)), 20).Model()
	first, err := model.Simulate(1000, 42, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := model.Simulate(1000, 42, nil)
	other, _ := model.Simulate(1000, 43, nil)
	if *first != *second || *first == *other || first.P10 > first.P50 || first.P50 > first.P90 {
		t.Errorf("%+v, %+v, %+v", first, second, other)
	}
	for pointer, call := range map[string]func() error{
		"/draws": func() error { _, err := model.Simulate(99, 1, nil); return err },
		"/distributions/0/variable": func() error {
			_, err := model.Simulate(100, 1, []impact.Distribution{{Variable: "luck"}})
			return err
		},
		"/distributions/0/shape": func() error {
			_, err := model.Simulate(100, 1, []impact.Distribution{{Variable: "/discountRate", Shape: "BIMODAL"}})
			return err
		},
		"/distributions/0/mode": func() error {
			_, err := model.Simulate(100, 1, []impact.Distribution{{Variable: "/discountRate", Shape: impact.Triangular, Low: 0.2, Mode: 0.1, High: 0.3}})
			return err
		},
		"/distributions/0/low": func() error {
			_, err := model.Simulate(100, 1, []impact.Distribution{{Variable: "/discountRate", Shape: impact.Uniform, Low: 0.2, High: 0.1}})
			return err
		},
		"/distributions/0/sd": func() error {
			_, err := model.Simulate(100, 1, []impact.Distribution{{Variable: "/discountRate", Shape: impact.Normal, SD: -1}})
			return err
		},
		"/distributions/0": func() error {
			_, err := model.Simulate(100, 1, []impact.Distribution{{Variable: "/discountRate", Shape: impact.Uniform, Low: -1, High: 0.1}})
			return err
		},
	} {
		checkInvalid(t, call(), pointer)
	}
}
