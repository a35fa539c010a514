package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

const (
	// tailPoll is how often arrivals are looked for while somebody listens: each shows
	// within it and the time of a statement, whichever instance took it.
	tailPoll = 100 * time.Millisecond
	// tailRows bounds what one look brings of a kind, tailBody the characters of each
	// body.
	tailRows = 500
	tailBody = 4 << 10
	// tailBuffer is how many looks a listener may lag behind; what comes then is
	// dropped, and the listener told so.
	tailBuffer = 4
	// maxListeners bounds who listens to one instance.
	maxListeners = 100
)

// tailHub looks for what arrives, once for all who listen, and not at all while nobody
// does.
type tailHub struct {
	store *db.Store
	log   *slog.Logger
	wake  chan struct{} // holds a token when somebody begins to listen

	mu        sync.Mutex // guards the fields below and those of listeners; held for moments
	listeners map[*listener]bool
	streams   int // of figures
	closed    bool
	stopped   chan struct{} // closed with it
}

// listener is who listens to one company.
type listener struct {
	company impact.CompanyID
	joined  bool
	ready   chan struct{} // closed once the first look that included the company is over
	looks   chan tailed   // closed when the hub ends
	from    db.Snapshot   // the moment of that look; set before ready is closed
	upTo    db.Snapshot   // up to which everything is in looks, or was dropped
	dropped int
}

// tailed is what a look brought.
type tailed struct {
	list []*db.Tailed
	upTo db.Snapshot
}

func newTailHub(store *db.Store, log *slog.Logger) *tailHub {
	return &tailHub{store: store, log: log, wake: make(chan struct{}, 1), listeners: make(map[*listener]bool), stopped: make(chan struct{})}
}

// listen begins to listen. Call leave in the end.
func (h *tailHub) listen(company impact.CompanyID) (*listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, impact.Errorf(impact.CodeUnavailable, "the server is stopping; connect again")
	}
	if len(h.listeners) >= maxListeners {
		return nil, impact.Errorf(impact.CodeUnavailable, "%d listen here already; try again later", maxListeners)
	}
	l := &listener{company: company, ready: make(chan struct{}), looks: make(chan tailed, tailBuffer)}
	h.listeners[l] = true
	select {
	case h.wake <- struct{}{}:
	default:
	}
	return l, nil
}

// admit lets in a stream of figures. Call release in the end.
func (h *tailHub) admit() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return impact.Errorf(impact.CodeUnavailable, "the server is stopping; connect again")
	case h.streams >= maxStreams:
		return impact.Errorf(impact.CodeUnavailable, "%d streams are open here already; try again later", maxStreams)
	}
	h.streams++
	return nil
}

func (h *tailHub) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams--
}

func (h *tailHub) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
}

// lag is up to where a listener has been served, empty while looks wait for it, and how
// much was dropped since it was asked last.
func (h *tailHub) lag(l *listener) (upTo db.Snapshot, dropped int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	dropped, l.dropped = l.dropped, 0
	if len(l.looks) == 0 {
		upTo = l.upTo
	}
	return upTo, dropped
}

// run looks until ctx ends; then all who listen are sent away.
func (h *tailHub) run(ctx context.Context) {
	defer h.end()
	tick := time.NewTicker(tailPoll)
	defer tick.Stop()
	var since db.Snapshot
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		listening := h.listening()
		if len(listening) == 0 {
			since = ""
			select {
			case <-ctx.Done():
				return
			case <-h.wake:
			}
			continue
		}
		now, err := h.look(ctx, since, listening)
		if err != nil {
			if ctx.Err() == nil {
				h.log.Warn("tail: cannot look for arrivals", "err", err)
			}
			continue
		}
		since = now
	}
}

func (h *tailHub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	close(h.stopped)
	for l := range h.listeners {
		close(l.looks)
	}
	clear(h.listeners)
}

func (h *tailHub) listening() (list []*listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		list = append(list, l)
	}
	return list
}

// look looks once, for those who were listening when it began.
func (h *tailHub) look(ctx context.Context, since db.Snapshot, listening []*listener) (db.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	companies := make(map[impact.CompanyID][]*db.Tailed)
	for _, l := range listening {
		companies[l.company] = nil
	}
	ids := make([]impact.CompanyID, 0, len(companies))
	for id := range companies {
		ids = append(ids, id)
	}
	list, now, more, err := h.store.TailSince(ctx, since, ids, tailRows, tailBody)
	if err != nil {
		return "", err
	}
	for _, a := range list {
		companies[a.Company] = append(companies[a.Company], a)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range listening {
		if !h.listeners[l] {
			continue
		}
		if !l.joined {
			// What this look brought may lie before the company was included.
			l.joined, l.from, l.upTo = true, now, now
			close(l.ready)
			continue
		}
		if more {
			l.dropped++
		}
		if arrived := companies[l.company]; len(arrived) > 0 {
			select {
			case l.looks <- tailed{arrived, now}:
			default:
				l.dropped += len(arrived)
			}
		}
		l.upTo = now
	}
	return now, nil
}
