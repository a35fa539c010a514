package impact

import (
	"math/big"

	"github.com/shopspring/decimal"
)

// VISParams are the parameters of the methodology teei-vis-1.0.
type VISParams struct {
	ID string // the methodology that figures made with these parameters carry

	// The weights of the four parts; they must sum to 1, see [VISParams.Validate].
	Hours, Quality, OutcomeLift, Placement Micro

	FullHours int64  // hours from which the hours part is 100
	Bands     []Band // ascending
}

// Band names the scores below an upper end.
type Band struct {
	Below int64 // scores under it that no earlier band has; 0 in the last: all others
	Name  string
}

// DefaultVIS is teei-vis-1.0. It must not be changed: callers vary a copy, and
// give it another ID if a released number changes.
var DefaultVIS = VISParams{
	ID:          "teei-vis-1.0",
	Hours:       300_000,
	Quality:     300_000,
	OutcomeLift: 250_000,
	Placement:   150_000,
	FullHours:   1000,
	Bands: []Band{
		{31, "Developing"}, {51, "Good"}, {71, "Excellent"}, {86, "Outstanding"}, {0, "Transformational"},
	},
}

// Validate reports weights that are negative or do not sum to 1, and hours that
// cannot be reached.
func (p VISParams) Validate() error {
	weights := [...]struct {
		name string
		w    Micro
	}{{"hours", p.Hours}, {"quality", p.Quality}, {"outcomeLift", p.OutcomeLift}, {"placement", p.Placement}}
	var sum int64
	for _, part := range weights {
		if part.w < 0 {
			return &Error{CodeInvalid, "/weights/" + part.name, "a weight of the VIS must be 0 or more"}
		}
		sum += int64(part.w)
	}
	if sum != int64(One) {
		return &Error{CodeInvalid, "/weights", "the weights of the VIS must sum to 1"}
	}
	if p.FullHours <= 0 {
		return &Error{CodeInvalid, "/fullHours", "the hours that score 100 must be more than 0"}
	}
	return nil
}

func (p VISParams) band(score decimal.Decimal) string {
	for _, b := range p.Bands {
		if b.Below == 0 || score.LessThan(decimal.NewFromInt(b.Below)) {
			return b.Name
		}
	}
	return ""
}

// VISInput is what a score of teei-vis-1.0 is made of. A part whose divisor is 0
// (Volunteers, Assessed, Ready), or whose quality is nil, has no data.
type VISInput struct {
	VolunteerMS int64    // time given, milliseconds
	Volunteers  int64    // by how many volunteers
	Quality     *big.Rat // 0..1
	Improved    int64    // participants who improved,
	Assessed    int64    // of those assessed at least twice
	Placed      int64    // participants placed in a job,
	Ready       int64    // of those job-ready; the placed are job-ready
}

// VISTeei1 is the score of the TEEI methodology teei-vis-1.0, of parts 0..100:
//
//	VIS          = 0.30 hours + 0.30 quality + 0.25 outcome lift + 0.15 placement
//	hours        = min(mean hours per volunteer / 1000, 1) x 100
//	quality      = quality (0..1) x 100
//	outcome lift = participants improved / participants assessed at least twice x 100
//	placement    = participants placed / participants job-ready x 100
//
// A part with no data counts 0 and is not Covered. The score is rounded once from
// exact parts, and each part for itself, to 2 places, half away from zero. The band
// is that of the score as published, so that the two never disagree.
func VISTeei1(in VISInput, p VISParams) VIS {
	quality, covered := in.Quality, in.Quality != nil
	if !covered {
		quality = new(big.Rat)
	}
	parts := [...]struct {
		name    string
		weight  Micro
		score   *big.Rat // 0..1
		covered bool
	}{
		{"hours", p.Hours, in.hours(p), in.Volunteers > 0},
		{"quality", p.Quality, quality, covered},
		{"outcome_lift", p.OutcomeLift, fraction(in.Improved, in.Assessed), in.Assessed > 0},
		{"placement", p.Placement, fraction(in.Placed, in.Ready), in.Ready > 0},
	}
	v := VIS{Methodology: p.ID, Components: make([]VISComponent, len(parts))}
	sum := new(big.Rat)
	for i, part := range parts {
		score := part.score.Mul(part.score, rat100)
		v.Components[i] = VISComponent{
			Name:    part.name,
			Score:   rounded(score, scorePlaces),
			Weight:  part.weight.decimal(),
			Covered: part.covered,
		}
		sum.Add(sum, score.Mul(score, part.weight.rat()))
	}
	v.Score = rounded(sum, scorePlaces)
	v.Band = p.band(v.Score)
	return v
}

// hours is the hours part, 0..1.
func (in VISInput) hours(p VISParams) *big.Rat {
	if in.Volunteers <= 0 {
		return new(big.Rat)
	}
	full := p.FullHours * msPerHour
	if in.VolunteerMS/in.Volunteers >= full {
		return ratInt(1)
	}
	mean := big.NewRat(in.VolunteerMS, in.Volunteers)
	return mean.Quo(mean, ratInt(full))
}
