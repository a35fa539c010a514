package impact

// Measure names one additive counter of a cell.
type Measure uint8

// The measures. One is kept per kind (the count of its events and, as its sum,
// milliseconds, points or matches made); the others are below.
const (
	// MeasureVolunteerTime counts and sums, in milliseconds, the time that named
	// volunteers gave: their sessions and their logged hours.
	MeasureVolunteerTime Measure = Measure(numKinds) + iota
	// MeasureRating counts and sums, in millionths, the ratings that participants gave.
	MeasureRating
	// MeasureCourseDone counts courses that were finished.
	MeasureCourseDone
	// measureScore is the first of one measure per dimension: assessments and
	// the sum of their scores, in millionths.
	measureScore
	// measureConfidence likewise: assessments that state a confidence, and its sum.
	measureConfidence = measureScore + Measure(numDimensions)
	// MeasureSkillShare counts the sessions that were skill shares.
	MeasureSkillShare = measureConfidence + Measure(numDimensions)
	numMeasures       = MeasureSkillShare + 1
)

// MeasureOf is the measure that counts events of a kind.
func MeasureOf(k Kind) Measure { return Measure(k) }

// MeasureScore is the measure of a dimension's assessment scores.
func MeasureScore(d Dimension) Measure { return measureScore + Measure(d) }

// MeasureConfidence is the measure of a dimension's assessment confidence.
func MeasureConfidence(d Dimension) Measure { return measureConfidence + Measure(d) }

// String is the measure's name in the database.
func (m Measure) String() string { return measureNames[m] }

// ParseMeasure is the measure of a name.
func ParseMeasure(name string) (Measure, bool) {
	m, ok := measuresByName[name]
	return m, ok
}

var measureNames, measuresByName = func() (names [numMeasures]string, byName map[string]Measure) {
	for k := range numKinds {
		names[MeasureOf(k)] = k.String()
	}
	names[MeasureVolunteerTime] = "volunteer_time"
	names[MeasureRating] = "rating"
	names[MeasureCourseDone] = "course_done"
	names[MeasureSkillShare] = "skill_share"
	for _, d := range Dimensions {
		names[MeasureScore(d)] = "score." + d.String()
		names[MeasureConfidence(d)] = "confidence." + d.String()
	}
	byName = make(map[string]Measure, numMeasures)
	for m, n := range names {
		if n != "" {
			byName[n] = Measure(m)
		}
	}
	return names, byName
}()

// Tally is a count of observations and their sum in the measure's fixed-point
// unit.
type Tally struct{ N, Sum int64 }

func (t *Tally) add(n, sum int64) { t.N += n; t.Sum += sum }

// Set names one set of people of a cell.
type Set uint8

// The sets.
const (
	SetParticipants Set = iota // active as a participant
	SetVolunteers              // active as a volunteer
	SetEnrolled                // an enrolment of theirs is known
	SetCompleted               // completed an enrolment
	SetPlaced                  // placed in a job
	SetReady                   // assessed as job-ready: job_readiness of ReadyScore or more

	// Participants by what they did, which no figure of a period needs: see [Activity].
	SetSession
	SetFeedback
	SetCheckin
	SetMilestone
	SetOutcome
	SetCourse     // any progress in a course
	SetCourseDone // finished one
	SetPlacement  // of any kind
	SetDonation
	SetMatch // made, not ended
	SetEventAttended
	numSets
)

// ReadyScore is the job_readiness from which a participant is job-ready, as
// teei-vis-1.0 defines it.
const ReadyScore = Micro(700_000)

var setNames = [numSets]string{
	"participants", "volunteers", "enrolled", "completed", "placed", "ready",
	"did.session", "did.feedback", "did.checkin", "did.milestone", "did.outcome", "did.course", "did.course_done",
	"did.placement", "did.donation", "did.match", "did.event",
}

// FigureSets lists the sets that the figures of a period are made of.
var FigureSets = [...]Set{SetParticipants, SetVolunteers, SetEnrolled, SetCompleted, SetPlaced, SetReady}

// String is the set's name in the database.
func (s Set) String() string { return setNames[s] }

// ParseSet is the set of a name.
func ParseSet(name string) (Set, bool) {
	for s, n := range setNames {
		if n == name {
			return Set(s), true
		}
	}
	return 0, false
}
