package ingest

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/impactql/impactql/impact"
)

// Store makes events durable.
type Store interface {
	// Commit makes all the events durable in one transaction and returns, in their
	// order, what became of each. After an error nothing may be acknowledged, and
	// committing the same events again is safe.
	Commit(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error)
	// CommitWhole is Commit that stores all of the events or, with an error that has
	// [impact.CodeInvalid], none.
	CommitWhole(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error)
}

// Limits bound what the pool holds. Zero fields take their defaults.
type Limits struct {
	// BatchEvents is how many events a batch gathers before the next one is begun;
	// default 4,000. A larger request is a batch of its own.
	BatchEvents int
	// BatchBytes likewise, in bytes of raw events; default 8 MiB.
	BatchBytes int64
	// WaitingBytes is how many bytes of request bodies may be between being read
	// and being answered, over all requests; default 48 MiB. Beyond it requests are
	// refused with [impact.CodeOverloaded].
	WaitingBytes int64
	// Committers is how many batches may be on their way to the disk at once;
	// default 2: one is encoded while the other waits for the disk.
	Committers int
	// CommitTimeout is how long a batch may take, retries and all; default 10 s.
	CommitTimeout time.Duration
	// Away, if not nil, reports whether the store is known to be away: requests are
	// then refused before they are read.
	Away func() bool
}

func (l *Limits) setDefaults() {
	set(&l.BatchEvents, 4_000)
	set(&l.BatchBytes, 8<<20)
	set(&l.WaitingBytes, 48<<20)
	set(&l.Committers, 2)
	set(&l.CommitTimeout, 10*time.Second)
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Pool gathers events of many requests into batches and commits them.
type Pool struct {
	store   Store
	limits  Limits
	stopped sync.WaitGroup // the committers

	mu       sync.Mutex // guards the fields below; held for moments, never across I/O
	work     sync.Cond  // signalled when queue grows, broadcast on stop
	queue    []*batch   // oldest first; the last one gathers
	waiting  int64      // bytes reserved
	load     load       // of requests that are being decoded, and of batches that are not settled
	window   window     // of load
	stopping bool
	rate     float64 // bytes settled a second, smoothed; 0 until measured
}

// batch is a group commit. Its fields but done belong to the pool's lock until a
// committer takes it, then to the committer, and to nobody once done is closed.
type batch struct {
	events   []*impact.Event
	bytes    int64
	load     load
	since    time.Time     // of the first request
	whole    bool          // all or nothing; the events are those of one request
	done     chan struct{} // closed when verdicts or err is final
	verdicts []impact.Verdict
	err      error
}

// NewPool starts a pool. Call Stop to end it.
func NewPool(store Store, limits Limits) *Pool {
	limits.setDefaults()
	p := &Pool{store: store, limits: limits, window: window{size: firstWindow}}
	p.work.L = &p.mu
	for range limits.Committers {
		p.stopped.Go(p.commitLoop)
	}
	return p
}

// Reserve takes room for n bytes of a request, or fails with
// [impact.CodeOverloaded] or, while stopping, [impact.CodeUnavailable]. Every
// success needs one Release of the same n.
func (p *Pool) Reserve(n int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reserve(n)
}

// admit is Reserve for a request that is not read yet: it also fails with
// [impact.CodeOverloaded] if so much waits already that it would wait for long.
func (p *Pool) admit(n int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.window.full(p.load) && !p.stopping {
		return errCongested
	}
	return p.reserve(n)
}

// enter puts a request of n bytes on the books once it has been read, until leave. Those
// that are still arriving are not on them, so that slow senders keep nobody out; a herd
// that was let in at once is stopped here.
func (p *Pool) enter(n int64) (load, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.window.full(p.load) && !p.stopping {
		return load{}, errCongested
	}
	l := loadOf(n)
	p.load.add(l)
	return l, nil
}

func (p *Pool) leave(l load) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load.take(l)
}

// reserve is Reserve. Call it with mu held.
func (p *Pool) reserve(n int64) error {
	switch {
	case p.stopping:
		return errStopping
	case p.limits.Away != nil && p.limits.Away():
		return errAway
	case p.waiting > 0 && p.waiting+n > p.limits.WaitingBytes:
		return impact.Errorf(impact.CodeOverloaded, "the ingest buffer is full; send again after the time in Retry-After")
	}
	p.waiting += n
	return nil
}

// Release gives back what Reserve took.
func (p *Pool) Release(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting -= n
}

