package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// kindsSent are the kinds by the types that mean them in every source's mouth. Types of the
// providers that have words of their own are not among them, nor those that no figure counts.
var kindsSent = func() map[string]impact.Kind {
	kinds := make(map[string]impact.Kind)
	for kind, types := range map[impact.Kind]string{
		impact.KindSession:        "session.completed buddy.skill_share.completed buddy.skill-share.completed",
		impact.KindFeedback:       "feedback.received feedback.submitted buddy.feedback.submitted",
		impact.KindCheckin:        "checkin.submitted buddy.checkin.completed",
		impact.KindMilestone:      "milestone.achieved buddy.milestone.reached orchestration.journey.milestone.reached",
		impact.KindOutcome:        "outcome.assessed",
		impact.KindCourse:         "course.completed upskilling.course.completed upskilling.progress.updated",
		impact.KindEnrollment:     "ingest.enrollment.created program.enrollment program.completion",
		impact.KindPlacement:      "placement.created ingest.placement.created",
		impact.KindVolunteerHours: "external.volunteer.logged ingest.volunteer.logged volunteer.event",
		impact.KindMatch:          "buddy.match.created match.created buddy.match.ended",
		impact.KindEventAttended:  "buddy.event.logged buddy.event.attended",
		impact.KindDirectory:      "external.user.synced ingest.directory.synced",
	} {
		for typ := range strings.FieldsSeq(types) {
			kinds[typ] = kind
		}
	}
	return kinds
}()

// sent is what the bytes of an event say, by folded name: all that is under "data", and
// what is not there at the top. One thing can be said under several names.
type sent struct {
	top, data map[string]any
}

// readSent takes an event's bytes apart; ok is false of what is no object, and of a
// CloudEvent whose data are encoded.
func readSent(raw []byte) (s sent, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var event map[string]any
	if decoder.Decode(&event) != nil {
		return s, false
	}
	s.top, s.data = make(map[string]any), make(map[string]any)
	for name, value := range event {
		name = folded(name)
		object, isObject := value.(map[string]any)
		switch {
		case name == "database64":
			return s, false
		case name == "data" && isObject:
			flatten(s.data, object)
		default:
			flatten(s.top, map[string]any{name: value})
		}
	}
	return s, true
}

