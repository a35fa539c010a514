package impact

import "math/bits"

// Activity is something that a participant did, of which the rollups know the days:
// what cohorts are picked by and funnels are made of.
type Activity string

// The activities.
const (
	ActivityAny        Activity = "ANY" // whatever makes a participant active in a period
	ActivitySession    Activity = "SESSION"
	ActivityFeedback   Activity = "FEEDBACK"
	ActivityCheckin    Activity = "CHECKIN"
	ActivityMilestone  Activity = "MILESTONE"
	ActivityOutcome    Activity = "OUTCOME"     // assessed
	ActivityCourse     Activity = "COURSE"      // any progress
	ActivityCourseDone Activity = "COURSE_DONE" // finished a course
	ActivityEnrolment  Activity = "ENROLMENT"   // whatever its status
	ActivityCompletion Activity = "COMPLETION"  // of an enrolment
	ActivityPlacement  Activity = "PLACEMENT"   // of any kind
	ActivityJob        Activity = "JOB"         // placed in a job
	ActivityJobReady   Activity = "JOB_READY"   // assessed as job-ready
	ActivityDonation   Activity = "DONATION"
	ActivityMatch      Activity = "MATCH"
	ActivityEvent      Activity = "EVENT" // attended
)

// Set is the set of the people who did it; ok is false for an activity there is not.
func (a Activity) Set() (set Set, ok bool) {
	set, ok = setsOfActivities[a]
	return set, ok
}

var setsOfActivities = map[Activity]Set{
	ActivityAny: SetParticipants, ActivitySession: SetSession, ActivityFeedback: SetFeedback,
	ActivityCheckin: SetCheckin, ActivityMilestone: SetMilestone, ActivityOutcome: SetOutcome,
	ActivityCourse: SetCourse, ActivityCourseDone: SetCourseDone,
	ActivityEnrolment: SetEnrolled, ActivityCompletion: SetCompleted,
	ActivityPlacement: SetPlacement, ActivityJob: SetPlaced, ActivityJobReady: SetReady,
	ActivityDonation: SetDonation, ActivityMatch: SetMatch, ActivityEvent: SetEventAttended,
}

// activitySets is the set that the participant of an event joins, of the kinds that
// make one active; the others have their own rules in [Event.Joins].
var activitySets = [numKinds]Set{
	KindSession: SetSession, KindFeedback: SetFeedback, KindCheckin: SetCheckin, KindMilestone: SetMilestone,
	KindOutcome: SetOutcome, KindCourse: SetCourse, KindMatch: SetMatch, KindEventAttended: SetEventAttended,
	// Their people are volunteers; a participant that one names all the same is active.
	KindVolunteerHours: SetParticipants,
}

// Sets is some of the sets.
type Sets uint32

// Has reports whether a set is among them.
func (s Sets) Has(set Set) bool { return s&setsOf(set) != 0 }

func (s Sets) each(f func(Set)) {
	for ; s != 0; s &= s - 1 {
		f(Set(bits.TrailingZeros32(uint32(s))))
	}
}

func setsOf(list ...Set) (s Sets) {
	for _, set := range list {
		s |= 1 << set
	}
	return s
}

// Joins are the sets that the participant of an event joins; none if it names nobody.
func (e *Event) Joins() Sets {
	if e.Participant == "" {
		return 0
	}
	switch e.Kind {
	case KindUnknown, KindDirectory, numKinds:
		return 0
	case KindDonation:
		return setsOf(SetDonation)
	case KindEnrollment:
		if e.Status == StatusCompleted {
			return setsOf(SetEnrolled, SetCompleted)
		}
		return setsOf(SetEnrolled)
	case KindPlacement:
		if e.Status == StatusPlaced {
			return setsOf(SetPlacement, SetPlaced)
		}
		return setsOf(SetPlacement)
	case KindMatch:
		if e.Status == StatusEnded {
			return 0
		}
	case KindSession, KindVolunteerHours, KindFeedback, KindCheckin, KindMilestone, KindCourse, KindOutcome, KindEventAttended:
	}
	active := setsOf(SetParticipants, activitySets[e.Kind])
	switch {
	case e.Kind == KindCourse && e.Status == StatusCompleted:
		active |= setsOf(SetCourseDone)
	case e.Kind == KindOutcome && e.Dimension == JobReadiness && e.Score >= ReadyScore:
		active |= setsOf(SetReady)
	}
	return active
}
