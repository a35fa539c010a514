package impact

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"
)

// RestatedFigure is a figure of a month that can move after the month has ended.
type RestatedFigure string

// The figures, as of [Figures]; the ratio by the default parameters of teei-1.0, the
// score by teei-vis-1.0, both with the company's settings.
const (
	RestatedEvents         RestatedFigure = "EVENTS"
	RestatedSessions       RestatedFigure = "SESSIONS"
	RestatedParticipants   RestatedFigure = "PARTICIPANTS"
	RestatedVolunteers     RestatedFigure = "VOLUNTEERS"
	RestatedVolunteerHours RestatedFigure = "VOLUNTEER_HOURS"
	RestatedEngagement     RestatedFigure = "AVG_ENGAGEMENT"
	RestatedCompletion     RestatedFigure = "COMPLETION_RATE"
	RestatedImpactScore    RestatedFigure = "IMPACT_SCORE"
	RestatedRatio          RestatedFigure = "SROI_RATIO"
	RestatedInvestment     RestatedFigure = "SROI_INVESTMENT"
	RestatedSocialValue    RestatedFigure = "SROI_SOCIAL_VALUE"
	RestatedVIS            RestatedFigure = "VIS_SCORE"
)

// restatedFigures are the figures in their order, and whether each depends on the months
// before its own as well.
var restatedFigures = [...]struct {
	name       RestatedFigure
	cumulative bool
	of         func(*Figures) decimal.NullDecimal
}{
	{RestatedEvents, false, func(f *Figures) decimal.NullDecimal { return whole(f.Metrics.Events) }},
	{RestatedSessions, false, func(f *Figures) decimal.NullDecimal { return whole(f.Metrics.Sessions) }},
	{RestatedParticipants, false, func(f *Figures) decimal.NullDecimal { return whole(f.Metrics.Participants) }},
	{RestatedVolunteers, false, func(f *Figures) decimal.NullDecimal { return whole(f.Metrics.Volunteers) }},
	{RestatedVolunteerHours, false, func(f *Figures) decimal.NullDecimal { return some(f.Metrics.VolunteerHours) }},
	{RestatedEngagement, true, func(f *Figures) decimal.NullDecimal { return some(f.Metrics.AvgEngagement) }},
	{RestatedCompletion, true, func(f *Figures) decimal.NullDecimal { return some(f.Metrics.CompletionRate) }},
	{RestatedImpactScore, false, func(f *Figures) decimal.NullDecimal { return some(f.ImpactScore) }},
	{RestatedRatio, false, func(f *Figures) decimal.NullDecimal { return f.SROI.Ratio }},
	{RestatedInvestment, false, func(f *Figures) decimal.NullDecimal { return some(f.SROI.Investment) }},
	{RestatedSocialValue, false, func(f *Figures) decimal.NullDecimal { return some(f.SROI.SocialValue) }},
	{RestatedVIS, false, func(f *Figures) decimal.NullDecimal { return some(f.VIS.Score) }},
}

func whole(n int64) decimal.NullDecimal          { return some(decimal.NewFromInt(n)) }
func some(d decimal.Decimal) decimal.NullDecimal { return decimal.NewNullDecimal(d) }

// RestatementReason is why a figure moved, or an event moved it.
type RestatementReason string

// The reasons.
const (
	RestatedLate      RestatementReason = "LATE"      // an event came after its month had ended
	RestatedCorrected RestatementReason = "CORRECTED" // an event was replaced, amended or struck out
	RestatedSettings  RestatementReason = "SETTINGS"  // the company's settings are others
)

// RestatementQuestion asks which figures of months that had ended before Since moved
// until Until; 0 is until now. It is comparable.
type RestatementQuestion struct {
	Company      CompanyID
	Since, Until AsOf
}

// Restatements answer a question.
type Restatements struct {
	Until       AsOf          // never 0
	List        []Restatement // by month and figure
	ErasedSince bool          // a person was erased since Since: figures of both instants are without them
}

// Restatement is a figure of a month that moved.
type Restatement struct {
	Month       Range
	Figure      RestatedFigure
	Place       int // of the figure among those of a month
	Before, Now decimal.NullDecimal
	Reasons     []RestatementReason // in the order above
	// Events are the first of those that moved it, by when they were stored, and EventCount
	// how many there are. Of a figure that depends on earlier months, those of these too.
	Events     []*RestatingEvent
	EventCount int64
}

// Difference is Now - Before; null unless there are both.
func (r *Restatement) Difference() decimal.NullDecimal {
	if !r.Before.Valid || !r.Now.Valid {
		return decimal.NullDecimal{}
	}
	return some(r.Now.Decimal.Sub(r.Before.Decimal))
}

