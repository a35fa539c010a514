package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

var (
	acme     = &impact.Company{ID: 1, Key: "acme", Calendar: impact.Calendar{Location: time.UTC}}
	globex   = &impact.Company{ID: 2, Key: "globex", Calendar: impact.Calendar{Location: time.UTC}}
	received = time.Date(2025, 12, 1, 9, 30, 0, 0, time.UTC)
	ten      = time.Date(2025, 11, 13, 10, 0, 0, 0, time.UTC)
)

// tenant may write to its companies; the first is its default.
type tenant []*impact.Company

func (c tenant) Company(key string) (*impact.Company, error) {
	for _, company := range c {
		if company.Key == key {
			return company, nil
		}
	}
	return nil, impact.Errorf(impact.CodeForbidden, "the key may not use company %q", key)
}

func (c tenant) DefaultCompany() (*impact.Company, error) {
	if len(c) == 0 {
		return nil, impact.Errorf(impact.CodeInvalid, "name a company")
	}
	return c[0], nil
}

// decodeAs decodes a body as a request of the caller would be.
func decodeAs(caller Caller, delivery, body string) (*request, error) {
	q := &request{normaliser: normaliser{caller: caller, receivedAt: received, delivery: delivery}}
	err := q.decode([]byte(body))
	return q, err
}

func mustDecode(t testing.TB, body string) *impact.Event {
	t.Helper()
	e, err := Decode([]byte(body), acme, received)
	if err != nil {
		t.Fatalf("%s\n%v", body, err)
	}
	if string(e.Raw) != strings.TrimSpace(body) {
		t.Errorf("raw is %s, want %s", e.Raw, body)
	}
	return e
}

// bare is the event without what every event has.
func bare(e *impact.Event) impact.Event {
	b := *e
	b.Raw, b.Key, b.Company, b.Type, b.Links = nil, impact.Key{}, 0, "", nil
	return b
}

// same compares events by value, times by instant.
func same(a, b impact.Event) bool {
	ok := a.OccurredAt.Equal(b.OccurredAt) && string(a.Raw) == string(b.Raw) &&
		fmt.Sprintf("%+v", a.Links) == fmt.Sprintf("%+v", b.Links)
	a.OccurredAt, b.OccurredAt, a.Raw, b.Raw, a.Links, b.Links = time.Time{}, time.Time{}, nil, nil, nil, nil
	return ok && fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b)
}

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type object = map[string]any

