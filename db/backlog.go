package db

import (
	"context"
	"slices"
	"sync"

	"github.com/impactql/impactql/impact"
)

// maxBacklog is how many committed events may wait in memory for the fold before
// commits wait for it: about half a second of work at full load.
const maxBacklog = 60_000

// maxBacklogBytes likewise, of the events as they were sent: batches keep them until they are
// folded. Usual events are a few hundred bytes.
const maxBacklogBytes = 32 << 20

// backlog holds the batches that this instance committed and has not folded yet.
type backlog struct {
	mu      sync.Mutex // guards the fields below; held for moments
	batches []committed
	events  int
	bytes   int
	closed  bool // nobody folds in this process: batches are left to the log
	stuck   bool // the fold takes too long, or fails for a reason that time will not mend

	added   chan struct{} // holds a token while batches is not empty
	drained chan struct{} // closed and replaced whenever events shrinks
	urged   chan struct{} // holds a token if somebody waits for a batch that is not folded

	folded func(batches []int64) // told of what drop removes
}

// committed is a durable batch and its events.
type committed struct {
	id     int64
	events []*impact.Event
}

func (c committed) bytes() (n int) {
	for _, e := range c.events {
		n += len(e.Raw)
	}
	return n
}

func (b *backlog) init() {
	b.folded = func([]int64) {}
	b.urged = make(chan struct{}, 1)
	b.added = make(chan struct{}, 1)
	b.drained = make(chan struct{})
	b.closed = true
}

// open makes the backlog keep batches, for a folder of this process.
func (b *backlog) open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = false
}

// close forgets what waits: other instances, or the next start, fold it from the
// log.
func (b *backlog) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.batches, b.events, b.bytes = true, nil, 0, 0
	b.wakeAdmitted()
}

// admit waits until there is room. It does not wait for a fold that is stuck: to
// take events in comes before showing them.
func (b *backlog) admit(ctx context.Context) error {
	for {
		b.mu.Lock()
		room, drained := !b.full() || b.stuck, b.drained
		b.mu.Unlock()
		if room {
			return nil
		}
		select {
		case <-drained:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// full reports whether there is no room. Call it with mu held.
func (b *backlog) full() bool { return b.events >= maxBacklog || b.bytes >= maxBacklogBytes }

// add queues a batch; it never waits. What a stuck fold leaves no room for is left
// to the log.
func (b *backlog) add(id int64, events []*impact.Event) {
	if len(events) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.stuck && b.full() {
		return
	}
	c := committed{id, events}
	b.batches = append(b.batches, c)
	b.events += len(events)
	b.bytes += c.bytes()
	select {
	case b.added <- struct{}{}:
	default:
	}
}

// peek is what waits, in commit order; it stays queued.
func (b *backlog) peek() []committed {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.batches)
}

// drop removes batches that are folded. Lists that peek gave out stay as they are:
// another folder may be working from one.
func (b *backlog) drop(folded []committed) {
	done := make(map[int64]bool, len(folded))
	ids := make([]int64, len(folded))
	for i, c := range folded {
		done[c.id], ids[i] = true, c.id
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var waiting []committed
	for _, c := range b.batches {
		if done[c.id] {
			b.events -= len(c.events)
			b.bytes -= c.bytes()
		} else {
			waiting = append(waiting, c)
		}
	}
	if b.batches = waiting; len(waiting) > 0 {
		select {
		case b.added <- struct{}{}:
		default:
		}
	}
	b.wakeAdmitted()
	b.folded(ids)
}

// urge has the fold not pause if one of the batches waits for it, and returns those
// that are not of this instance.
func (b *backlog) urge(ids []int64) (others []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := make(map[int64]bool, len(b.batches))
	for _, c := range b.batches {
		own[c.id] = true
	}
	for _, id := range ids {
		if !own[id] {
			others = append(others, id)
		}
	}
	if len(others) < len(ids) {
		select {
		case b.urged <- struct{}{}:
		default:
		}
	}
	return others
}

// setStuck says whether the fold is stuck.
func (b *backlog) setStuck(stuck bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stuck = stuck; stuck {
		b.wakeAdmitted()
	}
}

func (b *backlog) wakeAdmitted() {
	close(b.drained)
	b.drained = make(chan struct{})
}

// Backlog is how many events this instance has committed and not folded yet.
func (s *Store) Backlog() int {
	s.backlog.mu.Lock()
	defer s.backlog.mu.Unlock()
	return s.backlog.events
}
