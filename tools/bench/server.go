package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startWithin = 2 * time.Minute // initdb, demo data and, without Postgres on the machine, fetching one
	stopWithin  = 40 * time.Second
)

// settings are what the caller's environment could change of a server as shipped.
var settings = []string{
	"ADDR", "AUTH", "DATABASE_URL", "DATA_DIR", "DB_CONNECTIONS", "DEBUG_ADDR", "DRAIN", "GOGC", "GOMAXPROCS",
	"GOMEMLIMIT", "LOG_LEVEL", "MEMORY_MB", "RATE_BURST", "RATE_LIMIT", "READ_DATABASE_URL", "REDIS_URL",
}

// server is the impactql that is measured.
type server struct {
	binary  string
	dataDir string
	addr    string
	debug   string
	env     []string
	cmd     *exec.Cmd
	log     *bytes.Buffer // complete once done is closed
	done    chan struct{} // closed when the process has ended, with err
	err     error
}

// startServer starts the binary on a new data directory below dir, and returns
// once it is ready.
func startServer(ctx context.Context, binary, dir string) (*server, error) {
	addrs, err := freeAddresses(ctx, 2)
	if err != nil {
		return nil, err
	}
	s := &server{
		binary: binary, dataDir: filepath.Join(dir, "data"), addr: addrs[0], debug: addrs[1],
		log: new(bytes.Buffer), done: make(chan struct{}),
	}
	s.env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(settings, name)
	})
	s.env = append(s.env, "DATA_DIR="+s.dataDir, "ADDR="+s.addr, "DEBUG_ADDR="+s.debug)
	s.cmd = exec.Command(binary, "serve")
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env, s.log, s.log
	// A terminal's ctrl-C is for us, who then stop it in good order.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	if err := s.await(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func freeAddresses(ctx context.Context, n int) (addrs []string, err error) {
	var lc net.ListenConfig
	for range n {
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() //nolint:gocritic // all stay taken until there are enough
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		if _, err := get(ctx, "http://"+s.addr+"/readyz", nil); err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s ended before it was ready: %w\n%s", s.binary, s.err, s.log)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", s.binary, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends the server, which ends its Postgres.
func (s *server) stop() error {
	select {
	case <-s.done:
		return fmt.Errorf("%s ended by itself: %w\n%s", s.binary, s.err, s.log)
	default:
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
		return nil
	case <-time.After(stopWithin):
	}
	postmaster, err := s.postmaster()
	_ = s.cmd.Process.Kill()
	<-s.done
	if err == nil {
		_ = syscall.Kill(postmaster, syscall.SIGQUIT)
	}
	return fmt.Errorf("%s was still running %s after SIGTERM, killed\n%s", s.binary, stopWithin, s.log)
}

func (s *server) postmaster() (pid int, err error) {
	text, err := os.ReadFile(filepath.Join(s.dataDir, "pgdata", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// command runs a command of the binary on the server's database and returns what
// it printed.
func (s *server) command(ctx context.Context, args ...string) ([]byte, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Env, cmd.Stderr = s.env, &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, &stderr)
	}
	return out, nil
}

// start starts a command of the binary on the server's database, which stop interrupts and
// waits for; ended is closed when it has ended, by itself or not.
func (s *server) start(args ...string) (ended <-chan struct{}, stop func() error, err error) {
	var output bytes.Buffer
	cmd := exec.Command(s.binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as the server
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() {
		err = cmd.Wait()
		close(done)
	}()
	return done, func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(stopWithin):
			_ = cmd.Process.Kill()
			<-done
			return fmt.Errorf("%s did not stop: %s", strings.Join(cmd.Args, " "), &output)
		}
		return nil
	}, nil
}

// createKey creates an API key for all companies, the first of which is its
// default, and makes those that are new.
func (s *server) createKey(ctx context.Context, companies ...string) (string, error) {
	args := []string{"keys", "create", "--all-companies", "--json"}
	for _, c := range companies {
		args = append(args, "--company", c)
	}
	out, err := s.command(ctx, args...)
	if err != nil {
		return "", err
	}
	var created struct{ Key string }
	if err := json.Unmarshal(out, &created); err != nil {
		return "", fmt.Errorf("keys create: %w", err)
	}
	return created.Key, nil
}

// peakMB is the most memory that the process has had resident.
func (s *server) peakMB() (float64, error) { return s.memory("VmHWM:") }

// residentMB is the memory that the process has resident now.
func (s *server) residentMB() (float64, error) { return s.memory("VmRSS:") }

// forgetPeak makes peakMB count from now on.
func (s *server) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0)
}

func (s *server) memory(what string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, what); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kb) / 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/<pid>/status has no %s", what)
}

// profile writes the server's CPU profile of the next d to the file.
func (s *server) profile(ctx context.Context, d time.Duration, file string) error {
	seconds := max(1, int(d.Seconds()))
	data, err := get(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", s.debug, seconds), nil)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return os.WriteFile(file, data, 0o644) //nolint:gosec // a profile is no secret
}

// get returns the body of a 200 answer.
func get(ctx context.Context, url string, header http.Header) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, resp.Status, body)
	}
	return body, err
}
