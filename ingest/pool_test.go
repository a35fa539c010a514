package ingest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/impactql/impactql/impact"
)

// gate is a Store whose commits wait for the test. Every event gets a receipt of its
// own, the first byte of its key.
type gate struct{ calls chan *call }

type call struct {
	events  []*impact.Event
	ctx     context.Context //nolint:containedctx // what a commit was called with is under test
	replies chan error
}

func newGate() *gate { return &gate{make(chan *call)} }

func (g *gate) Commit(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	c := &call{slices.Clone(events), ctx, make(chan error, 1)}
	g.calls <- c
	select {
	case err := <-c.replies:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	verdicts := make([]impact.Verdict, len(events))
	for i, e := range events {
		verdicts[i].Receipt = int64(e.Key[0])
	}
	return verdicts, nil
}

func (g *gate) CommitWhole(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	return g.Commit(ctx, events)
}

// keys are the first bytes of the events' keys.
func (c *call) keys() []byte {
	var keys []byte
	for _, e := range c.events {
		keys = append(keys, e.Key[0])
	}
	return keys
}

// numbered are events with the keys first, first+1 and so on.
func numbered(first, n int) []*impact.Event {
	events := make([]*impact.Event, n)
	for i := range events {
		events[i] = &impact.Event{Key: impact.Key{byte(first + i)}}
	}
	return events
}

// waiter is a caller of Commit.
type waiter struct {
	verdicts []impact.Verdict
	err      error
	settled  bool
}

func commit(ctx context.Context, p *Pool, events []*impact.Event, size int64) *waiter {
	w := new(waiter)
	go func() {
		w.verdicts, w.err = p.Commit(ctx, events, size)
		w.settled = true
	}()
	synctest.Wait()
	return w
}

func (w *waiter) check(t *testing.T, first, n int) {
	t.Helper()
	synctest.Wait()
	if !w.settled || w.err != nil || len(w.verdicts) != n {
		t.Fatalf("settled %v with %d verdicts, %v; want %d", w.settled, len(w.verdicts), w.err, n)
	}
	for i, v := range w.verdicts {
		if v.Receipt != int64(first+i) {
			t.Errorf("verdict %d is for %d, want %d", i, v.Receipt, first+i)
		}
	}
}

// While commits run the next batch gathers; each waiter gets the verdicts of its own
// events, in order.
func TestPoolGathers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := NewPool(g, Limits{Committers: 2})
		a := commit(t.Context(), p, numbered(1, 1), 10)
		one := <-g.calls
		b := commit(t.Context(), p, numbered(2, 2), 10)
		two := <-g.calls
		c := commit(t.Context(), p, numbered(4, 3), 10)
		d := commit(t.Context(), p, numbered(7, 1), 10)
		e := commit(t.Context(), p, numbered(8, 2), 10)
		select {
		case <-g.calls:
			t.Fatal("a third commit runs at once")
		default:
		}
		two.replies <- nil
		b.check(t, 2, 2)
		if a.settled || c.settled {
			t.Error("a waiter was settled before its batch")
		}
		three := <-g.calls
		if got := three.keys(); !slices.Equal(got, []byte{4, 5, 6, 7, 8, 9}) {
			t.Errorf("gathered %v", got)
		}
		one.replies <- nil
		three.replies <- nil
		a.check(t, 1, 1)
		c.check(t, 4, 3)
		d.check(t, 7, 1)
		e.check(t, 8, 2)
		p.Stop(t.Context())
	})
}

// An idle pool commits at once: its clock has not moved when the store is called.
func TestPoolIdleDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := NewPool(g, Limits{})
		start := time.Now()
		w := commit(t.Context(), p, numbered(1, 1), 1)
		c := <-g.calls
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v", waited)
		}
		if deadline, ok := c.ctx.Deadline(); !ok || deadline.Sub(start) != 10*time.Second {
			t.Errorf("deadline %v", deadline)
		}
		c.replies <- nil
		w.check(t, 1, 1)
		p.Stop(t.Context())
	})
}