func folded(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

func flatten(into, object map[string]any) {
	for name, value := range object {
		name = folded(name)
		if inner, is := value.(map[string]any); is {
			for under, value := range inner {
				into[name+"."+folded(under)] = value
			}
		}
		into[name] = value
	}
}

// said are what is said under some names: texts and numbers, as they are written.
func (s sent) said(names ...string) (list []string) {
	for _, at := range [...]map[string]any{s.data, s.top} {
		for _, name := range names {
			switch value := at[name].(type) {
			case string:
				list = append(list, value)
			case json.Number:
				list = append(list, value.String())
			}
		}
		if len(list) > 0 {
			break
		}
	}
	return list
}

func (s sent) first(names ...string) string {
	if list := s.said(names...); len(list) > 0 {
		return list[0]
	}
	return ""
}

// number are numbers times factor, rounded.
func (s sent) number(factor *big.Rat, names ...string) (list []int64) {
	for _, text := range s.said(names...) {
		if x, ok := new(big.Rat).SetString(text); ok {
			f, _ := times(x, factor).Float64()
			list = append(list, int64(math.Round(f)))
		}
	}
	return list
}

var (
	participantNames = []string{"participantid", "participant.id", "learnerid", "learner.id", "menteeid", "mentee.id"}
	volunteerNames   = []string{
		"volunteerid", "volunteer.id", "buddyid", "buddy.id", "mentorid", "mentor.id", "teacherid", "teacher.id",
	}
	userNames = []string{"userid", "user.id"}
)

// reread reads an event from its bytes, by itself, and compares what they say with the
// columns of its row, which figures are made of. Left alone is what came through a source,
// which may have words of its own; what amends another; and what few kinds say.
func (r *run) reread(e *db.LedgerEvent) {
	if e.Source != "" || e.Links.Amends != 0 {
		return
	}
	s, ok := readSent(e.Raw)
	if !ok {
		return
	}
	kind, known := kindsSent[s.first("type", "eventtype")]
	if !known {
		return
	}
	r.result.Reread++
	r.among(e, "kind", []string{kind.String()}, e.Kind.String())
	r.among(e, "programme", s.programmes(e.Type), e.Programme)
	participants, volunteers := s.people(kind)
	r.among(e, "participant", participants, e.Participant)
	r.among(e, "volunteer", volunteers, e.Volunteer)
	r.rereadFacts(e, s, kind)
	r.rereadTime(e, s)
}

func (s sent) volunteerSays() bool {
	return slices.Contains([]string{"volunteer", "buddy", "mentor", "teacher"}, s.first("fromrole"))
}

func (s sent) programmes(typ string) []string {
	if list := s.said("programid", "programmeid", "program.id", "metadata.program"); len(list) > 0 && list[0] != "" {
		return list
	}
	for _, product := range [...]string{"buddy", "upskilling"} {
		if strings.HasPrefix(typ, product+".") {
			return []string{product}
		}
	}
	return []string{"unassigned"}
}

// people are whom an event can name.
func (s sent) people(kind impact.Kind) (participants, volunteers []string) {
	participants, volunteers = s.said(participantNames...), s.said(volunteerNames...)
	user := s.said(userNames...)
	switch {
	case kind == impact.KindVolunteerHours || kind == impact.KindFeedback && s.volunteerSays():
		if len(volunteers) == 0 {
			volunteers = user
		}
	case len(participants) == 0:
		participants = user
	}
	return participants, volunteers
}

// rereadFacts compares what the kind says.
func (r *run) rereadFacts(e *db.LedgerEvent, s sent, kind impact.Kind) {
	unit, ten := ratio(million, 1), ratio(million, 10)
	score := func(scale *big.Rat, names ...string) bool {
		list := s.number(scale, names...)
		if len(list) > 0 {
			r.near(e, "score in millionths", list, int64(e.Score))
		}
		return len(list) > 0
	}
	switch kind {
	case impact.KindSession, impact.KindEventAttended:
		list := s.number(ratio(60_000, 1), "durationminutes")
		if len(list) == 0 {
			list = s.number(ratio(1_000, 1), "duration")
		}
		r.near(e, "duration in milliseconds", list, e.DurationMS)
		if kind == impact.KindSession && !score(unit, "rating") {
			score(ten, "score")
		}
	case impact.KindVolunteerHours:
		r.near(e, "duration in milliseconds", s.number(ratio(hour, 1), "hours", "hourslogged", "activity.hours"), e.DurationMS)
	case impact.KindFeedback:
		if !score(unit, "rating") {
			score(ten, "score")
		}
		r.among(e, "whether a volunteer says it", []string{strconv.FormatBool(s.volunteerSays())}, strconv.FormatBool(e.FromVolunteer))
	case impact.KindCheckin:
		score(ten, "score")
	case impact.KindMilestone:
		score(ten, "score")
		r.near(e, "points", s.number(ratio(1, 1), "points"), e.Points)
	case impact.KindOutcome:
		score(unit, "score")
		r.near(e, "confidence in millionths", s.number(unit, "confidence"), int64(e.Confidence))
		r.among(e, "dimension", s.said("dimension"), e.Dimension.String())
	case impact.KindCourse:
		score(ratio(million, 100), "finalscore")
		r.among(e, "status", []string{courseStatus(e.Type, s)}, e.Status.String())
	case impact.KindEnrollment:
		r.among(e, "status", []string{enrolmentStatus(e.Type, s.first("status"))}, e.Status.String())
	case impact.KindPlacement:
		r.among(e, "status", []string{placementStatus(s.first("placementtype"), s.first("status"))}, e.Status.String())
	case impact.KindMatch:
		status := "started"
		if e.Type == "buddy.match.ended" {
			status = "ended"
		}
		r.among(e, "status", []string{status}, e.Status.String())
	case impact.KindDirectory:
		var list []string
		for _, text := range s.said("department") {
			list = append(list, strings.TrimSpace(text))
		}
		r.among(e, "department", list, e.Department)
	case impact.KindUnknown, impact.KindDonation:
	}
}

func courseStatus(typ string, s sent) string {
	list := s.number(ratio(1, 1), "progresspercent", "completionpercentage")
	if len(list) > 0 && list[0] < 100 || typ == "upskilling.progress.updated" && len(list) == 0 {
		return "started"
	}
	return "completed"
}

func enrolmentStatus(typ, said string) string {
	switch {
	case said == "completed", said == "" && typ == "program.completion":
		return "completed"
	case said == "withdrawn", said == "failed":
		return "ended"
	}
	return "started"
}

func placementStatus(typ, said string) string {
	switch {
	case slices.Contains([]string{"cancelled", "canceled", "declined", "rejected", "withdrawn", "failed", "ended"}, said):
		return "ended"
	case typ == "", typ == "job_placement":
		return "placed"
	}
	return "started"
}

// rereadTime compares when an event happened: a date without a time is the midnight of
// the time zone that the company had then, wherever that was. What says no time of its own
// happened when it was received.
func (r *run) rereadTime(e *db.LedgerEvent, s sent) {
	list := s.said("completedat", "activitydate", "activity.date", "course.completiondate")
	if len(list) == 0 {
		list = sent{top: s.top}.said("timestamp", "occurredat", "time")
	}
	const furthest = 15 * time.Hour // of any zone's midnight from that of UTC
	for _, text := range list {
		at, whole := timeSent(text)
		apart := e.OccurredAt.Sub(at).Abs()
		if !whole && apart < time.Microsecond || whole && apart <= furthest {
			return
		}
	}
	if len(list) > 0 {
		r.miskept(e, "time", strings.Join(list, " or "), e.OccurredAt.UTC().Format(time.RFC3339Nano))
	}
}

// timeSent is an instant, or a whole day.
func timeSent(text string) (at time.Time, whole bool) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.Truncate(time.Microsecond), false
	}
	if at, err := time.Parse("2006-01-02", text); err == nil {
		return at, true
	}
	const milliseconds = 1e11 // numbers from here on count them
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}, false
	}
	if x < milliseconds {
		x *= 1000
	}
	return time.UnixMilli(int64(x)), false
}

// among compares a text with what was sent; what was not sent is empty.
func (r *run) among(e *db.LedgerEvent, fact string, list []string, kept string) {
	if len(list) == 0 {
		list = []string{""}
	}
	if !slices.Contains(list, kept) {
		r.miskept(e, fact, strings.Join(list, " or "), kept)
	}
}

// near compares a number, which may be rounded to the other side; what was not sent is 0.
func (r *run) near(e *db.LedgerEvent, fact string, list []int64, kept int64) {
	if len(list) == 0 {
		list = []int64{0}
	}
	if !slices.ContainsFunc(list, func(n int64) bool { return n-1 <= kept && kept <= n+1 }) {
		r.miskept(e, fact, strings.Trim(fmt.Sprint(list), "[]"), fmt.Sprint(kept))
	}
}

func (r *run) miskept(e *db.LedgerEvent, fact, sent, kept string) {
	r.differ(dayOf(e.OccurredAt, r.ledger.Company.Location).String(), e.Programme,
		fmt.Sprintf("%s of event %x, as the log keeps it,", fact, e.Key), sent, kept)
}
