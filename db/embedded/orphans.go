package embedded

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// fastGrace is how long an orphaned postmaster may take over a fast shutdown, and
	// quitGrace how long any orphan may take to die of SIGQUIT, before SIGKILL.
	fastGrace = 15 * time.Second
	quitGrace = 3 * time.Second
	sweepPoll = 10 * time.Millisecond
)

// process is one line of the process table.
type process struct {
	pid, uid int
	command  string // arguments joined by spaces, or what the process put in their place
}

// clusterName is the cluster_name of the server in dir: the same for the same
// directory on this kernel wherever it is mounted or moved, and for no other.
func clusterName(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%d", st.Dev, st.Ino))
	return fmt.Sprintf("impactql-%x", sum[:6]), nil
}

// isPostmaster tells a postmaster, which still shows its arguments, from its children,
// which show "postgres: <cluster_name>: <role>".
func (p process) isPostmaster() bool {
	return strings.Contains(p.command, "/postgres -D ")
}

func (p process) isOf(cluster string) bool {
	return strings.HasPrefix(p.command, "postgres: "+cluster+":") ||
		p.isPostmaster() && strings.Contains(p.command, "cluster_name="+cluster)
}

// sweep returns once no process of the cluster is left that is not ours to lead: a
// postmaster whose impactql died, which gets the time for a fast shutdown, and children
// of a postmaster that died. To kill the latter loses nothing: what they committed is in
// the WAL, and the shared memory they hold is worthless without a postmaster. Call it
// with the lock held and no postmaster of our own.
func (s *Server) sweep(ctx context.Context) error {
	sent := map[int]syscall.Signal{}
	began := time.Now()
	for {
		table, err := processTable()
		if err != nil {
			return fmt.Errorf("list processes: %w", err)
		}
		var left []process
		led := false
		for _, p := range table {
			if p.uid == s.acct.uid && p.isOf(s.name) {
				left = append(left, p)
				led = led || p.isPostmaster()
			}
		}
		if len(left) == 0 {
			return nil
		}
		for _, p := range left {
			sig := syscall.SIGQUIT
			switch took := time.Since(began); {
			case took > fastGrace+quitGrace || !led && took > quitGrace:
				sig = syscall.SIGKILL
			case led && !p.isPostmaster():
				continue // its postmaster sees to it
			case led && took < fastGrace:
				sig = syscall.SIGINT
			}
			if sent[p.pid] == sig {
				continue
			}
			sent[p.pid] = sig
			s.log.Info("ending a PostgreSQL process left over from before", "pid", p.pid, "signal", sig, "command", p.command)
			if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill(%d, %s) of a PostgreSQL process left over from before: %w", p.pid, sig, err)
			}
		}
		select {
		case <-time.After(sweepPoll):
		case <-ctx.Done():
			return fmt.Errorf("%d PostgreSQL processes left over from before, such as pid %d, are still alive: %w",
				len(left), left[0].pid, context.Cause(ctx))
		}
	}
}

// removeStale removes the pid file and socket of a postmaster that is gone. PostgreSQL
// removes them itself, unless a process with the recorded pid exists: any of its own
// user, even a zombie, which in a container that counts pids from 1 again is likely. A
// postmaster that somebody started by hand on this directory is refused.
func (s *Server) removeStale() error {
	text, err := os.ReadFile(s.lay.pidFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		first, _, _ := strings.Cut(string(text), "\n")
		pid, _ := strconv.Atoi(first)
		table, err := processTable()
		if err != nil {
			return fmt.Errorf("list processes: %w", err)
		}
		for _, p := range table {
			if p.pid == pid && s.startedByHand(p) {
				return fmt.Errorf("a PostgreSQL that impactql did not start (pid %d: %s) runs in %s: stop it first",
					pid, p.command, s.lay.data())
			}
		}
		if err := os.Remove(s.lay.pidFile()); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(s.inbox)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Remove(filepath.Join(s.inbox, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// startedByHand reports whether p may be a postmaster on our pgdata that we do not
// know by name. In doubt it is.
func (s *Server) startedByHand(p process) bool {
	argv0, _, _ := strings.Cut(p.command, " ")
	if base := filepath.Base(argv0); base != "postgres" && base != "postmaster" || strings.Contains(p.command, "cluster_name=impactql-") {
		return false
	}
	theirs, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", p.pid))
	if err != nil {
		return true
	}
	ours, err := os.Stat(s.lay.data())
	return err != nil || os.SameFile(ours, theirs)
}

// processTable lists all processes: from /proc, which is there in the barest container,
// or where there is none, from ps.
func processTable() ([]process, error) {
	if _, err := os.Stat("/proc/self/cmdline"); err == nil {
		return procTable()
	}
	text, err := exec.Command("ps", "-axww", "-o", "pid=,uid=,command=").Output()
	if err != nil {
		return nil, fmt.Errorf("ps: %w", err)
	}
	var table []process
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		pid, err1 := strconv.Atoi(f[0])
		uid, err2 := strconv.Atoi(f[1])
		if err1 == nil && err2 == nil {
			table = append(table, process{pid, uid, strings.Join(f[2:], " ")})
		}
	}
	return table, nil
}

func procTable() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var table []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join("/proc", e.Name())
		args, err1 := os.ReadFile(filepath.Join(dir, "cmdline"))
		info, err2 := os.Stat(dir)
		if err1 != nil || err2 != nil {
			continue // it ended meanwhile
		}
		command := strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " "))
		table = append(table, process{pid, int(info.Sys().(*syscall.Stat_t).Uid), command})
	}
	return table, nil
}
