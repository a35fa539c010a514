package verify

import (
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// account is what happened in a period of a programme, or of all of them.
type account struct {
	kinds          map[impact.Kind]int64
	courses        int64               // completed
	rated, ratings int64               // participants' feedback: how often, and its sum in millionths
	time           map[*rates]int64    // that named volunteers gave, in milliseconds
	activity       [6]int64            // matches made, events attended, skill shares, feedback, milestones, check-ins
	worth          [6]map[*rates]int64 // likewise
	people         map[string]*person
}

// person is what somebody did, received and said in a period.
type person struct {
	takesPart, volunteers bool // actively
	placed, ready         bool

	givenMS int64
	met     map[string]bool

	received     map[*rates]int64 // time of named volunteers in sessions
	rated, rates int64
	assessed     [7]assessed // by dimension
}

// assessed is somebody's scores in a dimension, in millionths.
type assessed struct {
	n, sum          int64
	stated, certain int64 // how often a confidence was stated, and their sum
	firstAt, lastAt int64
	first, last     int64
}

func newAccount() *account {
	a := &account{time: make(map[*rates]int64), people: make(map[string]*person), kinds: make(map[impact.Kind]int64)}
	for i := range a.worth {
		a.worth[i] = make(map[*rates]int64)
	}
	return a
}

func (a *account) of(who string) *person {
	p := a.people[who]
	if p == nil {
		p = new(person)
		a.people[who] = p
	}
	return p
}

// rates are what an hour and the activities are worth, from a day on: from the beginning of
// its year, or since a setting changed.
type rates struct {
	from     impact.Day
	hour     string
	activity [6]string
}

// isActivity is of kinds whose people took part in something: to be enrolled, placed or
// listed, or to give money, is not to be active.
func isActivity(e *db.LedgerEvent) bool {
	switch e.Kind {
	case impact.KindSession, impact.KindFeedback, impact.KindCheckin, impact.KindMilestone, impact.KindOutcome, impact.KindCourse,
		impact.KindVolunteerHours, impact.KindEventAttended:
		return true
	case impact.KindMatch:
		return e.Status != impact.StatusEnded
	case impact.KindUnknown, impact.KindEnrollment, impact.KindPlacement, impact.KindDonation, impact.KindDirectory:
	}
	return false
}

func isAssessment(e *db.LedgerEvent) bool {
	return e.Kind == impact.KindOutcome && e.Participant != "" && e.Dimension != impact.DimensionNone
}

const readyFrom = 700_000 // of job_readiness, millionths

func (a *account) add(e *db.LedgerEvent, r *rates) {
	a.kinds[e.Kind]++
	if e.Kind == impact.KindUnknown {
		return
	}
	count := func(activity int) {
		a.activity[activity]++
		a.worth[activity][r]++
	}
	switch e.Kind {
	case impact.KindSession:
		if e.Type == "buddy.skill_share.completed" || e.Type == "buddy.skill-share.completed" {
			count(2)
		}
	case impact.KindMatch:
		if e.Status != impact.StatusEnded {
			count(0)
		}
	case impact.KindEventAttended:
		count(1)
	case impact.KindFeedback:
		count(3)
		if !e.FromVolunteer && e.ScoreScale != impact.ScaleNone {
			a.rated, a.ratings = a.rated+1, a.ratings+int64(e.Score)
			if e.Participant != "" {
				p := a.of(e.Participant)
				p.rated, p.rates = p.rated+1, p.rates+int64(e.Score)
			}
		}
	case impact.KindMilestone:
		count(4)
	case impact.KindCheckin:
		count(5)
	case impact.KindPlacement:
		if e.Participant != "" && e.Status == impact.StatusPlaced {
			p := a.of(e.Participant)
			p.placed, p.ready = true, true
		}
	case impact.KindCourse:
		if e.Status == impact.StatusCompleted {
			a.courses++
		}
	case impact.KindUnknown, impact.KindOutcome, impact.KindEnrollment, impact.KindVolunteerHours,
		impact.KindDonation, impact.KindDirectory:
	}
	if isAssessment(e) {
		p := a.of(e.Participant)
		p.assessed[e.Dimension].add(e)
		if e.Dimension == impact.JobReadiness && e.Score >= readyFrom {
			p.ready = true
		}
	}
	if e.Volunteer != "" && (e.Kind == impact.KindSession || e.Kind == impact.KindVolunteerHours) {
		a.time[r] += e.DurationMS
		v := a.of(e.Volunteer)
		v.givenMS += e.DurationMS
	}
	if !isActivity(e) {
		return
	}
	if e.Participant != "" {
		a.of(e.Participant).takesPart = true
	}
	if e.Volunteer != "" {
		a.of(e.Volunteer).volunteers = true
	}
	if e.Participant != "" && e.Volunteer != "" && (e.Kind == impact.KindSession || e.Kind == impact.KindMatch) {
		v := a.of(e.Volunteer)
		if v.met == nil {
			v.met = make(map[string]bool)
		}
		v.met[e.Participant] = true
	}
	if e.Participant != "" && e.Volunteer != "" && e.Kind == impact.KindSession {
		p := a.of(e.Participant)
		if p.received == nil {
			p.received = make(map[*rates]int64)
		}
		p.received[r] += e.DurationMS
	}
}

func (s *assessed) add(e *db.LedgerEvent) {
	at, score := e.OccurredAt.UnixMilli(), int64(e.Score)
	if s.n == 0 || at < s.firstAt || at == s.firstAt && score < s.first {
		s.firstAt, s.first = at, score
	}
	if s.n == 0 || at > s.lastAt || at == s.lastAt && score > s.last {
		s.lastAt, s.last = at, score
	}
	s.n, s.sum = s.n+1, s.sum+score
	if e.HasConfidence {
		s.stated, s.certain = s.stated+1, s.certain+int64(e.Confidence)
	}
}

// history is what is known of a programme's people up to a day.
type history struct {
	known              map[string]bool // ever enrolled or active as participants
	enrolled, finished map[enrolment]bool
}

type enrolment struct{ programme, who string }

func newHistory() *history {
	return &history{make(map[string]bool), make(map[enrolment]bool), make(map[enrolment]bool)}
}

func (h *history) add(e *db.LedgerEvent) {
	if e.Participant == "" {
		return
	}
	if isActivity(e) {
		h.known[e.Participant] = true
	}
	if e.Kind == impact.KindEnrollment {
		h.known[e.Participant] = true
		h.enrolled[enrolment{e.Programme, e.Participant}] = true
		if e.Status == impact.StatusCompleted {
			h.finished[enrolment{e.Programme, e.Participant}] = true
		}
	}
}

// dayOf is the company's day of an instant.
func dayOf(at time.Time, in *time.Location) impact.Day { return impact.Date(at.In(in).Date()) }

func sumOf(time map[*rates]int64) (ms int64) {
	for _, n := range time {
		ms += n
	}
	return ms
}

func (a *account) counts() (participants, volunteers int64) {
	for _, p := range a.people {
		if p.takesPart {
			participants++
		}
		if p.volunteers {
			volunteers++
		}
	}
	return participants, volunteers
}
