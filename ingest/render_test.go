package ingest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
)

// What an erasure writes anew is taken in as the event that it was.
func TestRender(t *testing.T) {
	t.Parallel()
	company := &impact.Company{ID: 1, Key: "acme", Calendar: impact.Calendar{Location: time.UTC}}
	for _, body := range []string{
		`{"type":"session.completed","data":{"participantId":"p","volunteerId":"v","duration":1800.5,"score":7.3,"languageLevel":"B1","programId":"x"}}`,
		`{"type":"kintell.session.completed","sessionId":"s","data":{"volunteerId":"v","durationMinutes":33.3333,"rating":0.7}}`,
		`{"type":"feedback.submitted","data":{"participantId":"p","rating":0.35}}`,
		`{"type":"feedback.received","data":{"participantId":"p","volunteerId":"v","fromRole":"mentor","score":9.9}}`,
		`{"type":"buddy.checkin.completed","data":{"participantId":"p","mood":"okay","score":3}}`,
		`{"type":"milestone.achieved","data":{"userId":"p","points":12,"score":1}}`,
		`{"type":"outcome.assessed","data":{"participantId":"p","dimension":"job_readiness","score":0.123456,"confidence":0.654321}}`,
		`{"type":"course.completed","data":{"userId":"p","finalScore":87}}`,
		`{"type":"upskilling.course.completed","data":{"userId":"p","progressPercent":40}}`,
		`{"type":"program.enrollment","data":{"userId":"p","status":"in_progress"}}`,
		`{"type":"program.completion","data":{"userId":"p"}}`,
		`{"type":"program.enrollment","data":{"userId":"p","status":"failed"}}`,
		`{"type":"placement.created","data":{"userId":"p"}}`,
		`{"type":"placement.created","data":{"userId":"p","placementType":"apprenticeship"}}`,
		`{"type":"placement.created","data":{"userId":"p","status":"declined"}}`,
		`{"type":"external.volunteer.logged","data":{"userId":"v","hours":1.7}}`,
		`{"type":"ingest.donation.made","data":{"userId":"p","amount":12.5000,"currency":"nok"}}`,
		`{"type":"buddy.match.ended","data":{"matchId":"m","participantId":"p","buddyId":"v"}}`,
		`{"type":"buddy.event.attended","data":{"userId":"p","durationMinutes":90}}`,
		`{"type":"external.user.synced","data":{"userId":"p","department":"R\u0026D \"north\""}}`,
		`{"type":"external.user.synced","data":{"userId":"p","division":"N\u00f6rth <1>","status":"on leave","attributes":{"Grade":7,"remote":true,"team":null}}}`,
		`{"type":"something.else","data":{"participantId":"p"}}`,
	} {
		before, err := ingest.Decode([]byte(body[:1]+`"timestamp":"2025-03-04T05:06:07.000008Z",`+body[1:]), company, time.Now())
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		raw := impact.Render(before)
		after, err := ingest.Decode(raw, company, time.Now())
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		facts := func(e *impact.Event) string {
			copied := *e
			copied.Raw, copied.Key, copied.OccurredAt, copied.Links = nil, impact.Key{}, e.OccurredAt.UTC(), nil
			return fmt.Sprintf("%+v", copied)
		}
		if facts(before) != facts(after) {
			t.Errorf("%s\nwas %s\nis  %s", raw, facts(before), facts(after))
		}
	}
}
