package ingest

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/impactql/impactql/impact"
)

// Bounds say which valid events are out of the ordinary. Zero fields take their
// defaults.
type Bounds struct {
	// FutureSkew is how far ahead of its arrival an event may be dated; further ahead
	// it is quarantined. Default 24 h.
	FutureSkew time.Duration
	// LateAfter is how old an event may be when it arrives before it counts as late;
	// it is taken all the same. Default 30 days.
	LateAfter time.Duration
}

// Defaults of [Bounds].
const (
	DefaultFutureSkew = 24 * time.Hour
	DefaultLateAfter  = 30 * 24 * time.Hour
)

func (b Bounds) withDefaults() Bounds {
	set(&b.FutureSkew, DefaultFutureSkew)
	set(&b.LateAfter, DefaultLateAfter)
	return b
}

// errAhead refuses a future event of an atomic request: what is quarantined would not
// be stored with the rest.
var errAhead = impact.Errorf(impact.CodeInvalid,
	"the event lies too far in the future to be stored now, and an atomic request is stored whole or not at all")

var errAheadAndLarge = impact.Errorf(impact.CodeTooLarge,
	"the event lies too far in the future to be stored now, and is too large to be quarantined: send it when it is due")

// quarantine is the result of a valid event that is dated too far ahead; nil if it is
// not.
func (q *request) quarantine(e *impact.Event) *result {
	if q.bounds.FutureSkew <= 0 || !e.OccurredAt.After(q.receivedAt.Add(q.bounds.FutureSkew)) {
		return nil
	}
	r := &result{
		outcome: Quarantined, key: e.Key, aside: &aside{e.Raw, e.Company, e.OccurredAt.Add(-q.bounds.FutureSkew)},
	}
	if q.atomic {
		r.outcome, r.err = Rejected, errAhead
	} else if len(e.Raw) > impact.MaxReject {
		r.outcome, r.err = Rejected, errAheadAndLarge
	}
	return r
}

// owner is the company that a refused event is kept for: the one that it would have
// gone to, else the caller's default. 0: there is none, and nobody could look at it.
func (n *normaliser) owner(w *wire) impact.CompanyID {
	n.wire, n.words, n.event = w, common, new(impact.Event)
	if n.place() == nil {
		return n.company.ID
	}
	return n.fallback()
}

// fallback is the caller's default company; 0 if it has none.
func (n *normaliser) fallback() impact.CompanyID {
	if c, err := n.caller.DefaultCompany(); err == nil {
		return c.ID
	}
	return 0
}

// keepable reports whether a refusal is the event's fault, so that keeping it helps.
func keepable(e *impact.Error) bool {
	switch e.Code {
	case impact.CodeInvalid, impact.CodeBadJSON, impact.CodeTooLarge, impact.CodeForbidden:
		return true
	case impact.CodeUnauthenticated, impact.CodeUnsupportedType, impact.CodeNotFound, impact.CodeConflict,
		impact.CodeOverloaded, impact.CodeRateLimited, impact.CodeUnavailable, impact.CodeInternal:
	}
	return false
}

// reject is what is kept of a result that is not stored.
func (q *request) reject(r *result) *impact.Reject {
	raw := r.aside.raw
	kept := &impact.Reject{
		Company: r.aside.company, Raw: raw[:min(len(raw), impact.MaxReject)], Size: len(raw), Status: impact.RejectOpen,
		Source: q.source, Provider: q.provider, Delivery: q.delivery, APIKey: q.keyID, Strict: q.strict,
		Schema: impact.SchemaVersion, FirstAt: q.receivedAt, LastAt: q.receivedAt, Attempts: 1,
	}
	if r.outcome == Quarantined {
		kept.Status, kept.Key, kept.DueAt = impact.RejectQuarantined, r.key, r.aside.due
		kept.Code, kept.Message = impact.CodeInvalid, "dated too far ahead"
		return kept
	}
	kept.Code, kept.Message, kept.Pointer = r.err.Code, r.err.Message, r.err.Pointer
	return kept
}

// keep puts on the shelf what is not stored. An error means that a quarantined event is
// not durable: the request must not be acknowledged.
func (h *Handler) keep(req *request) error {
	if h.Shelf == nil || req.dryRun {
		return nil
	}
	var kept []*impact.Reject
	var of []*result
	waits := false
	for i := range req.results {
		r := &req.results[i]
		if r.aside == nil || r.aside.company == 0 || r.outcome != Quarantined && (r.outcome != Rejected || !keepable(r.err)) {
			continue
		}
		k := req.reject(r)
		if req.array && r.line == 0 {
			k.Pointer = strings.TrimPrefix(k.Pointer, req.under+"/"+strconv.Itoa(i))
		}
		flag := impact.FlagRefused
		if r.outcome == Quarantined {
			flag, waits = impact.FlagFuture, true
		}
		h.count(r.aside.company, flag)
		kept, of = append(kept, k), append(of, r)
	}
	if len(kept) == 0 {
		return nil
	}
	if err := h.Shelf.Keep(kept); err != nil {
		// A rejection is one also where it cannot be kept, which the shelf has logged.
		if waits {
			return err
		}
		return nil
	}
	for i, k := range kept {
		of[i].kept(k)
	}
	return nil
}

// kept gives a quarantined event the outcome that the shelf knows of.
func (r *result) kept(k *impact.Reject) {
	switch {
	case r.outcome != Quarantined:
	case k.Status == impact.RejectReplayed:
		r.outcome, r.receipt = Duplicate, k.Receipt
	case k.Status == impact.RejectOpen:
		r.outcome, r.err = Rejected, impact.Errorf(k.Code, "%s", k.Message)
	}
}

// keepBody keeps a body that could not be taken apart.
func (h *Handler) keepBody(req *request, body []byte, cause error) {
	e, ok := errors.AsType[*impact.Error](cause)
	if !ok || !keepable(e) || h.Shelf == nil || req.dryRun || len(body)+len(req.refused) == 0 {
		return
	}
	company := req.fallback()
	if req.refused != nil {
		body = req.refused
		d := newDecoder(body)
		defer d.release()
		_, _ = d.events(func(w *wire, _ bool) { company = req.owner(w) }) // of what was made it is well-formed
	}
	if company == 0 {
		return
	}
	h.count(company, impact.FlagRefused)
	_ = h.Shelf.Keep([]*impact.Reject{req.reject(&result{outcome: Rejected, err: e, aside: &aside{raw: body, company: company}})}) // the shelf has logged it
}

func (h *Handler) count(company impact.CompanyID, what impact.Flag) {
	h.Shelf.Count(company, what, 1)
	if h.Flag != nil {
		h.Flag(what)
	}
}

// flag counts what is out of the ordinary about the events that were stored.
func (h *Handler) flag(req *request, verdicts []impact.Verdict) {
	if h.Shelf == nil {
		return
	}
	for i, e := range req.events {
		if verdicts[i].Conflict && h.Flag != nil {
			h.Flag(impact.FlagConflict)
		}
		if verdicts[i].Duplicate || verdicts[i].Err != nil {
			continue
		}
		if e.Kind == impact.KindUnknown {
			h.count(e.Company, impact.FlagUnknown)
		}
		if req.bounds.LateAfter > 0 && req.receivedAt.Sub(e.OccurredAt) > req.bounds.LateAfter {
			h.count(e.Company, impact.FlagLate)
		}
	}
}
