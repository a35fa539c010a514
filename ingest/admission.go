package ingest

import (
	"context"
	"time"

	"github.com/impactql/impactql/impact"
)

// Bounds of the congestion window, in bytes of load.
const (
	leastWindow  = 1 << 20
	firstWindow  = 4 << 20
	mostWindow   = 64 << 20
	shrinkFactor = 0.7
	growFactor   = 1.0 / 16

	// requestLoad is what a request weighs beside its body: a small one costs as much
	// time as some events of an array. So 240 small ones are always let in, which is more
	// than a usual number of connections, however slow the machine is.
	requestLoad = 4 << 10
	// leastRequests are let in whatever they weigh: arrays of 10,000 events wait for each
	// other by nature.
	leastRequests = 8
)

// queueTarget is how long a batch may wait for a committer. Those who wait in it wait
// about as long again for its commit, which grows with it.
const queueTarget = 60 * time.Millisecond

// load is what is being read or waits to be stored.
type load struct {
	bytes    int64 // with requestLoad for each request
	requests int
}

func loadOf(bytes int64) load { return load{bytes + requestLoad, 1} }

func (l *load) add(o load) {
	l.bytes += o.bytes
	l.requests += o.requests
}

func (l *load) take(o load) {
	l.bytes -= o.bytes
	l.requests -= o.requests
}

// window is how much may wait at once, by how long it does: it shrinks by a share when
// batches wait too long and grows while it is used and they do not, as TCP's does. So a
// server that is asked for more than it can do refuses the rest at once, and those whom it
// lets in are answered soon. It is in bytes, so that what it has learned of single events
// holds for arrays.
type window struct {
	size   float64
	shrunk time.Time
}

// full reports whether a load leaves no place.
func (w *window) full(l load) bool {
	return l.requests >= leastRequests && float64(l.bytes) >= w.size
}

// adapt takes note of how long a batch has waited, and how much waits.
func (w *window) adapt(now time.Time, delay time.Duration, l load) {
	switch {
	case delay > queueTarget:
		// Once for each congestion: the batches behind this one waited for the same.
		if now.Sub(w.shrunk) > queueTarget {
			w.size = max(leastWindow, w.size*shrinkFactor)
			w.shrunk = now
		}
	case float64(l.bytes) > w.size/2:
		w.size = min(mostWindow, w.size*(1+growFactor))
	}
}

var errCongested = impact.Errorf(impact.CodeOverloaded, "more events arrive than can be stored; send again after the time in Retry-After")

// Refusals for congestion are held back. A sender that waits for Retry-After does not
// notice; one that does not wait, but sends again at once, would otherwise have the
// processor busy with refusing it, which costs about as much as taking an event.
const (
	holdRefusal = 500 * time.Millisecond
	maxHeld     = 10_000 // requests at once; the others are refused at once
)

// hold waits before a refusal, but not for a sender who has gone.
func (h *Handler) hold(ctx context.Context) {
	defer h.held.Add(-1)
	if h.held.Add(1) > maxHeld {
		return
	}
	over := time.NewTimer(holdRefusal)
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
	}
}
