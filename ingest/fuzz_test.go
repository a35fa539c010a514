package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/impactql/impactql/impact"
)

// FuzzDecode: whatever is sent, decoding ends in events or in an *impact.Error. What
// is accepted is JSON by another parser as well, each event's raw form lies within the
// body and means the same alone, and no field holds what the database cannot.
func FuzzDecode(f *testing.F) {
	for _, tt := range kindTests {
		for typ := range tt.types {
			f.Add([]byte(encode(f, object{"type": typ, "data": tt.data})))
			f.Add([]byte(encode(f, []any{object{"event_type": typ, "data": respell(tt.data, snake)}, tt.data, nil})))
		}
	}
	for _, s := range []string{
		``, `[]`, `{`, `[{}]`, `{"type":"a","type":"b"}`, `{"type":"x","data":{"data":{}}}`, "{\"type\":\"\xff\"}", nested(MaxDepth), nested(MaxDepth + 1),
		`{"type":"session.completed","userId":"p","timestamp":1e300,"duration":-0}`, `[{"type":"x","id":"\ud83d\ude00"},5]`,
		`{"type":"volunteer.event","user":{"id":"v","company_id":"globex"},"activity":{"hours":1e-9,"date":"2025-03-30"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		whole := bytes.Clone(body)
		q := &request{normaliser: normaliser{caller: tenant{acme, globex}, receivedAt: received}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := q.decode(body)
		runtime.ReadMemStats(&after)
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 1<<20+uint64(len(body))*2000 {
			t.Errorf("%d bytes allocated for a body of %d", spent, len(body))
		}
		if !bytes.Equal(body, whole) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			e, ok := errors.AsType[*impact.Error](err)
			if !ok || e.Message == "" || !utf8.ValidString(e.Message) || !utf8.ValidString(e.Pointer) {
				t.Fatalf("refused with %#v", err)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("accepted what is not JSON: %q", body)
		}
		var values []json.RawMessage
		if q.array {
			err = json.Unmarshal(body, &values)
		} else {
			values = []json.RawMessage{bytes.TrimSpace(body)}
		}
		if err != nil || len(values) != len(q.results) {
			t.Fatalf("%d results for %d values, %v", len(q.results), len(values), err)
		}
		next := 0
		for i, r := range q.results {
			if r.err != nil {
				checkPointer(t, r.err, q.array, values[i])
				continue
			}
			e := q.events[next]
			next++
			if !bytes.Equal(e.Raw, bytes.TrimSpace(values[i])) || !within(e.Raw, body) {
				t.Fatalf("raw %q of %q", e.Raw, values[i])
			}
			again := &request{normaliser: normaliser{caller: tenant{acme, globex}, receivedAt: received}}
			if err := again.decode(bytes.Clone(e.Raw)); err != nil || len(again.events) != 1 || !same(*e, *again.events[0]) {
				t.Fatalf("%q alone: %v, %+v, not %+v", e.Raw, err, again.results, e)
			}
			checkStorable(t, e)
		}
	})
}

func within(part, whole []byte) bool {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	start := uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	return at >= start && at+uintptr(len(part)) <= start+uintptr(len(whole))
}

// checkPointer walks the pointer; it must lead somewhere unless something is missing.
func checkPointer(t *testing.T, e *impact.Error, array bool, value []byte) {
	t.Helper()
	if e.Message == "" || e.Code == "" {
		t.Fatalf("an empty refusal %+v", e)
	}
	p := e.Pointer
	if array {
		if !strings.HasPrefix(p, "/") {
			t.Fatalf("pointer %q without an index", p)
		}
		_, rest, found := strings.Cut(p[1:], "/")
		if p = ""; found {
			p = "/" + rest
		}
	}
	if p == "" || strings.HasPrefix(e.Message, "is required") || strings.HasPrefix(e.Message, "name a company") {
		return
	}
	for name := range strings.SplitSeq(p[1:], "/") {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(value, &members); err != nil {
			t.Fatalf("%+v: %s is no object", e, value)
		}
		value = members[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
		if value == nil {
			t.Fatalf("%+v leads nowhere", e)
		}
	}
}

func checkStorable(t *testing.T, e *impact.Event) {
	t.Helper()
	for _, key := range []string{e.Participant, e.Volunteer, e.Session} {
		if key != "" && !impact.ValidKey(key) {
			t.Errorf("key %q", key)
		}
	}
	if !impact.ValidKey(e.Programme) || !printable(e.Type) || !printable(e.Department) || !printable(e.Mood+e.Level+e.Currency) {
		t.Errorf("text of %+v", e)
	}
	if e.Score < 0 || e.Score > impact.One || e.Confidence < 0 || e.Confidence > impact.One {
		t.Errorf("score %d, confidence %d", e.Score, e.Confidence)
	}
	if e.DurationMS < 0 || e.DurationMS > 36_000_000_000 || e.Points < 0 {
		t.Errorf("duration %d, points %d", e.DurationMS, e.Points)
	}
	if day := impact.DayAt(e.OccurredAt, time.FixedZone("", 14*3600)); day < impact.MinDay || day >= impact.MaxDay {
		t.Errorf("at %v", e.OccurredAt)
	}
	if !utf8.Valid(e.Raw) || bytes.IndexByte(e.Raw, 0) >= 0 {
		t.Errorf("raw %q", e.Raw)
	}
}

// FuzzParseTime: a time that is accepted is the same for every way to write it, and a
// date lies on its own day wherever the company is.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{
		"2025-11-13T10:00:00Z", "2025-11-13T10:00:00.123456789+05:30", "2025-11-13", "1763028000", "1763028000000", "1.763028e9",
		"NaN", "Inf", "-1", "0x10", "1_000", "", "2018-11-04", "2025-03-09", "9999-12-31", "0000-01-01", "2025-11-13T10:00:00,5Z", "1e11", "1e14",
	} {
		f.Add(s, uint8(len(s)))
	}
	zones := []*time.Location{time.UTC}
	for _, name := range []string{"America/Sao_Paulo", "America/Havana", "Africa/Cairo", "Pacific/Apia", "Europe/Oslo", "Asia/Kathmandu", "Pacific/Kiritimati", "America/New_York"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			f.Fatal(err)
		}
		zones = append(zones, zone)
	}
	f.Fuzz(func(t *testing.T, s string, z uint8) {
		zone := zones[int(z)%len(zones)]
		at, ok := parseTime(s, zone)
		if !ok {
			if !at.IsZero() {
				t.Errorf("%q refused with %v", s, at)
			}
			return
		}
		if date, err := time.Parse(time.DateOnly, s); err == nil {
			// Samoa skipped a day.
			skipped := zone.String() == "Pacific/Apia" && s == "2011-12-30"
			if got := impact.DayAt(at, zone); got != impact.DayAt(date, time.UTC) && !skipped {
				t.Errorf("%s in %s is on %s", s, zone, got)
			}
			return
		}
		if year := at.UTC().Year(); year < 0 || year > 10_000 {
			t.Errorf("%q is in the year %d", s, year)
		}
		again, ok := parseTime(at.Format(time.RFC3339Nano), zones[rand.IntN(len(zones))])
		if year := at.Year(); year >= 0 && year <= 9999 && (!ok || !again.Equal(at)) {
			t.Errorf("%q is %v, which is read as %v", s, at, again)
		}
	})
}
