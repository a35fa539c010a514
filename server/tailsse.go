package server

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

const (
	// tailHeartbeat is how often a silent stream says that it is alive.
	tailHeartbeat = 15 * time.Second
	// tailCheck is how often the listener's key is looked up again, beside on news of keys.
	tailCheck = 5 * time.Second
	// tailWrite is how long a listener may take to take one message.
	tailWrite = 10 * time.Second
)

// arrivalMessage is an arrival as the stream tells it.
type arrivalMessage struct {
	Verdict    impact.ArrivalVerdict `json:"verdict"`
	Company    string                `json:"company"`
	Receipt    string                `json:"receipt,omitempty"`
	ID         string                `json:"id,omitempty"`
	Kind       string                `json:"kind,omitempty"`
	Type       string                `json:"type,omitempty"`
	Programme  string                `json:"programme,omitempty"`
	Person     string                `json:"participant,omitempty"`
	Volunteer  string                `json:"volunteer,omitempty"`
	Session    string                `json:"session,omitempty"`
	OccurredAt string                `json:"occurredAt,omitempty"`
	ReceivedAt string                `json:"receivedAt"`
	Reject     int64                 `json:"reject,omitempty"`
	Code       impact.Code           `json:"code,omitempty"`
	Message    string                `json:"message,omitempty"`
	Pointer    string                `json:"pointer,omitempty"`
	Body       *string               `json:"body"` // null without [ScopePeople]
	Size       int                   `json:"size"`
}

func newArrivalMessage(company string, a *impact.Arrival) arrivalMessage {
	m := arrivalMessage{
		Verdict: a.Verdict, Company: company, Kind: a.Kind, Type: a.Type, Programme: a.Programme, Person: a.Person,
		Volunteer: a.Volunteer, Session: a.Session, ReceivedAt: a.ReceivedAt.UTC().Format(time.RFC3339Nano),
		Reject: a.Reject, Code: a.Code, Message: a.Message, Pointer: a.Pointer, Size: a.Size,
	}
	if a.Raw != nil {
		body := string(a.Raw)
		m.Body = &body
	}
	if a.Receipt > 0 {
		m.Receipt = strconv.FormatInt(a.Receipt, 10)
	}
	if a.Key != (impact.Key{}) {
		m.ID = a.Key.UUID()
	}
	if !a.OccurredAt.IsZero() {
		m.OccurredAt = a.OccurredAt.UTC().Format(time.RFC3339Nano)
	}
	return m
}

// withToken lets browsers' EventSource, which sends no headers, name the key as
// ?access_token=. Query strings are not logged.
func withToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("access_token")
		if token != "" && r.Header.Get("X-API-Key") == "" && r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		next.ServeHTTP(w, r)
	})
}

// tail is GET /v1/events/tail: what arrives for a company, as it arrives.
func (d *doors) tail(w http.ResponseWriter, r *http.Request) {
	company, since, err := d.tailAsk(r)
	if err != nil {
		fail(d.log, w, r, err)
		return
	}
	l, err := d.hub.listen(company.ID)
	if err != nil {
		fail(d.log, w, r, err)
		return
	}
	defer d.hub.leave(l)
	select {
	case <-l.ready:
	case <-l.looks: // closed
		return
	case <-r.Context().Done():
		return
	}
	s := &tailStream{w: w, conn: http.NewResponseController(w), company: company.Key, named: principalOf(r.Context()).Can(ScopePeople)}
	_ = s.conn.SetReadDeadline(time.Time{}) // a listener says nothing more
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	if err := d.follow(r.Context(), s, l, since); err != nil {
		d.log.DebugContext(r.Context(), "tail ended", "err", err)
	}
}

