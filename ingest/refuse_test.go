package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/impactql/impactql/impact"
)

// A refused value is told by code and pointer, in the source's own names; in an
// array the pointer starts with the event's index, and the neighbours land.
func TestRefusals(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", impact.MaxKey+1)
	many := `"a0":0`
	for i := range impact.MaxAttributes {
		many += fmt.Sprintf(`,"b%d":0`, i)
	}
	for _, tt := range []struct{ typ, data, pointer string }{
		{"session.completed", ``, "/data/participantId"},
		{"session.completed", `"data":{}`, "/data/participantId"},
		{"session.completed", `"data":{"userId":"a b"}`, "/data/userId"},
		{"session.completed", `"data":{"user_id":"ä"}`, "/data/user_id"},
		{"session.completed", `"user":{"id":"a/b"}`, "/user/id"},
		{"session.completed", `"data":{"Mentee":{"ID":"` + long + `"}}`, "/data/Mentee/ID"},
		{"session.completed", `"data":{"participantId":"p","mentor":{"id":"?"}}`, "/data/mentor/id"},
		{"session.completed", `"data":{"participantId":"","userId":"a b"}`, "/data/userId"},
		{"session.completed", `"data":{"userId":"p","sessionId":"a b"}`, "/data/sessionId"},
		{"session.completed", `"userId":"p","match":{"id":"a b"}`, "/match/id"},
		{"session.completed", `"data":{"userId":5}`, "/data/userId"},
		{"session.completed", `"data":{"userId":true}`, "/data/userId"},
		{"session.completed", `"data":{"userId":["p"]}`, "/data/userId"},
		{"session.completed", `"data":{"userId":{"id":"p"}}`, "/data/userId"},
		{"session.completed", `"data":{"user":{"id":5}}`, "/data/user/id"},
		{"session.completed", `"userId":"p","data":{"durationMinutes":0}`, "/data/durationMinutes"},
		{"session.completed", `"userId":"p","data":{"durationMinutes":-1}`, "/data/durationMinutes"},
		{"session.completed", `"userId":"p","data":{"duration_minutes":1440.5}`, "/data/duration_minutes"},
		{"session.completed", `"userId":"p","data":{"durationMinutes":"30"}`, "/data/durationMinutes"},
		{"session.completed", `"userId":"p","data":{"duration":-0.5}`, "/data/duration"},
		{"session.completed", `"userId":"p","duration":86401`, "/duration"},
		{"session.completed", `"userId":"p","duration":1e300`, "/duration"},
		{"session.completed", `"userId":"p","duration":1e999`, "/duration"},
		{"session.completed", `"userId":"p","duration":-1e999`, "/duration"},
		{"session.completed", `"userId":"p","duration":"NaN"`, "/duration"},
		{"session.completed", `"userId":"p","data":{"languageLevel":"D1"}`, "/data/languageLevel"},
		{"session.completed", `"userId":"p","data":{"language_level":"b3"}`, "/data/language_level"},
		{"session.completed", `"userId":"p","data":{"score":10.01}`, "/data/score"},
		{"session.completed", `"userId":"p","data":{"score":-1}`, "/data/score"},
		{"session.completed", `"userId":"p","data":{"rating":4}`, "/data/rating"},
		{"session.completed", `"userId":"p","score":{"a":1}`, "/score"},
		{"session.completed", `"userId":"p","data":{"programId":"a b"}`, "/data/programId"},
		{"session.completed", `"userId":"p","data":{"programId":"*"}`, "/data/programId"},
		{"session.completed", `"userId":"p","data":{"metadata":{"program":"a b"}}`, "/data/metadata/program"},
		{"session.completed", `"userId":"p","program":{"id":7}`, "/program/id"},
		{"session.completed", `"userId":"p","timestamp":true`, "/timestamp"},
		{"session.completed", `"userId":"p","occurred_at":"soon"`, "/occurred_at"},
		{"session.completed", `"userId":"p","timestamp":"2025-11-13T10:00:00Z","data":{"completed_at":"soon"}`, "/data/completed_at"},
		{"session.completed", `"userId":"p","data":{"activity":{"date":"soon"}}`, "/data/activity/date"},
		{"session.completed", `"userId":"p","timestamp":-5`, "/timestamp"},
		{"session.completed", `"userId":"p","id":5`, "/id"},
		{"session.completed", `"userId":"p","companyId":"globex"`, "/companyId"},
		{"", `"userId":"p"`, "/type"},
		{"a\\u0000b", `"userId":"p"`, "/type"},
		{"a\\nb", `"userId":"p"`, "/type"},
		{strings.Repeat("x", 201), `"userId":"p"`, "/type"},
		{"feedback.received", `"userId":"p"`, "/data/rating"},
		{"feedback.received", `"userId":"p","rating":null`, "/data/rating"},
		{"feedback.received", `"rating":1.1`, "/rating"},
		{"feedback.received", `"rating":-0.1`, "/rating"},
		{"feedback.received", `"score":11`, "/score"},
		{"feedback.received", `"rating":1,"sessionId":"a b"`, "/sessionId"},
		{"checkin.submitted", `"data":{"mood":"meh"}`, "/data/mood"},
		{"checkin.submitted", `"data":{"score":50}`, "/data/score"},
		{"milestone.achieved", `"data":{"points":5}`, "/data/participantId"},
		{"milestone.achieved", `"userId":"p","points":-1`, "/points"},
		{"milestone.achieved", `"userId":"p","points":1e10`, "/points"},
		{"outcome.assessed", `"data":{"dimension":"language","score":1}`, "/data/participantId"},
		{"outcome.assessed", `"userId":"p","data":{"score":1}`, "/data/dimension"},
		{"outcome.assessed", `"userId":"p","data":{"dimension":"joy","score":1}`, "/data/dimension"},
		{"outcome.assessed", `"userId":"p","data":{"dimension":"language"}`, "/data/score"},
		{"outcome.assessed", `"userId":"p","data":{"dimension":"language","score":1.5}`, "/data/score"},
		{"outcome.assessed", `"userId":"p","data":{"dimension":"language","score":1,"confidence":2}`, "/data/confidence"},
		{"course.completed", `"data":{"finalScore":1}`, "/data/participantId"},
		{"course.completed", `"userId":"p","final_score":101`, "/final_score"},
		{"course.completed", `"userId":"p","progressPercent":-1`, "/progressPercent"},
		{"course.completed", `"userId":"p","completion_percentage":200`, "/completion_percentage"},
		{"program.enrollment", `"data":{}`, "/data/participantId"},
		{"program.enrollment", `"userId":"p","data":{"status":"maybe"}`, "/data/status"},
		{"placement.created", `"data":{}`, "/data/participantId"},
		{"volunteer.event", `"data":{"userId":"v"}`, "/data/hours"},
		{"volunteer.event", `"data":{"hours":1}`, "/data/volunteerId"},
		{"volunteer.event", `"data":{"userId":"a b","hours":1}`, "/data/userId"},
		{"volunteer.event", `"userId":"v","hours":-1`, "/hours"},
		{"volunteer.event", `"userId":"v","activity":{"hours":10001}`, "/activity/hours"},
		{"external.donation.made", `"currency":"EUR"`, "/data/amount"},
		{"external.donation.made", `"amount":5`, "/data/currency"},
		{"external.donation.made", `"amount":0,"currency":"EUR"`, "/amount"},
		{"external.donation.made", `"amount":-0.0,"currency":"EUR"`, "/amount"},
		{"external.donation.made", `"amount":1e15,"currency":"EUR"`, "/amount"},
		{"external.donation.made", `"amount":0.00004,"currency":"EUR"`, "/amount"}, // nothing of it could be kept
		{"external.donation.made", `"amount":"5","currency":"EUR"`, "/amount"},
		{"external.donation.made", `"amount":5,"currency":"EURO"`, "/currency"},
		{"external.donation.made", `"amount":5,"currency":"E1R"`, "/currency"},
		{"match.created", `"participantId":"p"`, "/data/volunteerId"},
		{"match.created", `"buddyId":"v"`, "/data/participantId"},
		{"match.created", `"participantId":"p","buddyId":"v","matchId":"a b"`, "/matchId"},
		{"buddy.event.attended", `"durationMinutes":5`, "/data/participantId"},
		{"buddy.event.attended", `"userId":"p","durationMinutes":-5`, "/durationMinutes"},
		{"buddy.event.attended", `"userId":"p","duration":-5`, "/duration"},
		{"buddy.event.attended", `"userId":"p","duration":1e300`, "/duration"},
		{"external.user.synced", `"department":"x"`, "/data/participantId"},
		{"external.user.synced", `"userId":"p","department":"a\u0000b"`, "/department"},
		{"external.user.synced", `"userId":"p","department":"` + long + `"`, "/department"},
		{"external.user.synced", `"userId":"p","status":"` + long + `"`, "/status"},
		{"external.user.synced", `"userId":"p","division":7`, "/division"},
		{"external.user.synced", `"userId":"p","division":"` + long + `"`, "/division"},
		{"external.user.synced", `"userId":"p","attributes":["a"]`, "/attributes"},
		{"external.user.synced", `"userId":"p","attributes":{"team":{}}`, "/attributes/team"},
		{"external.user.synced", `"userId":"p","attributes":{"team":"` + long + `"}`, "/attributes/team"},
		{"external.user.synced", `"userId":"p","attributes":{"Department":"x"}`, "/attributes/Department"},
		{"external.user.synced", `"userId":"p","attributes":{"a/b":"x"}`, "/attributes/a~1b"},
		{"external.user.synced", `"userId":"p","attributes":{"team":"x","Team":"y"}`, "/attributes/Team"},
		{"external.user.synced", `"userId":"p","attributes":{` + many + `}`, "/attributes"},
	} {
		t.Run(tt.typ+" "+tt.data, func(t *testing.T) {
			t.Parallel()
			rest := strings.TrimSuffix(","+tt.data, ",")
			body := `{"type":"` + tt.typ + `"` + rest + `}`
			if tt.typ == "" {
				body = "{" + tt.data + "}"
			}
			_, err := Decode([]byte(body), acme, received)
			checkRefusal(t, err, tt.pointer)

			const fine = `{"type":"session.completed","userId":"p"}`
			q, err := decodeAs(tenant{acme}, "", "["+fine+","+body+","+fine+"]")
			if err != nil {
				t.Fatal(err)
			}
			if len(q.results) != 3 || len(q.events) != 2 || q.results[0].err != nil || q.results[2].err != nil {
				t.Fatalf("results %+v", q.results)
			}
			checkRefusal(t, q.results[1].err, "/1"+tt.pointer)
			if q.results[1].outcome != Rejected {
				t.Error("outcome", q.results[1].outcome)
			}
		})
	}
}

