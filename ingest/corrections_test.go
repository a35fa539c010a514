package ingest

import (
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

func TestDecodeLinks(t *testing.T) {
	t.Parallel()
	const uuid = "0190a5b0-7c1e-7000-8000-00000000000a"
	key := impact.Key{0x01, 0x90, 0xa5, 0xb0, 0x7c, 0x1e, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x0a}
	at := time.Unix(1763028000, 0).UTC()
	hours := func(rest string) string {
		return `{"type":"external.volunteer.logged","timestamp":1763028000,` + rest + `}`
	}
	updated := func(rest string) string {
		return `{"type":"session.updated","id":"u1","timestamp":1763028000,` + rest + `}`
	}
	const facts = `"data":{"userId":"v1","hours":1}`
	amends := func(l impact.Links, f impact.Facts) *impact.Links {
		l.RevisedAt, l.Amends = at, f
		if f != 0 {
			l.Amends |= impact.FactAmends
		}
		return &l
	}
	h1, s1 := hashKey("event", "h1"), hashKey("hours", "S1")
	for name, tt := range map[string]struct {
		body string
		want *impact.Links
	}{
		"an event id is the key":           {hours(`"id":"h1",` + facts), nil},
		"an event id beside a delivery id": {hours(`"id":"h1","delivery_id":"d1",` + facts), &impact.Links{Alias: h1}},
		"supersedes":                       {hours(`"id":"h2","supersedes":"h1",` + facts), amends(impact.Links{Supersedes: h1}, 0)},
		"supersedes, within data":          {hours(`"data":{"userId":"v1","hours":1,"supersedes":"h1"}`), amends(impact.Links{Supersedes: h1}, 0)},
		"supersedes nothing":               {hours(`"supersedes":"",` + facts), nil},
		"supersedes null":                  {hours(`"supersedes":null,` + facts), nil},
		"supersedes an id of ours":         {hours(`"supersedes":"` + uuid + `",` + facts), amends(impact.Links{Supersedes: hashKey("event", uuid), SupersedesKey: key}, 0)},
		"supersedes an id of ours, in capitals": {
			hours(`"supersedes":"` + strings.ToUpper(uuid) + `",` + facts),
			amends(impact.Links{Supersedes: hashKey("event", strings.ToUpper(uuid)), SupersedesKey: key}, 0),
		},
		"no hours after all":  {hours(`"supersedes":"h1","data":{"userId":"v1","hours":0}`), amends(impact.Links{Supersedes: h1}, impact.FactStatus)},
		"cancelled":           {hours(`"supersedes":"h1","data":{"status":"cancelled"}`), amends(impact.Links{Supersedes: h1}, impact.FactStatus)},
		"canceled":            {hours(`"supersedes":"h1","status":"Canceled"`), amends(impact.Links{Supersedes: h1}, impact.FactStatus)},
		"cancelled, unknown":  {`{"type":"x.y","timestamp":1763028000,"supersedes":"h1","status":"cancelled"}`, amends(impact.Links{Supersedes: h1}, impact.FactStatus)},
		"not a correction":    {`{"type":"placement.created","data":{"userId":"p1","status":"cancelled"}}`, nil},
		"hours of a session":  {`{"type":"session.created","id":"e","data":{"session_id":"S1","volunteer":{"id":"v1"},"activity":{"hours":2}}}`, &impact.Links{Slot: s1}},
		"a session, no hours": {`{"type":"session.created","id":"e","data":{"session_id":"S1","volunteer":{"id":"v1"}}}`, nil},

		"changes of hours":   {updated(`"data":{"session_id":"S1","changes":{"hours":3}}`), amends(impact.Links{Supersedes: s1}, impact.FactTime)},
		"changes at the top": {updated(`"session_id":"S1","changes":{"hours":3}`), amends(impact.Links{Supersedes: s1}, impact.FactTime)},
		"changes of everything": {
			updated(`"data":{"session_id":"S1","changes":{"activity":{"hours":3,"date":"2025-11-14"},"program":{"id":"x"},"status":"confirmed"}}`),
			amends(impact.Links{Supersedes: s1}, impact.FactTime|impact.FactDate|impact.FactProgramme|impact.FactStatus),
		},
		"changes of nothing":   {updated(`"data":{"session_id":"S1","changes":{"location":"x"}}`), amends(impact.Links{Supersedes: s1}, impact.FactAmends)},
		"a cancelled session":  {updated(`"data":{"session_id":"S1","changes":{"status":"cancelled"}}`), amends(impact.Links{Supersedes: s1}, impact.FactStatus)},
		"changes of an event":  {updated(`"supersedes":"h1","data":{"changes":{"hours":3}}`), amends(impact.Links{Supersedes: h1}, impact.FactTime)},
		"no changes":           {updated(`"data":{"session_id":"S1","hours":3}`), nil},
		"changes is no object": {updated(`"data":{"session_id":"S1","changes":["hours"]}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := mustDecode(t, tt.body)
			if !sameLinks(e.Links, tt.want) {
				t.Errorf("%s\ngot  %+v\nwant %+v", tt.body, e.Links, tt.want)
			}
		})
	}
}

func sameLinks(a, b *impact.Links) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.RevisedAt, y.RevisedAt = time.Time{}, time.Time{}
	return x == y && a.RevisedAt.Equal(b.RevisedAt)
}

// What is under "changes" is what is so now, wherever else the event says what was.
func TestDecodeAmendments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		data string
		want impact.Event
	}{
		{`"changes":{"hours":3}`, impact.Event{DurationMS: 3 * 3_600_000}},
		{`"changes":{"hours":3},"hours":4,"activity":{"hours":5}`, impact.Event{DurationMS: 3 * 3_600_000}},
		{`"hours":4,"changes":{"hours":3}`, impact.Event{DurationMS: 3 * 3_600_000}},
		{`"changes":{"hours":0}`, impact.Event{}},
		{`"changes":{"activity":{"date":"2025-11-13T10:00:00Z"}},"activity":{"date":"2025-11-01"}`, impact.Event{OccurredAt: ten}},
		{`"changes":{"volunteer":{"id":"v2"}},"volunteer":{"id":"v1"}`, impact.Event{Volunteer: "v2"}},
		{`"changes":{"volunteerId":"v2","participantId":"p2","programId":"x"}`, impact.Event{Volunteer: "v2", Participant: "p2", Programme: "x"}},
		{`"changes":{"status":"CANCELLED"}`, impact.Event{Status: impact.StatusCancelled}},
		{`"changes":{"status":"confirmed"}`, impact.Event{}},
	} {
		want := tt.want
		want.Kind, want.Session = impact.KindVolunteerHours, "S1"
		if want.OccurredAt.IsZero() {
			want.OccurredAt = received
		}
		if want.Programme == "" {
			want.Programme = impact.Unassigned
		}
		if got := bare(mustDecode(t, `{"type":"session.updated","data":{"session_id":"S1",`+tt.data+`}}`)); !same(got, want) {
			t.Errorf("%s\ngot  %+v\nwant %+v", tt.data, got, want)
		}
	}
}

// Corrections without ids of their own are told apart by all that they say: two
// updates of a session, or an event and its correction, are not one.
func TestDecodeCorrectionIdentity(t *testing.T) {
	t.Parallel()
	seen := make(map[impact.Key]string)
	for _, body := range []string{
		`{"type":"session.updated","sessionId":"S1","data":{"changes":{"hours":3}}}`,
		`{"type":"session.updated","sessionId":"S1","data":{"changes":{"hours":4}}}`,
		`{"type":"session.completed","sessionId":"S1","userId":"p1"}`,
		`{"type":"session.completed","sessionId":"S1","userId":"p2","supersedes":"x"}`,
	} {
		key := mustDecode(t, body).Key
		if first, twice := seen[key]; twice {
			t.Errorf("%s and %s have one key", first, body)
		}
		seen[key] = body
	}
}

func TestRefuseCorrections(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, pointer, message string }{
		{`{"type":"session.updated","data":{"changes":{"hours":3}}}`, "/sessionId", "is required"},
		{`{"type":"session.updated","data":{"session_id":"S1","changes":{"hours":-1}}}`, "/data/changes/hours", "must be at least 0"},
		{`{"type":"session.updated","changes":{"hours":10001},"data":{"session_id":"S1","hours":1}}`, "/changes/hours", "must be at most 10000"},
		{`{"type":"session.updated","data":{"session_id":"S1","changes":{"hours":"3"}}}`, "/data/changes/hours", "must be a number"},
		{`{"type":"session.updated","data":{"session_id":"S1","changes":{"activity":{"date":"soon"}}}}`, "/data/changes/activity/date", "must be an RFC 3339 time, a date, or Unix seconds or milliseconds"},
		{`{"type":"session.updated","data":{"session_id":"S1","changes":{"volunteer":{"id":"not a key"}}}}`, "/data/changes/volunteer/id", keyRule},
		{`{"type":"session.updated","data":{"session_id":"S1","changes":{"programId":"not a key"}}}`, "/data/changes/programId", keyRule},
		{`{"type":"volunteer.event","supersedes":7,"data":{"userId":"v1","hours":1}}`, "/supersedes", "must be a string"},
		{`{"type":"volunteer.event","supersedes":"` + strings.Repeat("x", 501) + `","data":{"userId":"v1","hours":1}}`, "/supersedes", "may have at most 500 bytes"},
		{`{"type":"volunteer.event","supersedes":"h1","data":{"hours":1}}`, "/data/volunteerId", "is required"},
		{`{"type":"volunteer.event","supersedes":"h1","data":{"userId":"v1"}}`, "/data/hours", "is required"},
	} {
		_, err := Decode([]byte(tt.body), acme, received)
		e, ok := err.(*impact.Error) //nolint:errorlint // it is what Decode promises
		if !ok || e.Pointer != tt.pointer || e.Message != tt.message {
			t.Errorf("%s\ngot  %+v\nwant %s: %s", tt.body, err, tt.pointer, tt.message)
		}
	}
}
