package db

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// wires are the network connections of a pool. Cut, whoever waits on one gets an error
// at once: database/sql and the driver wait for an answer whatever their context says.
type wires struct {
	dialer net.Dialer
	heard  atomic.Int64 // when bytes last came from the server; Unix nanoseconds

	mu   sync.Mutex // guards the fields below; held for moments
	open map[*wire]struct{}
	down error // why none may be opened; nil if they may
}

// wire is one of them.
type wire struct {
	net.Conn
	all *wires
}

// DialContext implements [pq.DialerContext].
func (w *wires) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := w.barred(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	conn, err := w.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	one := &wire{conn, w}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil { // since it was dialled
		_ = conn.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Err: w.down}
	}
	if w.open == nil {
		w.open = make(map[*wire]struct{})
	}
	w.open[one] = struct{}{}
	return one, nil
}

// Dial implements [pq.Dialer].
func (w *wires) Dial(network, address string) (net.Conn, error) {
	return w.DialContext(context.Background(), network, address)
}

// DialTimeout implements [pq.Dialer].
func (w *wires) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return w.DialContext(ctx, network, address)
}

func (w *wires) barred() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.down
}

// bar cuts all wires. Until it is called with nil, none can be opened, for the reason
// why.
func (w *wires) bar(why error) {
	w.mu.Lock()
	w.down = why
	var cut []*wire
	if why != nil {
		for one := range w.open {
			cut = append(cut, one)
		}
	}
	w.mu.Unlock()
	for _, one := range cut {
		_ = one.Close()
	}
}

// silence is for how long nothing has come from the server.
func (w *wires) silence() time.Duration { return time.Since(time.Unix(0, w.heard.Load())) }

// Read implements [net.Conn].
func (one *wire) Read(b []byte) (int, error) {
	n, err := one.Conn.Read(b)
	if n > 0 {
		one.all.heard.Store(time.Now().UnixNano())
	}
	return n, err
}

// Close implements [net.Conn].
func (one *wire) Close() error {
	one.all.mu.Lock()
	delete(one.all.open, one)
	one.all.mu.Unlock()
	return one.Conn.Close()
}