func checkRefusal(t *testing.T, err error, pointer string) {
	t.Helper()
	e, ok := errors.AsType[*impact.Error](err)
	if !ok || e.Pointer != pointer || e.Message == "" {
		t.Fatalf("got %v, want a refusal at %s", err, pointer)
	}
	if want := impact.CodeInvalid; e.Code != want && !strings.HasSuffix(pointer, "/companyId") {
		t.Errorf("code %s, want %s", e.Code, want)
	}
}

// Whoever an event names must be a key that the rollups can number, and so must its
// session, whatever else its kind looks at.
func TestEveryKindChecksPeople(t *testing.T) {
	t.Parallel()
	for _, tt := range kindTests {
		if tt.want.Kind == impact.KindUnknown {
			continue
		}
		for typ := range tt.types {
			for _, name := range []string{"participantId", "volunteerId", "sessionId"} {
				for _, bad := range []string{"a\x00b", "a b", strings.Repeat("x", impact.MaxKey+1)} {
					data := object{name: bad}
					for k, v := range tt.data {
						if k != name && (name != "volunteerId" || k != "buddyId") && (name != "sessionId" || k != "session_id") &&
							(name != "volunteerId" || k != "volunteer") {
							data[k] = v
						}
					}
					_, err := Decode([]byte(encode(t, object{"type": typ, "data": data})), acme, received)
					if e, ok := errors.AsType[*impact.Error](err); !ok || e.Code != impact.CodeInvalid || e.Pointer != "/data/"+name {
						t.Errorf("%s with %s %q: %v", typ, name, bad, err)
					}
				}
			}
		}
	}
}

