package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Limits on the last steps of a shutdown, once the caller's own patience (the
// context given to Stop) is over.
const (
	// abortGrace is how long Start waits for a fast shutdown when it is abandoned.
	abortGrace = 10 * time.Second
	// immediateGrace is how long an immediate shutdown may take before SIGKILL. It
	// writes nothing, so it is over in milliseconds unless the disk hangs.
	immediateGrace = 10 * time.Second
)

// Config says where a cluster lives and how it is run.
type Config struct {
	// Dir is the directory of the cluster. It is made if missing, with mode 0755 so
	// that the account the server runs as can reach its own subdirectory.
	Dir string
	// Log takes the life of the server. Nil: slog.Default().
	Log *slog.Logger
	// Settings are extra postgresql.conf settings, by name; they win over ours.
	// fsync=off also makes initdb skip its fsync.
	Settings map[string]string
	// Database is made if missing, owned by impactql's role. Empty: "impactql".
	Database string
}

// Server is a running private cluster. Its methods may be called concurrently.
type Server struct {
	cfg   Config
	log   *slog.Logger
	lay   layout
	bin   binaries
	acct  account
	lock  *os.File
	name  string // cluster_name: how our processes are told from others
	inbox string // the socket directory

	// life ends when the server is ordered to stop; no postmaster starts after that.
	life context.Context //nolint:containedctx // the life of the server itself, not of a call
	kill context.CancelFunc
	// done is closed when no postmaster runs and none will.
	done chan struct{}
	// stop makes the first Stop the only one; its outcome is stopErr.
	stop    sync.Once
	stopErr error

	// mu guards the rest. It is held for a moment, or over one fork.
	mu      sync.Mutex
	current *postmaster   // nil while down
	ready   bool          // current accepts connections
	err     error         // why the supervisor gave up
	changed chan struct{} // closed and replaced whenever current or ready changes
}

// Start brings up the cluster in cfg.Dir, making it first if there is none, and
// returns once it accepts connections and cfg.Database exists. From then on the server
// lives, and is restarted when it dies, until Stop. Crash recovery can take minutes: ctx
// bounds the start only. If it fails, nothing is left running.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	return start(ctx, cfg, onThisMachine())
}

func start(ctx context.Context, cfg Config, from source) (_ *Server, err error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded.Start: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("embedded.Start(%s): %w", dir, err)
		}
	}()
	if cfg.Dir == "" {
		return nil, errors.New("no directory given")
	}
	if cfg.Database == "" {
		cfg.Database = "impactql"
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{
		cfg:     cfg,
		log:     cfg.Log.With("component", "postgres"),
		lay:     layout(dir),
		done:    make(chan struct{}),
		changed: make(chan struct{}),
	}
	s.life, s.kill = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			s.kill()
		}
	}()

	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if s.lock, err = acquire(s.lay); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.lock.Close()
		}
	}()
	if err := s.prepare(ctx, from); err != nil {
		return nil, err
	}

	first := make(chan error, 1)
	go s.supervise(first)
	select {
	case err = <-first:
	case <-ctx.Done():
		err = fmt.Errorf("PostgreSQL was still starting: %w", context.Cause(ctx))
	}
	if err == nil {
		err = s.bootstrap(ctx)
	}
	if err == nil {
		err = writeFile(s.lay.url(), s.URL()+"\n", 0o600, account{})
	}
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortGrace)
		defer cancel()
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return s, nil
}

// URL is the connection URL of the database, for lib/pq and libpq. It holds no secret
// and stays the same over restarts of the server.
func (s *Server) URL() string { return s.url(role, s.cfg.Database) }

// PID is the process id of the postmaster, 0 while there is none.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return 0
	}
	return s.current.cmd.Process.Pid
}

// Kill ends the postmaster as kill -9 does, for tests of what that costs, and returns its
// process id: 0 when there was none to kill, as while a successor is being started. (The
// system call with the id 0 would kill the caller's own process group.)
func (s *Server) Kill() int {
	pid := s.PID()
	if pid != 0 {
		s.signal(syscall.SIGKILL)
	}
	return pid
}

// AwaitRestart returns once a postmaster other than pid accepts connections. Tests that
// killed pid wait with it. The error is that of ctx, or why the server is done.
func (s *Server) AwaitRestart(ctx context.Context, pid int) error {
	for {
		s.mu.Lock()
		up := s.ready && s.current.cmd.Process.Pid != pid
		changed := s.changed
		s.mu.Unlock()
		if up {
			return nil
		}
		select {
		case <-changed:
		case <-s.done:
			return errors.Join(errors.New("the server is done"), s.Err())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Done is closed when no postmaster runs and none will: after Stop, or after the
// server has failed to start too often in a row to go on trying; then Err says why.
// A death that is followed by a restart does not close it.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is why the server gave up; nil while it runs and after Stop.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Stop shuts the server down and gives the directory free. It asks for a fast
// shutdown (sessions are ended, everything is written out); when ctx ends first it
// turns to an immediate one, which costs the next start a crash recovery but loses
// nothing. It returns nil once no process is left, however that came about. A later
// call waits for the first and returns the same.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() {
		_ = os.Remove(s.lay.url())
		s.mu.Lock() // so that no fork is under way: see launch
		s.kill()
		s.mu.Unlock()
		s.signal(syscall.SIGINT)
		if !before(s.done, ctx.Done()) {
			s.log.Warn("fast shutdown took too long, going for an immediate one")
			s.signal(syscall.SIGQUIT)
			last := time.NewTimer(immediateGrace)
			defer last.Stop()
			if !before(s.done, last.C) {
				s.signal(syscall.SIGKILL)
				<-s.done
			}
		}
		s.stopErr = s.release()
	})
	return s.stopErr
}

// release gives the directory free, which must not happen while a process of the
// cluster is left: then the lock is kept until we exit.
func (s *Server) release() error {
	ctx, cancel := context.WithTimeout(context.Background(), immediateGrace)
	defer cancel()
	if err := s.sweep(ctx); err != nil {
		return fmt.Errorf("embedded.Stop(%s): %w", s.lay, err)
	}
	if s.inbox != s.lay.run() {
		_ = os.RemoveAll(s.inbox)
		_ = os.Remove(s.lay.run())
	}
	return s.lock.Close()
}

// before reports whether done is closed before giveUp yields.
func before[T any](done <-chan struct{}, giveUp <-chan T) bool {
	select {
	case <-done:
		return true
	case <-giveUp:
		return false
	}
}
