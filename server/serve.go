package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/ingest"
)

// Serve serves the API until ctx ends.
type Serve struct {
	Database
	Logging
	Rejecting
	Addr      string        `env:"ADDR" default:":8080" help:"Where to listen; several, separated by commas."`
	Auth      string        `env:"AUTH" enum:"keys,off" default:"keys" help:"keys: every request needs an API key. off: none does, for local development only."`
	Drain     time.Duration `env:"DRAIN" default:"15s" help:"How long requests may take to end after a signal to stop."`
	DebugAddr string        `env:"DEBUG_ADDR" placeholder:"ADDR" help:"Serve pprof here, on a loopback address. Empty: nowhere."`
	Origins   []string      `name:"cors-origins" env:"CORS_ORIGINS" placeholder:"ORIGIN" help:"Whose pages a browser lets read answers, separated by commas; * for all. Empty: only our own."`
	RateLimit float64       `env:"RATE_LIMIT" default:"0" help:"Most events a second from one API key or source, in the long run. 0: no limit."`
	RateBurst int           `env:"RATE_BURST" default:"0" help:"Most events at once, under RATE_LIMIT. 0: two seconds' worth."`
	Memory    int64         `name:"memory-mb" aliases:"memory" env:"MEMORY_MB" default:"150" help:"Soft limit of the Go heap, in megabytes."`
}

// Limits of the HTTP server on slow or greedy clients.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 30 * time.Second
	writeTimeout   = 60 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
)

// Run implements the command.
func (cmd *Serve) Run(ctx context.Context) error {
	// Collecting less often costs memory, up to the limit, and saves a core.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(cmd.Memory << 20)

	if err := checkOrigins(cmd.Origins); err != nil {
		return err
	}
	log := cmd.logger()
	listeners, err := listen(ctx, cmd.Addr)
	if err != nil {
		return err
	}
	conn, err := cmd.open(ctx, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := conn.Close(); err != nil {
			log.Error("close the database", "err", err)
		}
	}()
	demoKey := ""
	if conn.isEmbedded {
		if err := conn.Retry(ctx, func(ctx context.Context) error { return demo(ctx, conn.Store, log) }); err != nil {
			return err
		}
		demoKey = DemoKey
	}
	if cmd.Auth == "off" {
		log.Warn("AUTH=off: every request may read and write everything")
	}
	if cmd.DebugAddr != "" {
		if err := serveDebug(ctx, cmd.DebugAddr, log); err != nil {
			return fmt.Errorf("DEBUG_ADDR: %w", err)
		}
	}
	return cmd.serve(ctx, conn, listeners, demoKey, log)
}

// leaving is how long a server that is told to stop still takes requests.
const leaving = 200 * time.Millisecond

// leave lets clients go by themselves: the server is not ready any more, and closes
// each connection with its next answer. To close one that seems idle would cut off
// whoever is just sending on it.
func leave(ctx context.Context, within time.Duration) {
	left := time.NewTimer(within)
	defer left.Stop()
	select {
	case <-left.C:
	case <-ctx.Done():
	}
}

