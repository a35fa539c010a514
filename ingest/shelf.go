package ingest

import (
	"context"
	"sync"
	"time"

	"github.com/impactql/impactql/impact"
)

// RejectStore keeps what was not taken.
type RejectStore interface {
	// KeepRejects makes the rejects durable, whatever of them are new, and sets ID,
	// Status and Receipt to what is kept: an event that came before may have been
	// replayed since. A quarantined event that there is no room for becomes open, and
	// says why.
	KeepRejects(ctx context.Context, list []*impact.Reject) error
	// PruneRejects deletes what is beyond the bounds of companies, the oldest first,
	// and returns how many; it spares what is in quarantine.
	PruneRejects(ctx context.Context, companies []impact.CompanyID) (int64, error)
	// CountIntake adds to the counts.
	CountIntake(ctx context.Context, counts []impact.IntakeCount) error
}

const (
	// shelfWaiting is how many bytes may wait to be kept. Beyond it rejects are only
	// counted: a flood of nonsense must not cost events their room.
	shelfWaiting = 16 << 20
	// shelfTimeout is how long one write may take.
	shelfTimeout = 2 * time.Second
	// shelfPause is how often bounds are enforced and counts written.
	shelfPause = time.Second
)

// Shelf keeps rejects: those of requests that come while others are being written go
// together in the next write. It uses one connection at a time, whatever comes.
type Shelf struct {
	store   RejectStore
	warn    func(msg string, args ...any)
	ended   sync.WaitGroup
	stopped chan struct{}

	mu      sync.Mutex // guards the fields below; held for moments
	work    sync.Cond
	next    *shelfLot
	bytes   int
	touched map[impact.CompanyID]bool
	counts  map[counted]int64
	stop    bool
}

// counted is what a count is of.
type counted struct {
	company impact.CompanyID
	what    impact.Flag
}

// shelfLot is what is written together.
type shelfLot struct {
	list []*impact.Reject
	done chan struct{}
	err  error
}

// NewShelf starts a shelf. Call Stop to end it. warn logs.
func NewShelf(store RejectStore, warn func(msg string, args ...any)) *Shelf {
	s := &Shelf{
		store: store, warn: warn, stopped: make(chan struct{}),
		touched: make(map[impact.CompanyID]bool), counts: make(map[counted]int64),
	}
	s.work.L = &s.mu
	s.ended.Go(s.writeLoop)
	s.ended.Go(s.tidyLoop)
	return s
}

// Stop writes what waits and ends the shelf.
func (s *Shelf) Stop() {
	s.mu.Lock()
	s.stop = true
	s.work.Broadcast()
	s.mu.Unlock()
	close(s.stopped)
	s.ended.Wait()
}

var errShelfFull = impact.Errorf(impact.CodeOverloaded, "too much waits to be quarantined; send again after the time in Retry-After")

// Keep returns once the list is durable; see [RejectStore.KeepRejects] for what it
// changes.
func (s *Shelf) Keep(list []*impact.Reject) error {
	size := 0
	for _, r := range list {
		size += len(r.Raw) + 200
	}
	s.mu.Lock()
	switch {
	case s.stop:
		s.mu.Unlock()
		return errStopping
	case s.bytes > 0 && s.bytes+size > shelfWaiting:
		s.mu.Unlock()
		return errShelfFull
	}
	if s.next == nil {
		s.next = &shelfLot{done: make(chan struct{})}
	}
	lot := s.next
	lot.list = append(lot.list, list...)
	s.bytes += size
	s.work.Signal()
	s.mu.Unlock()

	<-lot.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes -= size
	return lot.err
}

// Count counts what an event was; it never waits.
func (s *Shelf) Count(company impact.CompanyID, what impact.Flag, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[counted{company, what}] += n
}

func (s *Shelf) take() *shelfLot {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.next == nil {
		if s.stop {
			return nil
		}
		s.work.Wait()
	}
	lot := s.next
	s.next = nil
	for _, r := range lot.list {
		s.touched[r.Company] = true
	}
	return lot
}

func (s *Shelf) writeLoop() {
	for lot := s.take(); lot != nil; lot = s.take() {
		ctx, cancel := context.WithTimeout(context.Background(), shelfTimeout)
		if lot.err = s.store.KeepRejects(ctx, lot.list); lot.err != nil {
			s.warn("rejects not kept", "rejects", len(lot.list), "err", lot.err)
		}
		cancel()
		close(lot.done)
	}
}

// tidyLoop keeps the bounds and writes the counts.
func (s *Shelf) tidyLoop() {
	tick := time.NewTicker(shelfPause)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.tidy()
		case <-s.stopped:
			s.tidy()
			return
		}
	}
}

func (s *Shelf) tidy() {
	s.mu.Lock()
	var companies []impact.CompanyID
	for c := range s.touched {
		companies = append(companies, c)
	}
	counts := s.counts
	clear(s.touched)
	s.counts = make(map[counted]int64)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), shelfTimeout)
	defer cancel()
	if len(companies) > 0 {
		if n, err := s.store.PruneRejects(ctx, companies); err != nil || n > 0 {
			s.warn("the oldest rejects made room for new ones", "deleted", n, "err", err)
		}
	}
	if len(counts) == 0 {
		return
	}
	list := make([]impact.IntakeCount, 0, len(counts))
	for c, n := range counts {
		list = append(list, impact.IntakeCount{Company: c.company, What: c.what, N: n})
	}
	if err := s.store.CountIntake(ctx, list); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c, n := range counts { // with the next ones
			s.counts[c] += n
		}
	}
}
