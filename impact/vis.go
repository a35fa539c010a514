package impact

import "github.com/shopspring/decimal"

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

// VISInput is what a score of teei-vis-1.0 is made of. A part whose counts are 0
// has no data.
type VISInput struct {
	VolunteerMS int64    // time given, milliseconds,
	Volunteers  int64    // by so many volunteers
	Scores      [4]Tally // of confidence, belonging, well_being and job_readiness, in millionths
	Ratings     Tally    // of the participants' feedback, in millionths
	Improved    int64    // participants who improved,
	Assessed    int64    // of those assessed at least twice
	Placed      int64    // participants placed in a job,
	Ready       int64    // of those job-ready; the placed are job-ready
}

// VISTeei1 is the score of the TEEI methodology teei-vis-1.0, of parts 0..100:
//
//	VIS          = 0.30 hours + 0.30 quality + 0.25 outcome lift + 0.15 placement
//	hours        = min(mean hours per volunteer / 1000, 1) x 100
//	quality      = mean over the dimensions present of their mean score x 100;
//	               where none is present, the mean rating x 100
//	outcome lift = participants improved / participants assessed at least twice x 100
//	placement    = participants placed / participants job-ready x 100
//
// A part with no data counts 0 and is not Covered. The score is rounded once from
// exact parts, and each part for itself, to 2 places, half away from zero. The band
// is that of the score as published, so that the two never disagree.
func VISTeei1(in VISInput, p VISParams) VIS {
	parts := in.parts(p)
	v := VIS{Methodology: p.ID, Score: visScore(&parts), Components: make([]VISComponent, len(parts))}
	v.Band = p.band(v.Score)
	for i, part := range parts {
		v.Components[i] = VISComponent{Name: part.name, Weight: part.weight.decimal(), Covered: part.covered}
		if part.covered {
			v.Components[i].Score = part.share.times(100).rounded(scorePlaces)
		}
	}
	return v
}

type visPart struct {
	name    string
	weight  Micro
	share   quotient // 0..1, if covered
	covered bool
}

func (in *VISInput) parts(p VISParams) [4]visPart {
	parts := [...]visPart{
		{name: "hours", weight: p.Hours, covered: in.Volunteers > 0},
		{name: "quality", weight: p.Quality},
		{name: "outcome_lift", weight: p.OutcomeLift, covered: in.Assessed > 0},
		{name: "placement", weight: p.Placement, covered: in.Ready > 0},
	}
	if parts[0].covered {
		parts[0].share = in.hours(p)
	}
	parts[1].share, parts[1].covered = in.quality()
	if parts[2].covered {
		parts[2].share = quotientOf(in.Improved, in.Assessed)
	}
	if parts[3].covered {
		parts[3].share = quotientOf(in.Placed, in.Ready)
	}
	return parts
}

// visScore is the weighted sum of the parts, 0..100 at 2 places.
func visScore(parts *[4]visPart) decimal.Decimal {
	sum := quotientOf(0, 1)
	for _, part := range parts {
		if part.covered {
			sum = sum.plus(part.share.times(int64(part.weight)))
		}
	}
	return sum.times(100).over(int64(One)).rounded(scorePlaces)
}

func (in *VISInput) hours(p VISParams) quotient {
	full := p.FullHours * msPerHour
	if in.VolunteerMS/in.Volunteers >= full {
		return quotientOf(1, 1)
	}
	return quotientOf(in.VolunteerMS, in.Volunteers).over(full)
}

func (in *VISInput) quality() (share quotient, covered bool) {
	sum, present := quotientOf(0, 1), int64(0)
	for _, t := range in.Scores {
		if t.N > 0 {
			sum = sum.plus(quotientOf(t.Sum, t.N))
			present++
		}
	}
	switch {
	case present > 0:
		return sum.over(present * int64(One)), true
	case in.Ratings.N > 0:
		return quotientOf(in.Ratings.Sum, in.Ratings.N).over(int64(One)), true
	}
	return quotient{}, false
}
