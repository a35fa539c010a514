package impact

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
// make one active; the others have their own rules in [Cell.Add].
var activitySets = [numKinds]Set{
	KindSession: SetSession, KindFeedback: SetFeedback, KindCheckin: SetCheckin, KindMilestone: SetMilestone,
	KindOutcome: SetOutcome, KindCourse: SetCourse, KindMatch: SetMatch, KindEventAttended: SetEventAttended,
	// Their people are volunteers; a participant that one names all the same is active.
	KindVolunteerHours: SetParticipants,
}
