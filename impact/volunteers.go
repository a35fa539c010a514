package impact

import (
	"math/big"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/shopspring/decimal"
)

// VIS is the company's score over the reading, which needs [PartsVIS]: the hours
// are the mean per volunteer who was active, and the other parts are over all
// participants.
//
// The quality is the mean, over those of confidence, belonging, well_being and
// job_readiness that were assessed, of the mean of all scores in that dimension;
// where none was, the mean of the participants' feedback ratings. A participant
// counts as assessed twice if they were in any dimension, and as improved if over
// the dimensions in which they were, last score - first score adds up to more than
// 0; first and last are of the range. See [VISTeei1] for the score itself.
func (r *Reading) VIS(p VISParams) VIS {
	c := r.total
	s := served{ratings: c.Tallies[MeasureRating]}
	for i, d := range qualityDimensions {
		s.scores[i] = c.Tallies[MeasureScore(d)]
	}
	for _, sums := range c.Assessments {
		s.lift(sums)
	}
	in := s.input()
	if time := c.Tallies[MeasureVolunteerTime]; time.N > 0 {
		in.VolunteerMS, in.Volunteers = time.Sum, c.Count(SetVolunteers)
	}
	in.Placed = c.Count(SetPlaced)
	in.Ready = int64(c.Members(SetReady).OrCardinality(c.Members(SetPlaced)))
	return VISTeei1(in, p)
}

// VolunteerVIS is the score of each volunteer of the reading, which needs
// [PartsCohort]: of their own hours, and of the participants whom they met, by a
// session or a match in the range. What others did for a participant counts as
// well.
func (r *Reading) VolunteerVIS(p VISParams) map[Ordinal]VIS {
	met := r.met()
	all := make(map[Ordinal]VIS, len(r.total.Volunteers))
	for who, v := range r.total.Volunteers {
		all[who] = VISTeei1(met.input(v), p)
	}
	return all
}

// AvgVIS is the mean VIS, at 2 places, of the volunteers who met at least one
// member who was active in the range; 0 if there is no such volunteer. Nil members
// are everybody. A volunteer's VIS is over all participants they met, and enters the
// mean as it is published. The reading needs [PartsCohort].
func (r *Reading) AvgVIS(members *roaring.Bitmap, p VISParams) decimal.Decimal {
	active := r.total.Members(SetParticipants)
	if members != nil {
		active = roaring.And(active, members)
	}
	met := r.met()
	sum, n := decimal.Zero, int64(0)
	for _, v := range r.total.Volunteers {
		if serves(v, active) {
			sum = sum.Add(VISTeei1(met.input(v), p).Score)
			n++
		}
	}
	if n == 0 {
		return decimal.Zero
	}
	return sum.DivRound(decimal.NewFromInt(n), scorePlaces)
}

func serves(v *VolunteerSums, people *roaring.Bitmap) bool {
	for _, who := range v.Met {
		if people.Contains(who) {
			return true
		}
	}
	return false
}

var qualityDimensions = [...]Dimension{Confidence, Belonging, WellBeing, JobReadiness}

// served sums up what a VIS asks of participants.
type served struct {
	scores             [len(qualityDimensions)]Tally
	ratings            Tally
	improved, assessed int64
	placed, ready      int64
}

// lift counts a participant who was assessed at least twice.
func (s *served) lift(sums *AssessmentSums) {
	var total int64
	var any bool
	for d := range sums {
		if by, twice := sums[d].Improved(); twice {
			total += int64(by)
			any = true
		}
	}
	if any {
		s.assessed++
	}
	if total > 0 {
		s.improved++
	}
}

func (s *served) add(o *served) {
	for i := range s.scores {
		s.scores[i].add(o.scores[i].N, o.scores[i].Sum)
	}
	s.ratings.add(o.ratings.N, o.ratings.Sum)
	s.improved += o.improved
	s.assessed += o.assessed
	s.placed += o.placed
	s.ready += o.ready
}

func (s *served) input() VISInput {
	return VISInput{
		Quality:  s.quality(),
		Improved: s.improved,
		Assessed: s.assessed,
		Placed:   s.placed,
		Ready:    s.ready,
	}
}

func (s *served) quality() *big.Rat {
	var sum *big.Rat
	var present int64
	for _, t := range s.scores {
		mean := t.mean()
		switch {
		case mean == nil:
			continue
		case sum == nil:
			sum = mean
		default:
			sum.Add(sum, mean)
		}
		present++
	}
	if present == 0 {
		return s.ratings.mean()
	}
	return sum.Quo(sum, ratInt(present))
}

// met remembers what each participant adds to a score, since several volunteers
// meet the same one.
type met struct {
	*Cell
	people map[Ordinal]*served
}

func (r *Reading) met() met { return met{r.total, make(map[Ordinal]*served)} }

func (m met) input(v *VolunteerSums) VISInput {
	var s served
	for _, who := range v.Met {
		s.add(m.served(who))
	}
	in := s.input()
	if v.N > 0 {
		in.VolunteerMS, in.Volunteers = v.MS, 1
	}
	return in
}

func (m met) served(who Ordinal) *served {
	if s := m.people[who]; s != nil {
		return s
	}
	s := new(served)
	m.people[who] = s
	if p := m.Participants[who]; p != nil {
		s.ratings = Tally{p.Ratings, p.RatingSum}
	}
	if sums := m.Assessments[who]; sums != nil {
		for i, d := range qualityDimensions {
			s.scores[i] = Tally{sums[d].N, sums[d].Sum}
		}
		s.lift(sums)
	}
	if m.Members(SetPlaced).Contains(who) {
		s.placed, s.ready = 1, 1
	} else if m.Members(SetReady).Contains(who) {
		s.ready = 1
	}
	return s
}