// Unknown types are kept whole, also if a name that we know means something else to
// them.
func TestUnknownTypeIsKept(t *testing.T) {
	t.Parallel()
	e := mustDecode(t, `{"type":"survey.closed","userId":7,"data":{"score":"high","rating":[1],"status":5,"userId":"p1","duration":1e999,"programId":"a b","completedAt":"soon"},"volunteer":{"id":5}}`)
	if e.Kind != impact.KindUnknown || e.Participant != "p1" || e.Programme != impact.Unassigned || !e.OccurredAt.Equal(received) {
		t.Errorf("got %+v", e)
	}
}

// A request that is not well-formed is refused whole.
func TestMalformed(t *testing.T) {
	t.Parallel()
	const fine = `{"type":"session.completed","userId":"p"}`
	for _, tt := range []struct {
		body, pointer string
		code          impact.Code
	}{
		{``, "", impact.CodeBadJSON},
		{`  `, "", impact.CodeBadJSON},
		{`{`, "", impact.CodeBadJSON},
		{`[`, "", impact.CodeBadJSON},
		{`[` + fine, "", impact.CodeBadJSON},
		{`[` + fine + `,`, "", impact.CodeBadJSON},
		{`[` + fine + `,]`, "", impact.CodeBadJSON},
		{`[,` + fine + `]`, "", impact.CodeBadJSON},
		{`[` + fine + ` ` + fine + `]`, "", impact.CodeBadJSON},
		{`[` + fine + `]]`, "", impact.CodeBadJSON},
		{fine + fine, "", impact.CodeBadJSON},
		{fine + `,`, "", impact.CodeBadJSON},
		{fine + "\x00", "", impact.CodeBadJSON},
		{"\ufeff" + fine, "", ""},
		{fine + "\ufeff", "", impact.CodeBadJSON},
		{`{"type":"a",}`, "", impact.CodeBadJSON},
		{`{"type":"a","data":{"x":1,}}`, "/data", impact.CodeBadJSON},
		{`{,}`, "", impact.CodeBadJSON},
		{`{"type"}`, "/type", impact.CodeBadJSON},
		{`{"type":}`, "/type", impact.CodeBadJSON},
		{`{"type" "a"}`, "/type", impact.CodeBadJSON},
		{`{"type":"a"`, "", impact.CodeBadJSON},
		{`{"type":"a`, "/type", impact.CodeBadJSON},
		{`{"type":"a"]`, "", impact.CodeBadJSON},
		{`{"type":'a'}`, "/type", impact.CodeBadJSON},
		{`{type:"a"}`, "", impact.CodeBadJSON},
		{`{"type":"a","data":{"duration":NaN}}`, "/data/duration", impact.CodeBadJSON},
		{`{"type":"a","data":{"duration":Infinity}}`, "/data/duration", impact.CodeBadJSON},
		{`{"type":"a","data":{"duration":01}}`, "/data", impact.CodeBadJSON},
		{`{"type":"a","data":{"duration":1.}}`, "/data/duration", impact.CodeBadJSON},
		{`{"type":"a","data":{"duration":+1}}`, "/data/duration", impact.CodeBadJSON},
		{`{"type":"a","data":{"x/y~z":[1,{"é":tru}]}}`, "/data/x~1y~0z/1/é", impact.CodeBadJSON},
		{`{"type":"a","type":"b"}`, "/type", impact.CodeBadJSON},
		{`{"type":"a","\u0074ype":"b"}`, "/type", impact.CodeBadJSON},
		{`{"type":"a","data":{"x":1,"x":1}}`, "/data/x", impact.CodeBadJSON},
		{`{"type":"a","other":[{"x":1,"x":1}]}`, "/other/0/x", impact.CodeBadJSON},
		{`{"type":"a` + "\xff" + `"}`, "/type", impact.CodeBadJSON},
		{`{"type":"a","` + "\xff" + `":1}`, "", impact.CodeBadJSON},
		{`{"type":"a","x":"\ud800"}`, "/x", impact.CodeBadJSON},
		{`{"type":"a","x":"\u00zz"}`, "/x", impact.CodeBadJSON},
		{"{\"type\":\"a\x00\"}", "/type", impact.CodeBadJSON},
		{"{\"type\":\"a\nb\"}", "/type", impact.CodeBadJSON},
		{"{\"type\":\"a\",\x00\"x\":1}", "", impact.CodeBadJSON},
		{`null`, "", impact.CodeInvalid},
		{`true`, "", impact.CodeInvalid},
		{`5`, "", impact.CodeInvalid},
		{`"{}"`, "", impact.CodeInvalid},
		{`nul`, "", impact.CodeBadJSON},
		{nested(MaxDepth), "", ""},
		{nested(MaxDepth + 1), strings.Repeat("/x", MaxDepth), impact.CodeTooLarge},
		{nested(100_000), strings.Repeat("/x", MaxDepth), impact.CodeTooLarge},
		{`[` + nested(MaxDepth-1) + `]`, "", ""},
		{`[` + nested(MaxDepth) + `]`, "/0" + strings.Repeat("/x", MaxDepth-1), impact.CodeTooLarge},
		{strings.Repeat("[", 100_000), "", impact.CodeTooLarge},
		{`[` + strings.Repeat(fine+",", MaxEvents-1) + fine + `]`, "", ""},
		{`[` + strings.Repeat(fine+",", MaxEvents) + fine + `]`, "", impact.CodeTooLarge},
		{`[` + strings.Repeat(fine+",", MaxEvents) + `{`, "", impact.CodeTooLarge},
	} {
		t.Run(tt.body[:min(len(tt.body), 60)], func(t *testing.T) {
			t.Parallel()
			_, err := decodeAs(tenant{acme}, "", tt.body)
			if tt.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			e, ok := errors.AsType[*impact.Error](err)
			if !ok || e.Code != tt.code {
				t.Fatalf("got %v, want %s", err, tt.code)
			}
			if tt.pointer != "" && e.Pointer != tt.pointer {
				t.Errorf("pointer %q, want %q: %v", e.Pointer, tt.pointer, e)
			}
			strict := strings.Contains(e.Message, "duplicate") || strings.Contains(e.Message, "surrogate") || !utf8.ValidString(tt.body)
			if json.Valid([]byte(tt.body)) && tt.code == impact.CodeBadJSON && !strict {
				t.Errorf("encoding/json takes it: %v", e)
			}
		})
	}
}

