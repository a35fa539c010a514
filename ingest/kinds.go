package ingest

import (
	"math"
	"strings"

	"github.com/impactql/impactql/impact"
)

// What each kind needs, and the bounds of what it may say. Field names are those
// of fieldsByName. Pointers are nil where the event says nothing. No session, and no
// attendance, is longer than a day.

type unknownFacts struct {
	Type string `validate:"required,max=200,printable"`
}

type sessionFacts struct {
	Participant     string `validate:"required_without=Volunteer"`
	Volunteer       string
	Session         string
	DurationMinutes *float64 `validate:"omitempty,gt=0,lte=1440"`
	DurationSeconds *float64 `validate:"omitempty,gte=0,lte=86400"`
	Score           *float64 `validate:"omitempty,gte=0,lte=10"`
	Rating          *float64 `validate:"omitempty,gte=0,lte=1"`
	Level           string   `validate:"omitempty,oneof=A1 A2 B1 B2 C1 C2"`
}

type feedbackFacts struct {
	Participant string
	Volunteer   string
	Session     string
	Rating      *float64 `validate:"required_without_all=Score Stars,omitempty,gte=0,lte=1"`
	Score       *float64 `validate:"omitempty,gte=0,lte=10"`
	Stars       *float64 `validate:"omitempty,gte=1,lte=5"`
}

type checkinFacts struct {
	Participant string
	Volunteer   string
	Session     string
	Mood        string   `validate:"omitempty,oneof=great good okay struggling difficult"`
	Score       *float64 `validate:"omitempty,gte=0,lte=10"`
}

type milestoneFacts struct {
	Participant string   `validate:"required"`
	Points      *float64 `validate:"omitempty,gte=0,lte=1000000000"`
	Score       *float64 `validate:"omitempty,gte=0,lte=10"`
}

type outcomeFacts struct {
	Participant string   `validate:"required"`
	Dimension   string   `validate:"required,dimension"`
	Score       *float64 `validate:"required,gte=0,lte=1"`
	Confidence  *float64 `validate:"omitempty,gte=0,lte=1"`
}

type courseFacts struct {
	Participant string   `validate:"required"`
	FinalScore  *float64 `validate:"omitempty,gte=0,lte=100"`
	Progress    *float64 `validate:"omitempty,gte=0,lte=100"`
}

type enrollmentFacts struct {
	Participant string `validate:"required"`
	Status      string `validate:"omitempty,oneof=enrolled in_progress completed withdrawn failed"`
}

type placementFacts struct {
	Participant    string   `validate:"required"`
	SalaryMin      float64  `validate:"gte=0"`
	SalaryMax      *float64 `validate:"omitempty,gte=0,gtefield=SalaryMin"`
	SalaryCurrency string   `validate:"omitempty,len=3,alpha"`
}

type hoursFacts struct {
	Volunteer string   `validate:"required"`
	Hours     *float64 `validate:"required,gte=0,lte=10000"`
}

type donationFacts struct {
	Participant string
	Volunteer   string
	Amount      *float64 `validate:"required,gte=0.0001,lt=1000000000000000"`
	Currency    string   `validate:"required,len=3,alpha"`
}

type matchFacts struct {
	Participant string `validate:"required"`
	Volunteer   string `validate:"required"`
	Session     string
}

type attendanceFacts struct {
	Participant     string `validate:"required_without=Volunteer"`
	Volunteer       string
	DurationMinutes *float64 `validate:"omitempty,gte=0,lte=1440"`
	DurationSeconds *float64 `validate:"omitempty,gte=0,lte=86400"`
}

type directoryFacts struct {
	Participant string `validate:"required"`
	Department  string `validate:"omitempty,max=100,printable"`
	Status      string `validate:"omitempty,max=100,printable"`
}

// facts is what the kind's rules look at.
func (n *normaliser) facts() any {
	w, e := n.wire, n.event
	num := func(f field) *float64 {
		if !w.has[f] {
			return nil
		}
		return &w.number[f]
	}
	switch e.Kind {
	case impact.KindSession:
		return &sessionFacts{e.Participant, e.Volunteer, e.Session, num(fieldDurationMinutes), num(fieldDurationSeconds), num(fieldScore), num(fieldRating), strings.ToUpper(w.text[fieldLevel])}
	case impact.KindFeedback:
		return &feedbackFacts{e.Participant, e.Volunteer, e.Session, num(fieldRating), num(fieldScore), num(fieldStars)}
	case impact.KindCheckin:
		return &checkinFacts{e.Participant, e.Volunteer, e.Session, strings.ToLower(w.text[fieldMood]), num(fieldScore)}
	case impact.KindMilestone:
		return &milestoneFacts{e.Participant, num(fieldPoints), num(fieldScore)}
	case impact.KindOutcome:
		return &outcomeFacts{e.Participant, w.text[fieldDimension], num(fieldScore), num(fieldConfidence)}
	case impact.KindCourse:
		return &courseFacts{e.Participant, num(fieldFinalScore), num(fieldProgress)}
	case impact.KindEnrollment:
		return &enrollmentFacts{e.Participant, strings.ToLower(w.text[fieldStatus])}
	case impact.KindPlacement:
		return &placementFacts{e.Participant, w.number[fieldSalaryMin], num(fieldSalaryMax), w.text[fieldSalaryCurrency]}
	case impact.KindVolunteerHours:
		return &hoursFacts{e.Volunteer, num(fieldHours)}
	case impact.KindDonation:
		return &donationFacts{e.Participant, e.Volunteer, num(fieldAmount), w.text[fieldCurrency]}
	case impact.KindMatch:
		return &matchFacts{e.Participant, e.Volunteer, e.Session}
	case impact.KindEventAttended:
		return &attendanceFacts{e.Participant, e.Volunteer, num(fieldDurationMinutes), num(fieldDurationSeconds)}
	case impact.KindDirectory:
		return &directoryFacts{e.Participant, w.text[departmentFrom(w)], w.text[fieldStatus]}
	case impact.KindUnknown:
	}
	return nil
}