// kindTests hold, for every kind of the contracts, all its types with the
// programme that each implies, an event, and what it means.
var kindTests = []struct {
	types map[string]string
	data  object
	want  impact.Event
}{
	{
		map[string]string{
			"session.completed": "unassigned", "kintell.session.completed": "kintell",
			"buddy.skill_share.completed": "buddy", "buddy.skill-share.completed": "buddy",
		},
		object{
			"sessionId": "s1", "participantId": "p1", "volunteerId": "v1", "durationMinutes": 30.5,
			"completedAt": "2025-11-13T11:00:00+01:00", "languageLevel": "B2", "score": 7.3,
		},
		impact.Event{
			Kind: impact.KindSession, Session: "s1", Participant: "p1", Volunteer: "v1", DurationMS: 1_830_000, Level: "B2",
			Score: 730_000, ScoreRaw: 7.3, ScoreScale: impact.ScaleTen, OccurredAt: ten,
		},
	},
	{
		map[string]string{
			"feedback.received": "unassigned", "feedback.submitted": "unassigned",
			"buddy.feedback.submitted": "buddy", "kintell.rating.created": "kintell",
		},
		object{"rating": 0.85, "fromRole": "participant", "participantId": "p1", "matchId": "m1", "categories": object{"clarity": 0.5, "score": "x"}},
		impact.Event{
			Kind: impact.KindFeedback, Session: "m1", Participant: "p1",
			Score: 850_000, ScoreRaw: 0.85, ScoreScale: impact.ScaleUnit, OccurredAt: received,
		},
	},
	{
		map[string]string{"checkin.submitted": "unassigned", "buddy.checkin.completed": "buddy"},
		object{"mood": "struggling", "matchId": "m1", "userId": "p1", "value": 50, "score": 10},
		impact.Event{
			Kind: impact.KindCheckin, Mood: "struggling", Session: "m1", Participant: "p1",
			Score: impact.One, ScoreRaw: 10, ScoreScale: impact.ScaleTen, OccurredAt: received,
		},
	},
	{
		map[string]string{
			"milestone.achieved": "unassigned", "buddy.milestone.reached": "buddy",
			"orchestration.journey.milestone.reached": "unassigned",
		},
		object{"userId": "p1", "milestone": "first job", "points": 25},
		impact.Event{Kind: impact.KindMilestone, Participant: "p1", Points: 25, OccurredAt: received},
	},
	{
		map[string]string{"outcome.assessed": "unassigned"},
		object{"participantId": "p1", "dimension": "job_readiness", "score": 0.7, "confidence": 0.25},
		impact.Event{
			Kind: impact.KindOutcome, Participant: "p1", Dimension: impact.JobReadiness, Score: 700_000, ScoreRaw: 0.7,
			ScoreScale: impact.ScaleUnit, Confidence: 250_000, HasConfidence: true, OccurredAt: received,
		},
	},
	{
		map[string]string{"course.completed": "unassigned", "upskilling.course.completed": "upskilling", "upskilling.progress.updated": "upskilling"},
		object{"userId": "p1", "courseId": "c1", "finalScore": 95, "progressPercent": 100},
		impact.Event{
			Kind: impact.KindCourse, Participant: "p1", Status: impact.StatusCompleted,
			Score: 950_000, ScoreRaw: 95, ScoreScale: impact.ScaleHundred, OccurredAt: received,
		},
	},
	{
		map[string]string{"ingest.enrollment.created": "unassigned", "program.enrollment": "unassigned", "program.completion": "unassigned"},
		object{"userId": "p1", "status": "in_progress", "cohortId": "c1"},
		impact.Event{Kind: impact.KindEnrollment, Participant: "p1", Status: impact.StatusStarted, OccurredAt: received},
	},
	{
		map[string]string{"placement.created": "unassigned", "ingest.placement.created": "unassigned"},
		object{"userId": "p1", "placementType": "job_placement", "status": "active", "salary": object{"min": 1, "max": 2, "currency": "EUR"}},
		impact.Event{Kind: impact.KindPlacement, Participant: "p1", Status: impact.StatusPlaced, OccurredAt: received},
	},
	{
		map[string]string{"external.volunteer.logged": "unassigned", "ingest.volunteer.logged": "unassigned", "volunteer.event": "unassigned"},
		object{"userId": "v1", "hours": 4.5, "activityType": "Mentoring", "activityDate": "2025-11-13T10:00:00Z", "verified": true},
		impact.Event{Kind: impact.KindVolunteerHours, Volunteer: "v1", DurationMS: 16_200_000, OccurredAt: ten},
	},
	{
		map[string]string{"external.donation.made": "unassigned", "ingest.donation.made": "unassigned"},
		object{"userId": "p1", "amount": json.Number("12345678901234.5678"), "currency": "eur"},
		impact.Event{Kind: impact.KindDonation, Participant: "p1", Amount: "12345678901234.5678", Currency: "EUR", OccurredAt: received},
	},
	{
		map[string]string{"buddy.match.created": "buddy", "match.created": "unassigned"},
		object{"matchId": "m1", "participantId": "p1", "buddyId": "v1"},
		impact.Event{Kind: impact.KindMatch, Session: "m1", Participant: "p1", Volunteer: "v1", Status: impact.StatusStarted, OccurredAt: received},
	},
	{
		map[string]string{"buddy.match.ended": "buddy"},
		object{"matchId": "m1", "participantId": "p1", "buddyId": "v1"},
		impact.Event{Kind: impact.KindMatch, Session: "m1", Participant: "p1", Volunteer: "v1", Status: impact.StatusEnded, OccurredAt: received},
	},
	{
		map[string]string{"buddy.event.logged": "buddy", "buddy.event.attended": "buddy"},
		object{"userId": "p1", "eventType": "picnic", "durationMinutes": 90},
		impact.Event{Kind: impact.KindEventAttended, Participant: "p1", DurationMS: 5_400_000, OccurredAt: received},
	},
	{
		map[string]string{"external.user.synced": "unassigned", "ingest.directory.synced": "unassigned"},
		object{"userId": "p1", "department": " Engineering ", "division": "R&D", "status": "active"},
		impact.Event{
			Kind: impact.KindDirectory, Participant: "p1", Department: "Engineering", OccurredAt: received,
			Attributes: impact.NewAttributes(map[string]string{"division": "R&D", "status": "active"}),
		},
	},
	{
		map[string]string{"external.user.synced": "unassigned"},
		object{"userId": "p1", "division": " ", "attributes": object{"cost-centre": 12.5, "division": "R&D", "remote": false, "team": nil, "x": ""}},
		impact.Event{
			Kind: impact.KindDirectory, Participant: "p1", OccurredAt: received, Attributes: impact.NewAttributes(map[string]string{
				"cost-centre": "12.5", "division": "R&D", "remote": "false", "team": "", "x": "",
			}),
		},
	},
	{
		map[string]string{"milestone.achieved": "unassigned"},
		object{"userId": "p1", "division": 7, "attributes": "anything"},
		impact.Event{Kind: impact.KindMilestone, Participant: "p1", OccurredAt: received},
	},
	{
		map[string]string{"session.started": "unassigned", "session.created": "unassigned"},
		object{"sessionId": "s1", "participantId": "p1", "volunteerId": "v1", "rating": 7, "mood": "meh"},
		impact.Event{Kind: impact.KindUnknown, Session: "s1", Participant: "p1", Volunteer: "v1", OccurredAt: received},
	},
	{
		map[string]string{"session.created": "unassigned"},
		object{"session_id": "s1", "volunteer": object{"id": "v1"}, "activity": object{"type": "planting", "date": 1763028000, "hours": 2}},
		impact.Event{Kind: impact.KindVolunteerHours, Session: "s1", Volunteer: "v1", DurationMS: 7_200_000, OccurredAt: ten},
	},
}

