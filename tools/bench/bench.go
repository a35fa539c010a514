package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// plan says how long and how much.
type plan struct {
	rounds      int           // each side of a comparison is measured this often, in turn
	warm, round time.Duration // of single events
	bodies      int           // of arrays, per round
	steady      time.Duration
	read        time.Duration // per round of reads
	mixed       time.Duration
	beside      time.Duration // an import, per round
	stream      int           // bytes
	small, big  int           // events of the companies that are read
	huge        int           // events of one more; 0 is none
}

// hugeEvents is how many events the largest company has.
const hugeEvents = 10_000_000

var (
	fullPlan = plan{
		rounds: 3, warm: 5 * time.Second, round: 8 * time.Second, bodies: 200, steady: 30 * time.Second,
		read: 2 * time.Second, mixed: 15 * time.Second, beside: 10 * time.Second, stream: 100 << 20, small: 10_000, big: 1_000_000,
	}
	quickPlan = plan{
		rounds: 1, warm: time.Second, round: 2 * time.Second, bodies: 30, steady: 4 * time.Second,
		read: 500 * time.Millisecond, mixed: 3 * time.Second, beside: 3 * time.Second, stream: 100 << 20, small: 1_000, big: 50_000,
	}
)

// sections are measured in this order.
var sections = []struct {
	name, title string
	measure     func(*bench, context.Context) error
}{
	{"single", "single events", (*bench).single},
	{"array", "arrays of events", (*bench).array},
	{"steady", "steady arrival", (*bench).steady},
	{"overload", "five times too much", (*bench).overload},
	{"stream", "a stream of lines", (*bench).stream},
	{"import", "an import beside live events", (*bench).imports},
	{"reads", "reads", (*bench).reads},
	{"valuemap", "a value map", (*bench).valueMap},
	{"mixed", "reads while events arrive", (*bench).mixed},
}

func sectionNames() string {
	names := make([]string, len(sections))
	for i, s := range sections {
		names[i] = s.name
	}
	return strings.Join(names, ",")
}

func isSection(name string) bool {
	for _, s := range sections {
		if s.name == name {
			return true
		}
	}
	return false
}

// bench is a run under way.
type bench struct {
	options
	temp   string
	server *server
	pg     *postgres
	events *events
	ledger ledger
	report *report
	// readKey opens the seeded companies; empty until they are.
	readKey string
	log     io.Writer
}

// measure runs the sections. The report holds what was measured before an error.
func measure(ctx context.Context, o options, log io.Writer) (_ *report, err error) {
	temp, err := os.MkdirTemp(o.dir, "impactql-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	// Started by root, Postgres runs as another user, who has to reach its data through this folder.
	if err := os.Chmod(temp, 0o755); err != nil {
		return nil, err
	}
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o755); err != nil {
			return nil, err
		}
	}

	// A copy, since a build during the run would change it.
	measured := filepath.Join(temp, "impactql")
	if err := copyFile(measured, o.impactql); err != nil {
		return nil, err
	}
	o.impactql = measured

	b := &bench{options: o, temp: temp, events: newEvents(time.Now()), log: log}
	b.say("starting %s", o.impactql)
	if b.server, err = startServer(ctx, o.impactql, temp); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.server.stop()) }()
	if b.pg, err = openPostgres(b.server.dataDir); err != nil {
		return nil, err
	}
	if b.report, err = b.newReport(ctx); err != nil {
		return nil, err
	}
	return b.report, b.measureAll(ctx)
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755) //nolint:gosec // a program
}

func (b *bench) measureAll(ctx context.Context) error {
	memory := &table{
		title: "Memory of the server", about: "The most that was resident (VmHWM) up to the end of each part.",
		head: []string{"after", "MB"},
	}
	for _, s := range sections {
		if b.only != nil && !b.only[s.name] {
			continue
		}
		b.say("%s", s.title)
		if err := s.measure(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		mb, err := b.server.peakMB()
		if err != nil {
			return err
		}
		memory.row(s.title, fmt.Sprintf("%.0f", mb))
	}
	b.report.tables = append(b.report.tables, memory)
	return b.check(ctx)
}

// check ends the run: memory, and whether every acknowledged event is there once.
func (b *bench) check(ctx context.Context) error {
	b.say("checking")
	mb, err := b.server.peakMB()
	if err != nil {
		return err
	}
	if _, err := b.settle(ctx); err != nil {
		return err
	}
	b.report.atMost("server's peak resident memory", mb, 200, "MB")
	if err := b.checkLedger(ctx); err != nil {
		return err
	}
	b.report.complete = true
	return b.report.failed()
}

// settle waits until every committed batch is folded, so that what comes next
// has the machine to itself, and says how long that took.
func (b *bench) settle(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	for {
		left, err := b.pg.number(ctx, "SELECT count(*) FROM batch WHERE folded_at IS NULL")
		if err != nil || left == 0 {
			return time.Since(start), err
		}
		if time.Since(start) > time.Minute {
			return 0, fmt.Errorf("%d batches are not folded a minute after the load", left)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// during runs a load under the name, which takes about d, with the CPU time that
// it cost, and profiles the server meanwhile if asked to.
func (b *bench) during(ctx context.Context, name string, d time.Duration, load func() *result) (*result, error) {
	profiled := make(chan error, 1)
	if b.profiles == "" {
		profiled <- nil
	} else {
		go func() { profiled <- b.server.profile(ctx, d, filepath.Join(b.profiles, name+".pprof")) }()
	}
	before, err := b.cpuTimes()
	if err != nil {
		return nil, err
	}
	r := load()
	after, err := b.cpuTimes()
	if err != nil {
		return nil, err
	}
	r.cpu = after.minus(before)
	if err := errors.Join(<-profiled, ctx.Err()); err != nil {
		return nil, err
	}
	b.count(name, r)
	return r, nil
}

// count shows a load's result and remembers its errors.
func (b *bench) count(name string, r *result) {
	b.report.errors += r.failed
	if r.failed > 0 {
		b.report.note("%s: %d requests failed, the first: %v", name, r.failed, r.err)
	}
	mb, _ := b.server.peakMB() // measureAll reports an error
	b.say("  %-34s %9s/s  p50 %s  p99 %s  max %s  errors %d  server's peak %.0f MB", name, number(r.rate()),
		ms(r.percentile(0.50)), ms(r.percentile(0.99)), ms(r.percentile(1)), r.failed, mb)
}

// do runs a load at the pace of its answers.
func (b *bench) do(ctx context.Context, name string, connections int, d time.Duration, callers func() caller) (*result, error) {
	return b.during(ctx, name, d, func() *result { return closedLoop(ctx, b.server.addr, connections, d, callers) })
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.log, format+"\n", args...)
}
