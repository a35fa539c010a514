package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpuTimes is processor time by who used it.
type cpuTimes struct{ server, postgres, bench time.Duration }

func (c cpuTimes) plus(d cpuTimes) cpuTimes {
	return cpuTimes{c.server + d.server, c.postgres + d.postgres, c.bench + d.bench}
}

func (c cpuTimes) minus(d cpuTimes) cpuTimes {
	return cpuTimes{c.server - d.server, c.postgres - d.postgres, c.bench - d.bench}
}

func (c cpuTimes) per(n int) cpuTimes {
	if n == 0 {
		return cpuTimes{}
	}
	return cpuTimes{c.server / time.Duration(n), c.postgres / time.Duration(n), c.bench / time.Duration(n)}
}

func (b *bench) cpuTimes() (c cpuTimes, err error) {
	if c.server, _, err = processorTime(b.server.cmd.Process.Pid); err != nil {
		return c, err
	}
	var self syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
		return c, err
	}
	c.bench = time.Duration(self.Utime.Nano() + self.Stime.Nano())

	// Backends that ended are in the postmaster's account of its children.
	postmaster, err := b.server.postmaster()
	if err != nil {
		return c, err
	}
	own, ended, err := processorTime(postmaster)
	if err != nil {
		return c, err
	}
	c.postgres = own + ended
	children, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(postmaster), "task", strconv.Itoa(postmaster), "children"))
	if err != nil {
		return c, err
	}
	for child := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			return c, err
		}
		used, _, err := processorTime(pid)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return c, err
		}
		c.postgres += used
	}
	return c, nil
}

// tick is the unit of /proc, the same on every Linux that Go runs on.
const tick = time.Second / 100

// processorTime is what the process used, and what its ended children did.
func processorTime(pid int) (own, ended time.Duration, err error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, 0, err
	}
	// The second field is the name in brackets, which may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 15 {
		return 0, 0, fmt.Errorf("/proc/%d/stat: %q", pid, stat)
	}
	var ticks [4]time.Duration // utime, stime, cutime, cstime
	for i := range ticks {
		n, err := strconv.Atoi(fields[11+i])
		if err != nil {
			return 0, 0, err
		}
		ticks[i] = time.Duration(n) * tick
	}
	return ticks[0] + ticks[1], ticks[2] + ticks[3], nil
}