func TestPoolBatchBounds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limits Limits
		sizes  []int64 // of requests of 2 events
		want   []int   // events per batch
	}{
		"events": {Limits{BatchEvents: 5}, []int64{1, 1, 1, 1, 1}, []int{4, 4, 2}},
		"exact":  {Limits{BatchEvents: 4}, []int64{1, 1, 1}, []int{4, 2}},
		"bytes":  {Limits{BatchBytes: 100}, []int64{40, 60, 1, 99, 100, 30}, []int{4, 4, 2, 2}},
		"larger": {Limits{BatchBytes: 100, BatchEvents: 1}, []int64{500, 500}, []int{2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGate()
				tt.limits.Committers = 1
				p := NewPool(g, tt.limits)
				first := commit(t.Context(), p, numbered(200, 1), 1)
				busy := <-g.calls
				var waiters []*waiter
				for i, size := range tt.sizes {
					waiters = append(waiters, commit(t.Context(), p, numbered(2*i, 2), size))
				}
				busy.replies <- nil
				first.check(t, 200, 1)
				for i, want := range tt.want {
					c := <-g.calls
					if len(c.events) != want {
						t.Errorf("batch %d has %d events, want %d", i, len(c.events), want)
					}
					c.replies <- nil
				}
				for i, w := range waiters {
					w.check(t, 2*i, 2)
				}
				p.Stop(t.Context())
			})
		})
	}
}

// An error reaches every waiter of its batch, and nobody else.
func TestPoolError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := NewPool(g, Limits{Committers: 1, BatchEvents: 2})
		first := commit(t.Context(), p, numbered(1, 1), 1)
		busy := <-g.calls
		a, b := commit(t.Context(), p, numbered(2, 1), 1), commit(t.Context(), p, numbered(3, 1), 1)
		c := commit(t.Context(), p, numbered(4, 2), 1)
		busy.replies <- nil
		broken := errors.New("broken")
		(<-g.calls).replies <- broken
		(<-g.calls).replies <- nil
		first.check(t, 1, 1)
		c.check(t, 4, 2)
		for _, w := range []*waiter{a, b} {
			if !w.settled || !errors.Is(w.err, broken) || w.verdicts != nil {
				t.Errorf("settled %v with %v, %v", w.settled, w.verdicts, w.err)
			}
		}
		p.Stop(t.Context())
	})
}

// A store that hangs is given up after CommitTimeout.
func TestPoolCommitTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := NewPool(g, Limits{CommitTimeout: 3 * time.Second})
		start := time.Now()
		w := commit(t.Context(), p, numbered(1, 1), 1)
		<-g.calls
		p.Stop(t.Context())
		synctest.Wait()
		if !w.settled || !errors.Is(w.err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("settled %v with %v after %v", w.settled, w.err, time.Since(start))
		}
	})
}

// A waiter who gives up leaves; its events are committed with the others.
func TestPoolWaiterGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := NewPool(g, Limits{Committers: 1})
		first := commit(t.Context(), p, numbered(1, 1), 1)
		busy := <-g.calls
		ctx, cancel := context.WithCancel(t.Context())
		gone := commit(ctx, p, numbered(2, 1), 1)
		stays := commit(t.Context(), p, numbered(3, 1), 1)
		cancel()
		synctest.Wait()
		if !gone.settled || !errors.Is(gone.err, context.Canceled) || stays.settled {
			t.Errorf("gone: %v, %v; stays: %v", gone.settled, gone.err, stays.settled)
		}
		busy.replies <- nil
		next := <-g.calls
		if got := next.keys(); !slices.Equal(got, []byte{2, 3}) {
			t.Errorf("committed %v", got)
		}
		if next.ctx.Err() != nil {
			t.Error("the commit was cancelled with one of its waiters")
		}
		next.replies <- nil
		first.check(t, 1, 1)
		stays.check(t, 3, 1)
		p.Stop(t.Context())
	})
}

func TestPoolReserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(newGate(), Limits{WaitingBytes: 100})
		reserve := func(n int64, want impact.Code) {
			t.Helper()
			if err := p.Reserve(n); err == nil && want != "" || err != nil && impact.CodeOf(err) != want {
				t.Errorf("reserve %d: %v, want %q", n, err, want)
			}
		}
		reserve(60, "")
		reserve(40, "")
		reserve(1, impact.CodeOverloaded)
		p.Release(40)
		reserve(41, impact.CodeOverloaded)
		reserve(40, "")
		p.Release(40)
		p.Release(60)
		reserve(500, "") // a request larger than the room goes alone
		reserve(1, impact.CodeOverloaded)
		p.Release(500)
		p.Stop(t.Context())
		reserve(1, impact.CodeUnavailable)
		if _, err := p.Commit(t.Context(), numbered(1, 1), 1); impact.CodeOf(err) != impact.CodeUnavailable {
			t.Errorf("commit after stop: %v", err)
		}
	})
}

