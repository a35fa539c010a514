package ingest

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/impactql/impactql/impact"
)

// The window shrinks once for each congestion and grows only while it is used.
func TestWindow(t *testing.T) {
	t.Parallel()
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	w := window{size: 16 << 20}
	for i, step := range []struct {
		at, delay time.Duration
		waiting   int64
		want      float64
	}{
		{0, 0, 1 << 20, 16 << 20},                                                  // hardly used
		{0, queueTarget, 9 << 20, 17 << 20},                                        // used, and not late
		{time.Second, queueTarget + 1, 9 << 20, 11.9 * (1 << 20)},                  // late
		{time.Second + queueTarget/2, 10 * queueTarget, 9 << 20, 11.9 * (1 << 20)}, // the same congestion
		{time.Second + 2*queueTarget, 2 * queueTarget, 3 << 20, 8.33 * (1 << 20)},  // another
		{2 * time.Second, 0, 1 << 20, 8.33 * (1 << 20)},                            // hardly used
	} {
		w.adapt(start.Add(step.at), step.delay, load{step.waiting, 100})
		if math.Abs(w.size-step.want) > 1 {
			t.Fatalf("step %d: %v, want %v", i, w.size, step.want)
		}
	}
	for i := range 100 {
		w.adapt(start.Add(time.Duration(i)*time.Minute), time.Second, load{1, 1})
	}
	if w.size != leastWindow {
		t.Errorf("shrank to %v", w.size)
	}
	for _, tt := range []struct {
		load load
		want bool
	}{
		{load{leastWindow - 1, 1_000}, false}, {load{leastWindow, leastRequests}, true}, {load{1 << 30, leastRequests - 1}, false},
	} {
		if got := w.full(tt.load); got != tt.want {
			t.Errorf("%+v: %v", tt.load, got)
		}
	}
	for range 1_000 {
		w.adapt(start, 0, load{1 << 30, 1})
	}
	if w.size != mostWindow {
		t.Errorf("grew to %v", w.size)
	}
}

// A herd that is let in at once is stopped once it has been read; while it arrives, however
// slowly, it keeps nobody out.
func TestHerdIsBounded(t *testing.T) {
	t.Parallel()
	p := NewPool(new(slow), Limits{})
	defer p.Stop(t.Context())
	const body = 10_000
	rooms := make([]room, 1_000)
	for i := range rooms {
		rooms[i].pool = p
		if err := rooms[i].grow(body); err != nil {
			t.Fatal(i, err)
		}
	}
	let := 0
	for i := range rooms {
		if rooms[i].enter(body) == nil {
			let++
		}
	}
	if want := firstWindow/(body+requestLoad) + 1; let != want {
		t.Errorf("%d let in, want %d", let, want)
	}
	for i := range rooms {
		rooms[i].release()
	}
	if p.load != (load{}) || p.waiting != 0 {
		t.Errorf("%+v and %d bytes are left on the books", p.load, p.waiting)
	}
}

// A store that can do a thousand events a second is asked for ten thousand: those who are
// let in wait a bounded time, the others are refused at once, and the store is never
// without work.
func TestPoolUnderOverload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &slow{each: time.Millisecond}
		p := NewPool(store, Limits{Committers: 1})
		var mu sync.Mutex // guards longest and answered
		refused, answered, longest := 0, 0, time.Duration(0)
		for i := range 100_000 {
			time.Sleep(100 * time.Microsecond) //nolint:forbidigo // the bubble's clock
			start := time.Now()
			let := room{pool: p}
			if err := let.grow(1); err != nil {
				refused++
				continue
			}
			go func() {
				_, err := p.Commit(t.Context(), numbered(i%200, 1), 1)
				let.release()
				if err != nil {
					t.Error(err)
				}
				if i > 30_000 { // settled down
					mu.Lock()
					defer mu.Unlock()
					answered++
					longest = max(longest, time.Since(start))
				}
			}()
		}
		took := 10 * time.Second
		p.Stop(t.Context())
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if longest > leastWindow/requestLoad*2*time.Millisecond {
			t.Errorf("somebody waited %v", longest)
		}
		if busy := time.Duration(store.events) * store.each; busy < took*9/10 {
			t.Errorf("the store worked %v of %v", busy, took)
		}
		if refused < 80_000 || answered == 0 {
			t.Errorf("%d refused, %d answered", refused, answered)
		}
	})
}

// slow is a store that takes a while for each event.
type slow struct {
	each   time.Duration
	events int
}

func (s *slow) Commit(_ context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	time.Sleep(time.Duration(len(events)) * s.each) //nolint:forbidigo // the bubble's clock
	s.events += len(events)
	return make([]impact.Verdict, len(events)), nil
}

