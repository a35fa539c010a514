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
	ID:          IDVis1,
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
	var sum share
	return in.vis(&p, &sum)
}

func (in *VISInput) vis(p *VISParams, sum *share) VIS {
	v := VIS{Methodology: p.ID, Score: in.score(p, sum), Components: make([]VISComponent, numVISParts)}
	v.Band = band(p.Bands, v.Score)
	for part, name := range visPartNames {
		sum.reset()
		covered := in.addPart(sum, visPart(part), 1, p)
		v.Components[part] = VISComponent{
			Name:    name,
			Score:   sum.percent(),
			Weight:  p.weight(visPart(part)).decimal(),
			Covered: covered,
		}
	}
	return v
}

// score is the weighted sum of the parts. sum is scratch space.
func (in *VISInput) score(p *VISParams, sum *share) decimal.Decimal {
	sum.reset()
	for part := range numVISParts {
		in.addPart(sum, part, int64(p.weight(part)), p)
	}
	sum.over(int64(One))
	return sum.percent()
}

type visPart int

const (
	visHours visPart = iota
	visQuality
	visLift
	visPlacement
	numVISParts
)

var visPartNames = [numVISParts]string{"hours", "quality", "outcome_lift", "placement"}

func (p *VISParams) weight(part visPart) Micro {
	return [numVISParts]Micro{p.Hours, p.Quality, p.OutcomeLift, p.Placement}[part]
}

// addPart adds weight times a part of 0..1.
func (in *VISInput) addPart(sum *share, part visPart, weight int64, p *VISParams) (covered bool) {
	switch part {
	case visHours:
		return in.addHours(sum, weight, p)
	case visQuality:
		return in.addQuality(sum, weight)
	case visLift:
		return in.Assessed > 0 && sum.add(weight, in.Improved, in.Assessed)
	case visPlacement:
		return in.Ready > 0 && sum.add(weight, in.Placed, in.Ready)
	case numVISParts:
	}
	return false
}

func (in *VISInput) addHours(sum *share, weight int64, p *VISParams) (covered bool) {
	if in.Volunteers <= 0 {
		return false
	}
	full := p.FullHours * msPerHour
	if in.VolunteerMS/in.Volunteers >= full {
		return sum.add(weight, 1)
	}
	return sum.add(weight, in.VolunteerMS, in.Volunteers, full)
}

func (in *VISInput) addQuality(sum *share, weight int64) (covered bool) {
	var present int64
	for _, t := range in.Scores {
		if t.N > 0 {
			present++
		}
	}
	for _, t := range in.Scores {
		if t.N > 0 {
			sum.add(weight, t.Sum, t.N, present, int64(One))
		}
	}
	if present == 0 && in.Ratings.N > 0 {
		return sum.add(weight, in.Ratings.Sum, in.Ratings.N, int64(One))
	}
	return present > 0
}
