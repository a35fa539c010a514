package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// fresh names the variables of the environment that would let the caller's state in.
var fresh = []string{"ADDR", "DATA_DIR", "DATABASE_URL", "READ_DATABASE_URL", "REDIS_URL"}

// stopWithin is how long a server may take to drain after SIGTERM; then its process group is killed.
const stopWithin = 60 * time.Second

// run runs the marked blocks of the file, and stops what they left in the background.
func run(ctx context.Context, file, ready string, wait time.Duration) (err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	blocks, err := parse(string(text))
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "readme-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	// Started by root, Postgres runs as another user, who has to reach its data through this folder.
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}

	sh := shell{dir: filepath.Dir(file), env: environment(temp)}
	var servers []*server
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
	}()
	start := time.Now()
	for _, b := range blocks {
		fmt.Printf("\n== [%4.0f s] %s:%d\n%s", time.Since(start).Seconds(), filepath.Base(file), b.line, b.script)
		if !b.background {
			if err := sh.run(ctx, b); err != nil {
				return err
			}
			continue
		}
		if answers(ctx, ready) {
			return fmt.Errorf("line %d: %s answers already: stop that server first", b.line, ready)
		}
		s, err := sh.start(b, filepath.Join(temp, fmt.Sprintf("line-%d.log", b.line)))
		if err != nil {
			return err
		}
		servers = append(servers, s)
		if err := s.await(ctx, ready, wait); err != nil {
			return err
		}
	}
	return nil
}

// environment returns the caller's, without its state.
func environment(temp string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(fresh, name)
	})
	return append(env, "DATA_DIR="+filepath.Join(temp, "data"))
}

// answers tells whether a GET of the URL answers 200.
func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode == http.StatusOK
}

// shell says where and with what environment blocks are run.
type shell struct {
	dir string
	env []string
}

// command gives the block a process group of its own, so that nothing of it outlives the run.
func (sh shell) command(b block) *exec.Cmd {
	script := b.script
	if b.background {
		// The one command takes the place of bash, and so receives the signal to stop.
		for line := range strings.Lines(b.script) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				script = "exec " + line
			}
		}
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = sh.dir, sh.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// run runs a block to its end.
func (sh shell) run(ctx context.Context, b block) error {
	cmd := sh.command(b)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("line %d: %w", b.line, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("line %d: %w", b.line, err)
		}
		return nil
	case <-ctx.Done():
		kill(cmd)
		return fmt.Errorf("line %d: %w", b.line, errors.Join(ctx.Err(), <-done))
	}
}

// server is a background block under way.
type server struct {
	line int
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed once the process has ended, with err
	err  error
}

// start starts a background block. What it prints goes to a file, shown only when it fails, so that
// the last lines of the run are those of the last block.
func (sh shell) start(b block, logFile string) (*server, error) {
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	cmd := sh.command(b)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("line %d: %w", b.line, err), log.Close())
	}
	s := &server{line: b.line, cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		s.err = cmd.Wait()
		close(s.done)
	}()
	return s, nil
}

// await returns once the URL answers 200, or with an error when the server ends first or takes too long.
func (s *server) await(ctx context.Context, url string, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			s.show()
			return fmt.Errorf("line %d: ended before %s answered: %w", s.line, url, s.outcome())
		case <-ctx.Done():
			s.show()
			return fmt.Errorf("line %d: waiting for %s: %w", s.line, url, ctx.Err())
		case <-tick.C:
			if answers(ctx, url) {
				return nil
			}
		}
	}
}

// stop asks the server to end, and reports one that ended by itself before, or had to be killed.
func (s *server) stop() error {
	defer func() { _ = s.log.Close() }()
	select {
	case <-s.done:
		s.show()
		return fmt.Errorf("line %d: ended before the run did: %w", s.line, s.outcome())
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("line %d: SIGTERM: %w", s.line, err)
	}
	select {
	case <-s.done:
		kill(s.cmd)
		return nil
	case <-time.After(stopWithin):
		kill(s.cmd)
		<-s.done
		s.show()
		return fmt.Errorf("line %d: still running %s after SIGTERM, killed", s.line, stopWithin)
	}
}

func (s *server) outcome() error {
	if s.err == nil {
		return errors.New("exit status 0")
	}
	return s.err
}

// show prints what the server printed.
func (s *server) show() {
	if _, err := s.log.Seek(0, io.SeekStart); err != nil {
		return
	}
	_, _ = io.Copy(os.Stderr, s.log)
}

// kill ends what is left of the process group.
func kill(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
