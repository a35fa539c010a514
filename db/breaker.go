package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lib/pq"
	"github.com/sony/gobreaker/v2"

	"github.com/impactql/impactql/impact"
)

const (
	// probePause is the time between two probes.
	probePause = 100 * time.Millisecond
	// probePatience is how long a probe waits for the database: with the pause, an
	// outage is known within a second, whatever kind it is.
	probePatience = 800 * time.Millisecond
	// probesToTrust is how many probes must succeed before the database is back.
	probesToTrust = 2
)

// errAway is what callers get while the database is away, and of a transaction that it
// went away under: of that, everything or nothing may have been stored.
var errAway = impact.Errorf(impact.CodeUnavailable, "the database does not answer right now; try again after the time in Retry-After")

var (
	errSilent   = errors.New("no answer to a probe")
	errReadOnly = errors.New("the database takes no writes: a standby, or one that is read-only")
)

// breaker finds out whether the database is there, by asking it over a connection of
// its own, and while it is not, fails everything else at once: work under way by
// cutting its connections, new work before it waits.
//
// Asking goes before failing: the work of callers is no probe, and an outage shows also
// where nothing fails but all hangs, as with a host that has lost its network.
type breaker struct {
	circuit *gobreaker.CircuitBreaker[struct{}]
	probe   *sql.DB
	probing wires
	store   *Store

	lost atomic.Bool
	up   atomic.Pointer[era]
}

// era is a time in which the database is there; its context ends with it.
type era struct {
	context.Context //nolint:containedctx // the context is the value
	end             context.CancelFunc
}

func newEra() *era {
	e := new(era)
	e.Context, e.end = context.WithCancel(context.Background())
	return e
}

func (s *Store) newBreaker(url string) error {
	b := &s.breaker
	b.store = s
	b.up.Store(newEra())
	connector, err := pq.NewConnector(url)
	if err != nil {
		return fmt.Errorf("db: database URL: %w", err)
	}
	connector.Dialer(&b.probing)
	b.probe = sql.OpenDB(connector)
	b.probe.SetMaxOpenConns(1)
	b.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: "database", MaxRequests: probesToTrust, Timeout: probePause / 2,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures > 0 },
		OnStateChange: b.change,
	})
	return nil
}

// Guard watches the database until ctx ends. Without it, [Store.Away] is false and
// work waits for a database that is away.
func (s *Store) Guard(ctx context.Context) {
	b := &s.breaker
	tick := time.NewTicker(probePause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.breaker.change("", gobreaker.StateOpen, gobreaker.StateClosed)
			return
		case <-tick.C:
			_, err := b.circuit.Execute(func() (struct{}, error) { return struct{}{}, b.ask(ctx) })
			if err != nil && b.lost.Load() {
				s.log.DebugContext(ctx, "the database is away", "err", err)
			}
		}
	}
}

// Away reports whether the database is known to be away.
func (s *Store) Away() bool { return s.breaker.lost.Load() }

// change is called by the circuit, under its lock.
func (b *breaker) change(_ string, from, to gobreaker.State) {
	switch {
	case from == gobreaker.StateClosed && to == gobreaker.StateOpen:
		b.store.log.Warn("the database is away: requests are refused until it answers")
		b.lost.Store(true)
		b.up.Load().end()
		b.store.wires.bar(errAway)
	case to == gobreaker.StateClosed && b.lost.Load():
		b.store.log.Info("the database is back")
		b.up.Store(newEra())
		b.store.wires.bar(nil)
		b.lost.Store(false)
	}
}

// ask is nil if the database is there and takes writes.
func (b *breaker) ask(ctx context.Context) error {
	err := b.askOnce(ctx)
	if err != nil && !errors.Is(err, errSilent) {
		err = b.askOnce(ctx) // the connection may only be one from before a restart
	}
	slow := errors.Is(err, errSilent) && b.store.wires.silence() < probePatience
	if stopping := ctx.Err() != nil; stopping || slow {
		err = nil
	}
	return err
}

func (b *breaker) askOnce(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := make(chan error, 1)
	go func() {
		var readOnly bool
		err := b.probe.QueryRowContext(ctx, "SELECT current_setting('transaction_read_only') = 'on'").Scan(&readOnly)
		if err == nil && readOnly {
			err = errReadOnly
		}
		answer <- err
	}()
	patience := time.NewTimer(probePatience)
	defer patience.Stop()
	select {
	case err := <-answer:
		return err
	case <-patience.C:
	case <-ctx.Done():
	}
	b.probing.bar(errSilent) // ends the query
	b.probing.bar(nil)
	return errSilent
}

// whileUp calls work, whose context also ends when the database goes away, unless it is
// away already. Errors say that the database is away if that is why.
func (b *breaker) whileUp(ctx context.Context, work func(context.Context) ([]impact.Verdict, error)) ([]impact.Verdict, error) {
	if b.lost.Load() {
		return nil, errAway
	}
	up := b.up.Load()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(up, cancel)()
	verdicts, err := work(ctx)
	if err != nil && up.Err() != nil && impact.CodeOf(err) != impact.CodeUnavailable {
		err = errors.Join(errAway, err)
	}
	return verdicts, err
}
