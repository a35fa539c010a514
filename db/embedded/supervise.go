package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// minBackoff and maxBackoff bound the pause before a restart. It doubles with each
	// start that failed and begins anew after one that succeeded.
	minBackoff = 50 * time.Millisecond
	maxBackoff = 5 * time.Second
	// maxFailures is how many starts in a row may end by the postmaster's own exit
	// before the server gives up. A postmaster that was killed by a signal from outside
	// does not count: that says nothing about the next one.
	maxFailures = 8
	// readyPoll is how often postmaster.pid is read while a server starts.
	readyPoll = 10 * time.Millisecond
	// patience is how often a start that is still under way (crash recovery) is logged.
	patience = 10 * time.Second
	// logGrace is how long the log's last lines are waited for after an exit.
	logGrace = time.Second
)

// postmaster is one process of the server, from fork to exit.
type postmaster struct {
	cmd    *exec.Cmd
	log    *logTail
	exited chan struct{} // closed once err, the outcome of Wait, is set
	err    error
}

// supervise starts the postmaster and starts it again whenever it dies, until the
// server is ordered to stop or has failed too often. The outcome of the first start
// goes to first; a failure of that one is final.
func (s *Server) supervise(first chan<- error) {
	// The kernel sends Pdeathsig when the *thread* that forked dies, so this goroutine
	// keeps its thread for as long as it has children. It is not unlocked: at the end
	// the thread goes with it.
	runtime.LockOSThread()
	defer close(s.done)

	starting, failures, pause := true, 0, minBackoff
	for {
		p, err := s.launch()
		if err == nil {
			err = s.awaitReady(p)
		}
		if err == nil {
			s.log.Info("PostgreSQL is ready", "pid", p.cmd.Process.Pid, "dir", s.lay)
			s.set(p, true)
			if starting {
				first <- nil
			}
			starting, failures, pause = false, 0, minBackoff
			<-p.exited
			err = p.failure()
		} else if p == nil || !p.signalled() {
			failures++
		}
		s.set(nil, false)

		switch {
		case starting:
			first <- err
			return
		case s.life.Err() != nil:
			return
		case failures >= maxFailures:
			s.log.Error("PostgreSQL failed to start too often in a row, giving up", "failures", failures, "err", err)
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
			return
		}
		s.log.Error("PostgreSQL is down, restarting it", "in", pause, "err", err)
		select {
		case <-time.After(pause):
		case <-s.life.Done():
			return
		}
		pause = min(2*pause, maxBackoff)
	}
}

// launch forks a postmaster, after removing what earlier ones left behind.
func (s *Server) launch() (_ *postmaster, err error) {
	if err := s.sweep(s.life); err != nil {
		return nil, err
	}
	if err := s.removeStale(); err != nil {
		return nil, err
	}
	logs, err := os.OpenFile(s.lay.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	in, out, err := os.Pipe()
	if err != nil {
		logs.Close()
		return nil, err
	}
	c := s.command(s.bin.path("postgres"))
	c.Args = append(c.Args,
		"-D", s.handOver(c, s.lay.data()),
		"-c", "cluster_name="+s.name,
		"-c", "unix_socket_directories="+quoteListItem(s.handOver(c, s.inbox)))
	c.Stdout, c.Stderr = out, out
	dieWithParent(c.SysProcAttr)
	p := &postmaster{cmd: c.Cmd, log: newLogTail(logs, s.log), exited: make(chan struct{})}

	// Under mu, so that Stop sees either no postmaster and none to come, or this one.
	s.mu.Lock()
	defer s.mu.Unlock()
	if err = s.life.Err(); err == nil {
		err = c.start()
	}
	out.Close()
	if err != nil {
		in.Close()
		logs.Close()
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	s.current = p
	go p.log.pump(in)
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// awaitReady returns nil once p accepts connections, or why it does not and has exited.
func (s *Server) awaitReady(p *postmaster) error {
	poll, slow := time.NewTicker(readyPoll), time.NewTicker(patience)
	defer poll.Stop()
	defer slow.Stop()
	for began := time.Now(); ; {
		select {
		case <-p.exited:
			return p.failure()
		case <-slow.C:
			s.log.Info("PostgreSQL is still starting", "for", time.Since(began).Round(time.Second), "last", p.log.last(1))
		case <-poll.C:
			if s.reportsReady(p) {
				return nil
			}
		}
	}
}

// reportsReady reads the state that a postmaster writes into the last line of its
// pid file. Unlike trying to connect this leaves no trace in the server's log.
func (s *Server) reportsReady(p *postmaster) bool {
	text, err := os.ReadFile(s.lay.pidFile())
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	return len(lines) >= 8 &&
		lines[0] == strconv.Itoa(p.cmd.Process.Pid) &&
		strings.TrimSpace(lines[7]) == "ready"
}

// signal sends sig to the postmaster, if there is one. It cannot hit another process
// that got its pid: os.Process knows when it has been waited for.
func (s *Server) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return
	}
	if err := s.current.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.log.Error("cannot signal PostgreSQL", "signal", sig, "pid", s.current.cmd.Process.Pid, "err", err)
	}
}

// set records a transition and wakes whoever waits for one.
func (s *Server) set(p *postmaster, ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.ready = p, ready
	close(s.changed)
	s.changed = make(chan struct{})
}

// failure describes the exit of p, with the last it had to say. Call it after exited.
func (p *postmaster) failure() error {
	if !p.signalled() { // else it had no last word, and orphans to be ended hold the pipe
		grace := time.NewTimer(logGrace)
		defer grace.Stop()
		before(p.log.done, grace.C)
	}
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("postgres (pid %d) ended: %s; its last lines:\n%s", p.cmd.Process.Pid, how, p.log.last(10))
}

// signalled reports whether p was killed by a signal. Call it after exited.
func (p *postmaster) signalled() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}