// fill gives the event what its kind takes from the wire, once the rules hold.
func (n *normaliser) fill() {
	w, e := n.wire, n.event
	switch e.Kind {
	case impact.KindSession:
		e.DurationMS = n.duration()
		e.Level = strings.ToUpper(w.text[fieldLevel])
		n.score(fieldRating, impact.ScaleUnit)
		n.score(fieldScore, impact.ScaleTen)
	case impact.KindFeedback:
		n.score(fieldStars, impact.ScaleFive)
		n.score(fieldRating, impact.ScaleUnit)
		n.score(fieldScore, impact.ScaleTen)
		e.FromVolunteer = fromVolunteer(w)
	case impact.KindCheckin:
		e.Mood = strings.ToLower(w.text[fieldMood])
		n.score(fieldScore, impact.ScaleTen)
	case impact.KindMilestone:
		e.Points = int64(math.Round(w.number[fieldPoints]))
		n.score(fieldScore, impact.ScaleTen)
	case impact.KindOutcome:
		e.Dimension, _ = impact.ParseDimension(w.text[fieldDimension])
		n.score(fieldScore, impact.ScaleUnit)
		e.HasConfidence = w.has[fieldConfidence]
		e.Confidence = impact.ScaleUnit.Normalise(w.number[fieldConfidence])
	case impact.KindCourse:
		n.score(fieldFinalScore, impact.ScaleHundred)
		e.Status = impact.StatusCompleted
		if w.has[fieldProgress] && w.number[fieldProgress] < 100 || e.Type == typeProgress && !w.has[fieldProgress] {
			e.Status = impact.StatusStarted
		}
	case impact.KindEnrollment:
		e.Status = enrollmentStatus(e.Type, w.text[fieldStatus])
	case impact.KindPlacement:
		e.Status = placementStatus(w.text[fieldPlacementType], w.text[fieldStatus])
	case impact.KindVolunteerHours:
		e.DurationMS = milliseconds(w.number[fieldHours])
	case impact.KindDonation:
		e.Amount, e.Currency = w.text[fieldAmount], strings.ToUpper(w.text[fieldCurrency])
	case impact.KindMatch:
		e.Status = impact.StatusStarted
		if e.Type == typeMatchEnded {
			e.Status = impact.StatusEnded
		}
	case impact.KindEventAttended:
		e.DurationMS = n.duration()
	case impact.KindDirectory:
		e.Department = strings.TrimSpace(w.text[departmentFrom(w)])
	case impact.KindUnknown:
	}
}

// Types whose name says what the kind alone does not.
const (
	typeSessionCreated = "session.created"
	typeProgress       = "upskilling.progress.updated"
	typeMatchEnded     = "buddy.match.ended"
	typeCompletion     = "program.completion"
)

func milliseconds(hours float64) int64 { return int64(math.Round(hours * 3_600_000)) }

func (n *normaliser) duration() int64 {
	if n.wire.has[fieldDurationMinutes] {
		return int64(math.Round(n.wire.number[fieldDurationMinutes] * 60_000))
	}
	return int64(math.Round(n.wire.number[fieldDurationSeconds] * 1_000))
}

// score takes the event's score from f, unless it has one already.
func (n *normaliser) score(f field, scale impact.Scale) {
	if e := n.event; n.wire.has[f] && e.ScoreScale == impact.ScaleNone {
		e.ScoreRaw, e.ScoreScale, e.Score = n.wire.number[f], scale, scale.Normalise(n.wire.number[f])
	}
}

// departmentFrom is the field that says in what part of the company somebody works.
func departmentFrom(w *wire) field {
	if w.text[fieldDepartment] == "" {
		return fieldOrganisation
	}
	return fieldDepartment
}

func fromVolunteer(w *wire) bool {
	switch strings.ToLower(w.text[fieldFromRole]) {
	case "volunteer", "buddy", "mentor", "teacher":
		return true
	}
	return false
}

func enrollmentStatus(typ, status string) impact.Status {
	switch strings.ToLower(status) {
	case "completed":
		return impact.StatusCompleted
	case "withdrawn", "failed":
		return impact.StatusEnded
	case "":
		if typ == typeCompletion {
			return impact.StatusCompleted
		}
	}
	return impact.StatusStarted
}

// placementStatus is placed for a job that came about: internships and the like
// are steps towards one.
func placementStatus(placementType, status string) impact.Status {
	switch strings.ToLower(status) {
	case "cancelled", "canceled", "declined", "rejected", "withdrawn", "failed", "ended":
		return impact.StatusEnded
	}
	if placementType == "" || strings.EqualFold(placementType, "job_placement") {
		return impact.StatusPlaced
	}
	return impact.StatusStarted
}
