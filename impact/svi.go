package impact

import "github.com/shopspring/decimal"

// SROIResult is a ratio of svi-2012. Amounts are in the map's currency.
type SROIResult struct {
	Status          FigureStatus
	Ratio           decimal.NullDecimal // 4 places; null with FigureInsufficientData
	NetRatio        decimal.NullDecimal // 4 places; likewise
	PresentValue    decimal.Decimal     // 2 places
	NetPresentValue decimal.Decimal     // 2 places
	TotalInputs     decimal.Decimal     // 2 places
	PaybackMonths   decimal.NullDecimal // 2 places; null if the inputs are never paid back
	Outcomes        []OutcomeResult     // in the map's order
}

// OutcomeResult is what one line comes to.
type OutcomeResult struct {
	Name         string
	ImpactByYear []decimal.Decimal // of years 1, 2, ..., not discounted, 2 places; 0 before the line starts
	PresentValue decimal.Decimal   // 2 places
}

// SROI is the ratio of svi-2012 (Social Value International, A Guide to Social Return
// on Investment, 2012):
//
//	impact of a line's first year = quantity x proxy x (1-deadweight) x (1-displacement) x (1-attribution)
//	                                or, ADDITIVE, x (1 - deadweight - displacement - attribution)
//	impact of its year t          = that x (1-dropOff)^(t-1)     t = 1..duration
//	present value                 = sum of impact / (1+rate)^year, or / (1+rate)^(year-1) with
//	                                YEAR_1_UNDISCOUNTED, where year is startYear + t - 1
//	ratio                         = total present value / total inputs
//	net ratio                     = (total present value - total inputs) / total inputs
//	payback                       = months until the impact, not discounted and even within each
//	                                year, adds up to the total inputs
//
// Everything is worked out exactly and rounded once, half away from zero. Inputs of 0
// have no ratio. The error is that of [ValueMap.Validate]. Bindings are not looked at:
// see [ValueMap.Bound].
func (m *ValueMap) SROI() (*SROIResult, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	res := &SROIResult{Status: FigureInsufficientData, Outcomes: make([]OutcomeResult, len(m.Outcomes))}
	growth := decimal.NewFromInt(1).Add(m.DiscountRate)
	var years []decimal.Decimal // the impact of all lines, exact
	for i := range m.Outcomes {
		own := m.impactByYear(&m.Outcomes[i])
		line := &res.Outcomes[i]
		line.Name, line.ImpactByYear = m.Outcomes[i].Name, make([]decimal.Decimal, len(own))
		for t, x := range own {
			if t == len(years) {
				years = append(years, decimal.Zero)
			}
			years[t] = years[t].Add(x)
			line.ImpactByYear[t] = x.Round(moneyPlaces)
		}
		num, den := presentValue(own, growth, m.Timing)
		line.PresentValue = num.DivRound(den, moneyPlaces)
	}

	inputs := decimal.Zero
	for _, in := range m.Inputs {
		inputs = inputs.Add(in.Amount)
	}
	num, den := presentValue(years, growth, m.Timing)
	net := num.Sub(inputs.Mul(den))
	res.TotalInputs = inputs.Round(moneyPlaces)
	res.PresentValue, res.NetPresentValue = num.DivRound(den, moneyPlaces), net.DivRound(den, moneyPlaces)
	if inputs.IsPositive() {
		res.Status = FigureOK
		den = den.Mul(inputs)
		res.Ratio = decimal.NewNullDecimal(num.DivRound(den, ratioPlaces))
		res.NetRatio = decimal.NewNullDecimal(net.DivRound(den, ratioPlaces))
		res.PaybackMonths = payback(inputs, years)
	}
	return res, nil
}

// impactByYear is the exact impact of a line in years 1, 2, ...
func (m *ValueMap) impactByYear(o *Outcome) []decimal.Decimal {
	one := decimal.NewFromInt(1)
	impact := o.Quantity.Mul(o.Proxy)
	if m.Combine == CombineAdditive {
		impact = impact.Mul(one.Sub(o.Deadweight).Sub(o.Displacement).Sub(o.Attribution))
	} else {
		impact = impact.Mul(one.Sub(o.Deadweight)).Mul(one.Sub(o.Displacement)).Mul(one.Sub(o.Attribution))
	}
	years := make([]decimal.Decimal, o.StartYear-1, o.StartYear-1+o.Duration)
	kept := one.Sub(o.DropOff)
	for range o.Duration {
		years = append(years, impact)
		impact = impact.Mul(kept)
	}
	return years
}

