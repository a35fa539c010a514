package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// connection is one keep-alive connection.
type connection struct {
	addr     string
	deadline time.Time
	conn     net.Conn
	r        *bufio.Reader
	answer   answer
}

// exchange sends a request and returns the answer, valid until the next call.
func (c *connection) exchange(ctx context.Context, request []byte) (status int, body []byte, err error) {
	if c.conn == nil {
		if err := c.dial(ctx); err != nil {
			return 0, nil, err
		}
	}
	defer func() {
		if err != nil || c.answer.closes {
			c.close()
		}
	}()
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, err
	}
	if err := c.answer.read(c.r); err != nil {
		return 0, nil, err
	}
	return c.answer.status, c.answer.body, nil
}

func (c *connection) dial(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	c.conn, c.r = conn, bufio.NewReader(conn)
	return conn.SetDeadline(c.deadline)
}

func (c *connection) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// answerWithin is how long after the end of a load answers are waited for.
const answerWithin = 30 * time.Second

// crew is the connections of a load.
type crew []*worker

type worker struct {
	connection
	caller
	result
}

// newCrew connects, so that a load starts with every connection open.
func newCrew(ctx context.Context, addr string, connections int, d time.Duration, callers func() caller) (crew, error) {
	deadline := time.Now().Add(d + answerWithin)
	var c crew
	for range connections {
		w := &worker{connection: connection{addr: addr, deadline: deadline}, caller: callers()}
		if err := w.dial(ctx); err != nil {
			return nil, err
		}
		c = append(c, w)
	}
	return c, nil
}

// run runs work on every worker and puts their results together.
func (c crew) run(work func(*worker)) *result {
	start := time.Now()
	var done sync.WaitGroup
	for _, w := range c {
		done.Go(func() { work(w) })
	}
	done.Wait()
	all := &result{took: time.Since(start)}
	for _, w := range c {
		w.close()
		all.add(&w.result)
	}
	all.sort()
	return all
}

// send sends a request. Its latency counts from since, as a caller would see it.
func (w *worker) send(ctx context.Context, request []byte, since time.Time) {
	status, body, err := w.exchange(ctx, request)
	latency := time.Since(since)
	if err := w.answered(status, body, err); errors.Is(err, errRefused) {
		w.refused++
		return
	} else if err != nil {
		w.fail(err)
		return
	}
	w.latencies = append(w.latencies, latency)
}

// closedLoop sends on each connection the next request when the last is
// answered, for d, or until there are no more requests if d is 0.
func closedLoop(ctx context.Context, addr string, connections int, d time.Duration, callers func() caller) *result {
	patience := d
	if d == 0 {
		patience = 10 * time.Minute
	}
	crew, err := newCrew(ctx, addr, connections, patience, callers)
	if err != nil {
		return failure(err)
	}
	end := time.Now().Add(patience)
	return crew.run(func(w *worker) {
		for ctx.Err() == nil {
			request := w.request()
			now := time.Now()
			if request == nil || now.After(end) {
				return
			}
			w.send(ctx, request, now)
		}
	})
}

// errRefused is an answer that says to send again later, where that is no fault.
var errRefused = errors.New("refused for now")

// overload sends rate requests per second as far as connections are free; what is due
// while none is, is sent late. Latency counts from sending: it is the server's. It took until
// the last good answer: refusals may be held back after that.
func overload(ctx context.Context, addr string, connections, rate int, d time.Duration, callers func() caller) *result {
	crew, err := newCrew(ctx, addr, connections, d, callers)
	if err != nil {
		return failure(err)
	}
	start := time.Now()
	end := start.Add(d)
	var taken, last atomic.Int64
	r := crew.run(func(w *worker) {
		for ctx.Err() == nil {
			at := start.Add(time.Duration(taken.Add(1)-1) * time.Second / time.Duration(rate))
			time.Sleep(time.Until(at))
			now := time.Now()
			if now.After(end) {
				return
			}
			w.late = append(w.late, now.Sub(at))
			good := len(w.latencies)
			w.send(ctx, w.request(), now)
			if len(w.latencies) > good {
				atLeast(&last, int64(time.Since(start)))
			}
		}
	})
	r.took = time.Duration(last.Load())
	return r
}

// atLeast raises x to y.
func atLeast(x *atomic.Int64, y int64) {
	for now := x.Load(); now < y && !x.CompareAndSwap(now, y); now = x.Load() {
	}
}

// openLoop sends rate requests per second whatever the answers do. Latency
// counts from the moment at which a request was due, so that one held up by
// those before it, or by the generator itself, is not made to look fast.
func openLoop(ctx context.Context, addr string, connections, rate int, d time.Duration, callers func() caller) *result {
	crew, err := newCrew(ctx, addr, connections, d, callers)
	if err != nil {
		return failure(err)
	}
	start := time.Now()
	due := int64(d.Seconds() * float64(rate))
	var taken atomic.Int64
	return crew.run(func(w *worker) {
		for ctx.Err() == nil {
			n := taken.Add(1) - 1
			if n >= due {
				return
			}
			at := start.Add(time.Duration(n) * time.Second / time.Duration(rate))
			time.Sleep(time.Until(at))
			w.late = append(w.late, time.Since(at))
			w.send(ctx, w.request(), at)
		}
	})
}
