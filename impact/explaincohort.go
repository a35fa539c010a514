package impact

import (
	"sort"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/shopspring/decimal"
)

// IDCohort is the id of the formula of a cohort's counts and of its completion rate,
// IDCohortVIS that of the mean score of the volunteers who serve it.
const (
	IDCohort    = "cohort-1.0"
	IDCohortVIS = "cohort-vis-1.0"
)

// ExplainedCohort is what a cohort's figures are made of beside its [Cohort.Basis]. Those
// of everybody are the company's own and always told.
type ExplainedCohort struct {
	Enrolments, Completed int64           // of members, by the range's end
	Scores                decimal.Decimal // the sum of the published scores of the volunteers who serve it
	Volunteers            int64           // how many they are
	Members               *roaring.Bitmap // nil: everybody; likewise below
	Serving               *roaring.Bitmap // the volunteers
	Met                   *roaring.Bitmap // the participants whom they met

	tells Tells
	vis   VISParams
	basis *Basis
}

// Tells says which explanations of a cohort tell of no fewer people than may be told of.
type Tells struct{ Counts, Ratio, Score bool }

func (t Tells) and(o Tells) Tells {
	return Tells{t.Counts && o.Counts, t.Ratio && o.Ratio, t.Score && o.Score}
}

// Explain makes the explanations of a cohort of the reading, which needs [PartsCohort].
// tells is [Disclosed.Tells]; it is not looked at for everybody.
func (r *Reading) Explain(c *Cohort, m Members, vis VISParams, tells Tells) {
	if c.Suppressed {
		return
	}
	x := &ExplainedCohort{Members: m.People, tells: tells, vis: vis, basis: c.Basis}
	if m.People == nil {
		x.tells = Tells{true, true, true}
	}
	x.Completed, x.Enrolments = r.enrolments(m.People)
	active := r.active(m.People)
	met := r.met()
	var scratch share
	serving, theirs := roaring.New(), roaring.New()
	for who, v := range r.total.Volunteers.All() {
		if serves(v, active) {
			in := met.input(v)
			x.Scores = x.Scores.Add(in.score(&vis, &scratch))
			serving.Add(who)
			theirs.AddMany(v.Met)
		}
	}
	x.Volunteers = int64(serving.GetCardinality())
	if m.People != nil {
		x.Serving, x.Met = serving, theirs
	}
	c.Explained = x
}

// active are the participants of the range who are members; nil are everybody.
func (r *Reading) active(members *roaring.Bitmap) *roaring.Bitmap {
	active := r.total.Members(SetParticipants)
	if members == nil {
		return active
	}
	return roaring.And(active, members)
}

// ExplainCounts explains ParticipantCount and CompletionRate as figures of the company of
// a key; nil if that would tell of few people.
func (c *Cohort) ExplainCounts(company string) *Explanation {
	if c.Explained == nil || !c.Explained.tells.Counts {
		return nil
	}
	x := c.Explained.basis.explain(IDCohort, company)
	x.count("participants", c.ParticipantCount, unitPeople)
	x.count("enrolments", c.Explained.Enrolments, "enrolments")
	x.count("enrolmentsCompleted", c.Explained.Completed, "enrolments")
	return x
}

// ExplainSROI likewise explains [Cohort.SROIBy].
func (c *Cohort) ExplainSROI(methodology, company string) (*Explanation, error) {
	if c.Explained == nil || !c.Explained.tells.Ratio {
		return nil, nil //nolint:nilnil // not told
	}
	live, err := c.SROIBy(methodology)
	if err == nil && live != nil && live.basis == nil { // by teei-1.0
		live, err = c.Basis.SROI(IDTeei1, nil, AllTime)
	}
	if err != nil || live == nil {
		return nil, err
	}
	return live.Explain(company, c.Basis.Question), nil
}

