package impact_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// valueMap is a map with one input.
func valueMap(inputs string, lines ...impact.Outcome) *impact.ValueMap {
	return &impact.ValueMap{
		DiscountRate: impact.DefaultDiscountRate, Timing: impact.EndOfYear, Combine: impact.CombineSequential,
		Inputs: []impact.MapInput{{Name: "All", Amount: dec(inputs)}}, Outcomes: lines,
	}
}

// randomMap is a map whose numbers have many places.
func randomMap(rng *rand.Rand, lines int) *impact.ValueMap {
	share := func() decimal.Decimal { return decimal.New(rng.Int64N(500_000), -6) }
	m := &impact.ValueMap{
		DiscountRate: decimal.New(rng.Int64N(200_000), -6),
		Timing:       []impact.DiscountTiming{impact.EndOfYear, impact.YearOneUndiscount}[rng.IntN(2)],
		Combine:      []impact.Combine{impact.CombineSequential, impact.CombineAdditive}[rng.IntN(2)],
	}
	for i := range 1 + rng.IntN(3) {
		m.Inputs = append(m.Inputs, impact.MapInput{Name: fmt.Sprint("Input ", i), Amount: decimal.New(1+rng.Int64N(1e9), -2)})
	}
	for i := range lines {
		o := impact.NewOutcome()
		o.Name, o.Quantity, o.Proxy = fmt.Sprint("Outcome ", i), decimal.New(rng.Int64N(1e8), -5), decimal.New(rng.Int64N(1e7)-1e6, -3)
		o.Deadweight, o.Displacement, o.DropOff = share(), share(), share()
		if m.Combine == impact.CombineSequential {
			o.Attribution = share()
		}
		o.Duration, o.StartYear = 1+rng.IntN(10), 1+rng.IntN(2)
		m.Outcomes = append(m.Outcomes, o)
	}
	return m
}

// define works a map out from the definition, in rationals.
func define(m *impact.ValueMap) (years [][]*big.Rat, presents []*big.Rat, total, inputs *big.Rat) {
	left := func(share decimal.Decimal) *big.Rat { return minus(count(1), share.Rat()) }
	power := func(x *big.Rat, n int) *big.Rat {
		p := count(1)
		for range n {
			p = times(p, x)
		}
		return p
	}
	total, inputs = new(big.Rat), new(big.Rat)
	for _, in := range m.Inputs {
		inputs = plus(inputs, in.Amount.Rat())
	}
	for _, o := range m.Outcomes {
		first := times(o.Quantity.Rat(), o.Proxy.Rat())
		if m.Combine == impact.CombineAdditive {
			first = times(first, minus(left(o.Deadweight), plus(o.Displacement.Rat(), o.Attribution.Rat())))
		} else {
			first = times(times(times(first, left(o.Deadweight)), left(o.Displacement)), left(o.Attribution))
		}
		var own []*big.Rat
		if o.StartYear == 2 {
			own = append(own, new(big.Rat))
		}
		present := new(big.Rat)
		for t := 1; t <= o.Duration; t++ {
			impactOfYear := times(first, power(left(o.DropOff), t-1))
			own = append(own, impactOfYear)
			exponent := o.StartYear + t - 1
			if m.Timing == impact.YearOneUndiscount {
				exponent--
			}
			present = plus(present, over(impactOfYear, power(plus(count(1), m.DiscountRate.Rat()), exponent)))
		}
		years, presents, total = append(years, own), append(presents, present), plus(total, present)
	}
	return years, presents, total, inputs
}

