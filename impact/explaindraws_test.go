package impact_test

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// share is a number of 0 to 1 of the lowest 53 bits.
func (g *pcg) share() float64 { return float64(g.below(1<<53)) / (1 << 53) }

// draws are ratios of a value map by its explanation, each number of which is drawn within
// 20 % of itself, but for those that are 0 and for the years in which lines start.
func (s *stranger) draws(n int, seed uint64) (ratios []float64) {
	vary := []string{"discountRate"}
	for _, in := range s.Inputs {
		vary = append(vary, in.Name)
	}
	given := maps.Clone(s.numbers)
	rng := newPCG(seed)
	for range n {
		for _, name := range vary {
			value, _ := given[name].Float64()
			field := name[strings.LastIndexByte(name, '.')+1:]
			if field == "startYear" || value == 0 {
				continue
			}
			least, most := math.Inf(-1), math.Inf(1)
			switch field {
			case "duration":
				least, most = 1, impact.MaxDuration
			case "discountRate", "deadweight", "displacement", "attribution", "dropOff":
				most = 1
			}
			low, high := max(value-0.2*math.Abs(value), least), min(value+0.2*math.Abs(value), most)
			u, cut := rng.share(), (value-low)/(high-low)
			x := high - (high-low)*math.Sqrt((1-u)*(1-cut))
			if u < cut {
				x = low + (high-low)*math.Sqrt(u*cut)
			}
			if field == "duration" {
				x = math.Round(x)
			}
			s.numbers[name] = new(big.Rat).SetFloat64(x)
		}
		inputs, value := s.svi()
		ratio, _ := over(value, inputs).Float64()
		ratios = append(ratios, ratio)
	}
	slices.Sort(ratios)
	return ratios
}

// What a simulation draws follows from the explanation of the ratio and the seed.
func TestStrangerDrawsTheSame(t *testing.T) {
	t.Parallel()
	line := func(name, quantity, proxy, deadweight, dropOff string, duration, start int) impact.Outcome {
		o := impact.NewOutcome()
		o.Name, o.Quantity, o.Proxy, o.Deadweight, o.DropOff, o.Duration, o.StartYear = name, dec(quantity), dec(proxy), dec(deadweight), dec(dropOff), duration, start
		return o
	}
	m := valueMap("5000", line("a", "10", "1000", "0.25", "0", 1, 1), line("b", "-3.5", "250.75", "0", "0.4", 6, 2))
	m.Inputs = append(m.Inputs, impact.MapInput{Name: "more", Amount: dec("1250.5")})
	const n, seed = 300, 11
	got, err := m.Model().Simulate(n, seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	ratios := newStranger(m.Explain()).draws(n, seed)
	mean := 0.0
	for _, r := range ratios {
		mean += r / n
	}
	quantile := func(p float64) float64 {
		at := p * (n - 1)
		before := int(at)
		return ratios[before] + (at-float64(before))*(ratios[before+1]-ratios[before])
	}
	places := func(x float64) string { return decimal.NewFromFloat(x).Round(4).String() }
	want := fmt.Sprint(places(got.Mean), places(got.P10), places(got.P50), places(got.P90))
	if has := fmt.Sprint(places(mean), places(quantile(0.1)), places(quantile(0.5)), places(quantile(0.9))); has != want {
		t.Errorf("a stranger draws %s, the simulation %s", has, want)
	}
}
