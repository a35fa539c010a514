package ingest

import (
	"context"
	"time"

	"github.com/impactql/impactql/impact"
)

// Bounds of the congestion window, in requests.
const (
	// leastWindow still lets large requests, which wait for each other, wait at all.
	leastWindow = 16
	// As many small requests cost next to nothing: they are let in however slow the
	// machine is, so that a usual number of connections is never refused.
	smallRequests = 256
	smallBytes    = 2 << 20 // in all

	firstWindow  = 1_024
	mostWindow   = 1 << 16
	shrinkFactor = 0.7
	growFactor   = 1.0 / 16
)

// queueTarget is how long a batch may wait for a committer. Those who wait in it wait
// about as long again for its commit, which grows with it.
const queueTarget = 60 * time.Millisecond

// window is how many requests may wait at once, by how long they do: it shrinks by a
// share when batches wait too long and grows while it is used and they do not, as
// TCP's does. So a server that is asked for more than it can do refuses the rest at
// once, and those whom it lets in are answered soon; its measure is time, so it is the
// same for small events, large ones, and a slow disk.
type window struct {
	size   float64
	shrunk time.Time
}

// full reports whether waiting requests, of so many bytes, leave no place.
func (w *window) full(waiting int, bytes int64) bool {
	return float64(waiting) >= w.size && (waiting >= smallRequests || bytes >= smallBytes)
}

// adapt takes note of how long a batch has waited, and how many requests wait.
func (w *window) adapt(now time.Time, delay time.Duration, waiting int) {
	switch {
	case delay > queueTarget:
		// Once for each congestion: the batches behind this one waited for the same.
		if now.Sub(w.shrunk) > queueTarget {
			w.size = max(leastWindow, w.size*shrinkFactor)
			w.shrunk = now
		}
	case float64(waiting) > w.size/2:
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