func TestValueMapEqualsItsDefinition(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 4))
	for i := range 200 {
		m := randomMap(rng, rng.IntN(6))
		res, err := m.SROI()
		if err != nil {
			t.Fatal(err)
		}
		years, presents, total, inputs := define(m)
		same := func(what string, got decimal.Decimal, want *big.Rat, places int) {
			t.Helper()
			if got.StringFixed(int32(places)) != want.FloatString(places) {
				t.Errorf("map %d: %s is %s, want %s", i, what, got, want.FloatString(places))
			}
		}
		for j, own := range years {
			for year, want := range own {
				same("impact", res.Outcomes[j].ImpactByYear[year], want, 2)
			}
			same("line's present value", res.Outcomes[j].PresentValue, presents[j], 2)
			if len(res.Outcomes[j].ImpactByYear) != len(own) {
				t.Errorf("map %d: %d years, want %d", i, len(res.Outcomes[j].ImpactByYear), len(own))
			}
		}
		same("present value", res.PresentValue, total, 2)
		same("net present value", res.NetPresentValue, minus(total, inputs), 2)
		same("inputs", res.TotalInputs, inputs, 2)
		same("ratio", res.Ratio.Decimal, over(total, inputs), 4)
		same("net ratio", res.NetRatio.Decimal, over(minus(total, inputs), inputs), 4)

		// Payback: walk month by month, then within the month.
		sum, months := new(big.Rat), new(big.Rat)
		paid := false
		for year := 0; year < 12 && !paid; year++ {
			monthly := new(big.Rat)
			for _, own := range years {
				if year < len(own) {
					monthly = plus(monthly, over(own[year], count(12)))
				}
			}
			for range 12 {
				after := plus(sum, monthly)
				if after.Cmp(inputs) >= 0 {
					months, paid = plus(months, over(minus(inputs, sum), monthly)), true
					break
				}
				sum, months = after, plus(months, count(1))
			}
		}
		if paid != res.PaybackMonths.Valid {
			t.Errorf("map %d: paid back is %v, want %v", i, res.PaybackMonths.Valid, paid)
		} else if paid {
			same("payback", res.PaybackMonths.Decimal, months, 2)
		}

		model := m.Model()
		ratio, ok := model.Ratio(model.Base())
		if want, _ := over(total, inputs).Float64(); !ok || !near(ratio/max(1, want), want/max(1, want)) {
			t.Errorf("map %d: the model has %v, want %v", i, ratio, want)
		}
	}
}

func TestValueMapCells(t *testing.T) {
	t.Parallel()
	for pointer, spoil := range map[string]func(*impact.ValueMap){
		"/discountRate":             func(m *impact.ValueMap) { m.DiscountRate = dec("1.01") },
		"/discountTiming":           func(m *impact.ValueMap) { m.Timing = "LATER" },
		"/combine":                  func(m *impact.ValueMap) { m.Combine = "" },
		"/inputs/0/amount":          func(m *impact.ValueMap) { m.Inputs[0].Amount = dec("-1") },
		"/inputs/0/name":            func(m *impact.ValueMap) { m.Inputs[0].Name = " " },
		"/outcomes/3/deadweight":    func(m *impact.ValueMap) { m.Outcomes[3].Deadweight = dec("1.5") },
		"/outcomes/3/displacement":  func(m *impact.ValueMap) { m.Outcomes[3].Displacement = dec("-0.1") },
		"/outcomes/3/attribution":   func(m *impact.ValueMap) { m.Outcomes[3].Attribution = dec("0.1234567") },
		"/outcomes/3/dropOff":       func(m *impact.ValueMap) { m.Outcomes[3].DropOff = dec("2") },
		"/outcomes/3/duration":      func(m *impact.ValueMap) { m.Outcomes[3].Duration = 101 },
		"/outcomes/0/duration":      func(m *impact.ValueMap) { m.Outcomes[0].Duration = 0 },
		"/outcomes/1/startYear":     func(m *impact.ValueMap) { m.Outcomes[1].StartYear = 3 },
		"/outcomes/1/year":          func(m *impact.ValueMap) { m.Outcomes[1].Year = 3 },
		"/outcomes/1/evidenceGrade": func(m *impact.ValueMap) { m.Outcomes[1].Evidence = "A+" },
		"/outcomes/1/name":          func(m *impact.ValueMap) { m.Outcomes[1].Name = "" },
		"/outcomes/1/source":        func(m *impact.ValueMap) { m.Outcomes[1].Source = strings.Repeat("x", 201) },
		"/outcomes/2/quantity":      func(m *impact.ValueMap) { m.Outcomes[2].Quantity = dec("1e15") },
		"/outcomes/2/proxy":         func(m *impact.ValueMap) { m.Outcomes[2].Proxy = dec("1e-11") },
		"/outcomes/2/bind/figure":   func(m *impact.ValueMap) { m.Outcomes[2].Bind = &impact.Binding{Figure: "LUCK"} },
		"/outcomes/2/bind/programme": func(m *impact.ValueMap) {
			m.Outcomes[2].Bind = &impact.Binding{Figure: "SESSIONS", Programme: "a b"}
		},
	} {
		m := randomMap(rand.New(rand.NewPCG(1, 1)), 5)
		spoil(m)
		_, err := m.SROI()
		checkInvalid(t, err, pointer)
	}
	additive := valueMap("1", impact.NewOutcome())
	additive.Combine, additive.Outcomes[0].Name = impact.CombineAdditive, "x"
	additive.Outcomes[0].Deadweight, additive.Outcomes[0].Attribution = dec("0.6"), dec("0.6")
	_, err := additive.SROI()
	checkInvalid(t, err, "/outcomes/0/attribution")

	many := randomMap(rand.New(rand.NewPCG(1, 1)), 201)
	if _, err := many.SROI(); impact.CodeOf(err) != impact.CodeTooLarge {
		t.Errorf("201 lines: %v", err)
	}
}

