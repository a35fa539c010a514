package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/server/verify"
)

// Verify recomputes figures from the raw log and compares them with the readers'.
type Verify struct {
	Database
	Logging
	Company []string      `placeholder:"KEY" help:"Company to verify; repeat for several. Default: all."`
	Period  []string      `placeholder:"PERIOD" help:"Compare the figures of this period alone, such as 2025, 2025-11, 2025-11-13 or all; repeat for several. Default: all time, and each year, month and day with events."`
	Wait    time.Duration `default:"30s" help:"How long to wait until what was ingested before is in the rollups."`
	JSON    bool          `help:"Print each difference as a line of JSON."`
}

// Help implements kong's HelpProvider.
func (*Verify) Help() string {
	return "Goes through the event log with a reader of its own, which shares no code with the one that keeps the rollups, works out " +
		"metrics, SROI (teei-1.0 in each of its modes, teei-npv-1.0, teei-activity-1.0, svi-2012), VIS (teei-vis-1.0, " +
		"teei-vis-reporting-1.0) and cohorts (departments, stored ones and some by filters) of every programme, changes, retention and funnels, and their explanations, and compares each with what " +
		"GraphQL and /v1 answer at the same moment. It also reads what was sent once more, and compares people's attributes and " +
		"what was known at some instants since the settings changed last. Every difference " +
		"is printed; with any, the exit code is 1. It changes nothing and holds no lock, and works beside a running server. Groups that are " +
		"withheld for their size are not compared."
}

// Run implements the command.
func (cmd *Verify) Run(ctx context.Context) error {
	only, err := periodNames(cmd.Period)
	if err != nil {
		return err
	}
	var differences int64
	if err := cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		companies, err := companiesOf(ctx, conn.Store, cmd.Company)
		if err != nil {
			return err
		}
		for _, c := range companies {
			bar := progress(-1, "verify "+c.Key)
			result, err := verifyCompany(ctx, conn.Store, c, cmd.Wait, verify.Options{
				Only: only, Progress: func(n int64) { _ = bar.Set64(n) },
				Report: func(d verify.Difference) { cmd.print(os.Stdout, d) },
			})
			if err != nil {
				return fmt.Errorf("company %q: %w", c.Key, err)
			}
			_ = bar.Finish()
			differences += result.Differences
			fmt.Fprintf(os.Stderr, "%s: %d events, %d of them read again as they were sent; %d figures of %d periods; %d differences\n",
				c.Key, result.Events, result.Reread, result.Figures, result.Periods, result.Differences)
		}
		return nil
	}); err != nil {
		return err
	}
	if differences > 0 {
		return &ExitCodeError{1, fmt.Sprintf("%d differences: impactql rebuild makes the rollups anew; a difference that stays is in the log or in the program", differences)}
	}
	return nil
}

func (cmd *Verify) print(w io.Writer, d verify.Difference) {
	if !cmd.JSON {
		fmt.Fprintln(w, d)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{
		"company": d.Company, "period": d.Period, "programme": d.Programme, "figure": d.Figure, "expected": d.Expected, "found": d.Found,
	})
}

func verifyCompany(ctx context.Context, s *db.Store, c *impact.Company, wait time.Duration, o verify.Options) (result verify.Result, err error) {
	err = s.Ledger(ctx, c.ID, wait, func(l *db.Ledger) (err error) {
		result, err = verify.Company(ctx, l, o)
		return err
	})
	return result, err
}

// periodNames says which periods to compare; nil is every one.
func periodNames(list []string) (func(string) bool, error) {
	if len(list) == 0 {
		return nil, nil
	}
	wanted := make(map[string]bool)
	for _, name := range list {
		p, err := impact.ParsePeriod(name)
		switch {
		case name == "all":
			name = verify.AllTime
		case err != nil:
			return nil, fmt.Errorf("--period: %w", err)
		case p.String() != name || strings.Count(name, "-") > 2 || strings.ContainsAny(name, "QWFY/l"):
			return nil, fmt.Errorf("--period: %q: give a year, a month, a day or all", name)
		}
		wanted[name] = true
	}
	return func(name string) bool { return wanted[name] }, nil
}

// companiesOf finds companies by their keys; none are all there are.
func companiesOf(ctx context.Context, s *db.Store, keys []string) (companies []*impact.Company, err error) {
	for _, key := range keys {
		c, err := s.CompanyByKey(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("company %q: %w", key, err)
		}
		companies = append(companies, c)
	}
	if len(keys) > 0 {
		return companies, nil
	}
	const page = 1000
	for after := ""; ; {
		more, err := s.CompanyPage(ctx, nil, after, page)
		if err != nil {
			return nil, err
		}
		companies = append(companies, more...)
		if len(more) < page {
			return companies, nil
		}
		after = more[len(more)-1].Key
	}
}