// RestatingEvent is an event that moved figures of a month that had ended.
type RestatingEvent struct {
	Reason     RestatementReason // LATE or CORRECTED
	Key        Key
	Receipt    int64
	Kind       Kind
	Type       string
	Programme  string
	OccurredAt time.Time
	StoredAt   time.Time
}

// Causes are the events that moved a figure of a month, or of several.
type Causes struct {
	Events    []*RestatingEvent // the first [MaxCauses] at least, in any order
	Count     int64
	Late      bool
	Corrected bool
}

// NumRestated is how many figures of a month are compared.
const NumRestated = len(restatedFigures)

// RestatedPlaces are figures by their [Restatement.Place], a bit each.
type RestatedPlaces uint16

// Has reports a figure among them.
func (p RestatedPlaces) Has(place int) bool { return p>>place&1 == 1 }

// Restates are the figures that the event can move: none for an event of an unknown kind.
func (e *Event) Restates() (places RestatedPlaces) {
	hasParticipant, hasVolunteer := e.Participant != "", e.Volunteer != ""
	active := e.isActivity()
	gives := hasVolunteer && (e.Kind == KindSession || e.Kind == KindVolunteerHours)
	assessed := e.Kind == KindOutcome && hasParticipant && e.Dimension != DimensionNone
	valued := assessed && slices.Contains(sroiDimensions[:], e.Dimension)
	rated := e.Kind == KindFeedback && e.ScoreScale != ScaleNone && !e.FromVolunteer
	placed := e.Kind == KindPlacement && hasParticipant && e.Status == StatusPlaced
	score := gives || active && hasVolunteer || assessed || rated || placed
	for place, f := range restatedFigures {
		moves := false
		switch f.name {
		case RestatedEvents:
			moves = e.Kind != KindUnknown
		case RestatedSessions:
			moves = e.Kind == KindSession
		case RestatedParticipants:
			moves = active && hasParticipant
		case RestatedVolunteers:
			moves = active && hasVolunteer
		case RestatedVolunteerHours, RestatedInvestment:
			moves = gives
		case RestatedEngagement:
			moves = hasParticipant && (active || e.Kind == KindEnrollment)
		case RestatedCompletion:
			moves = hasParticipant && e.Kind == KindEnrollment
		case RestatedImpactScore:
			moves = score || valued
		case RestatedRatio:
			moves = gives || valued
		case RestatedSocialValue:
			moves = valued
		case RestatedVIS:
			moves = score
		}
		if moves {
			places |= 1 << place
		}
	}
	return places
}

// isActivity reports an event that makes its people active: see [Cell.Add].
func (e *Event) isActivity() bool {
	switch e.Kind {
	case KindSession, KindFeedback, KindCheckin, KindMilestone, KindOutcome, KindCourse, KindVolunteerHours, KindEventAttended:
		return true
	case KindMatch:
		return e.Status != StatusEnded
	case KindUnknown, KindEnrollment, KindPlacement, KindDonation, KindDirectory, numKinds:
	}
	return false
}

// MaxCauses is how many events a restatement lists.
const MaxCauses = 20

// Restate lists the figures of a month that moved: from before, by events to between, which
// has the settings of before, and by settings to now. own are the causes of each figure
// within the month, all those in it and in the months before.
func Restate(month Range, before, between, now *Figures, own, all func(place int) *Causes) (list []Restatement) {
	for place, f := range restatedFigures {
		was, is := f.of(before), f.of(now)
		if sameNumber(was, is) {
			continue
		}
		r := Restatement{Month: month, Figure: f.name, Place: place, Before: was, Now: is}
		causes := own(place)
		if f.cumulative {
			causes = all(place)
		}
		if mid := f.of(between); !sameNumber(was, mid) {
			if causes.Late {
				r.Reasons = append(r.Reasons, RestatedLate)
			}
			if causes.Corrected {
				r.Reasons = append(r.Reasons, RestatedCorrected)
			}
			r.Events, r.EventCount = causes.Events[:min(len(causes.Events), MaxCauses)], causes.Count
		}
		if mid := f.of(between); !sameNumber(mid, is) {
			r.Reasons = append(r.Reasons, RestatedSettings)
		}
		list = append(list, r)
	}
	return list
}

func sameNumber(a, b decimal.NullDecimal) bool {
	return a.Valid == b.Valid && (!a.Valid || a.Decimal.Equal(b.Decimal))
}

// WholeMonths are the calendar months that a range touches, whole.
func (r Range) WholeMonths() (list []Range) {
	for day := r.From.monthStart(); day < r.To; day = day.nextMonth() {
		list = append(list, Range{day, day.nextMonth()})
	}
	return list
}

// MonthStart is the first day of the month.
func (d Day) MonthStart() Day { return d.monthStart() }
