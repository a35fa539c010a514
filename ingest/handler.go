package ingest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/impactql/impactql/impact"
)

// Handler serves POST /webhooks/ingest and POST /webhooks/{source}: one event, an array
// of them, a stream of lines, or CloudEvents; see [modeOf].
type Handler struct {
	Pool *Pool
	// Known finds events in the log, for ?dryRun=true: the verdict of each, in their
	// order, is a duplicate with its receipt, or zero.
	Known func(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error)
	// Identify says who sent the request, by its path and headers; its errors are
	// [*impact.Error].
	Identify func(*http.Request) (Sender, error)
	// Refuse answers a request that failed as a whole. Details are JSON; nil if there
	// are none.
	Refuse func(w http.ResponseWriter, r *http.Request, err *impact.Error, details any)
	// Quota bounds what each sender may send; nil means no limit.
	Quota *Quota
	// Log receives what callers are not told.
	Log *slog.Logger
	// Shelf keeps what is not stored; nil: nothing is kept, and what is dated too far
	// ahead is stored like the rest.
	Shelf *Shelf
	// Bounds say what is quarantined and what is late.
	Bounds Bounds
	// Observe, if not nil, is told what became of each event.
	Observe func(outcome Outcome)
	// Flag, if not nil, is told what is out of the ordinary about an event.
	Flag func(what impact.Flag)

	// Draining, if not nil, reports whether the server is about to stop: streams, which
	// could take hours, then end with what they have brought.
	Draining func() bool

	held    atomic.Int32 // refusals that are held back
	streams streams
}

// Outcome is what became of an event.
type Outcome string

// The outcomes, as answers name them.
const (
	Stored    Outcome = "stored"
	Duplicate Outcome = "duplicate"
	Rejected  Outcome = "rejected"
	// Quarantined is kept, durably, until it is due.
	Quarantined Outcome = "quarantined"
	// Valid would have been stored: it was a dry run, or another event of an atomic
	// request was refused.
	Valid Outcome = "valid"
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
	m, modeErr := modeOf(r)
	identified := r
	if m.streams() { // what a stream has brought is taken, also from a sender who is gone
		identified = r.WithContext(context.WithoutCancel(r.Context()))
	}
	sender, err := h.Identify(identified)
	if err != nil {
		return nil, err
	}
	if modeErr != nil {
		return nil, modeErr
	}
	if m.format == formatBinary && sender.Verify != nil {
		return nil, errUnsignedHeaders
	}
	allowed, err := h.Quota.admit(&sender, w.Header())
	if err != nil {
		return nil, err
	}
	taken := room{pool: h.Pool}
	defer taken.release()
	req := request{mode: m, normaliser: normaliser{
		caller: sender.Caller, source: sender.Source, provider: sender.Provider, delivery: sender.Delivery, receivedAt: time.Now(),
		strict: m.format.isCloudEvent(), keyID: sender.KeyID,
	}}
	if h.Shelf != nil {
		req.bounds = h.Bounds.withDefaults()
	}
	if m.streams() {
		return h.stream(w, r, &sender, &req, &taken, &allowed)
	}
	body, err := h.body(w, r, m, &sender, &taken)
	if err != nil {
		return nil, err
	}
	if err := taken.enter(int64(len(body))); err != nil {
		return nil, err
	}
	if m.format == formatBinary {
		req.headers = r.Header
	}
	if err := req.decode(body); err != nil {
		taken.leave() // the shelf may be slow, which is nothing to events
		h.keepBody(&req, body, err)
		return nil, err
	}
	allowed.charge(len(req.results) - 1)
	taken.leave()
	if err := h.settle(r.Context(), &req, int64(len(body))); err != nil {
		return nil, err
	}
	if !req.array && req.results[0].err != nil {
		return nil, req.results[0].err
	}
	return req.answer(), nil
}

// Whoever recorded a signed body could send it again as another event.
var errUnsignedHeaders = impact.Errorf(impact.CodeUnsupportedType,
	"a CloudEvent in binary mode is identified by headers, which the signature does not cover: send it in structured mode")

// settle makes the events of a request durable, or finds out what would become of
// them, and gives each of its results an outcome.
func (h *Handler) settle(ctx context.Context, req *request, size int64) error {
	// A caller who hangs up leaves the batch as it is: the events are in it, and
	// their room is not free before they are settled.
	ctx = context.WithoutCancel(ctx)
	var verdicts []impact.Verdict
	var err error
	switch {
	case len(req.events) == 0:
	case req.dryRun:
		verdicts, err = known(ctx, h.Known, req.events)
	case req.atomic && len(req.events) < len(req.results):
		req.withhold()
	case req.atomic:
		verdicts, err = h.Pool.CommitWhole(ctx, req.events, size)
	default:
		verdicts, err = h.Pool.Commit(ctx, req.events, size)
	}
	if err != nil {
		return err
	}
	if verdicts != nil {
		req.settle(verdicts)
	}
	if verdicts != nil && !req.dryRun {
		h.flag(req, verdicts)
	}
	if err := h.keep(req); err != nil {
		return err
	}
	if h.Observe != nil && !req.dryRun {
		for i := range req.results {
			h.Observe(req.results[i].outcome)
		}
	}
	return nil
}

// known is the verdict of each event if it were sent now: a duplicate of the log, or of
// an event before it in the request.
func known(
	ctx context.Context, find func(context.Context, []*impact.Event) ([]impact.Verdict, error), events []*impact.Event,
) ([]impact.Verdict, error) {
	verdicts, err := find(ctx, events)
	if err != nil {
		return nil, err
	}
	type identity struct {
		company impact.CompanyID
		key     impact.Key
	}
	seen := make(map[identity]bool, len(events))
	for i, e := range events {
		id := identity{e.Company, e.Key}
		verdicts[i].Duplicate = verdicts[i].Duplicate || seen[id]
		seen[id] = true
	}
	return verdicts, nil
}

// refuse answers a request that failed as a whole.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errCongested) {
		h.hold(r.Context())
	}
	e, ok := errors.AsType[*impact.Error](err)
	if !ok {
		e = h.uncommitted(r.Context(), err)
	}
	if e.Code == impact.CodeOverloaded || e.Code == impact.CodeUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(h.Pool.RetryAfter().Seconds())))
	}
	var details any
	if b, ok := errors.AsType[*brokenStream](err); ok {
		details = b.progress
	}
	h.Refuse(w, r, e, details)
}

// uncommitted is what callers are told of an error that is not for them.
func (h *Handler) uncommitted(ctx context.Context, err error) *impact.Error {
	h.Log.WarnContext(ctx, "ingest: not committed", "err", err)
	return impact.Errorf(impact.CodeUnavailable, "the events were not committed; send them again")
}
