package impact

import (
	"math/big"

	"github.com/shopspring/decimal"
)

// ReportingParams are the parameters of the methodology teei-vis-reporting-1.0.
type ReportingParams struct {
	ID string

	// The weights of the three parts; they must sum to 1, see [ReportingParams.Validate].
	Hours, Sessions, Outcome Micro

	FullHours int64  // hours from which the hours part is 100
	Floor     Micro  // improvement up to which the outcome part is 0
	Bands     []Band // ascending
}

// DefaultReporting is teei-vis-reporting-1.0. It must not be changed: callers vary a
// copy.
var DefaultReporting = ReportingParams{
	ID:    IDVisReporting,
	Hours: 300_000, Sessions: 300_000, Outcome: 400_000,
	FullHours: 100,
	Floor:     100_000,
	Bands:     DefaultVIS.Bands,
}

// Validate reports weights that are negative or do not sum to 1, and hours and floors
// that cannot be used.
func (p ReportingParams) Validate() error {
	switch {
	case p.Hours < 0 || p.Sessions < 0 || p.Outcome < 0 || int64(p.Hours)+int64(p.Sessions)+int64(p.Outcome) != int64(One):
		return &Error{CodeInvalid, "/weights", "the weights of the VIS must be 0 or more and sum to 1"}
	case p.FullHours <= 0:
		return &Error{CodeInvalid, "/fullHours", "the hours that score 100 must be more than 0"}
	case p.Floor < 0 || p.Floor >= One:
		return &Error{CodeInvalid, "/floor", "the floor must be 0 or more and below 1"}
	}
	return nil
}

// ReportingInput is what a score of teei-vis-reporting-1.0 is made of; nil is no
// data.
type ReportingInput struct {
	Hours       *big.Rat // given, per volunteer
	Sessions    *big.Rat // per volunteer and month
	Improvement *big.Rat // points of 0..1
}

// VISReporting is the score of the TEEI methodology teei-vis-reporting-1.0, of parts
// 0..100:
//
//	VIS      = 0.3 hours + 0.3 sessions + 0.4 outcome
//	hours    = min(hours / 100, 1) x 100
//	sessions = tier of the sessions a month: >= 8: 100, >= 4: 75, >= 2: 50, > 0: 25, else 0
//	outcome  = max(0, (improvement - 0.1) / 0.9) x 100, at most 100
//
// A part with no data counts 0 and is not Covered. The score is rounded once from
// exact parts, and each part for itself, to 2 places, half away from zero.
func VISReporting(in ReportingInput, p ReportingParams) VIS {
	v := VIS{Methodology: p.ID, Components: make([]VISComponent, 0, 3)}
	score := new(big.Rat)
	add := func(name string, weight Micro, part *big.Rat) {
		covered := part != nil
		if !covered {
			part = new(big.Rat)
		}
		v.Components = append(v.Components, VISComponent{
			Name: name, Score: rounded(part, scorePlaces), Weight: weight.decimal(), Covered: covered,
		})
		score.Add(score, new(big.Rat).Mul(weight.rat(), part))
	}
	add("hours", p.Hours, percentOfMost(in.Hours, new(big.Rat), ratInt(p.FullHours)))
	add("sessions", p.Sessions, sessionTier(in.Sessions))
	add("outcome", p.Outcome, percentOfMost(in.Improvement, p.Floor.rat(), One.rat()))
	v.Score = rounded(score, scorePlaces)
	v.Band = band(p.Bands, v.Score)
	return v
}

// percentOfMost is how far x lies on the way from least to most, 0..100; nil of nil.
func percentOfMost(x, least, most *big.Rat) *big.Rat {
	switch {
	case x == nil:
		return nil
	case x.Cmp(least) <= 0:
		return new(big.Rat)
	case x.Cmp(most) >= 0:
		return ratInt(100)
	}
	part := new(big.Rat).Sub(x, least)
	part.Quo(part, new(big.Rat).Sub(most, least))
	return part.Mul(part, ratInt(100))
}

func sessionTier(perMonth *big.Rat) *big.Rat {
	if perMonth == nil {
		return nil
	}
	for _, tier := range [...]struct{ from, score int64 }{{8, 100}, {4, 75}, {2, 50}} {
		if perMonth.Cmp(ratInt(tier.from)) >= 0 {
			return ratInt(tier.score)
		}
	}
	if perMonth.Sign() > 0 {
		return ratInt(25)
	}
	return new(big.Rat)
}

func band(bands []Band, score decimal.Decimal) string {
	for _, b := range bands {
		if b.Below == 0 || score.LessThan(decimal.NewFromInt(b.Below)) {
			return b.Name
		}
	}
	return ""
}
