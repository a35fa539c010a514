package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest/tabular"
)

// Import takes in a file of events.
type Import struct {
	Database
	Logging
	File         string        `arg:"" optional:"" help:"File to import, - for standard input: NDJSON or CSV, plain, gzip or zstd."`
	Company      string        `placeholder:"KEY" help:"Company that the events are of."`
	Format       string        `enum:"auto,ndjson,csv" default:"auto" help:"auto: NDJSON if the file begins with {, else CSV."`
	Mapping      string        `placeholder:"FILE" type:"existingfile" help:"What the columns of a CSV mean, as YAML or JSON. Default: the built-in mapping that knows the header."`
	RatingScale  string        `placeholder:"SCALE" help:"Scale of the file's ratings: 0-1, 1-5, 0-10 or 0-100. Default: the mapping's."`
	Program      string        `placeholder:"KEY" help:"Programme of rows of a CSV that name none."`
	Rejects      string        `placeholder:"FILE" help:"Where refused rows go, as NDJSON. Default: <file>.rejects.ndjson."`
	Rate         int           `placeholder:"N" help:"Most events a second. Default: as many as leave the live traffic its latency."`
	FutureSkew   time.Duration `env:"FUTURE_SKEW" default:"24h" help:"How far ahead an event may be dated; further ahead it is refused."`
	DryRun       bool          `help:"Say what would become of each row; store nothing."`
	JSON         bool          `help:"Print the summary as JSON."`
	PrintMapping string        `placeholder:"NAME" help:"Print a built-in mapping and exit: ${mappings}."`

	mapping []byte // the text of Mapping
}

// Help implements kong's HelpProvider.
func (*Import) Help() string {
	return "Importing the same file again is safe: what is there already counts as a duplicate. An import that was killed goes on " +
		"where it was when it is started again with the same file. Exit code: 0 all rows are in, 3 the import is complete but rows " +
		"were refused, 1 it did not get to its end."
}

// Mappings are the names of the built-in mappings, for the help.
func Mappings() string { return strings.Join(tabular.Names(), ", ") }

// ExitCodeError ends the process with a code of its own.
type ExitCodeError struct {
	Code    int
	Message string
}

// Error implements error.
func (e *ExitCodeError) Error() string { return e.Message }

// exitRejects tells an import that refused rows from one that failed.
const exitRejects = 3

// Run implements the command.
func (cmd *Import) Run(ctx context.Context) error {
	if cmd.PrintMapping != "" {
		text, ok := tabular.Source(cmd.PrintMapping)
		if !ok {
			return fmt.Errorf("--print-mapping: there is no mapping %q; the mappings are %s", cmd.PrintMapping, Mappings())
		}
		_, err := os.Stdout.Write(text)
		return err
	}
	switch {
	case cmd.File == "":
		return fmt.Errorf("say which file to import, or - for standard input")
	case cmd.Company == "":
		return fmt.Errorf("--company: say whose events they are")
	case cmd.Rate < 0:
		return fmt.Errorf("--rate: at least 1")
	case cmd.Program != "" && !impact.ValidKey(cmd.Program):
		return fmt.Errorf("--program: use 1 to %d of the characters A-Z a-z 0-9 _ . @ : -", impact.MaxKey)
	}
	options, err := cmd.options()
	if err != nil {
		return err
	}
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		company, err := conn.CompanyByKey(ctx, cmd.Company)
		if err != nil {
			return fmt.Errorf("company %q: %w", cmd.Company, err)
		}
		options.Location = company.Location
		job := &importJob{cmd: cmd, store: conn.Store, company: company, options: options}
		if err := job.run(ctx); err != nil {
			if ctx.Err() != nil {
				return &ExitCodeError{1, "interrupted: run it again to go on where it was"}
			}
			return err
		}
		if err := cmd.report(&job.counts, job.rejects.path); err != nil {
			return err
		}
		if n := job.counts[countRejected]; n > 0 {
			return &ExitCodeError{exitRejects, fmt.Sprintf("%d rows were refused", n)}
		}
		return nil
	})
}

func (cmd *Import) options() (o tabular.Options, err error) {
	if cmd.Format != "auto" {
		o.Format = tabular.Format(cmd.Format)
	}
	o.Programme = cmd.Program
	if cmd.RatingScale != "" {
		scale, err := tabular.ParseScale(cmd.RatingScale)
		if err != nil {
			return o, fmt.Errorf("--rating-scale: %w", err)
		}
		o.RatingScale = &scale
	}
	if cmd.Mapping != "" {
		if cmd.mapping, err = os.ReadFile(cmd.Mapping); err != nil {
			return o, fmt.Errorf("--mapping: %w", err)
		}
		if o.Mapping, err = tabular.Parse(cmd.mapping); err != nil {
			return o, fmt.Errorf("--mapping %s: %w", cmd.Mapping, err)
		}
		o.Format = tabular.CSV
	}
	return o, nil
}

