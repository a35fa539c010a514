package verify

import (
	"fmt"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/ingest"
)

// reread decodes an event from what was sent once more, and compares that with the
// columns of its row, which figures are made of. Who an event is can stand outside of its
// bytes, in a delivery's headers or in its source; such bytes decode to another key, and
// are left alone.
func (r *run) reread(e *db.LedgerEvent) {
	if e.Source != "" || len(e.Raw) == 0 {
		return
	}
	sent, err := ingest.Decode(e.Raw, r.ledger.Company, e.ReceivedAt)
	if err != nil || sent.Key != e.Key {
		return
	}
	r.result.Reread++
	for _, fact := range [...]struct {
		name       string
		sent, kept any
	}{
		{"kind", sent.Kind, e.Kind},
		{"type", sent.Type, e.Type},
		{"programme", sent.Programme, e.Programme},
		{"participant", sent.Participant, e.Participant},
		{"volunteer", sent.Volunteer, e.Volunteer},
		{"duration in milliseconds", sent.DurationMS, e.DurationMS},
		{"score in millionths", sent.Score, e.Score},
		{"scale", sent.ScoreScale, e.ScoreScale},
		{"confidence in millionths", sent.Confidence, e.Confidence},
		{"dimension", sent.Dimension, e.Dimension},
		{"status", sent.Status, e.Status},
		{"whether a volunteer says it", sent.FromVolunteer, e.FromVolunteer},
		{"points", sent.Points, e.Points},
		{"department", sent.Department, e.Department},
	} {
		if fact.sent != fact.kept {
			r.miskept(e, fact.name, fact.sent, fact.kept)
		}
	}
	// What says no time of its own happened when it was received; a date without a time was
	// read in the time zone that the company had then.
	if at := e.OccurredAt; !sent.OccurredAt.Equal(e.ReceivedAt) && at.UnixMicro() != sent.OccurredAt.UnixMicro() &&
		(at.Before(r.decodedIn(e, earliest)) || at.After(r.decodedIn(e, latest))) {
		r.miskept(e, "time", sent.OccurredAt.UTC(), at.UTC())
	}
}

// The time zones in which a day begins first and last.
var earliest, latest = time.FixedZone("", 14*60*60), time.FixedZone("", -12*60*60)

// decodedIn is when an event happened if its company's clocks went so.
func (r *run) decodedIn(e *db.LedgerEvent, zone *time.Location) time.Time {
	company := *r.ledger.Company
	company.Location = zone
	sent, err := ingest.Decode(e.Raw, &company, e.ReceivedAt)
	if err != nil {
		return time.Time{}
	}
	return sent.OccurredAt
}

func (r *run) miskept(e *db.LedgerEvent, fact string, sent, kept any) {
	r.differ(dayOf(e.OccurredAt, r.ledger.Company.Location).String(), e.Programme,
		fmt.Sprintf("%s of event %x, as the log keeps it,", fact, e.Key), fmt.Sprint(sent), fmt.Sprint(kept))
}