// tailAsk is whose arrivals are asked for, and since when.
func (d *doors) tailAsk(r *http.Request) (*impact.Company, db.Snapshot, error) {
	p := principalOf(r.Context())
	query, err := singleValued(r.URL.RawQuery)
	if err != nil {
		return nil, "", err
	}
	var company *impact.Company
	if key := query.Get("company"); key != "" {
		company, err = d.auth.company(r.Context(), key)
		if err == nil && !p.May(company.ID) {
			err = impact.Errorf(impact.CodeForbidden, "the API key may not read this company")
		}
	} else if company, err = p.DefaultCompany(); impact.CodeOf(err) == impact.CodeInvalid {
		err = &impact.Error{Code: impact.CodeInvalid, Pointer: "/company", Message: "the API key has no default company: name one as ?company=<key>"}
	}
	if err != nil {
		return nil, "", err
	}
	last := cmp.Or(r.Header.Get("Last-Event-ID"), query.Get("lastEventId"))
	if last == "" {
		return company, "", nil
	}
	since, err := db.ParseSnapshot(last)
	return company, since, err
}

// follow tells of what arrives until the listener or the server goes, or the listener's
// key is revoked. It begins with what arrived since, if since is not empty.
func (d *doors) follow(ctx context.Context, s *tailStream, l *listener, since db.Snapshot) error {
	p := principalOf(ctx)
	// From before the key is looked up: what is revoked in between is news.
	revocation := d.auth.revocation()
	if p.ended(ctx) {
		return errUnknownKey
	}
	from := l.from
	if since != "" {
		// Later looks may bring again what this sees: they are filtered by it.
		missed, now, more, err := d.hub.store.TailSince(ctx, since, []impact.CompanyID{l.company}, tailRows, tailBody)
		if err != nil {
			return err
		}
		if err := s.tell(missed, since, now); err != nil {
			return err
		}
		if more {
			if err := s.dropped(1); err != nil {
				return err
			}
		}
		from = now
	}
	if err := s.write(fmt.Sprintf(": listening\nid: %s\n\n", from)); err != nil {
		return err
	}
	seen := from
	beat := time.NewTicker(tailHeartbeat)
	defer beat.Stop()
	check := time.NewTicker(tailCheck)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-revocation:
			revocation = d.auth.revocation()
			if p.ended(ctx) {
				return errUnknownKey
			}
		case <-check.C:
			if p.ended(ctx) {
				return errUnknownKey
			}
		case look, open := <-l.looks:
			if !open {
				return nil
			}
			fresh := slices.DeleteFunc(slices.Clone(look.list), func(a *db.Tailed) bool { return from.Sees(a.XID) })
			if err := s.tell(fresh, seen, look.upTo); err != nil {
				return err
			}
			seen = look.upTo
		case <-beat.C:
			if err := s.write(fmt.Sprintf(": alive\nid: %s\n\n", seen)); err != nil {
				return err
			}
		}
		upTo, n := d.hub.lag(l)
		if upTo != "" {
			seen = upTo
		}
		if n > 0 {
			if err := s.dropped(n); err != nil {
				return err
			}
		}
	}
}

// tailStream writes Server-Sent Events.
type tailStream struct {
	w       http.ResponseWriter
	conn    *http.ResponseController
	company string
	named   bool // people are
}

// tell writes arrivals, the oldest first. Who breaks off in the middle and resumes gets
// all of them again: only the last one's id is the moment after them.
func (s *tailStream) tell(list []*db.Tailed, before, after db.Snapshot) error {
	slices.SortFunc(list, func(a, b *db.Tailed) int {
		return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), cmp.Compare(a.Receipt, b.Receipt), cmp.Compare(a.Reject, b.Reject))
	})
	for i, a := range list {
		shown := &a.Arrival
		if !s.named {
			shown = shown.Anonymous()
		}
		data, err := json.Marshal(newArrivalMessage(s.company, shown))
		if err != nil {
			return err
		}
		id := before
		if i == len(list)-1 {
			id = after
		}
		if err := s.write(fmt.Sprintf("id: %s\ndata: %s\n\n", id, data)); err != nil {
			return err
		}
	}
	return nil
}

// dropped tells a listener who lagged behind, or a company of which too much arrived at
// once, that at least n arrivals were not told.
func (s *tailStream) dropped(n int) error {
	return s.write(fmt.Sprintf("event: dropped\ndata: {\"atLeast\":%d}\n\n", n))
}

func (s *tailStream) write(text string) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(tailWrite)); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.conn.Flush()
}
