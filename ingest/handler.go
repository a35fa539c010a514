package ingest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/impactql/impactql/impact"
)

// Handler serves POST /webhooks/ingest and POST /webhooks/{source}: one event, or an
// array of them.
type Handler struct {
	Pool *Pool
	// Identify says who sent the request, by its path and headers; its errors are
	// [*impact.Error].
	Identify func(*http.Request) (Sender, error)
	// Refuse answers a request that failed as a whole.
	Refuse func(w http.ResponseWriter, r *http.Request, err *impact.Error)
	// Log receives what callers are not told.
	Log *slog.Logger
	// Observe, if not nil, is told what became of each event.
	Observe func(outcome Outcome)
}

// Outcome is what became of an event.
type Outcome string

// The outcomes, as answers name them.
const (
	Stored    Outcome = "stored"
	Duplicate Outcome = "duplicate"
	Rejected  Outcome = "rejected"
)

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := h.serve(w, r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body) // the caller is gone if this fails; it will send again
}

var jsonType = []string{"application/json"}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) (*answer, error) {
	sender, err := h.Identify(r)
	if err != nil {
		return nil, err
	}
	if err := checkHeaders(r); err != nil {
		return nil, err
	}
	room := room{pool: h.Pool}
	defer room.release()
	body, err := readBody(w, r, &room)
	if err != nil {
		return nil, err
	}
	if sender.Verify != nil {
		if err := sender.Verify(r.Header, body); err != nil {
			return nil, err
		}
	}
	req := request{normaliser: normaliser{
		caller: sender.Caller, source: sender.Source, provider: sender.Provider, delivery: sender.Delivery, receivedAt: time.Now(),
	}}
	if err := req.decode(body); err != nil {
		return nil, err
	}
	if len(req.events) > 0 {
		// A caller who hangs up leaves the batch as it is: the events are in it, and
		// their room is not free before they are settled.
		verdicts, err := h.Pool.Commit(context.WithoutCancel(r.Context()), req.events, int64(len(body)))
		if err != nil {
			return nil, err
		}
		req.settle(verdicts)
	}
	if h.Observe != nil {
		for i := range req.results {
			h.Observe(req.results[i].outcome)
		}
	}
	if !req.array && req.results[0].err != nil {
		return nil, req.results[0].err
	}
	return req.answer(), nil
}

func checkHeaders(r *http.Request) error {
	if ct := r.Header.Get("Content-Type"); ct != "" && ct != jsonType[0] {
		media, _, err := mime.ParseMediaType(ct)
		if err != nil || media != jsonType[0] {
			return impact.Errorf(impact.CodeUnsupportedType, "Content-Type is %q; send application/json", ct)
		}
	}
	if ce := r.Header.Get("Content-Encoding"); ce != "" && ce != "identity" {
		return impact.Errorf(impact.CodeUnsupportedType, "Content-Encoding is %q; send the body as it is", ce)
	}
	return nil
}

var errTooLarge = impact.Errorf(impact.CodeTooLarge, "send at most %d bytes in one request", MaxBody)

// room is what one request has reserved.
type room struct {
	pool *Pool
	n    int64
}

func (m *room) grow(n int64) error {
	err := m.pool.Reserve(n)
	if err == nil {
		m.n += n
	}
	return err
}

func (m *room) release() { m.pool.Release(m.n) }

// firstRoom is what is reserved for a body before any of it has arrived.
const firstRoom = 64 << 10

// readBody reads the body into room that grows as it arrives, so that a promise of
// many bytes takes no room from those who send theirs.
func readBody(w http.ResponseWriter, r *http.Request, room *room) ([]byte, error) {
	most := r.ContentLength
	if most > MaxBody {
		return nil, errTooLarge
	}
	if most < 0 {
		most = MaxBody
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	}
	body := make([]byte, 0, min(most, firstRoom)+1)
	if err := room.grow(int64(cap(body))); err != nil {
		return nil, err
	}
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch _, tooLarge := errors.AsType[*http.MaxBytesError](err); {
		case errors.Is(err, io.EOF):
			return body, nil
		case tooLarge:
			return nil, errTooLarge
		case err != nil:
			return nil, impact.Errorf(impact.CodeInvalid, "the body ended early or came too slowly; send again")
		}
		if len(body) == cap(body) {
			more := min(int64(cap(body)), most+1-int64(cap(body)))
			if err := room.grow(more); err != nil {
				return nil, err
			}
			body = append(make([]byte, 0, int64(cap(body))+more), body...)
		}
	}
}

// request is the state of one request: a result per event, and the valid events.
type request struct {
	normaliser
	array   bool
	results []result
	events  []*impact.Event
}

// result is what became of one event of a request.
type result struct {
	outcome Outcome
	err     *impact.Error // of a rejected event
	key     impact.Key
	receipt int64
}

func (q *request) decode(body []byte) error {
	d := newDecoder(body)
	defer d.release()
	array, err := d.events(func(w *wire, array bool) {
		if array {
			q.delivery = "" // a delivery of many events does not tell them apart
		}
		e, refused := q.normalise(w)
		if refused != nil {
			if array && refused != w.problem {
				refused.Pointer = "/" + strconv.Itoa(len(q.results)) + refused.Pointer
			}
			q.results = append(q.results, result{outcome: Rejected, err: refused})
			return
		}
		q.results = append(q.results, result{outcome: Stored, key: e.Key})
		q.events = append(q.events, e)
	})
	q.array = array
	return err
}

func (q *request) settle(verdicts []impact.Verdict) {
	next := 0
	for i := range q.results {
		r := &q.results[i]
		if r.err != nil {
			continue
		}
		v := verdicts[next]
		next++
		switch {
		case v.Err != nil:
			refused := *v.Err
			if q.array {
				refused.Pointer = "/" + strconv.Itoa(i) + refused.Pointer
			}
			r.outcome, r.err = Rejected, &refused
		case v.Duplicate:
			r.outcome, r.receipt = Duplicate, v.Receipt
		default:
			r.receipt = v.Receipt
		}
	}
}

// refuse answers a request that failed as a whole.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*impact.Error](err)
	if !ok {
		h.Log.WarnContext(r.Context(), "ingest: not committed", "err", err)
		e = impact.Errorf(impact.CodeUnavailable, "the events were not committed; send them again")
	}
	if e.Code == impact.CodeOverloaded || e.Code == impact.CodeUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(h.Pool.RetryAfter().Seconds())))
	}
	h.Refuse(w, r, e)
}
