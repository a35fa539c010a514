package ingest

import (
	"strings"
	"testing"

	"github.com/impactql/impactql/impact"
)

// Every level and mood, in any case, and nothing else.
func TestDecodeLevelsAndMoods(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"A1", "A2", "B1", "B2", "C1", "C2"} {
		for _, said := range []string{level, strings.ToLower(level)} {
			if e := mustDecode(t, `{"type":"session.completed","data":{"userId":"p","language_level":"`+said+`"}}`); e.Level != level {
				t.Errorf("%s is level %q", said, e.Level)
			}
		}
	}
	for _, mood := range []string{"great", "good", "okay", "struggling", "difficult"} {
		for _, said := range []string{mood, strings.ToUpper(mood), strings.ToUpper(mood[:1]) + mood[1:]} {
			if e := mustDecode(t, `{"type":"checkin.submitted","data":{"userId":"p","mood":"`+said+`"}}`); e.Mood != mood {
				t.Errorf("%s is mood %q", said, e.Mood)
			}
		}
	}
	if e := mustDecode(t, `{"type":"session.completed","data":{"userId":"p","language_level":""}}`); e.Level != "" {
		t.Errorf("no level is %q", e.Level)
	}
}

func TestRefuseValues(t *testing.T) {
	t.Parallel()
	const currency = "must be a three-letter ISO 4217 currency code"
	for _, tt := range []struct{ typ, data, pointer, message string }{
		{"session.completed", `"languageLevel":"A0"`, "/data/languageLevel", "must be one of: A1, A2, B1, B2, C1, C2"},
		{"session.completed", `"languageLevel":"B"`, "/data/languageLevel", "must be one of: A1, A2, B1, B2, C1, C2"},
		{"session.completed", `"languageLevel":"D1"`, "/data/languageLevel", "must be one of: A1, A2, B1, B2, C1, C2"},
		{"session.completed", `"languageLevel":2`, "/data/languageLevel", "must be a string"},
		{"checkin.submitted", `"mood":"fine"`, "/data/mood", "must be one of: great, good, okay, struggling, difficult"},
		{"placement.created", `"salary":{"min":-1}`, "/data/salary/min", "must be at least 0"},
		{"placement.created", `"salary":{"max":-1}`, "/data/salary/max", "must be at least 0"},
		{"placement.created", `"salary":{"min":30000,"max":20000}`, "/data/salary/max", "must be at least the least of the range"},
		{"placement.created", `"salary":{"min":"30000"}`, "/data/salary/min", "must be a number"},
		{"placement.created", `"salary":{"min":1,"currency":"EURO"}`, "/data/salary/currency", currency},
		{"external.donation.made", `"amount":5`, "/data/currency", "is required"},
		{"external.donation.made", `"currency":"EUR"`, "/data/amount", "is required"},
		{"external.donation.made", `"amount":0,"currency":"EUR"`, "/data/amount", "must be at least 0.0001"},
		{"external.donation.made", `"amount":-5,"currency":"EUR"`, "/data/amount", "must be at least 0.0001"},
		{"external.donation.made", `"amount":5,"currency":"E1"`, "/data/currency", currency},
		{"external.donation.made", `"amount":5,"currency":"€€€"`, "/data/currency", currency},
		{"program.enrollment", `"status":"unsure"`, "/data/status", "must be one of: enrolled, in_progress, completed, withdrawn, failed"},
		{"milestone.achieved", `"points":-1`, "/data/points", "must be at least 0"},
		{"outcome.assessed", `"dimension":"luck","score":1`, "/data/dimension", "must be integration, language, job_readiness, confidence, belonging or well_being"},
		{"outcome.assessed", `"dimension":"language","score":1.01`, "/data/score", "must be at most 1"},
		{"outcome.assessed", `"dimension":"language","score":1,"confidence":-0.1`, "/data/confidence", "must be at least 0"},
		{"course.completed", `"finalScore":100.5`, "/data/finalScore", "must be at most 100"},
		{"course.completed", `"progressPercent":-1`, "/data/progressPercent", "must be at least 0"},
		{"feedback.received", `"rating":4`, "/data/rating", "must be at most 1"},
		{"feedback.received", `"score":11`, "/data/score", "must be at most 10"},
		{"feedback.received", `"categories":{}`, "/data/rating", "is required"},
		{"volunteer.event", `"hours":-1`, "/data/hours", "must be at least 0"},
	} {
		_, err := Decode([]byte(`{"type":"`+tt.typ+`","data":{"userId":"p",`+tt.data+`}}`), acme, received)
		e, ok := err.(*impact.Error) //nolint:errorlint // it is what Decode promises
		if !ok || e.Pointer != tt.pointer || e.Message != tt.message {
			t.Errorf("%s %s\ngot  %v\nwant %s: %s", tt.typ, tt.data, err, tt.pointer, tt.message)
		}
	}
}

// A match that ended says so, and a placement keeps its range in the raw event.
func TestDecodeMatchesAndPlacements(t *testing.T) {
	t.Parallel()
	for typ, want := range map[string]impact.Status{
		"buddy.match.created": impact.StatusStarted, "match.created": impact.StatusStarted, "buddy.match.ended": impact.StatusEnded,
	} {
		e := mustDecode(t, `{"type":"`+typ+`","data":{"matchId":"m1","participantId":"p1","buddyId":"v1"}}`)
		if e.Kind != impact.KindMatch || e.Status != want || e.Session != "m1" {
			t.Errorf("%s is %+v", typ, e)
		}
	}
	for _, salary := range []string{`{}`, `{"min":0}`, `{"max":5}`, `{"min":5,"max":5,"currency":"nok"}`, `{"min":null,"max":1}`} {
		e := mustDecode(t, `{"type":"placement.created","data":{"userId":"p1","placementType":"job_placement","salary":`+salary+`}}`)
		if e.Status != impact.StatusPlaced || e.Currency != "" {
			t.Errorf("%s: %+v", salary, e)
		}
	}
}