// ExplainVIS likewise explains AvgVIS.
func (c *Cohort) ExplainVIS(company string) *Explanation {
	if c.Explained == nil || !c.Explained.tells.Score {
		return nil
	}
	e := c.Explained
	x := e.basis.explain(IDCohortVIS, company)
	x.input("scores.sum", e.Scores.Rat(), "points of 0 to 100", IDVis1+" of each volunteer as published", GradeReported)
	x.count("scores.count", e.Volunteers, unitPeople)
	x.weights(e.basis.Settings, e.basis.Range, e.vis)
	return x
}

// Disclosed looks after what the explanations of cohorts of one reading may tell: the
// exact sums that figures are made of are of the people who add to them, often fewer than
// those who are active. A sum is told only if
//
//   - nobody or at least k members add to it, and of all others nobody or at least k,
//   - with a programme, nobody or at least k of them add otherwise to that of all programmes,
//   - a filter with one condition less lets in or leaves out nobody or at least k of them,
//   - the groups of a partition that are told leave no rest that [Reading.Withheld] would
//     not leave.
//
// An explanation is told if all of its sums are.
type Disclosed struct {
	r, whole      *Reading
	counts, ratio shares
	elsewhere     map[string]*roaring.Bitmap // who adds otherwise to a sum of all programmes
	serving       *roaring.Bitmap            // the volunteers of everybody
}

// shares are how much participants add to sums, by the sum.
type shares map[string]*People[int64]

func (s shares) add(sum string, who Ordinal, n int64) {
	if n == 0 {
		return
	}
	if s[sum] == nil {
		s[sum] = new(People[int64])
	}
	*s[sum].At(who) += n
}

// NewDisclosed is of a reading and, if that is of one programme, of the reading of all of
// them over the same range; both need [PartsCohort].
func NewDisclosed(r, whole *Reading) *Disclosed {
	d := &Disclosed{r: r, whole: whole, elsewhere: make(map[string]*roaring.Bitmap)}
	d.counts, d.ratio = r.shares()
	d.serving = r.serving(r.active(nil))
	if whole != nil {
		counts, ratio := whole.shares()
		for _, pair := range [...][2]shares{{d.counts, counts}, {d.ratio, ratio}} {
			for sum, all := range pair[1] {
				others := roaring.New()
				for who, n := range all.All() {
					if own := pair[0].of(sum, who); own != *n {
						others.Add(who)
					}
				}
				d.elsewhere[sum] = others
			}
		}
	}
	return d
}

func (s shares) of(sum string, who Ordinal) int64 {
	if p := s[sum]; p != nil {
		if n := p.Get(who); n != nil {
			return *n
		}
	}
	return 0
}

func (s shares) people(sum string) *roaring.Bitmap {
	people := roaring.New()
	for who := range s[sum].All() {
		people.Add(who)
	}
	return people
}

// shares are those of the numbers that counts and ratios are made of.
func (r *Reading) shares() (counts, ratio shares) {
	counts, ratio = make(shares), make(shares)
	for _, e := range r.Enrolments {
		for who := range roaring.Values(roaring.Or(e.Enrolled, e.Completed)) {
			sum := "open"
			if e.Completed.Contains(who) {
				sum = "completed"
			}
			counts.add("enrolled", who, 1)
			counts.add(sum, who, 1)
		}
	}
	for who, sums := range r.total.Assessments.All() {
		for _, d := range sroiDimensions {
			a := &sums[d]
			ratio.add("scores "+d.String(), who, int64(a.N))
			ratio.add("confident "+d.String(), who, int64(a.ConfidenceN))
			ratio.add("silent "+d.String(), who, int64(a.N-a.ConfidenceN))
		}
	}
	pieces := r.Settings.Cut(r.Range)
	for _, s := range r.Segments {
		time := onDay("time", stretchOf(pieces, s.From))
		for who, sums := range s.Participants.All() {
			ratio.add(time, who, sums.MS)
		}
	}
	for who := range roaring.Values(r.total.Members(SetPlaced)) {
		ratio.add("placed", who, 1)
	}
	return counts, ratio
}