func TestValueMapWithoutInputs(t *testing.T) {
	t.Parallel()
	line := impact.NewOutcome()
	line.Name, line.Quantity, line.Proxy = "Harm", dec("-3"), dec("10")
	m := valueMap("0", line)
	res, err := m.SROI()
	if err != nil || res.Status != impact.FigureInsufficientData || res.Ratio.Valid || res.PaybackMonths.Valid || res.PresentValue.StringFixed(2) != "-28.99" {
		t.Errorf("%+v, %v", res, err)
	}
	m.Inputs[0].Amount = dec("10")
	res, err = m.SROI()
	if err != nil || res.PaybackMonths.Valid || res.Ratio.Decimal.StringFixed(4) != "-2.8986" {
		t.Errorf("%+v, %v", res, err)
	}
}

// A bound line takes the figure of the basis, and overrides hold for every line.
func TestBoundAndOverridden(t *testing.T) {
	t.Parallel()
	c := new(impact.Cell)
	c.Add(session(90, "2022-05-01"), 0, 9)
	c.Add(&impact.Event{Kind: impact.KindPlacement, Participant: "p", Status: impact.StatusPlaced, OccurredAt: at("2022-05-02")}, 0, 0)
	b := impact.NewReading(impact.Question{Parts: impact.PartsMetrics}, []impact.Segment{{From: day("2022-01-01"), Cell: c}}, new(impact.Cell), nil, nil).Basis()
	if got := b.Figure("VOLUNTEER_HOURS").String() + " " + b.Figure("PARTICIPANTS_PLACED").String(); got != "1.5 1" {
		t.Errorf("hours and placed are %s", got)
	}
	names, _ := impact.LiveFigures()
	for _, f := range names {
		b.Figure(f)
	}
	line := impact.NewOutcome()
	line.Name, line.Proxy, line.Bind = "Hours", dec("100"), &impact.Binding{Figure: "VOLUNTEER_HOURS"}
	m := valueMap("75", line)
	bound := m.Bound(map[int]decimal.Decimal{0: b.Figure(line.Bind.Figure)})
	live, err := bound.Live(impact.Overrides{"discountRate": number("0"), "deadweight": number("0.5"), "duration": number("2"), "totalInputs": number("150"), "discountTiming": word("YEAR_1_UNDISCOUNTED")})
	if err != nil {
		t.Fatal(err)
	}
	if live.Ratio.Decimal.String() != "1" || live.SocialValue.String() != "150" || len(live.Parameters) != 6 {
		t.Errorf("ratio %s, value %s, parameters %v", live.Ratio.Decimal, live.SocialValue, live.Parameters)
	}
	if !m.Outcomes[0].Quantity.IsZero() || !bound.Outcomes[0].Deadweight.IsZero() {
		t.Error("the map itself was changed")
	}
	_, err = m.Live(impact.Overrides{"wageLift": number("1")})
	checkInvalid(t, err, "/wageLift")
}

func BenchmarkValueMap(b *testing.B) {
	m := randomMap(rand.New(rand.NewPCG(1, 1)), 20)
	b.Run("point", func(b *testing.B) {
		for b.Loop() {
			if _, err := m.SROI(); err != nil {
				b.Fatal(err)
			}
		}
	})
	// Everything that can be asked of a map of 20 lines.
	b.Run("sensitivity and uncertainty", func(b *testing.B) {
		for b.Loop() {
			model := m.Model()
			model.OneWay(0.2)
			model.BreakEvens(1, 0)
			if _, err := model.Grid("/discountRate", "/outcomes/0/proxy", 0.2, 11); err != nil {
				b.Fatal(err)
			}
			if _, err := model.Simulate(impact.DefaultDraws, 1, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	worst := randomMap(rand.New(rand.NewPCG(1, 1)), 200)
	for i := range worst.Outcomes {
		worst.Outcomes[i].Duration = 100
	}
	b.Run("largest", func(b *testing.B) {
		for b.Loop() {
			if _, err := worst.SROI(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
