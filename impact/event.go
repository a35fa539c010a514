package impact

import (
	"encoding/hex"
	"time"
)

// Key is the 128-bit identity of an event within its company, exact for the
// life of the data.
type Key [16]byte

// UUID is the key as a UUID is written.
func (k Key) UUID() string {
	h := hex.EncodeToString(k[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Micro is a share or a score in millionths: 0.75 is 750,000. Scores are rounded
// to it once, half away from zero, when they are decoded.
type Micro int32

// One is the whole, 1.0.
const One Micro = 1_000_000

// Float is the value as a float, for formulas.
func (m Micro) Float() float64 { return float64(m) / float64(One) }

// Scale is the range that a score was given on; the source's type says which,
// never the size of the number.
type Scale uint8

// The scales, named by their upper end.
const (
	ScaleNone    Scale = 0
	ScaleUnit    Scale = 1   // 0..1
	ScaleFive    Scale = 5   // 1..5
	ScaleTen     Scale = 10  // 0..10
	ScaleHundred Scale = 100 // 0..100
)

// Bounds are the least and greatest score of the scale.
func (s Scale) Bounds() (lo, hi float64) {
	if s == ScaleFive {
		return 1, 5
	}
	return 0, float64(s)
}

// Normalise maps a score of the scale to 0..1.
func (s Scale) Normalise(raw float64) Micro {
	lo, hi := s.Bounds()
	return Micro((raw-lo)/(hi-lo)*float64(One) + 0.5)
}

// Event is one fact of the log, normalised. Fields that its kind does not use
// are zero.
type Event struct {
	Company   CompanyID
	Key       Key
	Kind      Kind
	Type      string // as the source named it
	Programme string

	Participant string
	Volunteer   string
	Session     string // session or match
	OccurredAt  time.Time

	DurationMS    int64 // how long a session, an event or a piece of volunteering took
	Score         Micro // of session, feedback, check-in, milestone, course or assessment
	ScoreRaw      float64
	ScoreScale    Scale // ScaleNone: there is no score
	Confidence    Micro // of an assessment
	HasConfidence bool
	Dimension     Dimension
	Status        Status
	FromVolunteer bool   // feedback that a volunteer gave, not a participant
	Mood          string // of a check-in
	Level         string // CEFR level of a language session
	Points        int64  // of a milestone
	Amount        string // of a donation, an exact decimal
	Currency      string
	Department    string     // of a directory event
	Attributes    Attributes // of a directory event

	Source string // id of the source that it came through; empty for an API key
	Raw    []byte // the event as it was sent

	Links *Links // nil: its key is its only name, and it corrects nothing
}

// isSkillShare reports whether a session was one of a buddy programme's skill shares,
// which teei-activity-1.0 counts apart.
func (e *Event) isSkillShare() bool {
	return e.Type == "buddy.skill_share.completed" || e.Type == "buddy.skill-share.completed"
}

// Dimension is an outcome that participants are assessed on.
type Dimension uint8

// The dimensions.
const (
	DimensionNone Dimension = iota
	Integration
	Language
	JobReadiness
	Confidence
	Belonging
	WellBeing
	numDimensions
)

var dimensionNames = [numDimensions]string{
	"", "integration", "language", "job_readiness", "confidence", "belonging", "well_being",
}

// String is the dimension's name.
func (d Dimension) String() string { return dimensionNames[d] }

// ParseDimension is the dimension of a name; ok is false for an unknown one.
func ParseDimension(name string) (d Dimension, ok bool) {
	for i := Integration; i < numDimensions; i++ {
		if dimensionNames[i] == name {
			return i, true
		}
	}
	return DimensionNone, false
}

// Dimensions lists every dimension.
var Dimensions = [...]Dimension{Integration, Language, JobReadiness, Confidence, Belonging, WellBeing}

// Status is where an enrolment, a placement, a match or a course stands.
type Status uint8

// The statuses that figures tell apart; a source's other words are kept in the
// raw event only.
const (
	StatusNone      Status = iota
	StatusStarted          // enrolled, in progress, matched, an internship and the like
	StatusCompleted        // an enrolment or a course
	StatusEnded            // withdrawn, failed, a match that ended, a placement that did not come about
	StatusPlaced           // in a job
	StatusCancelled        // of a correction: what it corrects did not happen
	numStatuses
)

var statusNames = [numStatuses]string{"", "started", "completed", "ended", "placed", "cancelled"}

// String is the status's name.
func (s Status) String() string { return statusNames[s] }

// ParseStatus is the status of a name; ok is false for an unknown one.
func ParseStatus(name string) (s Status, ok bool) {
	for i, n := range statusNames {
		if n == name {
			return Status(i), true
		}
	}
	return StatusNone, false
}

// Verdict is what became of one event that was committed: it is durable in the
// log, unless Err says otherwise.
type Verdict struct {
	Receipt   int64  // the batch that the event is in
	Duplicate bool   // the log had it already
	Conflict  bool   // with another body
	Err       *Error // the database cannot hold the event; nothing of it was stored
}
