package ingest

import (
	"encoding/json"
	cmdline "flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

var update = cmdline.Bool("update", false, "rewrite the golden events of testdata")

// canonicalEvent is an event as the golden files show it.
type canonicalEvent struct {
	Kind          string   `json:"kind"`
	Programme     string   `json:"programme"`
	OccurredAt    string   `json:"occurredAt"`
	Participant   string   `json:"participant,omitempty"`
	Volunteer     string   `json:"volunteer,omitempty"`
	Session       string   `json:"session,omitempty"`
	DurationMS    int64    `json:"durationMs,omitempty"`
	Score         *float64 `json:"score,omitempty"`
	ScoreRaw      *float64 `json:"scoreRaw,omitempty"`
	ScoreScale    int      `json:"scoreScale,omitempty"`
	Status        string   `json:"status,omitempty"`
	FromVolunteer bool     `json:"fromVolunteer,omitempty"`
	Level         string   `json:"level,omitempty"`
	Amount        string   `json:"amount,omitempty"`
	Currency      string   `json:"currency,omitempty"`
	Department    string   `json:"department,omitempty"`
}

func canonicalOf(e *impact.Event) canonicalEvent {
	c := canonicalEvent{
		Kind: e.Kind.String(), Programme: e.Programme, OccurredAt: e.OccurredAt.UTC().Format(time.RFC3339Nano),
		Participant: e.Participant, Volunteer: e.Volunteer, Session: e.Session, DurationMS: e.DurationMS,
		Status: e.Status.String(), FromVolunteer: e.FromVolunteer, Level: e.Level,
		Amount: e.Amount, Currency: e.Currency, Department: e.Department,
	}
	if e.ScoreScale != impact.ScaleNone {
		score, raw := e.Score.Float(), e.ScoreRaw
		c.Score, c.ScoreRaw, c.ScoreScale = &score, &raw, int(e.ScoreScale)
	}
	return c
}

// Every body in testdata, sent to a source of the provider that its folder names,
// means the event beside it; and with the provider's prefix, sent with a key, too.
func TestAdapters(t *testing.T) {
	t.Parallel()
	for provider := range adapters {
		files, err := filepath.Glob(filepath.Join("testdata", provider, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no bodies of %s: %v", provider, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, ".golden.json") {
				continue
			}
			t.Run(strings.TrimSuffix(file, ".json"), func(t *testing.T) {
				t.Parallel()
				body, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				got := goldenOf(t, provider, string(body))
				golden := strings.TrimSuffix(file, ".json") + ".golden.json"
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("got %s\nwant %s", got, want)
				}
				var event struct {
					Type string `json:"event_type"`
				}
				if err := json.Unmarshal(body, &event); err != nil {
					t.Fatal(err)
				}
				if event.Type == "rating.created" {
					return // with the prefix it is the canonical type, on another scale
				}
				prefixed := strings.Replace(string(body), `"`+event.Type+`"`, `"`+provider+"."+event.Type+`"`, 1)
				if byKey := goldenOf(t, "", prefixed); byKey != got {
					t.Errorf("with the prefix %s, through the source %s", byKey, got)
				}
			})
		}
	}
}