func TestDecodeKinds(t *testing.T) {
	t.Parallel()
	known := make(map[string]bool)
	for _, tt := range kindTests {
		for typ, programme := range tt.types {
			if tt.want.Kind != impact.KindUnknown && typ != typeSessionCreated {
				known[typ] = true
			}
			for spelling, data := range spellings(tt.data) {
				for place, body := range places(typ, data) {
					t.Run(typ+"/"+spelling+"/"+place, func(t *testing.T) {
						t.Parallel()
						e := mustDecode(t, encode(t, body))
						want := tt.want
						want.Programme = programme
						if got := bare(e); !same(got, want) {
							t.Errorf("%s\ngot  %+v\nwant %+v", e.Raw, got, want)
						}
						if e.Type != typ || e.Company != acme.ID {
							t.Errorf("type %q of company %d", e.Type, e.Company)
						}
					})
				}
			}
		}
	}
	if len(known) != 34 {
		t.Errorf("%d types tested; the contracts list 34", len(known))
	}
}

// spellings spells the names of an object in every way that is accepted.
func spellings(data object) map[string]object {
	all := map[string]object{"camelCase": data}
	for name, spell := range map[string]func(string) string{
		"snake_case": snake, "SCREAMING_SNAKE": func(s string) string { return strings.ToUpper(snake(s)) },
		"PascalCase": func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
		"lowercase":  strings.ToLower,
	} {
		all[name] = respell(data, spell)
	}
	objects := object{} // volunteerId: "v1" as volunteer: {id: "v1"}
	for name, value := range data {
		if id, ok := strings.CutSuffix(name, "Id"); ok && id != "course" && id != "cohort" {
			objects[id] = object{"name": "x", "id": value, "more": []any{object{"id": "y"}}}
		} else {
			objects[name] = value
		}
	}
	all["objects"] = objects
	return all
}

func respell(data object, spell func(string) string) object {
	out := object{}
	for name, value := range data {
		if inner, ok := value.(object); ok && name != "categories" {
			value = respell(inner, spell)
		}
		out[spell(name)] = value
	}
	return out
}

