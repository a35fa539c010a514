// Command bench measures impactql from outside, side by side with what bounds it, in one run on one
// machine:
//
//	make bench
//	make bench BENCHFLAGS='-quick -only single,array'
//	make bench BENCHFLAGS='-out docs/benchmarks.md'
//
// It starts the binary on a new data directory with its embedded Postgres, as shipped, loads it over
// loopback, and removes everything at the end. A missed target is printed and fails nothing; an error,
// a lost or a doubled event ends the program with exit code 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
)

type options struct {
	impactql string
	only     map[string]bool // sections; nil means all
	dir      string
	profiles string
	overview string
	plan     plan

	arrayConnections int
}

func main() {
	// The load generator shares the cores with what it measures: collect seldom.
	debug.SetGCPercent(400)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.StringVar(&o.impactql, "impactql", "bin/impactql", "the binary to measure")
	flags.StringVar(&o.dir, "dir", os.TempDir(), "where to make the temporary data directory; its disk is measured too")
	flags.StringVar(&o.profiles, "profile", "", "write a CPU profile of the server during each load to this folder")
	flags.StringVar(&o.overview, "overview", "web/examples/overview.graphql", "the GraphQL query to read with")
	flags.IntVar(&o.arrayConnections, "array-connections", 8, "how many connections send arrays; with 8 of them a commit gathers several")
	quick := flags.Bool("quick", false, "everything much shorter, to try it out")
	huge := flags.Bool("huge", false, "also read a company with 10 million events; seeding it takes minutes and 8 GB of disk")
	only := flags.String("only", "", "measure only these, separated by commas: "+sectionNames())
	markdown := flags.Bool("markdown", false, "print Markdown")
	file := flags.String("out", "", "also write the report to this file, as Markdown")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o.plan = fullPlan
	if *quick {
		o.plan = quickPlan
	}
	if *huge {
		o.plan.huge = hugeEvents
	}
	if *only != "" {
		o.only = make(map[string]bool)
		for name := range strings.SplitSeq(*only, ",") {
			if !isSection(name) {
				return fmt.Errorf("-only: %q is none of %s", name, sectionNames())
			}
			o.only[name] = true
		}
	}
	if *file != "" {
		if err := os.MkdirAll(filepath.Dir(*file), 0o755); err != nil {
			return err
		}
	}

	r, err := measure(ctx, o, progress)
	if r != nil {
		r.quick = *quick
		if *markdown {
			r.markdown(out)
		} else {
			r.text(out)
		}
		if *file != "" && r.complete {
			var page strings.Builder
			r.markdown(&page)
			err = errors.Join(err, os.WriteFile(*file, []byte(page.String()), 0o644)) //nolint:gosec // a page of the documentation
		}
	}
	return err
}
