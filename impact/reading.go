package impact

import "github.com/RoaringBitmap/roaring/v2"

// Parts says which parts of the cells a question needs; every part is one SQL
// statement for all questions asked together.
type Parts uint8

// The parts. Sets and people are read beside the tallies.
const (
	PartTallies     Parts = 1 << iota
	PartSets              // how many people were active, had been by the range's end, and were enrolled by then
	PartAssessments       // per participant: needed for improvements per participant
	PartPeople            // per volunteer and participant: needed for cohorts and for VIS per volunteer
	PartLift              // [Reading.Lift]: needed for VIS, and much cheaper than the assessments
	PartRatio             // nothing more to read: the SROI is asked for
	partOwn
	partMembers

	// PartOwn is the participants' own improvements: needed where they are added up or
	// measured from their own baselines.
	PartOwn = partOwn | PartAssessments

	// PartMembers is PartSets and who they are: without it a reading has no sets, which take
	// kilobytes each.
	PartMembers = partMembers | PartSets

	PartsMetrics = PartTallies | PartSets
	PartsSROI    = PartTallies | PartRatio // enough for [ImprovementMean] with [BaselineAssumed]
	PartsVIS     = PartTallies | PartSets | PartLift
	PartsCohort  = PartTallies | PartMembers | PartAssessments | PartPeople
)

// Question asks for what happened in a programme of a company (or in
// [AllProgrammes]) in a range of the company's days.
type Question struct {
	Company   CompanyID
	Programme string
	Range     Range
	Parts     Parts
	AsOf      AsOf // what was known then; 0 is what is known now
}

// Reading is the answer to a [Question]. It must not be changed: readers share
// it.
type Reading struct {
	Question
	// Segments hold the tallies and participants' sums of each part of the range over
	// which no rate changes and in which something happened, in order. A segment ends
	// with its calendar year, and before each cut of [Settings.Cut].
	Segments []Segment
	// Settings are the company's; nil are those of a company that chose nothing.
	Settings *Settings
	// Counts are how many people are in the sets, of a question without [PartMembers]; else
	// nil, and the sets are here.
	Counts *SetCounts
	// Before holds the sets as they stood at the end of the range, counted from
	// the beginning of time: who was ever active, who was ever enrolled.
	Before *Cell
	// Enrolments holds, per programme that the question covers, who had been
	// enrolled and who had completed by the end of the range.
	Enrolments []Enrolments
	// Lift counts who improved; nil where the assessments are read, or nobody asks for it.
	Lift *Lift

	total *Cell // everything; set by [NewReading]
}

// Segment is what happened from one day on, until a rate changes.
type Segment struct {
	From Day // its first day within the range; rates are those of this day
	*Cell
}

// Enrolments of one programme: an enrolment is a participant in a programme.
type Enrolments struct {
	Programme           string
	Enrolled, Completed *roaring.Bitmap // never nil
}

// NewReading assembles a reading; it takes ownership of its arguments. rest holds
// what need not be told apart by segment, beside the segments' cells.
func NewReading(q Question, segments []Segment, rest, before *Cell, enrolments []Enrolments) *Reading {
	for _, s := range segments {
		rest.Merge(s.Cell)
	}
	if before == nil {
		before = new(Cell)
	}
	return &Reading{Question: q, Segments: segments, Before: before, Enrolments: enrolments, total: rest}
}

// SetCounts are distinct people: of the range, known (enrolled or ever active as
// participants) by its end, and enrolments by its end.
type SetCounts struct {
	PeopleCounts
	Known int64
}

// CountWithin counts the sets of the range.
func (n *SetCounts) CountWithin(c *Cell) {
	n.Participants, n.Volunteers, n.Placed = c.Count(SetParticipants), c.Count(SetVolunteers), c.Count(SetPlaced)
	n.Ready = int64(c.Members(SetReady).OrCardinality(c.Members(SetPlaced))) // the placed are job-ready
}

// CountBefore counts the sets as they stood at the range's end.
func (n *SetCounts) CountBefore(before *Cell, enrolments []Enrolments) {
	n.Known = int64(before.Members(SetParticipants).OrCardinality(before.Members(SetEnrolled)))
	n.Completed, n.Enrolments = countEnrolments(enrolments, nil)
}

// counts are how many people are in the sets.
func (r *Reading) counts() (n SetCounts) {
	if r.Counts != nil {
		return *r.Counts
	}
	n.CountWithin(r.total)
	n.CountBefore(r.Before, r.Enrolments)
	return n
}

// Total is the cell of the whole range. It must not be changed.
func (r *Reading) Total() *Cell { return r.total }