func snake(s string) string {
	var b strings.Builder
	for _, c := range s {
		if 'A' <= c && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}

func places(typ string, data object) map[string]object {
	top := maps.Clone(data)
	maps.DeleteFunc(top, func(name string, _ any) bool {
		return strings.EqualFold(strings.ReplaceAll(name, "_", ""), "eventtype")
	})
	both := maps.Clone(top) // data wins over the top
	top["type"] = typ
	for name, value := range both {
		switch value.(type) {
		case string:
			both[name] = "other"
		case object:
			delete(both, name)
		default:
			both[name] = 0.125
		}
	}
	both["event_type"], both["data"] = typ, data
	return map[string]object{"under data": {"eventType": typ, "data": data}, "at the top": top, "both": both}
}

func TestDecodePeople(t *testing.T) {
	t.Parallel()
	const session, hours, feedback = "session.completed", "volunteer.event", "feedback.received"
	for _, tt := range []struct{ typ, data, participant, volunteer string }{
		{session, `"participantId":"a"`, "a", ""},
		{session, `"learnerId":"a"`, "a", ""},
		{session, `"learner_id":"a"`, "a", ""},
		{session, `"menteeId":"a"`, "a", ""},
		{session, `"mentee":{"id":"a"}`, "a", ""},
		{session, `"mentee":"a","mentorId":"b"`, "a", "b"},
		{session, `"learner":{"id":"a"}`, "a", ""},
		{session, `"participant":{"id":"a"}`, "a", ""},
		{session, `"userId":"a"`, "a", ""},
		{session, `"user":{"id":"a"}`, "a", ""},
		{session, `"userId":"u","participantId":"a"`, "a", ""},
		{session, `"participantId":"a","userId":"u"`, "a", ""},
		{session, `"participantId":null,"userId":"u"`, "u", ""},
		{session, `"participantId":"","userId":"u"`, "u", ""},
		{session, `"volunteerId":"b"`, "", "b"},
		{session, `"buddyId":"b"`, "", "b"},
		{session, `"mentorId":"b"`, "", "b"},
		{session, `"teacherId":"b"`, "", "b"},
		{session, `"volunteer":{"id":"b"}`, "", "b"},
		{session, `"buddy":{"id":"b"}`, "", "b"},
		{session, `"mentor":{"id":"b"}`, "", "b"},
		{session, `"teacher":{"id":"b"}`, "", "b"},
		{session, `"mentor":{"id":"b"},"mentee":{"id":"a"}`, "a", "b"},
		{session, `"userId":"u","volunteerId":"b"`, "u", "b"},
		{session, `"userId":"a","volunteer":"b"`, "a", ""}, // an id is under volunteer.id or volunteerId
		{session, `"userId":"a","volunteer":[{"id":"b"}]`, "a", ""},
		{session, `"userId":"a","volunteer.id":"b"`, "a", ""}, // a dotted name is no path
		{session, `"userId":"a:b.c_d@e-f"`, "a:b.c_d@e-f", ""},
		{session, `"userId":"` + strings.Repeat("x", impact.MaxKey) + `"`, strings.Repeat("x", impact.MaxKey), ""},
		{hours, `"userId":"u","hours":1`, "", "u"},
		{hours, `"volunteerId":"b","userId":"u","hours":1`, "", "b"},
		{hours, `"volunteerId":"b","participantId":"a","hours":1`, "a", "b"},
		{feedback, `"userId":"u","rating":1`, "u", ""},
		{feedback, `"userId":"u","rating":1,"fromRole":"participant"`, "u", ""},
		{feedback, `"userId":"u","rating":1,"fromRole":"volunteer"`, "", "u"},
		{feedback, `"userId":"u","rating":1,"from_role":"buddy"`, "", "u"},
		{feedback, `"userId":"u","rating":1,"fromRole":"mentor"`, "", "u"},
		{feedback, `"userId":"u","rating":1,"fromRole":"Mentor"`, "", "u"},
		{feedback, `"userId":"u","rating":1,"fromRole":"teacher"`, "", "u"},
		{feedback, `"userId":"u","participantId":"a","rating":1,"fromRole":"teacher"`, "a", "u"},
		{"some.type", `"userId":"not a key","volunteerId":"b"`, "", "b"},
		{"some.type", `"userId":"u","volunteerId":"` + strings.Repeat("x", impact.MaxKey+1) + `"`, "u", ""},
	} {
		t.Run(tt.typ+" "+tt.data, func(t *testing.T) {
			t.Parallel()
			e := mustDecode(t, `{"type":"`+tt.typ+`","data":{`+tt.data+`}}`)
			if e.Participant != tt.participant || e.Volunteer != tt.volunteer {
				t.Errorf("participant %q and volunteer %q, want %q and %q", e.Participant, e.Volunteer, tt.participant, tt.volunteer)
			}
			if volunteer := strings.Contains(tt.data, "olunteer\"") || strings.Contains(tt.data, "buddy\"") ||
				strings.Contains(tt.data, "entor\"") || strings.Contains(tt.data, "teacher\""); tt.typ == feedback && e.FromVolunteer != volunteer {
				t.Errorf("from a volunteer: %v", e.FromVolunteer)
			}
		})
	}
}

func TestDecodeProgramme(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ typ, rest, want string }{
		{"session.completed", ``, "unassigned"},
		{"kintell.session.completed", ``, "kintell"},
		{"kintell.session.completed", `,"data":{"programId":"x"}`, "x"},
		{"kintell.session.completed", `,"programId":"x"`, "x"},
		{"kintell.session.created", `,"hours":2`, "kintell"},
		{"kintell.session.created", `,"hours":2,"programId":"x"`, "x"},
		{"session.created", `,"hours":2`, "unassigned"},
		{"session.completed", `,"data":{"program_id":"x"}`, "x"},
		{"session.completed", `,"data":{"programmeId":"x"}`, "x"},
		{"session.completed", `,"data":{"program":{"id":"x","name":"y"}}`, "x"},
		{"session.completed", `,"data":{"metadata":{"source":"s","program":"buddy"}}`, "buddy"},
		{"session.completed", `,"metadata":{"program":"buddy"}`, "buddy"},
		{"session.completed", `,"data":{"program":"x"}`, "unassigned"},
		{"session.completed", `,"data":{"programId":""}`, "unassigned"},
		{"session.completed", `,"data":{"programId":null}`, "unassigned"},
		{"session.completed", `,"programId":"top","data":{"programId":"x"}`, "x"},
		{"session.completed", `,"data":{"programId":"x"},"programId":"top"`, "x"},
		{"session.completed", `,"data":{"data":{"programId":"x"}}`, "unassigned"},
		{"buddy.something.new", ``, "unassigned"},
		{"something.new", `,"data":{"programId":"x"}`, "x"},
	} {
		t.Run(tt.typ+tt.rest, func(t *testing.T) {
			t.Parallel()
			if e := mustDecode(t, `{"type":"`+tt.typ+`","userId":"p1"`+tt.rest+`}`); e.Programme != tt.want {
				t.Errorf("programme %q, want %q", e.Programme, tt.want)
			}
		})
	}
}

