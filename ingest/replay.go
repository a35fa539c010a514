package ingest

import (
	"context"

	"github.com/impactql/impactql/impact"
)

// Replayer takes rejects up again, by the rules and the way of the webhook.
type Replayer struct {
	// Commit makes events durable, as [Pool.Commit] does.
	Commit func(ctx context.Context, events []*impact.Event, size int64) ([]impact.Verdict, error)
	// Known is that of [Handler].
	Known func(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error)
	// Settle marks rejects of a company as replayed.
	Settle func(ctx context.Context, company impact.CompanyID, done []*impact.Replay) error
}

// Replay takes up rejects of a company, each as if it had been taken when it first came:
// by its own source and delivery, and what says no time of its own happened then. Edit,
// if not nil, stands in for what was sent with the one reject of the list. A reject that
// held several events goes in whole or not at all. What it finds wrong is in the
// outcomes; after an error some of the list may be stored, and to replay it again is
// safe.
func (r *Replayer) Replay(
	ctx context.Context, company *impact.Company, list []*impact.Reject, edit []byte, dryRun bool,
) ([]*impact.Replay, error) {
	outcomes := make([]*impact.Replay, len(list))
	var events []*impact.Event
	var of []int // outcome of each event
	var size int64
	for i, reject := range list {
		q, err := again(company, reject, edit)
		outcomes[i] = &impact.Replay{ID: reject.ID, Events: len(q.results), Err: err, Outcome: string(Rejected)}
		if err != nil {
			continue
		}
		events = append(events, q.events...)
		for _, e := range q.events {
			of = append(of, i)
			size += int64(len(e.Raw))
		}
		outcomes[i].Outcome = string(Duplicate)
	}
	if len(events) == 0 {
		return outcomes, nil
	}
	var verdicts []impact.Verdict
	var err error
	if dryRun {
		verdicts, err = known(ctx, r.Known, events)
	} else {
		verdicts, err = r.Commit(ctx, events, size)
	}
	if err != nil {
		return nil, err
	}
	for n, v := range verdicts {
		o := outcomes[of[n]]
		switch {
		case v.Err != nil:
			o.Outcome, o.Err = string(Rejected), v.Err
		case o.Err != nil:
		case v.Duplicate:
			o.Receipt = max(o.Receipt, v.Receipt)
		case dryRun:
			o.Outcome = string(Valid)
		default:
			o.Outcome, o.Receipt = string(Stored), max(o.Receipt, v.Receipt)
		}
	}
	if dryRun {
		return outcomes, nil
	}
	var done []*impact.Replay
	for _, o := range outcomes {
		if o.Err == nil {
			done = append(done, o)
		}
	}
	if len(done) == 0 {
		return outcomes, nil
	}
	return outcomes, r.Settle(ctx, company.ID, done)
}

var errCut = impact.Errorf(impact.CodeTooLarge,
	"only the first %d bytes of it were kept: send the whole of it again, or replay it with an edit", impact.MaxReject)

// again judges a reject once more.
func again(company *impact.Company, reject *impact.Reject, edit []byte) (*request, *impact.Error) {
	raw := reject.Raw
	q := &request{normaliser: normaliser{
		caller: only{company}, source: reject.Source, provider: reject.Provider, delivery: reject.Delivery,
		receivedAt: reject.FirstAt, strict: reject.Strict,
	}}
	if edit != nil {
		raw = edit
	} else if !reject.Whole() {
		return q, errCut
	}
	if reject.Strict {
		if err := checkHeaders(raw); err != nil {
			return q, err
		}
	}
	if err := q.decode(raw); err != nil {
		return q, unreadable(err, errTooLarge)
	}
	for _, r := range q.results {
		if r.err != nil {
			return q, r.err
		}
	}
	return q, nil
}
