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
}

// Reading is the answer to a [Question]. It must not be changed: readers share
// it.
type Reading struct {
	Question
	// Years holds the tallies and participants' sums of each calendar year that the
	// range touches and in which something happened, ascending: rates such as the
	// hourly value change with the year.
	Years []YearCell
	// Before holds the sets as they stood at the end of the range, counted from
	// the beginning of time: who was ever active, who was ever enrolled.
	Before *Cell
	// Enrolments holds, per programme that the question covers, who had been
	// enrolled and who had completed by the end of the range.
	Enrolments []Enrolments
	// Lift counts who improved, with [PartLift]; else it is nil.
	Lift *Lift

	total *Cell // everything; set by [NewReading]
}

// YearCell is what happened in one calendar year of a reading's range.
type YearCell struct {
	Year int
	*Cell
}

// Enrolments of one programme: an enrolment is a participant in a programme.
type Enrolments struct {
	Programme           string
	Enrolled, Completed *roaring.Bitmap // never nil
}

// NewReading assembles a reading; it takes ownership of its arguments. rest holds
// what need not be told apart by year, beside the years' cells.
func NewReading(q Question, years []YearCell, rest, before *Cell, enrolments []Enrolments) *Reading {
	for _, y := range years {
		rest.Merge(y.Cell)
	}
	if before == nil {
		before = new(Cell)
	}
	return &Reading{Question: q, Years: years, Before: before, Enrolments: enrolments, total: rest}
}

// Total is the cell of the whole range. It must not be changed.
func (r *Reading) Total() *Cell { return r.total }
