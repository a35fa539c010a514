package impact

import "github.com/RoaringBitmap/roaring/v2"

// Parts says which parts of the cells a question needs; every part is one SQL
// statement for all questions asked together.
type Parts uint8

// The parts. Sets and people are read beside the tallies.
const (
	PartTallies     Parts = 1 << iota
	PartSets              // who was active, and everything of SetsBefore
	PartAssessments       // per participant: needed for improvements per participant
	PartPeople            // per volunteer and participant: needed for cohorts and for VIS per volunteer
	PartLift              // [Reading.Lift]: needed for VIS, and much cheaper than the assessments
	PartRatio             // nothing more to read: the SROI is asked for
	partOwn

	// PartOwn is the participants' own improvements: needed where they are added up or
	// measured from their own baselines.
	PartOwn = partOwn | PartAssessments

	PartsMetrics = PartTallies | PartSets
	PartsSROI    = PartTallies | PartRatio // enough for [ImprovementMean] with [BaselineAssumed]
	PartsVIS     = PartTallies | PartSets | PartLift
	PartsCohort  = PartTallies | PartSets | PartAssessments | PartPeople
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

// Total is the cell of the whole range. It must not be changed.
func (r *Reading) Total() *Cell { return r.total }