// Equal identities have equal keys, different ones different keys: also those that
// are made of the same text.
func TestDecodeIdentity(t *testing.T) {
	t.Parallel()
	type sent struct{ header, body string }
	groups := [][]sent{
		{ // the delivery
			{"x", `{"type":"a","userId":"1"}`}, {"x", `{"type":"b","id":"x"}`}, {"", `{"type":"c","delivery_id":"x"}`},
			{"y", `{"type":"c","deliveryId":"x"}`}, // the body's own wins
		},
		{{"y", `{"type":"a"}`}},
		{ // the event's id
			{"", `{"type":"a","id":"x"}`}, {"", `{"type":"b","event_id":"x"}`}, {"", `{"eventId":"x","type":"c","sessionId":"y"}`},
		},
		{{"", `{"type":"a","data":{"id":"x"}}`}}, // data.id is not the event's
		{ // the type and the session
			{"", `{"type":"a","sessionId":"x"}`}, {"", `{"type":"a","data":{"session_id":"x"},"v":1}`}, {"", `{"type":"a","session":{"id":"x"}}`},
		},
		{{"", `{"type":"b","sessionId":"x"}`}},
		{{"", `{"type":"a","sessionId":"y"}`}},
		{{"", `{"type":"a1:","sessionId":"x"}`}},
		{{"", `{"type":"a","sessionId":"1:x"}`}},
		{{"", `{"type":"a","matchId":"x"}`}},                                 // a match has many events of a type
		{{"", `{"type":"a"}`}, {"", ` {"type":"a"} `}, {"", `{"type":"a"}`}}, // the bytes
		{{"", `{"type": "a"}`}},
		{{"", `{"type":"x"}`}},
		{{"", `{"type":"session","sessionId":"a"}`}},
		{{"", `{"type":"t","id":"session"}`}},
		{{"", `{"type":"t","id":"5:event1:x"}`}},
	}
	seen := make(map[impact.Key]string)
	for i, group := range groups {
		var first impact.Key
		for j, s := range group {
			q, err := decodeAs(tenant{acme}, s.header, s.body)
			if err != nil || len(q.events) != 1 {
				t.Fatalf("%s: %v, %v", s.body, err, q.results)
			}
			key := q.events[0].Key
			if j == 0 {
				first = key
				if other, known := seen[key]; known {
					t.Errorf("group %d: %s has the key of %s", i, s.body, other)
				}
				seen[key] = s.body
			}
			if key != first {
				t.Errorf("group %d: %s has another key than %s", i, s.body, group[0].body)
			}
		}
	}
}

// A delivery of many events does not tell them apart.
func TestDecodeIdentityInArray(t *testing.T) {
	t.Parallel()
	q, err := decodeAs(tenant{acme}, "x", `[{"type":"a","id":"1"},{"type":"a","id":"2"},{"type":"a","id":"1"},{"type":"a","deliveryId":"x"}]`)
	if err != nil || len(q.events) != 4 {
		t.Fatal(err, q.results)
	}
	one, _ := decodeAs(tenant{acme}, "", `{"type":"b","id":"1"}`)
	e := q.events
	if e[0].Key == e[1].Key || e[0].Key != e[2].Key || e[0].Key != one.events[0].Key {
		t.Errorf("keys %x %x %x", e[0].Key, e[1].Key, e[2].Key)
	}
	header, _ := decodeAs(tenant{acme}, "x", `{"type":"b"}`)
	if e[3].Key != header.events[0].Key {
		t.Error("a delivery id in the body differs from one in the header")
	}
}

