package ingest

import (
	"time"

	"github.com/impactql/impactql/impact"
)

// Decode turns one event's JSON into an event of company, by the rules of the
// webhook. It is for histories that do not come through HTTP.
func Decode(raw []byte, company *impact.Company, receivedAt time.Time) (*impact.Event, error) {
	q := request{normaliser: normaliser{caller: only{company}, receivedAt: receivedAt}}
	if err := q.decode(raw); err != nil {
		return nil, err
	}
	if q.array {
		return nil, impact.Errorf(impact.CodeInvalid, "it must be one event, a JSON object")
	}
	if len(q.events) == 0 {
		return nil, q.results[0].err
	}
	return q.events[0], nil
}

// only is a caller that may write to one company.
type only struct{ company *impact.Company }

func (o only) Company(key string) (*impact.Company, error) {
	if key != o.company.Key {
		return nil, impact.Errorf(impact.CodeForbidden, "the event belongs to company %q", key)
	}
	return o.company, nil
}

func (o only) DefaultCompany() (*impact.Company, error) { return o.company, nil }
