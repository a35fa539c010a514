package impact

import "slices"

// Kind is the canonical kind of an event. Sources name their types each in
// their own way; [KindOf] maps them.
type Kind uint8

// The kinds. Their order is that of the database enum event_kind.
const (
	KindUnknown Kind = iota // stored whole, counted apart, in no figure until a mapping exists
	KindSession
	KindFeedback
	KindCheckin
	KindMilestone
	KindOutcome
	KindCourse
	KindEnrollment
	KindPlacement
	KindVolunteerHours
	KindDonation
	KindMatch
	KindEventAttended
	KindDirectory
	numKinds
)

var kindNames = [numKinds]string{
	"unknown", "session.completed", "feedback.received", "checkin.submitted", "milestone.achieved",
	"outcome.assessed", "course.completed", "enrollment", "placement", "volunteer.hours", "donation",
	"match", "event.attended", "directory",
}

// String is the kind's name, as in the database and in every API.
func (k Kind) String() string { return kindNames[k] }

// KindNames are the names of all kinds.
func KindNames() []string { return slices.Clone(kindNames[:]) }

// ParseKind is the kind of a canonical name.
func ParseKind(name string) (Kind, bool) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), true
		}
	}
	return KindUnknown, false
}

// Mapping is what a source's type name means.
type Mapping struct {
	Kind Kind
	// Programme is where an event of the type belongs that names none itself.
	Programme string
}

// Unassigned is the programme of events that name none and whose type has no
// product as its prefix.
const Unassigned = "unassigned"

// KindOf maps a source's type name; ok is false for a type that no mapping
// knows.
func KindOf(typ string) (m Mapping, ok bool) {
	m, ok = mappings[typ]
	if !ok {
		m.Programme = Unassigned
	}
	return m, ok
}

var mappings = map[string]Mapping{
	"session.completed":                       {KindSession, Unassigned},
	"kintell.session.completed":               {KindSession, "kintell"},
	"buddy.skill_share.completed":             {KindSession, "buddy"},
	"buddy.skill-share.completed":             {KindSession, "buddy"},
	"feedback.received":                       {KindFeedback, Unassigned},
	"feedback.submitted":                      {KindFeedback, Unassigned},
	"buddy.feedback.submitted":                {KindFeedback, "buddy"},
	"kintell.rating.created":                  {KindFeedback, "kintell"},
	"checkin.submitted":                       {KindCheckin, Unassigned},
	"buddy.checkin.completed":                 {KindCheckin, "buddy"},
	"milestone.achieved":                      {KindMilestone, Unassigned},
	"buddy.milestone.reached":                 {KindMilestone, "buddy"},
	"orchestration.journey.milestone.reached": {KindMilestone, Unassigned},
	"outcome.assessed":                        {KindOutcome, Unassigned},
	"course.completed":                        {KindCourse, Unassigned},
	"upskilling.course.completed":             {KindCourse, "upskilling"},
	"upskilling.progress.updated":             {KindCourse, "upskilling"},
	"ingest.enrollment.created":               {KindEnrollment, Unassigned},
	"program.enrollment":                      {KindEnrollment, Unassigned},
	"program.completion":                      {KindEnrollment, Unassigned},
	"placement.created":                       {KindPlacement, Unassigned},
	"ingest.placement.created":                {KindPlacement, Unassigned},
	"external.volunteer.logged":               {KindVolunteerHours, Unassigned},
	"ingest.volunteer.logged":                 {KindVolunteerHours, Unassigned},
	"volunteer.event":                         {KindVolunteerHours, Unassigned},
	"external.donation.made":                  {KindDonation, Unassigned},
	"ingest.donation.made":                    {KindDonation, Unassigned},
	"buddy.match.created":                     {KindMatch, "buddy"},
	"match.created":                           {KindMatch, Unassigned},
	"buddy.match.ended":                       {KindMatch, "buddy"},
	"buddy.event.logged":                      {KindEventAttended, "buddy"},
	"buddy.event.attended":                    {KindEventAttended, "buddy"},
	"external.user.synced":                    {KindDirectory, Unassigned},
	"ingest.directory.synced":                 {KindDirectory, Unassigned},
}
