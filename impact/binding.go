package impact

import (
	"math/big"
	"strings"

	"github.com/shopspring/decimal"
)

// Binding says which live figure the quantity of a line is.
type Binding struct {
	Figure LiveFigure
	// Programme is whose figure it is; empty: the programme that is asked for.
	Programme string
	// Period is the days it is of; nil: the period that is asked for.
	Period *Period
}

// LiveFigure is a number of a programme and a period that the quantity of a line can
// be.
type LiveFigure string

// liveFigures are the figures and what each is. All need [PartsMetrics] at most.
var liveFigures = []struct {
	Name    LiveFigure
	Meaning string
	of      func(*Basis) int64
	ms      bool // of is milliseconds, and the figure is hours
}{
	{"PARTICIPANTS", "distinct people active as participants", func(b *Basis) int64 { return b.People.Participants }, false},
	{"PARTICIPANTS_PLACED", "distinct participants placed in a job", func(b *Basis) int64 { return b.People.Placed }, false},
	{"PARTICIPANTS_JOB_READY", "distinct participants placed, or assessed as job-ready", func(b *Basis) int64 { return b.People.Ready }, false},
	{"VOLUNTEERS", "distinct people active as volunteers", func(b *Basis) int64 { return b.People.Volunteers }, false},
	{"VOLUNTEER_HOURS", "hours given by named volunteers", (*Basis).volunteerMS, true},
	{"SESSIONS", "completed sessions", func(b *Basis) int64 { return b.Activity.Sessions }, false},
	{"SKILL_SHARES", "skill-share sessions", func(b *Basis) int64 { return b.Activity.SkillShares }, false},
	{"COURSE_COMPLETIONS", "courses completed", func(b *Basis) int64 { return b.Courses }, false},
	{"ENROLMENTS", "enrolments started by the period's end", func(b *Basis) int64 { return b.People.Enrolments }, false},
	{"ENROLMENTS_COMPLETED", "enrolments completed by the period's end", func(b *Basis) int64 { return b.People.Completed }, false},
	{"MATCHES", "matches made", func(b *Basis) int64 { return b.Activity.Matches }, false},
	{"EVENTS_ATTENDED", "attendances of events", func(b *Basis) int64 { return b.Activity.EventsAttended }, false},
	{"MILESTONES", "milestones achieved", func(b *Basis) int64 { return b.Activity.Milestones }, false},
	{"FEEDBACK", "feedback received", func(b *Basis) int64 { return b.Activity.Feedback }, false},
	{"CHECKINS", "check-ins submitted", func(b *Basis) int64 { return b.Activity.Checkins }, false},
}

// LiveFigures lists the figures that a quantity can be bound to, with what each is.
func LiveFigures() (names []LiveFigure, meanings []string) {
	for _, f := range liveFigures {
		names, meanings = append(names, f.Name), append(meanings, f.Meaning)
	}
	return names, meanings
}

// Figure is a live figure of the basis, hours at 10 places; 0 if there is none of that
// name.
func (b *Basis) Figure(name LiveFigure) decimal.Decimal {
	for _, f := range liveFigures {
		if f.Name != name {
			continue
		}
		if f.ms {
			return rounded(big.NewRat(f.of(b), msPerHour), 10)
		}
		return decimal.NewFromInt(f.of(b))
	}
	return decimal.Zero
}

func (b *Binding) validate(at string) error {
	known := false
	for _, f := range liveFigures {
		known = known || f.Name == b.Figure
	}
	switch {
	case !known:
		return &Error{CodeInvalid, at + "/figure", "no such figure: use one of " + figureNames()}
	case b.Programme != "" && !ValidKey(b.Programme):
		return &Error{CodeInvalid, at + "/programme", "programme must be 1 to 100 of the characters A-Z a-z 0-9 _ . @ : -; leave it out for the one that is asked for"}
	}
	return nil
}

func figureNames() string {
	names := make([]string, len(liveFigures))
	for i, f := range liveFigures {
		names[i] = string(f.Name)
	}
	return strings.Join(names, ", ")
}

// IsBound reports whether a quantity of the map is a live figure.
func (m *ValueMap) IsBound() bool {
	for i := range m.Outcomes {
		if m.Outcomes[i].Bind != nil {
			return true
		}
	}
	return false
}