func TestDecodeScores(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ, data string
		scale     impact.Scale
		raw       float64
		score     impact.Micro
	}{
		{"session.completed", `"score":7.3`, impact.ScaleTen, 7.3, 730_000},
		{"session.completed", `"score":0`, impact.ScaleTen, 0, 0},
		{"session.completed", `"score":0.9`, impact.ScaleTen, 0.9, 90_000}, // never guessed from its size
		{"session.completed", `"score":1`, impact.ScaleTen, 1, 100_000},
		{"session.completed", `"score":10`, impact.ScaleTen, 10, impact.One},
		{"session.completed", `"score":1e1`, impact.ScaleTen, 10, impact.One},
		{"session.completed", `"rating":1`, impact.ScaleUnit, 1, impact.One},
		{"session.completed", `"rating":0.5,"score":9`, impact.ScaleUnit, 0.5, 500_000},
		{"session.completed", `"score":9,"rating":0.5`, impact.ScaleUnit, 0.5, 500_000},
		{"session.completed", `"score":null`, impact.ScaleNone, 0, 0},
		{"session.completed", `"finalScore":50`, impact.ScaleNone, 0, 0},
		{"feedback.received", `"rating":0.123456789`, impact.ScaleUnit, 0.123456789, 123_457},
		{"feedback.received", `"rating":0`, impact.ScaleUnit, 0, 0},
		{"feedback.received", `"score":4.2,"value":12`, impact.ScaleTen, 4.2, 420_000},
		{"kintell.rating.created", `"rating":1.0`, impact.ScaleUnit, 1, impact.One},
		{"checkin.submitted", `"score":3.3,"value":99`, impact.ScaleTen, 3.3, 330_000},
		{"milestone.achieved", `"score":0.0000001`, impact.ScaleTen, 0.0000001, 0},
		{"outcome.assessed", `"dimension":"language","score":1`, impact.ScaleUnit, 1, impact.One},
		{"outcome.assessed", `"dimension":"language","score":0.0000005`, impact.ScaleUnit, 0.0000005, 1},
		{"course.completed", `"finalScore":1`, impact.ScaleHundred, 1, 10_000},
		{"course.completed", `"final_score":99.5`, impact.ScaleHundred, 99.5, 995_000},
		{"course.completed", `"score":5`, impact.ScaleNone, 0, 0},
	} {
		t.Run(tt.typ+" "+tt.data, func(t *testing.T) {
			t.Parallel()
			e := mustDecode(t, `{"type":"`+tt.typ+`","userId":"p","data":{`+tt.data+`}}`)
			if e.ScoreScale != tt.scale || e.ScoreRaw != tt.raw || e.Score != tt.score {
				t.Errorf("%d (%v of %d), want %d (%v of %d)", e.Score, e.ScoreRaw, e.ScoreScale, tt.score, tt.raw, tt.scale)
			}
		})
	}
}