// nested is an event of exactly depth nested objects and arrays.
func nested(depth int) string {
	objects := depth - 2 // beside the event itself and the array within
	return `{"type":"a","userId":"p",` + strings.Repeat(`"x":{`, objects) + `"x":[1]` + strings.Repeat("}", objects) + `}`
}

// An array may hold things that are no events; they alone are rejected.
func TestNoObjects(t *testing.T) {
	t.Parallel()
	for _, thing := range []string{`null`, `5`, `"x"`, `true`, `[]`, `[{"type":"a"}]`} {
		q, err := decodeAs(tenant{acme}, "", `[`+thing+`,{"type":"session.completed","userId":"p"}]`)
		if err != nil || len(q.events) != 1 {
			t.Fatalf("%s: %v", thing, err)
		}
		checkRefusal(t, q.results[0].err, "/0")
	}
	q, err := decodeAs(tenant{acme}, "", `[]`)
	if err != nil || !q.array || len(q.results) != 0 {
		t.Errorf("an empty array: %v, %+v", err, q)
	}
}

// What is under data counts only if data is an object, and only its first level.
func TestData(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`null`, `5`, `"x"`, `true`, `[]`, `[{"userId":"x"}]`, `{}`, `{"data":{"userId":"x","participantId":"x"}}`, `{"x":{"userId":"x"}}`} {
		e := mustDecode(t, `{"type":"session.completed","userId":"p","data":`+data+`}`)
		if e.Participant != "p" {
			t.Errorf("data %s: participant %q", data, e.Participant)
		}
	}
	// An envelope's names mean nothing within data.
	e := mustDecode(t, `{"data":{"type":"x","id":"1","time":5,"timestamp":"x","deliveryId":7,"userId":"p"},"type":"session.completed"}`)
	if e.Type != "session.completed" || !e.OccurredAt.Equal(received) {
		t.Errorf("got %+v", e)
	}
}