// stretchOf is the first day from which what holds on a day of pieces of a range does: of
// its piece, or of its year.
func stretchOf(pieces []Range, day Day) Day {
	i := sort.Search(len(pieces)-1, func(i int) bool { return pieces[i].To > day })
	return pieces[i].Segment(day.Year())
}

// serving are the volunteers who met one of some participants.
func (r *Reading) serving(people *roaring.Bitmap) *roaring.Bitmap {
	serving := roaring.New()
	for who, v := range r.total.Volunteers.All() {
		if serves(v, people) {
			serving.Add(who)
		}
	}
	return serving
}

// Tells says which explanations of a cohort that is told may be told.
func (d *Disclosed) Tells(m *Members) Tells {
	t := Tells{d.tell(m, d.counts), d.tell(m, d.ratio), d.tellScore(m)}
	for i := range m.Partitions {
		t = t.and(d.tellsGroups(&m.Partitions[i]))
	}
	return t
}

func (d *Disclosed) few(n uint64) bool { return 0 < n && int64(n) < d.r.Settings.K() }

func (d *Disclosed) tell(m *Members, sums shares) bool {
	for sum := range sums {
		people := sums.people(sum)
		own := people.AndCardinality(m.People)
		if d.few(own) || d.few(people.GetCardinality()-own) {
			return false
		}
		for _, difference := range m.Differences {
			if d.few(people.AndCardinality(difference)) {
				return false
			}
		}
	}
	for sum, people := range d.elsewhere {
		if sums[sum] != nil && d.few(people.AndCardinality(m.People)) {
			return false
		}
	}
	return true
}

func (d *Disclosed) tellScore(m *Members) bool {
	own := d.r.serving(d.r.active(m.People))
	if d.few(own.GetCardinality()) || d.few(d.serving.GetCardinality()-own.GetCardinality()) {
		return false
	}
	for _, difference := range m.Differences {
		beside := d.r.serving(d.r.active(roaring.Xor(m.People, difference)))
		if d.few(roaring.Xor(own, beside).GetCardinality()) {
			return false
		}
	}
	if d.whole == nil {
		return true
	}
	all := d.whole.serving(d.whole.active(m.People))
	return !d.few(roaring.Xor(all, own).GetCardinality())
}

// tellsGroups looks after what the groups of a partition leave of everybody.
func (d *Disclosed) tellsGroups(p *Partition) Tells {
	if len(p.Groups) == 0 {
		return Tells{true, true, true}
	}
	untold := d.r.Withheld(p.Groups, d.whole)
	t := Tells{d.tellGroups(p, untold, d.counts), d.tellGroups(p, untold, d.ratio), true}
	rest := d.serving.Clone()
	for i := range p.Groups {
		if !untold[i] {
			rest.AndNot(d.r.serving(d.r.active(p.Groups[i].People)))
		}
	}
	t.Score = !d.few(rest.GetCardinality())
	return t
}

func (d *Disclosed) tellGroups(p *Partition, untold []bool, sums shares) bool {
	sizes, withheld := make([]int64, len(p.Groups)), make([]bool, len(p.Groups))
	for sum := range sums {
		people := sums.people(sum)
		copy(withheld, untold)
		rest := int64(people.GetCardinality())
		for i, g := range p.Groups {
			sizes[i] = int64(people.AndCardinality(g.People))
			if others := d.elsewhere[sum]; others != nil {
				withheld[i] = withheld[i] || d.few(others.AndCardinality(g.People))
			}
		}
		withhold(d.r.Settings.K(), rest, sizes, withheld)
		for i, n := range sizes {
			if !withheld[i] {
				rest -= n
			}
		}
		for _, i := range p.Named {
			// Nobody's zero is no sum, unless it tells whose a small rest is.
			if withheld[i] && (sizes[i] > 0 || d.few(uint64(rest))) {
				return false
			}
		}
	}
	return true
}
