// Package seed makes up plausible histories of social-impact programmes, as the
// webhook bodies that platforms would have sent. The same [Plan] gives the same
// bytes.
package seed

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// Plan says what history to make up for one company.
type Plan struct {
	Seed     uint64
	Company  string // its key
	Events   int
	From, To time.Time // half-open; events are in order of time
}

// maxParticipants bounds a company's participants: beyond it, more events mean
// more events per person.
const maxParticipants = 20_000

// eventsPerParticipant is how many events a participant has in smaller plans.
const eventsPerParticipant = 40

// History makes up a company's events one after the other.
type History struct {
	plan Plan
	rand *rand.Rand
	next int

	participants, volunteers int
}

// New begins a history.
func New(p Plan) *History {
	participants := min(max(p.Events/eventsPerParticipant, 12), maxParticipants)
	return &History{
		plan: p, rand: rand.New(rand.NewPCG(p.Seed, hash(p.Company))), //nolint:gosec // has to be repeatable, not secret
		participants: participants, volunteers: max(participants/6, 3),
	}
}

func hash(s string) (h uint64) {
	for _, c := range []byte(s) {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return h
}

var (
	programmes  = [...]string{"buddy", "language", "mentoring", "upskilling"}
	departments = [...]string{"Engineering", "Finance", "People", "Sales", "Operations", "Marketing"}
	dimensions  = [...]string{"integration", "language", "job_readiness", "confidence", "belonging", "well_being"}
	moods       = [...]string{"great", "good", "okay", "struggling", "difficult"}
	levels      = [...]string{"A1", "A2", "B1", "B2", "C1", "C2"}
	activities  = [...]string{"Tree Planting", "Coding Workshop", "Food Distribution", "Companionship"}
)

// Append appends the next event's body to b; ok is false at the end.
//
// Participants join one by one over the first four fifths of the time, enrol,
// then meet the volunteer of their programme, are assessed, and improve with the
// time since they joined.
func (h *History) Append(b []byte) (_ []byte, ok bool) {
	n := h.next
	if n >= h.plan.Events {
		return b, false
	}
	h.next++
	done := (float64(n) + h.rand.Float64()) / float64(h.plan.Events)
	at := h.plan.From.Add(time.Duration(done * float64(h.plan.To.Sub(h.plan.From))))
	joined := min(int(done/0.8*float64(h.participants)), h.participants-1)
	newcomer := joined > int(float64(n-1)/float64(h.plan.Events)/0.8*float64(h.participants)) && n > 0 || n == 0
	who := joined
	if !newcomer {
		who = h.rand.IntN(joined + 1)
	}
	programme := who % len(programmes)
	e := body{
		b: b, id: h.id(n), at: at, programme: programmes[programme],
		participant: "p" + strconv.Itoa(who), volunteer: "v" + strconv.Itoa(who%h.volunteers),
	}
	progress := math.Sqrt(max(done-float64(who)/float64(h.participants)*0.8, 0))
	if newcomer {
		if h.rand.IntN(2) == 0 {
			return e.enrolled(), true
		}
		return e.directory(departments[h.rand.IntN(len(departments))]), true
	}
	score := func() float64 { return round(min(max(0.35+0.5*progress+0.15*h.rand.NormFloat64(), 0), 1), 2) }
	switch roll := h.rand.IntN(1000); {
	case roll < 520:
		return e.session(30+15*h.rand.IntN(5), score()*10, levels[min(int(progress*6), 5)]), true
	case roll < 620:
		return e.feedback(score()), true
	case roll < 720:
		return e.checkin(moods[min(int((1-score())*5), 4)]), true
	case roll < 770:
		return e.milestone(10 * (1 + h.rand.IntN(10))), true
	case roll < 850:
		return e.outcome(dimensions[h.rand.IntN(len(dimensions))], score(), round(0.6+0.4*h.rand.Float64(), 2)), true
	case roll < 880:
		return e.course("course-"+strconv.Itoa(h.rand.IntN(40)), math.Round(score()*100)), true
	case roll < 910:
		return e.enrolled(), true
	case roll < 935:
		return e.completed(), true
	case roll < 945:
		return e.placed(), true
	case roll < 985:
		return e.volunteered(activities[h.rand.IntN(len(activities))], 1+0.5*float64(h.rand.IntN(8))), true
	case roll < 990:
		return e.matched(), true
	default:
		return e.directory(departments[h.rand.IntN(len(departments))]), true
	}
}

func (h *History) id(n int) string {
	return fmt.Sprintf("seed-%d-%d", h.plan.Seed, n)
}

func round(x float64, places int) float64 {
	p := math.Pow10(places)
	return math.Round(x*p) / p
}

// body writes one event as a platform would send it.
type body struct {
	b                                     []byte
	id, programme, participant, volunteer string
	at                                    time.Time
}

func (e *body) event(typ, format string, args ...any) []byte {
	e.b = fmt.Appendf(e.b, `{"type":%q,"id":%q,"timestamp":%q,"data":{"programId":%q,`,
		typ, e.id, e.at.UTC().Format(time.RFC3339), e.programme)
	e.b = fmt.Appendf(e.b, format, args...)
	return append(e.b, "}}"...)
}

func (e *body) session(minutes int, score float64, level string) []byte {
	return e.event("session.completed", `"participantId":%q,"volunteerId":%q,"durationMinutes":%d,"score":%g,"languageLevel":%q`,
		e.participant, e.volunteer, minutes, round(score, 1), level)
}

func (e *body) feedback(rating float64) []byte {
	return e.event("feedback.submitted", `"participantId":%q,"fromRole":"participant","rating":%g`, e.participant, rating)
}

func (e *body) checkin(mood string) []byte {
	return e.event("buddy.checkin.completed", `"participantId":%q,"mood":%q`, e.participant, mood)
}

func (e *body) milestone(points int) []byte {
	return e.event("milestone.achieved", `"userId":%q,"milestone":"step","points":%d`, e.participant, points)
}

func (e *body) outcome(dimension string, score, confidence float64) []byte {
	return e.event("outcome.assessed", `"participantId":%q,"dimension":%q,"score":%g,"confidence":%g`, e.participant, dimension, score, confidence)
}

func (e *body) course(id string, score float64) []byte {
	return e.event("upskilling.course.completed", `"userId":%q,"courseId":%q,"finalScore":%g,"progressPercent":100`, e.participant, id, score)
}

func (e *body) enrolled() []byte {
	return e.event("program.enrollment", `"userId":%q,"status":"enrolled"`, e.participant)
}

func (e *body) completed() []byte {
	return e.event("program.completion", `"userId":%q,"status":"completed"`, e.participant)
}

func (e *body) placed() []byte {
	return e.event("placement.created", `"userId":%q,"placementType":"job_placement","status":"active"`, e.participant)
}

func (e *body) volunteered(activity string, hours float64) []byte {
	return e.event("external.volunteer.logged", `"userId":%q,"activityType":%q,"hours":%g,"verified":true`, e.volunteer, activity, hours)
}

func (e *body) matched() []byte {
	return e.event("buddy.match.created", `"matchId":%q,"participantId":%q,"buddyId":%q`, e.id, e.participant, e.volunteer)
}

func (e *body) directory(department string) []byte {
	return e.event("external.user.synced", `"userId":%q,"department":%q,"status":"active"`, e.participant, department)
}
