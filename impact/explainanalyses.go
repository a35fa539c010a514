package impact

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// The ids of the formulas of analyses.
const (
	IDRetention  = "retention-1.0"
	IDFunnel     = "funnel-1.0"
	IDConfidence = "confidence-1.0"
)

const unitWord = "word"

// Explain explains the matrix as a figure of the company of a key. It has the counts that
// are told, and no other.
func (r *Retention) Explain(company string) *Explanation {
	q := r.question
	x := &Explanation{Methodology: IDRetention, Formula: analysisFormulas[IDRetention], Company: company, Programme: q.Programme, Range: q.explained()}
	x.parameter("mode", string(q.Mode), unitWord, sourceAsked)
	for n, bucket := range q.buckets {
		x.parameter(fmt.Sprintf("interval[%d]", n), bucket.String(), "days", "the company's calendar")
	}
	for k, width := range q.brackets {
		x.parameter(fmt.Sprintf("width[%d]", k), fmt.Sprint(width), "intervals", sourceAsked)
	}
	for n := range r.Rows {
		row := &r.Rows[n]
		if row.Suppressed {
			continue
		}
		x.count(fmt.Sprintf("size[%d]", n), row.Size, unitPeople)
		for k, stayed := range row.Retained {
			if stayed != nil {
				x.count(fmt.Sprintf("retained[%d][%d]", n, k), *stayed, unitPeople)
			}
		}
	}
	return x
}

// explained are the days on which a matrix rests: that participants had not been there
// before takes all of the past.
func (q *RetentionQuestion) explained() Range {
	ranges := q.Ranges()
	if len(ranges) == 0 {
		return AllTime
	}
	return Range{MinDay, ranges[len(ranges)-1].To}
}

// Events asks for the events that the matrix is made of.
func (r *Retention) Events(cal Calendar) EventsQuestion {
	return eventsQuestion(r.question.Company, r.question.Programme, activeKinds, r.question.explained(), cal, r.Members)
}

// Explain explains the steps as figures of the company of a key.
func (f *Funnel) Explain(company string) *Explanation {
	q := f.question
	x := &Explanation{Methodology: IDFunnel, Formula: analysisFormulas[IDFunnel], Company: company, Programme: AllProgrammes, Range: q.Range}
	x.parameter("window", fmt.Sprint(q.Window), "days", sourceAsked)
	for n, s := range q.Steps {
		x.parameter(fmt.Sprintf("steps[%d].activity", n), string(s.Activity), unitWord, sourceAsked)
		if s.Programme != AllProgrammes {
			x.parameter(fmt.Sprintf("steps[%d].programme", n), s.Programme, unitWord, sourceAsked)
		}
	}
	for n, s := range f.Steps {
		if s.Suppressed {
			continue
		}
		x.count(fmt.Sprintf("steps[%d].people", n), s.People, unitPeople)
		if s.MedianDays != nil {
			x.input(fmt.Sprintf("steps[%d].medianDays", n), new(big.Rat).SetFloat64(*s.MedianDays), "days", sourceEvents, GradeReported)
		}
	}
	return x
}

// Events asks for the events that the steps are made of.
func (f *Funnel) Events(cal Calendar) EventsQuestion {
	q := f.question
	var kinds []Kind
	programme := q.Steps[0].Programme
	for _, s := range q.Steps {
		kinds = append(kinds, kindsOfActivities[s.Activity]...)
		if s.Programme != programme {
			programme = AllProgrammes
		}
	}
	slices.Sort(kinds)
	return eventsQuestion(q.Company, programme, slices.Compact(kinds), q.Days(), cal, f.Members)
}

// eventsQuestion asks for events of some days and some participants; nil are everybody.
func eventsQuestion(company CompanyID, programme string, kinds []Kind, days Range, cal Calendar, participants *roaring.Bitmap) EventsQuestion {
	q := EventsQuestion{Company: company, Programme: programme, Kinds: kinds, Participants: participants}
	q.From, q.To = cal.Instants(days)
	return q
}

// kindsOfActivities are the kinds of the events by which people do something.
var kindsOfActivities = map[Activity][]Kind{
	ActivityAny: activeKinds, ActivitySession: {KindSession}, ActivityFeedback: {KindFeedback}, ActivityCheckin: {KindCheckin},
	ActivityMilestone: {KindMilestone}, ActivityOutcome: {KindOutcome}, ActivityCourse: {KindCourse}, ActivityCourseDone: {KindCourse},
	ActivityEnrolment: {KindEnrollment}, ActivityCompletion: {KindEnrollment}, ActivityPlacement: {KindPlacement}, ActivityJob: {KindPlacement},
	ActivityJobReady: {KindOutcome}, ActivityDonation: {KindDonation}, ActivityMatch: {KindMatch}, ActivityEvent: {KindEventAttended},
}

// explainedVolunteer is what the score of a volunteer is made of.
type explainedVolunteer struct {
	company   CompanyID
	programme string
	days      Range
	settings  *Settings
	input     VISInput
	params    VISParams
	met       []Ordinal // participants
}

// ExplainVIS explains the score of a volunteer whom [Reading.Describe] described, as a
// figure of the company of a key.
func (p *Person) ExplainVIS(company string) *Explanation {
	e := p.explained
	x := &Explanation{
		Methodology: IDVis1, Formula: explainedFormula(IDVis1, false) + whereVolunteer, Company: company,
		Programme: e.programme, Cohort: fmt.Sprintf(`{"volunteer":%q}`, p.Key), Range: e.days,
	}
	x.visInput(&e.input)
	x.weights(e.settings, e.days, e.params)
	return x
}

// Events asks for the events that the score is made of.
func (p *Person) Events(cal Calendar) EventsQuestion {
	e := p.explained
	q := eventsQuestion(e.company, e.programme, ExplainedKinds(IDVis1), e.days, cal, roaring.BitmapOf(e.met...))
	q.Volunteers = roaring.BitmapOf(p.Who)
	return q
}