func goldenOf(t *testing.T, provider, body string) string {
	t.Helper()
	q := &request{normaliser: normaliser{caller: tenant{acme}, receivedAt: received, provider: provider}}
	if err := q.decode([]byte(body)); err != nil || len(q.events) != 1 {
		t.Fatalf("%s: %v, %+v", body, err, q.results)
	}
	text, err := json.MarshalIndent(canonicalOf(q.events[0]), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// What names no programme is in that of the source's provider, but for types of a product
// of its own and those that no figure knows.
func TestProgrammeOfASource(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ provider, event, want string }{
		{"kintell", `"type":"session.created","hours":2`, "kintell"},
		{"kintell", `"type":"outcome.assessed","dimension":"language","score":0.5`, "kintell"},
		{"goodera", `"type":"milestone.achieved"`, "goodera"},
		{"goodera", `"type":"milestone.achieved","programId":"x"`, "x"},
		{"workday", `"type":"buddy.checkin.completed"`, "buddy"},
		{"workday", `"type":"something.new"`, impact.Unassigned},
		{"", `"type":"milestone.achieved"`, impact.Unassigned},
	} {
		q := &request{normaliser: normaliser{caller: tenant{acme}, receivedAt: received, provider: tt.provider}}
		if err := q.decode([]byte(`{"userId":"u",` + tt.event + `}`)); err != nil || len(q.events) != 1 {
			t.Fatalf("%s: %v, %+v", tt.event, err, q.results)
		}
		if got := q.events[0].Programme; got != tt.want {
			t.Errorf("from %q, %s: programme %q, want %q", tt.provider, tt.event, got, tt.want)
		}
	}
}

// A scale is known by type and source, never by the size of a number.
func TestAdapterScales(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		provider, typ string
		rating        string
		scale         impact.Scale
		want          impact.Micro
		pointer       string
	}{
		{"kintell", "rating.created", "1", impact.ScaleFive, 0, ""},
		{"kintell", "rating.created", "2", impact.ScaleFive, 250_000, ""},
		{"kintell", "rating.created", "5", impact.ScaleFive, impact.One, ""},
		{"", "kintell.rating.submitted", "4", impact.ScaleFive, 750_000, ""},
		{"", "kintell.rating.created", "1", impact.ScaleUnit, impact.One, ""},
		{"kintell", "kintell.rating.created", "1", impact.ScaleUnit, impact.One, ""},
		{"kintell", "feedback.received", "1", impact.ScaleUnit, impact.One, ""},
		{"kintell", "rating.created", "0.5", 0, 0, "/data/rating"},
		{"kintell", "rating.created", "6", 0, 0, "/data/rating"},
		{"", "kintell.rating.created", "4", 0, 0, "/data/rating"},
	} {
		q := &request{normaliser: normaliser{caller: tenant{acme}, receivedAt: received, provider: tt.provider}}
		if err := q.decode([]byte(`{"type":"` + tt.typ + `","data":{"participant_id":"p1","rating":` + tt.rating + `}}`)); err != nil {
			t.Fatal(err)
		}
		switch r := q.results[0]; {
		case tt.pointer != "":
			if r.err == nil || r.err.Pointer != tt.pointer {
				t.Errorf("%s %s: %+v, want a refusal at %s", tt.typ, tt.rating, r.err, tt.pointer)
			}
		case r.err != nil:
			t.Errorf("%s %s: %v", tt.typ, tt.rating, r.err)
		case q.events[0].ScoreScale != tt.scale || q.events[0].Score != tt.want:
			t.Errorf("%s %s is %d of %d, want %d of %d", tt.typ, tt.rating, q.events[0].Score, q.events[0].ScoreScale, tt.want, tt.scale)
		}
	}
}

func TestAdapterRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ provider, body, pointer string }{
		{"benevity", `{"event_type":"volunteer.hours.logged","data":{"employee":{"id":"e1"}}}`, "/data/hours"},
		{"benevity", `{"event_type":"volunteer.hours.logged","data":{"employee":{"email":"a b"},"hours":1}}`, "/data/employee/email"},
		{"benevity", `{"event_type":"donation.completed","data":{"donor":{"id":"e1"},"donation":{"amount":-5,"currency":"EUR"}}}`, "/data/donation/amount"},
		{"goodera", `{"event_type":"event.attended","data":{"attendee":{"id":"e1"},"hours":"2"}}`, "/data/hours"},
		{"workday", `{"event_type":"worker.updated","data":{"worker":{"id":"not a key"}}}`, "/data/worker/id"},
		{"workday", `{"event_type":"learning.completed","data":{"worker":{"id":"w1"},"score":101}}`, "/data/score"},
		{"kintell", `{"event_type":"session.completed","data":{"participant_email":"a@example.org","duration_min":0}}`, "/data/duration_min"},
	} {
		q := &request{normaliser: normaliser{caller: tenant{acme}, receivedAt: received, provider: tt.provider}}
		if err := q.decode([]byte(tt.body)); err != nil {
			t.Fatal(err)
		}
		if e := q.results[0].err; e == nil || e.Pointer != tt.pointer {
			t.Errorf("%s: %+v, want a refusal at %s", tt.body, e, tt.pointer)
		}
	}
}
