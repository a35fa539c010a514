package server

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
	"github.com/impactql/impactql/server/seed"
)

// Seed makes up a history.
type Seed struct {
	Database
	Logging
	Companies int       `default:"3" help:"How many companies: the demo companies, then seed-4, seed-5, ..."`
	Company   string    `placeholder:"KEY" help:"Only this company, instead of --companies."`
	Events    int       `default:"100000" help:"How many events in all."`
	From      time.Time `format:"2006-01-02" placeholder:"DATE" help:"First day, as 2024-01-01. Default: two years before --to."`
	To        time.Time `format:"2006-01-02" placeholder:"DATE" help:"Day after the last. Default: today."`
	Seed      uint64    `default:"1" help:"The same seed, dates and number of events give the same history."`
}

// Run implements the command.
func (cmd *Seed) Run(ctx context.Context) error {
	if cmd.Companies < 1 || cmd.Events < 1 {
		return fmt.Errorf("--companies and --events: at least 1")
	}
	if cmd.To.IsZero() {
		cmd.To = time.Now().UTC().Truncate(24 * time.Hour)
	}
	if cmd.From.IsZero() {
		cmd.From = cmd.To.AddDate(-2, 0, 0)
	}
	if !cmd.From.Before(cmd.To) {
		return fmt.Errorf("--from must be before --to")
	}
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		companies, err := cmd.companies(ctx, conn.Store)
		if err != nil {
			return err
		}
		bar := progress(int64(cmd.Events), "seed")
		var plans []plan
		for i, c := range companies {
			share := cmd.Events*(i+1)/len(companies) - cmd.Events*i/len(companies)
			plans = append(plans, plan{c, seed.Plan{Seed: cmd.Seed, Company: c.Key, Events: share, From: cmd.From, To: cmd.To}})
		}
		stored, err := write(ctx, conn.Store, plans, func(n int) { _ = bar.Add(n) })
		if err != nil {
			return err
		}
		_ = bar.Finish()
		fmt.Fprintf(os.Stderr, "%d events in %d companies; %d were new\n", cmd.Events, len(companies), stored)
		return nil
	})
}

func (cmd *Seed) companies(ctx context.Context, s *db.Store) ([]*impact.Company, error) {
	var companies []*impact.Company
	add := func(key, name string) error {
		c, err := s.EnsureCompany(ctx, key, name)
		companies = append(companies, c)
		return err
	}
	if cmd.Company != "" {
		return companies, add(cmd.Company, "")
	}
	for i := range cmd.Companies {
		key, name := fmt.Sprintf("seed-%d", i+1), ""
		if i < len(DemoCompanies) {
			key, name = DemoCompanies[i].Key, DemoCompanies[i].Name
		}
		if err := add(key, name); err != nil {
			return nil, err
		}
	}
	return companies, nil
}

type plan struct {
	company *impact.Company
	seed.Plan
}

const (
	// seedChunk is how many events are committed together.
	seedChunk = 5000
	// seedFold is how many are folded together: the more, the fewer times each page
	// of the rollups is rewritten.
	seedFold = 40_000
)

// write commits the histories of plans, as ingest does, and folds them.
func write(ctx context.Context, s *db.Store, plans []plan, progress func(n int)) (stored int, err error) {
	folder := db.NewFolder(s)
	defer folder.Close()
	var fold sync.Mutex // held by the worker that folds
	var mu sync.Mutex   // guards stored and progress
	work, working := errgroup.WithContext(ctx)
	work.SetLimit(2)
	for chunk := range chunks(plans) {
		if working.Err() != nil {
			break
		}
		work.Go(func() error {
			events := make([]*impact.Event, len(chunk.bodies))
			for i, raw := range chunk.bodies {
				e, err := ingest.Decode(raw, chunk.company, time.Now())
				if err != nil {
					return fmt.Errorf("decode %s: %w", raw, err)
				}
				events[i] = e
			}
			verdicts, err := s.Commit(working, events)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, v := range verdicts {
				if !v.Duplicate {
					stored++
				}
			}
			progress(len(events))
			mu.Unlock()
			if s.Backlog() >= seedFold && fold.TryLock() {
				defer fold.Unlock()
				return folder.Flush(working)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return stored, err
	}
	return stored, folder.Flush(ctx)
}

type chunk struct {
	company *impact.Company
	bodies  [][]byte
}

// chunks yields the histories in pieces.
func chunks(plans []plan) func(yield func(chunk) bool) {
	return func(yield func(chunk) bool) {
		for _, p := range plans {
			h := seed.New(p.Plan)
			for {
				c := chunk{company: p.company, bodies: make([][]byte, 0, seedChunk)}
				buf := make([]byte, 0, seedChunk*256)
				for len(c.bodies) < seedChunk {
					start := len(buf)
					var ok bool
					if buf, ok = h.Append(buf); !ok {
						break
					}
					c.bodies = append(c.bodies, buf[start:len(buf):len(buf)])
				}
				if len(c.bodies) == 0 || !yield(c) {
					break
				}
			}
		}
	}
}