// Waiting is how many bytes are reserved.
func (p *Pool) Waiting() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}

// RetryAfter is when there will likely be room again, from how fast batches have
// been settling: at least a second, at most a minute.
func (p *Pool) RetryAfter() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rate <= 0 {
		return time.Second
	}
	seconds := math.Ceil(float64(p.waiting) / p.rate)
	return time.Duration(min(max(seconds, 1), 60)) * time.Second
}

var errAway = impact.Errorf(impact.CodeUnavailable, "the database is away; send again after the time in Retry-After")

var errStopping = impact.Errorf(impact.CodeUnavailable, "the server is stopping; send again")

// Commit adds events, of size bytes in all, to a batch and waits until it is
// settled. The verdicts are in the order of events. If ctx ends first the events
// may still be stored.
func (p *Pool) Commit(ctx context.Context, events []*impact.Event, size int64) ([]impact.Verdict, error) {
	b, at, err := p.add(events, size)
	if err != nil {
		return nil, err
	}
	return b.wait(ctx, at, len(events))
}

// CommitWhole is Commit that stores all events or none. They get a batch of their own.
func (p *Pool) CommitWhole(ctx context.Context, events []*impact.Event, size int64) ([]impact.Verdict, error) {
	p.mu.Lock()
	if p.stopping {
		p.mu.Unlock()
		return nil, errStopping
	}
	b := p.begin()
	b.events, b.bytes, b.whole, b.load = events, size, true, loadOf(size)
	p.load.add(b.load)
	p.work.Signal()
	p.mu.Unlock()
	return b.wait(ctx, 0, len(events))
}

// wait returns the verdicts of n events from at on, once they are final.
func (b *batch) wait(ctx context.Context, at, n int) ([]impact.Verdict, error) {
	select {
	case <-b.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b.err != nil {
		return nil, b.err
	}
	return b.verdicts[at : at+n], nil
}

func (p *Pool) add(events []*impact.Event, size int64) (b *batch, at int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return nil, 0, errStopping
	}
	if n := len(p.queue); n > 0 {
		b = p.queue[n-1]
	}
	if b == nil || b.whole || len(b.events)+len(events) > p.limits.BatchEvents || b.bytes+size > p.limits.BatchBytes {
		b = p.begin()
	}
	at = len(b.events)
	b.events = append(b.events, events...)
	b.bytes += size
	b.load.add(loadOf(size))
	p.load.add(loadOf(size))
	p.work.Signal()
	return b, at, nil
}

// begin queues a new batch. Call it with mu held.
func (p *Pool) begin() *batch {
	b := &batch{done: make(chan struct{}), since: time.Now()}
	p.queue = append(p.queue, b)
	return b
}

// take removes the oldest batch, waiting for one. It returns nil once the pool is
// stopping and empty.
func (p *Pool) take() *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 {
		if p.stopping {
			return nil
		}
		p.work.Wait()
	}
	b := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	now := time.Now()
	p.window.adapt(now, now.Sub(b.since), p.load)
	return b
}

func (p *Pool) commitLoop() {
	for b := p.take(); b != nil; b = p.take() {
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), p.limits.CommitTimeout)
		if b.whole {
			b.verdicts, b.err = p.store.CommitWhole(ctx, b.events)
		} else {
			b.verdicts, b.err = p.store.Commit(ctx, b.events)
		}
		cancel()
		p.settled(b, time.Since(start))
		b.events = nil
		close(b.done)
	}
}

// settled takes a batch off the books and updates the smoothed drain rate.
func (p *Pool) settled(b *batch, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load.take(b.load)
	if b.err != nil {
		return
	}
	rate := float64(p.limits.Committers) * float64(b.bytes) / max(took.Seconds(), 1e-6)
	if p.rate == 0 {
		p.rate = rate
	}
	p.rate += (rate - p.rate) / 16
}

// Stop refuses new work, commits what has gathered, and returns when every
// waiter is settled. If ctx ends first, batches that no committer has taken yet
// are settled with [impact.CodeUnavailable].
func (p *Pool) Stop(ctx context.Context) {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	p.work.Broadcast()

	flushed := make(chan struct{})
	go func() { p.stopped.Wait(); close(flushed) }()
	select {
	case <-flushed:
		return
	case <-ctx.Done():
	}
	p.mu.Lock()
	abandoned := p.queue
	p.queue = nil
	p.mu.Unlock()
	for _, b := range abandoned {
		b.err = errStopping
		close(b.done)
	}
	<-flushed
}