func TestDecodeTimes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rest, zone string
		want       string
	}{
		{`"timestamp":"2025-11-13T10:00:00.000Z"`, "UTC", "2025-11-13T10:00:00Z"},
		{`"timestamp":"2025-11-13T10:00:00.123456Z"`, "UTC", "2025-11-13T10:00:00.123456Z"},
		{`"timestamp":"2025-11-13T10:00:00+05:30"`, "Europe/Oslo", "2025-11-13T04:30:00Z"},
		{`"timestamp":"2025-11-13T10:00:00-08:00"`, "Europe/Oslo", "2025-11-13T18:00:00Z"},
		{`"occurred_at":"2025-11-13T10:00:00Z"`, "UTC", "2025-11-13T10:00:00Z"},
		{`"occurredAt":1763028000`, "UTC", "2025-11-13T10:00:00Z"},
		{`"time":1763028000`, "Asia/Tokyo", "2025-11-13T10:00:00Z"},
		{`"time":1763028000000`, "UTC", "2025-11-13T10:00:00Z"},
		{`"time":1763028000123`, "UTC", "2025-11-13T10:00:00.123Z"},
		{`"time":1763028000.5`, "UTC", "2025-11-13T10:00:00.5Z"},
		{`"time":1.763028e9`, "UTC", "2025-11-13T10:00:00Z"},
		{`"time":"1763028000"`, "UTC", "2025-11-13T10:00:00Z"},
		{`"time":"1763028000000"`, "UTC", "2025-11-13T10:00:00Z"},
		{`"time":99999999999`, "UTC", ""}, // seconds, in the year 5138
		{`"time":100000000000`, "UTC", "1973-03-03T09:46:40Z"},
		{`"timestamp":"2025-11-13"`, "UTC", "2025-11-13T00:00:00Z"},
		{`"timestamp":"2025-11-13"`, "America/New_York", "2025-11-13T05:00:00Z"},
		{`"timestamp":"2025-07-13"`, "America/New_York", "2025-07-13T04:00:00Z"},
		{`"timestamp":"2018-11-04"`, "America/Sao_Paulo", "2018-11-04T03:00:00Z"}, // that day began at 01:00
		{`"timestamp":"2025-03-09"`, "America/Havana", "2025-03-09T05:00:00Z"},
		{`"timestamp":"2025-04-25"`, "Africa/Cairo", "2025-04-24T22:00:00Z"},
		{`"timestamp":"2025-11-13T10:00:00Z","data":{"completedAt":"2025-11-12T10:00:00Z"}`, "UTC", "2025-11-12T10:00:00Z"},
		{`"data":{"completed_at":1763028000},"timestamp":"2025-11-14T10:00:00Z"`, "UTC", "2025-11-13T10:00:00Z"},
		{`"completedAt":"2025-11-12","data":{"completedAt":"2025-11-13"}`, "UTC", "2025-11-13T00:00:00Z"},
		{`"data":{"course":{"completion_date":"2024-01-17T15:30:00Z"}}`, "UTC", "2024-01-17T15:30:00Z"},
		{`"data":{"timestamp":"2020-01-01T00:00:00Z"}`, "UTC", "2025-12-01T09:30:00Z"}, // the envelope's own only
		{`"timestamp":null`, "UTC", "2025-12-01T09:30:00Z"},
		{`"timestamp":"1970-01-02T00:00:00Z"`, "UTC", "1970-01-02T00:00:00Z"},
		{`"timestamp":"2199-12-30T23:59:59Z"`, "UTC", "2199-12-30T23:59:59Z"},
		{`"timestamp":"1969-12-31T23:59:59Z"`, "UTC", ""},
		{`"timestamp":0`, "UTC", ""},
		{`"timestamp":-1763028000`, "UTC", ""},
		{`"timestamp":"2200-01-01T00:00:00Z"`, "UTC", ""},
		{`"timestamp":1e14`, "UTC", ""},
		{`"timestamp":1e300`, "UTC", ""},
		{`"timestamp":"NaN"`, "UTC", ""},
		{`"timestamp":"Inf"`, "UTC", ""},
		{`"timestamp":"0x1p30"`, "UTC", ""},
		{`"timestamp":""`, "UTC", ""},
		{`"timestamp":"yesterday"`, "UTC", ""},
		{`"timestamp":"2025-02-30"`, "UTC", ""},
		{`"timestamp":"2025-11-13T10:00:00"`, "UTC", ""},
		{`"timestamp":"2025-11-13T25:00:00Z"`, "UTC", ""},
		{`"timestamp":"13/11/2025"`, "UTC", ""},
	} {
		t.Run(tt.rest+" "+tt.zone, func(t *testing.T) {
			t.Parallel()
			location, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			company := &impact.Company{ID: 1, Key: "c", Calendar: impact.Calendar{Location: location}}
			e, err := Decode([]byte(`{"type":"session.completed","userId":"p",`+tt.rest+`}`), company, received)
			if tt.want == "" {
				if refusal, ok := errors.AsType[*impact.Error](err); !ok || refusal.Code != impact.CodeInvalid || refusal.Pointer == "" {
					t.Fatalf("got %+v, %v; want a refusal", e, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := e.OccurredAt.UTC().Format(time.RFC3339Nano); got != tt.want {
				t.Errorf("at %s, want %s", got, tt.want)
			}
		})
	}
}

func TestDecodeDurations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ, data string
		want      int64
	}{
		{"session.completed", ``, 0},
		{"session.completed", `"duration":1800`, 1_800_000},
		{"session.completed", `"duration":0`, 0},
		{"session.completed", `"duration":0.0004`, 0},
		{"session.completed", `"duration":1.0006`, 1_001},
		{"session.completed", `"duration":86400`, 86_400_000},
		{"session.completed", `"durationMinutes":1440`, 86_400_000},
		{"session.completed", `"durationMinutes":0.5,"duration":1800`, 30_000},
		{"session.completed", `"duration":1800,"duration_minutes":0.5`, 30_000},
		{"session.completed", `"hours":3`, 0},
		{"buddy.event.attended", `"durationMinutes":90`, 5_400_000},
		{"buddy.event.attended", `"durationMinutes":0`, 0},
		{"buddy.event.attended", `"duration":90`, 90_000},
		{"volunteer.event", `"hours":0`, 0},
		{"volunteer.event", `"hours":2.25`, 8_100_000},
		{"volunteer.event", `"hoursLogged":2.25`, 8_100_000},
		{"volunteer.event", `"hours_logged":2.25`, 8_100_000},
		{"volunteer.event", `"activity":{"hours":2.25}`, 8_100_000},
		{"volunteer.event", `"hours":10000`, 36_000_000_000},
	} {
		t.Run(tt.typ+" "+tt.data, func(t *testing.T) {
			t.Parallel()
			if e := mustDecode(t, `{"type":"`+tt.typ+`","userId":"p","data":{`+tt.data+`}}`); e.DurationMS != tt.want {
				t.Errorf("%d ms, want %d", e.DurationMS, tt.want)
			}
		})
	}
}

func TestDecodeStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ, data string
		want      impact.Status
	}{
		{"program.enrollment", ``, impact.StatusStarted},
		{"program.enrollment", `"status":"enrolled"`, impact.StatusStarted},
		{"program.enrollment", `"status":"completed"`, impact.StatusCompleted},
		{"program.enrollment", `"status":"withdrawn"`, impact.StatusEnded},
		{"program.enrollment", `"status":"failed"`, impact.StatusEnded},
		{"program.completion", ``, impact.StatusCompleted},
		{"program.completion", `"status":"failed"`, impact.StatusEnded},
		{"program.enrollment", `"status":"Completed"`, impact.StatusCompleted},
		{"program.completion", `"status":"WITHDRAWN"`, impact.StatusEnded},
		{"placement.created", ``, impact.StatusPlaced},
		{"placement.created", `"placementType":"internship"`, impact.StatusStarted},
		{"placement.created", `"placement_type":"job_placement","status":"declined"`, impact.StatusEnded},
		{"placement.created", `"placement_type":"Job_Placement","status":"Active"`, impact.StatusPlaced},
		{"placement.created", `"placement_type":"job_placement","status":"Cancelled"`, impact.StatusEnded},
		{"course.completed", ``, impact.StatusCompleted},
		{"course.completed", `"progressPercent":99.5`, impact.StatusStarted},
		{"course.completed", `"completion_percentage":100`, impact.StatusCompleted},
		{"upskilling.progress.updated", ``, impact.StatusStarted},
		{"upskilling.progress.updated", `"progressPercent":100`, impact.StatusCompleted},
		{"upskilling.progress.updated", `"progressPercent":40`, impact.StatusStarted},
	} {
		t.Run(tt.typ+" "+tt.data, func(t *testing.T) {
			t.Parallel()
			if e := mustDecode(t, `{"type":"`+tt.typ+`","userId":"p","data":{`+tt.data+`}}`); e.Status != tt.want {
				t.Errorf("status %q, want %q", e.Status, tt.want)
			}
		})
	}
}

func TestDecodeCompany(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		caller  tenant
		rest    string
		want    *impact.Company
		pointer string
	}{
		{tenant{acme, globex}, ``, acme, ""},
		{tenant{acme, globex}, `,"companyId":"globex"`, globex, ""},
		{tenant{acme, globex}, `,"company_id":"globex"`, globex, ""},
		{tenant{acme, globex}, `,"companyId":"other"`, nil, "/companyId"},
		{tenant{acme, globex}, `,"company_id":"other"`, nil, "/company_id"},
		{tenant{acme}, `,"companyId":"globex"`, nil, "/companyId"},
		{tenant{acme, globex}, `,"data":{"companyId":"globex"}`, globex, ""},
		{tenant{acme, globex}, `,"data":{"volunteer":{"company_id":"globex"}}`, globex, ""},
		{tenant{acme, globex}, `,"data":{"mentee":{"companyId":"globex"}}`, globex, ""},
		{tenant{acme, globex}, `,"data":{"volunteer":{"company_id":"C001"}}`, acme, ""}, // the source's own words
		{tenant{acme, globex}, `,"companyId":"acme","data":{"companyId":"globex"}`, acme, ""},
		{tenant{}, ``, nil, ""},
		{tenant{}, `,"companyId":""`, nil, "/companyId"},
	} {
		t.Run(fmt.Sprint(len(tt.caller), tt.rest), func(t *testing.T) {
			t.Parallel()
			q, err := decodeAs(tt.caller, "", `{"type":"session.completed","userId":"p"`+tt.rest+`}`)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == nil {
				if r := q.results[0].err; r == nil || r.Pointer != tt.pointer {
					t.Errorf("got %v, want a refusal at %q", r, tt.pointer)
				}
				return
			}
			if len(q.events) != 1 || q.events[0].Company != tt.want.ID {
				t.Errorf("got %+v, want company %d", q.results[0], tt.want.ID)
			}
		})
	}
}

// Raw and everything else of neighbours in an array is what it is alone.
func TestDecodeArrayEqualsSingles(t *testing.T) {
	t.Parallel()
	var bodies []string
	for _, tt := range kindTests {
		for _, typ := range slices.Sorted(maps.Keys(tt.types)) {
			bodies = append(bodies, encode(t, object{"type": typ, "data": tt.data, "note": "\ttäb\n\"\\N\u2028"}))
		}
	}
	q, err := decodeAs(tenant{acme}, "", " [ "+strings.Join(bodies, " ,\n")+" ] ")
	if err != nil || len(q.events) != len(bodies) {
		t.Fatal(err, len(q.events))
	}
	for i, e := range q.events {
		if one := mustDecode(t, bodies[i]); !same(*e, *one) {
			t.Errorf("in an array %+v, alone %+v", e, one)
		}
	}
}