// The counts of a summary, in the order in which progress keeps them.
const (
	countRows = iota
	countStored
	countDuplicates
	countScheduled
	countRejected
	numCounts
)

var countNames = [numCounts]string{"rows", "stored", "duplicates", "scheduled", "rejected"}

func (cmd *Import) report(counts *[numCounts]int64, rejects string) error {
	if cmd.JSON {
		summary := map[string]any{"dryRun": cmd.DryRun}
		for i, name := range countNames {
			summary[name] = counts[i]
		}
		if cmd.DryRun { // nobody has looked whether they are there already
			delete(summary, countNames[countStored])
			delete(summary, countNames[countDuplicates])
			summary["valid"] = counts[countStored]
		}
		if counts[countRejected] > 0 {
			summary["rejects"] = rejects
		}
		return json.NewEncoder(os.Stdout).Encode(summary)
	}
	stored := fmt.Sprintf("%d events stored, %d were there already", counts[countStored], counts[countDuplicates])
	if cmd.DryRun {
		stored = fmt.Sprintf("%d events would be stored unless they are there already", counts[countStored])
	}
	fmt.Fprintf(os.Stdout, "%d rows: %s; %d scheduled, not done yet; %d refused\n",
		counts[countRows], stored, counts[countScheduled], counts[countRejected])
	if counts[countRejected] > 0 {
		fmt.Fprintf(os.Stdout, "What was refused, and why: %s\n", rejects)
	}
	return nil
}

// rejectsFile receives refused rows, one JSON object a line.
type rejectsFile struct {
	path string
	file *os.File // nil until the first row, or if an earlier run left some
	size int64
}

// reopen goes on with what an earlier run wrote up to size.
func (f *rejectsFile) reopen(size int64) error {
	if size == 0 {
		return nil
	}
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("--rejects: %w", err)
	}
	info, err := file.Stat()
	if err == nil {
		f.size = min(size, info.Size()) // somebody may have taken it away
		err = file.Truncate(f.size)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekEnd)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("--rejects: %w", err), file.Close())
	}
	f.file = file
	return nil
}

func (f *rejectsFile) add(line int, raw []byte, e *impact.Error) error {
	if f.file == nil {
		var err error
		if f.file, err = os.OpenFile(f.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("--rejects: %w", err)
		}
	}
	reject := struct {
		Line    int         `json:"line"`
		Code    impact.Code `json:"code"`
		Pointer string      `json:"pointer"`
		Message string      `json:"message"`
		Raw     string      `json:"raw"`
		Bytes   []byte      `json:"rawBase64,omitempty"` // of a row that is no text
	}{line, e.Code, e.Pointer, e.Message, strings.TrimRight(string(raw), "\r\n"), nil}
	if !utf8.Valid(raw) {
		reject.Bytes = raw
	}
	text, err := json.Marshal(reject)
	if err != nil {
		return err
	}
	n, err := f.file.Write(append(text, '\n'))
	f.size += int64(n)
	if err != nil {
		return fmt.Errorf("--rejects: %w", err)
	}
	return nil
}

func (f *rejectsFile) close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// pace slows an import down so that it takes no more of the database than is free.
type pace struct {
	rate  int // most events a second; 0: by latency
	start time.Time
	done  int
	best  time.Duration // per event, of late
}

// Bounds of a pause, in times of the work before it: at least four times as long as it took,
// so that an import never takes more than a fifth of the database; the longer the more
// others are at work, which shows in commits that take longer than they can.
const (
	minPause = 4
	maxPause = 10
)

// after waits after a commit of n events.
func (p *pace) after(ctx context.Context, n int, took time.Duration) error {
	p.done += n
	var pause time.Duration
	if p.rate > 0 {
		pause = time.Until(p.start.Add(time.Duration(float64(p.done) / float64(p.rate) * float64(time.Second))))
	} else {
		each := took / time.Duration(max(n, 1))
		if p.best == 0 || each < p.best {
			p.best = each
		}
		pause = time.Duration(float64(took) * min(minPause*float64(each)/float64(max(p.best, 1)), maxPause))
		p.best += p.best / 100 // what was possible long ago may not be now
	}
	return sleep(ctx, pause)
}

// rest waits after a fold, which says nothing of how fast commits can be.
func (p *pace) rest(ctx context.Context, took time.Duration) error {
	if p.rate > 0 {
		return ctx.Err()
	}
	return sleep(ctx, minPause*took)
}

func sleep(ctx context.Context, pause time.Duration) error {
	if pause <= 0 {
		return ctx.Err()
	}
	wait := time.NewTimer(pause)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