// presentValue is num/den exactly. Over the common denominator growth^years nothing
// has to be divided, or reduced, before the end.
func presentValue(years []decimal.Decimal, growth decimal.Decimal, timing DiscountTiming) (num, den decimal.Decimal) {
	num, den = decimal.Zero, decimal.NewFromInt(1)
	for t, x := range years {
		num = num.Mul(growth).Add(x)
		if t > 0 || timing == EndOfYear {
			den = den.Mul(growth)
		}
	}
	return num, den
}

func payback(inputs decimal.Decimal, years []decimal.Decimal) decimal.NullDecimal {
	twelve := decimal.NewFromInt(12)
	sum := decimal.Zero
	for t, x := range years {
		if after := sum.Add(x); after.LessThan(inputs) {
			sum = after
			continue
		}
		// Whole years, and the part of this one that is still missing.
		months := decimal.NewFromInt(int64(t)).Mul(x).Add(inputs.Sub(sum)).Mul(twelve)
		return decimal.NewNullDecimal(months.DivRound(x, 2))
	}
	return decimal.NullDecimal{}
}

// Override is the map with what a caller sets otherwise: the parameters of svi-2012,
// which are those of the map and, for shares and durations, of every line alike. The
// error is that of [Methodology.Check].
func (m *ValueMap) Override(o Overrides) (*ValueMap, error) {
	methodology := MethodologyByID(IDSVI)
	if err := methodology.Check(o); err != nil {
		return nil, err
	}
	changed := *m
	changed.Outcomes = append([]Outcome(nil), m.Outcomes...)
	for name, s := range o {
		switch name {
		case "discountRate":
			changed.DiscountRate = s.Number
		case "discountTiming":
			changed.Timing = DiscountTiming(s.Word)
		case "combine":
			changed.Combine = Combine(s.Word)
		case "totalInputs":
			changed.Inputs = []MapInput{{"Total inputs", s.Number}}
		}
		for i := range changed.Outcomes {
			line := &changed.Outcomes[i]
			switch name {
			case "deadweight":
				line.Deadweight = s.Number
			case "displacement":
				line.Displacement = s.Number
			case "attribution":
				line.Attribution = s.Number
			case "dropOff":
				line.DropOff = s.Number
			case "duration":
				line.Duration = int(s.Number.IntPart())
			}
		}
	}
	return &changed, nil
}

// Bound is the map with each bound quantity set to its figure, by the line's place.
func (m *ValueMap) Bound(figures map[int]decimal.Decimal) *ValueMap {
	bound := *m
	bound.Outcomes = append([]Outcome(nil), m.Outcomes...)
	for i, q := range figures {
		bound.Outcomes[i].Quantity = q
	}
	return &bound
}

// Live is the map's ratio as a company's figure, with the parameters that made it.
func (m *ValueMap) Live(o Overrides) (*LiveSROI, error) {
	changed, err := m.Override(o)
	if err != nil {
		return nil, err
	}
	res, err := changed.SROI()
	if err != nil {
		return nil, err
	}
	live := &LiveSROI{Result: res, valueMap: changed, overrides: o, SROI: SROI{
		Methodology: IDSVI, Status: res.Status, Ratio: res.Ratio, NetRatio: res.NetRatio,
		Investment: res.TotalInputs, SocialValue: res.PresentValue,
		NetPresentValue: decimal.NewNullDecimal(res.NetPresentValue),
	}}
	ps := newParameters(MethodologyByID(IDSVI))
	ps.money("discountRate", changed.DiscountRate)
	ps.say("discountTiming", string(changed.Timing))
	ps.say("combine", string(changed.Combine))
	ps.money("totalInputs", res.TotalInputs)
	for _, v := range ps.values {
		switch v.Name {
		case "discountRate", "discountTiming", "combine", "totalInputs":
			_, v.Overridden = o[v.Name]
			live.Parameters = append(live.Parameters, v)
		default: // of the lines: told only where one value holds for all of them
			if s, set := o[v.Name]; set {
				v.Number, v.Overridden = s.Number.Rat(), true
				live.Parameters = append(live.Parameters, v)
			}
		}
	}
	if res.Status == FigureOK {
		live.Model = changed.Model()
	}
	return live, nil
}