// RetryAfter follows the drain rate, within a second and a minute.
func TestPoolRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := NewPool(g, Limits{Committers: 1, CommitTimeout: time.Hour})
		if got := p.RetryAfter(); got != time.Second {
			t.Errorf("unmeasured: %v", got)
		}
		w := commit(t.Context(), p, numbered(1, 1), 1000)
		c := <-g.calls
		time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock: 100 bytes a second
		c.replies <- nil
		w.check(t, 1, 1)
		for waiting, want := range map[int64]time.Duration{0: time.Second, 50: time.Second, 1001: 11 * time.Second, 1e6: time.Minute} {
			if waiting > 0 {
				if err := p.Reserve(waiting); err != nil {
					t.Fatal(err)
				}
			}
			if got := p.RetryAfter(); got != want {
				t.Errorf("with %d bytes waiting: %v, want %v", waiting, got, want)
			}
			p.Release(waiting)
		}
		p.Stop(t.Context())
	})
}

// Stop commits what has gathered and settles everybody.
func TestPoolStopFlushes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := NewPool(g, Limits{Committers: 1, BatchEvents: 1})
		var waiters []*waiter
		for i := range 4 {
			waiters = append(waiters, commit(t.Context(), p, numbered(i, 1), 1))
		}
		stopped := make(chan struct{})
		go func() { p.Stop(t.Context()); close(stopped) }()
		synctest.Wait()
		if _, err := p.Commit(t.Context(), numbered(9, 1), 1); impact.CodeOf(err) != impact.CodeUnavailable {
			t.Errorf("commit while stopping: %v", err)
		}
		for range waiters {
			select {
			case <-stopped:
				t.Fatal("stopped before all was committed")
			default:
			}
			(<-g.calls).replies <- nil
			synctest.Wait()
		}
		<-stopped
		for i, w := range waiters {
			w.check(t, i, 1)
		}
	})
}

// When Stop's time is over, what no committer has taken is refused; what is on its way
// is still settled by its commit.
func TestPoolStopGivesUp(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]error{"then lands": nil, "then fails": errors.New("broken")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGate()
				p := NewPool(g, Limits{Committers: 1, BatchEvents: 1})
				hanging := commit(t.Context(), p, numbered(1, 1), 1)
				c := <-g.calls
				a, b := commit(t.Context(), p, numbered(2, 1), 1), commit(t.Context(), p, numbered(3, 1), 1)
				ctx, cancel := context.WithCancel(t.Context())
				stopped := make(chan struct{})
				go func() { p.Stop(ctx); close(stopped) }()
				cancel()
				synctest.Wait()
				for _, w := range []*waiter{a, b} {
					if !w.settled || impact.CodeOf(w.err) != impact.CodeUnavailable {
						t.Errorf("settled %v with %v", w.settled, w.err)
					}
				}
				if hanging.settled {
					t.Error("a commit that is on its way was settled without its outcome")
				}
				c.replies <- reply
				<-stopped
				synctest.Wait()
				if !hanging.settled || !errors.Is(hanging.err, reply) {
					t.Errorf("settled %v with %v", hanging.settled, hanging.err)
				}
			})
		})
	}
}

// Many callers at once: everybody gets their own verdicts, every event is committed
// once. Bubbles end only when no goroutine is left.
func TestPoolMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := NewPool(g, Limits{BatchEvents: 20})
		var wg sync.WaitGroup
		for i := range 80 {
			wg.Go(func() {
				verdicts, err := p.Commit(t.Context(), numbered(3*i, 3), 1)
				if err != nil || len(verdicts) != 3 || verdicts[0].Receipt != int64(3*i) || verdicts[2].Receipt != int64(3*i+2) {
					t.Error(i, verdicts, err)
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		seen := make(map[byte]int)
		for open := true; open; {
			select {
			case c := <-g.calls:
				for _, k := range c.keys() {
					seen[k]++
				}
				c.replies <- nil
			case <-done:
				open = false
			}
		}
		p.Stop(t.Context())
		for k := range 240 {
			if seen[byte(k)] != 1 {
				t.Errorf("event %d was committed %d times", k, seen[byte(k)])
			}
		}
	})
}
