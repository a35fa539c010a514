package impact

import (
	"math/big"

	"github.com/shopspring/decimal"
)

// SROIParams are the parameters of the methodology teei-1.0. Amounts are USD.
type SROIParams struct {
	ID string // the methodology that figures made with these parameters carry

	Values         SROIValues
	Mode           ImprovementMode
	Baseline       Baseline
	BaselineScore  Micro                    // assumed where no own first assessment is used
	MinConfidence  Micro                    // below this mean confidence the value is discounted
	Discount       Micro                    // the factor it is then multiplied with
	NoConfidence   Micro                    // what an assessment that states no confidence counts as
	Hourly         []YearRate               // value of a volunteer's hour, by calendar year
	HourlyDefault  decimal.Decimal          // and in the years that Hourly does not list
	OwnHourly      []Dated[decimal.Decimal] // the company's own, which goes before both
	ProgrammeCosts *big.Rat                 // of the whole range, beside the volunteers' time; nil is none
}

// SROIValues is what one point of improvement is worth: a rise from 0 to 1.
type SROIValues struct{ Integration, Language, JobReadiness decimal.Decimal }

// YearRate is the value of a volunteer's hour in a calendar year.
type YearRate struct {
	Year int
	USD  decimal.Decimal
}

// DefaultSROI is teei-1.0 as legacy clients get it. It must not be changed:
// callers vary a copy, and give it another ID if a released number changes.
var DefaultSROI = SROIParams{
	ID: IDTeei1,
	Values: SROIValues{
		Integration:  decimal.NewFromInt(150),
		Language:     decimal.NewFromInt(500),
		JobReadiness: decimal.NewFromInt(300),
	},
	Mode:          ImprovementMean,
	Baseline:      BaselineAssumed,
	BaselineScore: 300_000,
	MinConfidence: 700_000,
	Discount:      800_000,
	NoConfidence:  850_000,
	Hourly: []YearRate{
		{2020, decimal.New(2854, -2)},
		{2021, decimal.New(2995, -2)},
		{2022, decimal.New(3180, -2)},
		{2023, decimal.New(3349, -2)},
	},
	HourlyDefault: decimal.New(2995, -2),
}

// HourlyRate is the value of an hour that a volunteer gave on a day.
func (p SROIParams) HourlyRate(day Day) decimal.Decimal {
	if own := At(p.OwnHourly, day); own != nil {
		return *own
	}
	year := day.Year()
	for _, r := range p.Hourly {
		if r.Year == year {
			return r.USD
		}
	}
	return p.HourlyDefault
}

func (v SROIValues) of(d Dimension) decimal.Decimal {
	switch d {
	case Integration:
		return v.Integration
	case Language:
		return v.Language
	case JobReadiness:
		return v.JobReadiness
	case DimensionNone, Confidence, Belonging, WellBeing, numDimensions:
	}
	return decimal.Zero
}

var sroiDimensions = [...]Dimension{Integration, Language, JobReadiness}

// SROIInput is what the ratio of teei-1.0 is made of.
type SROIInput struct {
	VolunteerMS map[Day]int64          // time given, milliseconds, by a day whose rate it has
	TimeCost    *big.Rat               // further time given, as it is worth, USD; nil is none
	Improvement map[Dimension]*big.Rat // points, 0 or more; absent is 0
	Confidence  *big.Rat               // mean over all assessments; nil if there are none
	Costs       *big.Rat               // beside the volunteers' time, USD; nil is none
}

// SROITeei1 is the ratio of the TEEI methodology teei-1.0:
//
//	investment = sum of hours x the hourly rate of their day, + costs         USD, 2 places
//	value      = 150 integration + 500 language + 300 job readiness           USD, 2 places
//	             x 0.8 if the mean confidence is below 0.7
//	ratio      = value / investment                                           2 places
//
// All three are rounded from exact numbers, half away from zero; the ratio is not
// made of the rounded amounts. An investment that is published as 0.00 or less
// has no ratio, and the status [FigureInsufficientData].
func SROITeei1(in SROIInput, p SROIParams) SROI {
	investment := new(big.Rat)
	if in.Costs != nil {
		investment.Set(in.Costs)
	}
	if in.TimeCost != nil {
		investment.Add(investment, in.TimeCost)
	}
	for day, ms := range in.VolunteerMS {
		cost := hoursOf(ms)
		investment.Add(investment, cost.Mul(cost, p.HourlyRate(day).Rat()))
	}

	value := new(big.Rat)
	improvement := make(map[Dimension]decimal.Decimal, len(sroiDimensions))
	for _, d := range sroiDimensions {
		points := in.Improvement[d]
		if points == nil {
			points = new(big.Rat)
		}
		improvement[d] = rounded(points, improvementPlaces)
		value.Add(value, new(big.Rat).Mul(points, p.Values.of(d).Rat()))
	}
	confidence := in.Confidence
	if confidence == nil {
		confidence = p.NoConfidence.rat()
	}
	if confidence.Cmp(p.MinConfidence.rat()) < 0 {
		value.Mul(value, p.Discount.rat())
	}

	s := SROI{
		Methodology:     p.ID,
		Status:          FigureInsufficientData,
		Investment:      rounded(investment, moneyPlaces),
		SocialValue:     rounded(value, moneyPlaces),
		Improvement:     improvement,
		ImprovementMode: p.Mode,
		Baseline:        p.Baseline,
	}
	if s.Investment.IsPositive() {
		s.Status = FigureOK
		s.Ratio = decimal.NewNullDecimal(rounded(value.Quo(value, investment), moneyPlaces))
	}
	return s
}
