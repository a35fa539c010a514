package impact

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/shopspring/decimal"
)

// VIS is the company's score over the reading, which needs [PartsVIS] (or, instead of
// [PartLift], [PartAssessments]): the hours
// are the mean per volunteer who was active, and the other parts are over all
// participants.
//
// The quality is the mean, over those of confidence, belonging, well_being and
// job_readiness that were assessed, of the mean of all scores in that dimension;
// where none was, the mean of the participants' feedback ratings. A participant
// counts as assessed twice if they were in any dimension, and as improved if over
// the dimensions in which they were, last score - first score adds up to more than
// 0; first and last are of the range. See [VISTeei1] for the score itself.
func (r *Reading) VIS(p VISParams) VIS { return VISTeei1(r.visInput(), p) }

func (r *Reading) visInput() VISInput {
	c, people := r.total, r.counts()
	in := VISInput{Ratings: c.Tallies[MeasureRating]}
	if ms := c.Tallies[MeasureVolunteerTime].Sum; ms > 0 { // sessions that say no duration are no data
		in.VolunteerMS, in.Volunteers = ms, people.Volunteers
	}
	for i, d := range qualityDimensions {
		in.Scores[i] = c.Tallies[MeasureScore(d)]
	}
	lift := r.lift()
	in.Improved, in.Assessed = lift.Improved, lift.Assessed
	in.Placed, in.Ready = people.Placed, people.Ready
	return in
}

// VolunteerVIS is the score of each volunteer of the reading, which needs
// [PartsCohort]: of their own hours, and of the participants whom they met, by a
// session or a match in the range. What others did for a participant counts as
// well.
func (r *Reading) VolunteerVIS(p VISParams) map[Ordinal]VIS {
	met := r.met()
	var scratch share
	all := make(map[Ordinal]VIS, r.total.Volunteers.Len())
	for who, v := range r.total.Volunteers.All() {
		in := met.input(v)
		all[who] = in.vis(&p, &scratch)
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
	var scratch share
	sum, n := decimal.Zero, int64(0)
	for _, v := range r.total.Volunteers.All() {
		if serves(v, active) {
			in := met.input(v)
			sum = sum.Add(in.score(&p, &scratch))
			n++
		}
	}
	if n == 0 {
		return decimal.Zero
	}
	return sum.DivRound(decimal.NewFromInt(n), scorePlaces)
}

func serves(v *VolunteerSums, people *roaring.Bitmap) bool {
	return slices.ContainsFunc(v.Met, people.Contains)
}

var qualityDimensions = [...]Dimension{Confidence, Belonging, WellBeing, JobReadiness}

// lift counts who improved.
func (r *Reading) lift() (l Lift) {
	if r.Lift != nil {
		return *r.Lift
	}
	for _, sums := range r.total.Assessments.All() {
		l.add(sums)
	}
	return l
}

// add counts a participant.
func (l *Lift) add(sums *AssessmentSums) {
	var gain int64
	var assessed bool
	for d := range sums {
		if by, twice := sums[d].Improved(); twice {
			gain += int64(by)
			assessed = true
		}
	}
	l.count(gain, assessed)
}

// addPeople adds what o says of participants.
func (in *VISInput) addPeople(o *VISInput) {
	for i := range in.Scores {
		in.Scores[i].add(o.Scores[i].N, o.Scores[i].Sum)
	}
	in.Ratings.add(o.Ratings.N, o.Ratings.Sum)
	in.Improved += o.Improved
	in.Assessed += o.Assessed
	in.Placed += o.Placed
	in.Ready += o.Ready
}

// met remembers what each participant adds to a score, since several volunteers
// meet the same one. Ordinals are dense, and a table finds them several times
// faster than a map.
type met struct {
	*Cell
	pages []*metPage
}

type metPage struct {
	known [1 << PageBits]bool
	input [1 << PageBits]VISInput
}

func (r *Reading) met() *met {
	var last Ordinal
	for _, v := range r.total.Volunteers.All() {
		if n := len(v.Met); n > 0 {
			last = max(last, v.Met[n-1])
		}
	}
	return &met{r.total, make([]*metPage, last>>PageBits+1)}
}

// input is what the score of a volunteer is made of.
func (m *met) input(v *VolunteerSums) VISInput {
	var in VISInput
	if v.MS > 0 {
		in.VolunteerMS, in.Volunteers = v.MS, 1
	}
	for _, who := range v.Met {
		page, i := &m.pages[who>>PageBits], who&(1<<PageBits-1)
		if *page == nil {
			*page = new(metPage)
		}
		one := &(*page).input[i]
		if !(*page).known[i] {
			(*page).known[i] = true
			m.participant(who, one)
		}
		in.addPeople(one)
	}
	return in
}

func (m *met) participant(who Ordinal, in *VISInput) {
	if p := m.Participants.Get(who); p != nil {
		in.Ratings = Tally{p.Ratings, p.RatingSum}
	}
	if sums := m.Assessments.Get(who); sums != nil {
		for i, d := range qualityDimensions {
			in.Scores[i] = Tally{int64(sums[d].N), sums[d].Sum}
		}
		var lift Lift
		lift.add(sums)
		in.Improved, in.Assessed = lift.Improved, lift.Assessed
	}
	if m.Members(SetPlaced).Contains(who) {
		in.Placed, in.Ready = 1, 1
	} else if m.Members(SetReady).Contains(who) {
		in.Ready = 1
	}
}