func (s *slow) CommitWhole(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	return s.Commit(ctx, events)
}

// A request is refused for those who wait before it is read, and for a database that is
// away.
func TestHandlerRefusesUnread(t *testing.T) {
	t.Parallel()
	away := false
	h := newHandler(t, new(shelf), Limits{Away: func() bool { return away }})
	unread := func() *strings.Reader { return strings.NewReader(oneEvent) }
	h.Pool.window.size = 0
	if w := postTo(t, h, "", "application/json", unread()); w.Code != 200 {
		t.Errorf("though it is small: %d %s", w.Code, w.Body)
	}
	h.Pool.load = load{leastWindow, leastRequests}
	body := unread()
	if w := postTo(t, h, "", "application/json", body); w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "OVERLOADED") || body.Len() != len(oneEvent) {
		t.Errorf("%d %v %s, %d bytes left", w.Code, w.Header(), w.Body, body.Len())
	}
	h.Pool.load, h.Pool.window.size = load{}, firstWindow
	away = true
	for _, contentType := range []string{"application/json", lines} {
		body = unread()
		if w := postTo(t, h, "", contentType, body); w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "UNAVAILABLE") || body.Len() != len(oneEvent) {
			t.Errorf("%d %v %s, %d bytes left", w.Code, w.Header(), w.Body, body.Len())
		}
	}
	away = false
	if w := postTo(t, h, "", "application/json", unread()); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Each sender has a bucket of its own; a large request puts it in debt, and the headers
// say where it stands.
func TestQuota(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	h := newHandler(t, new(shelf), Limits{})
	h.Quota = NewQuota(10, 20)
	h.Quota.now = func() time.Time { return now }
	h.Identify = func(r *http.Request) (Sender, error) {
		s := Sender{Caller: tenant{acme}, Source: r.Header.Get("X-Source")}
		if s.Source == "" {
			s.KeyID = 7
		}
		return s, nil
	}
	array := func(n int) string { return "[" + strings.Repeat(oneEvent+",", n-1) + oneEvent + "]" }
	for i, step := range []struct {
		after                   time.Duration
		source, body            string
		status                  int
		remaining, reset, retry string
	}{
		{0, "", oneEvent, 200, "19", "1", ""},
		{0, "", array(14), 200, "5", "2", ""},
		{0, "", "{", 400, "4", "2", ""}, // costs one, too
		{0, "", array(50), 200, "0", "7", ""},
		{0, "", oneEvent, 429, "0", "7", "5"},
		{0, "src_1", oneEvent, 200, "19", "1", ""},
		{0, "src_2", array(20), 200, "0", "2", ""},
		{4600 * time.Millisecond, "", oneEvent, 429, "0", "2", "1"},
		{100 * time.Millisecond, "", oneEvent, 200, "0", "2", ""},
		{time.Hour, "", oneEvent, 200, "19", "1", ""},
	} {
		now = now.Add(step.after)
		w := postTo(t, h, "", "application/json", strings.NewReader(step.body), "X-Source", step.source)
		got := fmt.Sprint(w.Code, w.Header().Get("RateLimit-Limit"), " ", w.Header().Get("RateLimit-Remaining"), w.Header().Get("RateLimit-Reset"), w.Header().Get("Retry-After"))
		if want := fmt.Sprint(step.status, "20", " ", step.remaining, step.reset, step.retry); got != want {
			t.Errorf("step %d: %s, want %s: %v", i, got, want, w.Header())
		}
		if step.status == 429 && !strings.Contains(w.Body.String(), "RATE_LIMITED") {
			t.Errorf("step %d: %s", i, w.Body)
		}
	}
	for _, q := range []*Quota{NewQuota(0, 5), NewQuota(-1, 0)} {
		if q != nil {
			t.Errorf("a quota of %v", q.perSecond)
		}
	}
	if q := NewQuota(0.5, 0); q.burst != 1 {
		t.Errorf("a burst of %d", q.burst)
	}
	h.Quota = nil
	if w := post(t, h, strings.NewReader(oneEvent)); w.Header().Get("RateLimit-Limit") != "" {
		t.Error("a limit is told where there is none")
	}
}

// A stream longer than the quota is slowed down, not refused.
func TestQuotaSlowsStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, new(shelf), Limits{})
		h.Quota = NewQuota(1_000, 1_000)
		start := time.Now()
		a := readMany(t, postTo(t, h, "", lines, strings.NewReader(numberedLines(1, 60_000))))
		if took := time.Since(start); a.Stored != 60_000 || took < 50*time.Second || took > 65*time.Second {
			t.Errorf("%d stored in %v", a.Stored, took)
		}
		h.Pool.Stop(t.Context())
	})
}