func TestMaxEvent(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]string{
		"common":    `{"type":"session.completed","userId":"p","x":"`,
		"adapted":   `{"type":"kintell.session.completed","userId":"p","x":"`, // is read twice
		"amendment": `{"type":"session.updated","sessionId":"s","changes":{},"x":"`,
	} {
		sized := func(n int) string { return start + strings.Repeat("x", n-len(start)-2) + `"}` }
		q, err := decodeAs(tenant{acme}, "", `[`+sized(MaxEvent)+`,`+sized(MaxEvent+1)+`,`+sized(100)+`]`)
		if err != nil || len(q.events) != 2 || q.results[0].err != nil {
			t.Fatal(name, err, len(q.events))
		}
		if e := q.results[1].err; e == nil || e.Code != impact.CodeTooLarge || e.Pointer != "/1" {
			t.Errorf("%s: got %v", name, e)
		}
		mustDecode(t, sized(MaxEvent+1)) // alone it may be as large as a body
	}
}

// Pointers escape names by RFC 6901, also those of refused values.
func TestPointerEscapes(t *testing.T) {
	t.Parallel()
	_, err := Decode([]byte(`{"type":"a","a~b/c":{"x":[0,{"x":1,"x":2}]}}`), acme, received)
	if e, ok := errors.AsType[*impact.Error](err); !ok || e.Pointer != "/a~0b~1c/x/1/x" {
		t.Errorf("got %v", err)
	}
}

// A single walk must not cost more than the body is worth.
func TestDecodeAllocations(t *testing.T) {
	body := []byte(`{"type":"session.completed","sessionId":"s","userId":"p","data":{"duration":1800,"score":7.3,"junk":` +
		string(bytes.Repeat([]byte(`[1,`), 20)) + `0` + strings.Repeat("]", 20) + `}}`)
	n := testing.AllocsPerRun(100, func() {
		if _, err := Decode(body, acme, received); err != nil {
			t.Error(err)
		}
	})
	if n > 60 {
		t.Error(fmt.Sprint(n, " allocations for one event"))
	}
}