func listen(ctx context.Context, addrs string) (listeners []net.Listener, err error) {
	var lc net.ListenConfig
	for addr := range strings.SplitSeq(addrs, ",") {
		l, err := lc.Listen(ctx, "tcp", strings.TrimSpace(addr))
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("ADDR: %w: stop what listens there, or listen elsewhere, as with ADDR=127.0.0.1:8081", err)
		}
		if err != nil {
			return nil, fmt.Errorf("ADDR: %w", err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// serve runs until ctx ends, then drains: it stops being ready, lets requests
// end, commits what they sent, folds it.
func (cmd *Serve) serve(ctx context.Context, conn *connection, listeners []net.Listener, demoKey string, log *slog.Logger) error {
	// What serves requests outlives ctx by the time it takes to drain.
	life, endLife := context.WithCancel(context.WithoutCancel(ctx))
	defer endLife()
	var background sync.WaitGroup
	defer background.Wait()
	defer endLife()

	auth := newAuth(conn.Store, cmd.Auth == "off", log)
	sources := newSources(auth, conn.Store, conn.ring, log)
	versions, err := conn.Follow(life, db.News{
		Key: auth.forget, Settings: auth.forgetCompany, Source: sources.forget,
		Gap: func() { auth.forgetAll(); sources.forgetAll() },
	})
	if err != nil {
		return err
	}
	background.Go(func() { conn.Guard(life) })
	folder := db.NewFolder(conn.Store)
	background.Go(func() { folder.Run(life, cmd.Drain) })
	background.Go(func() { flushLoop(life, auth.flush, sources.flush) })

	pool := ingest.NewPool(conn.Store, ingest.Limits{Away: conn.Away})
	conn.BoundRejects(cmd.bounds())
	shelf := ingest.NewShelf(conn.Store, log.Warn)
	kept := newRejects(conn.Store, pool)
	kept.lateAfter = cmd.LateAfter
	background.Go(func() { kept.releaseLoop(life, log) })
	hub := newTailHub(conn.Store, log)
	streaming, endStreams := context.WithCancel(ctx) // not life: streams end when draining begins
	defer endStreams()
	background.Go(func() { hub.run(streaming) })
	m := newMetrics()
	m.watch(pool, conn.Store)
	h := &health{store: conn.Store}
	figures := db.NewFigures(conn.Store, versions)
	graphs := graph.NewHandler(graph.Config{
		Reader: figures, Editor: conn.Store, Cohorts: figures, Inbox: kept, Sources: graphSources{conn.sources()}, Now: time.Now, Log: log,
		Viewer: func(ctx context.Context) graph.Viewer {
			if p := principalOf(ctx); p != nil {
				return p
			}
			return nil
		},
	})
	handler := crossOrigin(cmd.Origins, routes(&doors{
		log: log, auth: auth, health: h, metrics: m, demoKey: demoKey, after: readAfter{versions.AwaitFold}, hub: hub,
		ingest: &ingest.Handler{
			Pool: pool, Known: conn.Known, Refuse: refuseWith, Log: log, Observe: m.outcome, Flag: m.flag,
			Shelf: shelf, Bounds: ingest.Bounds{FutureSkew: cmd.FutureSkew, LateAfter: cmd.LateAfter},
			Identify: sources.sender, Quota: ingest.NewQuota(cmd.RateLimit, cmd.RateBurst), Draining: h.draining.Load,
		},
		graphql: graphs,
		export:  newExport(graphs, log),
		rest:    &rest{auth: auth, figures: figures, now: time.Now, log: log},
	}))

	srv := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return life },
	}
	serving, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		log.Info("listening", "addr", l.Addr().String())
		serving.Go(func() error {
			err := srv.Serve(l)
			if errors.Is(err, http.ErrServerClosed) || h.draining.Load() && errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		})
	}
	if demoKey != "" {
		fmt.Fprint(os.Stderr, welcome(listeners, demoKey))
	}
	serving.Go(func() error {
		<-ctx.Done()
		log.Info("draining", "limit", cmd.Drain.String())
		h.draining.Store(true)
		ending, cancel := context.WithTimeout(life, cmd.Drain)
		defer cancel()
		leave(ending, leaving)
		for _, l := range listeners {
			_ = l.Close() // Shutdown closes it again
		}
		leave(ending, leaving/4) // Shutdown drops the first request of a connection just accepted
		err := srv.Shutdown(ending)
		pool.Stop(ending)
		shelf.Stop()
		auth.flush(ending)
		sources.flush(ending)
		return err
	})
	err = serving.Wait()
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("some requests had not ended when the time to drain was over")
		return nil
	}
	return err
}

// serveDebug serves pprof on an address of its own until ctx ends. Nobody is asked for a
// key there, so it has to be a loopback address.
func serveDebug(ctx context.Context, addr string, log *slog.Logger) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	if !isLoopback(l.Addr()) {
		_ = l.Close()
		return fmt.Errorf("%s can be reached from other machines: use a loopback address such as 127.0.0.1:6060", addr)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("debug server ended", "err", err)
		}
	}()
	return nil
}

// welcome tells a newcomer where to go, and who else can.
func welcome(listeners []net.Listener, key string) string {
	host, port, err := net.SplitHostPort(listeners[0].Addr().String())
	if err != nil || host == "::" || host == "0.0.0.0" || host == "" {
		host = "localhost"
	}
	url := "http://" + net.JoinHostPort(host, port)
	warning := ""
	if slices.ContainsFunc(listeners, func(l net.Listener) bool { return !isLoopback(l.Addr()) }) {
		warning = "  Whoever can reach this port can use that key. ADDR=127.0.0.1:8080 keeps it to this machine.\n\n"
	}
	return fmt.Sprintf(`
impactql is up, with its own Postgres and demo data.

  Playground   %[1]s/playground

  Send an event:
    curl -s %[1]s/webhooks/ingest -H 'X-API-Key: %[2]s' -H 'Content-Type: application/json' \
      -d '{"type":"session.completed","sessionId":"hello-1","userId":"user-1","timestamp":"%[3]s","data":{"duration":1800,"score":7.3}}'

  Read figures:
    curl -s %[1]s/v1/metrics/%[4]s -H 'X-API-Key: %[2]s'

%[5]s`, url, key, time.Now().UTC().Format("2006-01-02T15:04:05Z"), DemoCompanies[0].Key, warning)
}

// isLoopback reports whether only this machine reaches an address.
func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
