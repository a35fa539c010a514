package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// Cohorts manages the cohorts that companies defined.
type Cohorts struct {
	List   CohortsList   `cmd:"" help:"List a company's definitions."`
	Create CohortsCreate `cmd:"" help:"Define a cohort by a filter, or with --replace change its definition."`
	Show   CohortsShow   `cmd:"" help:"Show a definition, and how many people it has."`
	Delete CohortsDelete `cmd:"" help:"Take a definition away; the people and their events stay."`
}

// CohortsList lists definitions.
type CohortsList struct {
	Database
	Logging
	ofCompany
	JSON bool `help:"Print JSON, one definition a line."`
}

// Run implements the command.
func (cmd *CohortsList) Run(ctx context.Context) error {
	return cmd.ofCompany.with(ctx, cmd.Database, cmd.Logging, func(conn *connection, c *impact.Company) error {
		list, err := conn.CohortDefinitions(ctx, c.ID, "")
		if err != nil {
			return err
		}
		if cmd.JSON {
			for _, def := range list {
				if err := printCohort(os.Stdout, def, nil, true); err != nil {
					return err
				}
			}
			return nil
		}
		out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(out, "KEY\tNAME\tVERSION\tUPDATED\tFILTER")
		for _, def := range list {
			fmt.Fprintf(out, "%s\t%s\t%d\t%s\t%s\n", def.Key, def.Name, def.Version, when(&def.UpdatedAt), def.Filter.String())
		}
		return out.Flush()
	})
}

// CohortsCreate defines a cohort.
type CohortsCreate struct {
	Database
	Logging
	ofCompany
	Key     string `arg:"" help:"What to ask for it by: 1 to 100 of the characters A-Z a-z 0-9 _ . @ : -, not all; case does not matter."`
	Filter  string `required:"" placeholder:"JSON" help:"Who belongs to it; - reads it from standard input."`
	Name    string `help:"The name to show. Default: the key."`
	Replace bool   `help:"Change the definition if there is one."`
	Expect  *int64 `placeholder:"N" help:"Refuse if the definition is not in this version, as cohorts show tells it."`
	JSON    bool   `help:"Print JSON."`
}

// Help adds to the command's help.
func (cmd *CohortsCreate) Help() string {
	return `A filter sets exactly one field: and, or (lists of filters), not (a filter), department (a list), ` +
		`attribute {"name", "in" or "notIn"} of the directory, or did {"activity", "programme", "period"}. For example: ` +
		`{"and": [{"attribute": {"name": "division", "in": ["North"]}}, {"did": {"activity": "SESSION", "period": "2025"}}]}. ` +
		`Members are worked out with every reading, so a period may not move with the day.`
}

// Run implements the command.
func (cmd *CohortsCreate) Run(ctx context.Context) error {
	text := []byte(cmd.Filter)
	if cmd.Filter == "-" {
		var err error
		if text, err = io.ReadAll(io.LimitReader(os.Stdin, 1<<20)); err != nil {
			return fmt.Errorf("--filter -: %w", err)
		}
	}
	filter, err := impact.ReadCohortFilter(text)
	if err != nil {
		return fmt.Errorf("--filter: %w", err)
	}
	def := impact.CohortDefinition{Key: cmd.Key, Name: cmd.Name, Filter: *filter}
	if def.Name == "" {
		def.Name = cmd.Key
	}
	expect := cmd.Expect
	if expect == nil && !cmd.Replace {
		expect = new(int64) // none
	}
	return cmd.ofCompany.with(ctx, cmd.Database, cmd.Logging, func(conn *connection, c *impact.Company) error {
		def.Company = c.ID
		saved, err := conn.SaveCohort(ctx, def, whoRuns(), expect)
		if err != nil {
			if impact.CodeOf(err) == impact.CodeConflict && cmd.Expect == nil && !cmd.Replace {
				return fmt.Errorf("%w; --replace changes it", err)
			}
			return err
		}
		return printCohort(os.Stdout, saved, nil, cmd.JSON)
	})
}

// CohortsShow shows a definition.
type CohortsShow struct {
	Database
	Logging
	ofCompany
	Key  string `arg:"" help:"The cohort's key."`
	JSON bool   `help:"Print JSON."`
}

// Run implements the command.
func (cmd *CohortsShow) Run(ctx context.Context) error {
	return cmd.ofCompany.with(ctx, cmd.Database, cmd.Logging, func(conn *connection, c *impact.Company) error {
		list, err := conn.CohortDefinitions(ctx, c.ID, cmd.Key)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return impact.Errorf(impact.CodeNotFound, "company %s has defined no cohort %q: impactql cohorts list", c.Key, cmd.Key)
		}
		answers, err := db.NewFigures(conn.Store, nil).Cohorts(ctx, []impact.CohortQuestion{
			{Company: c.ID, Programme: impact.AllProgrammes, Range: impact.AllTime, Key: list[0].Key},
		})
		if err != nil {
			return err
		}
		return printCohort(os.Stdout, list[0], answers[0], cmd.JSON)
	})
}

// printCohort prints a definition, and how many were ever active if that is known.
func printCohort(w io.Writer, def *impact.CohortDefinition, figures *impact.Cohort, asJSON bool) error {
	if asJSON {
		said := map[string]any{"key": def.Key, "name": def.Name, "version": def.Version, "filter": def.Filter}
		if figures != nil {
			said["suppressed"], said["participantCount"] = figures.Suppressed, figures.ParticipantCount
		}
		return json.NewEncoder(w).Encode(said)
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "key\t%s\nname\t%s\nversion\t%d\nfilter\t%s\n", def.Key, def.Name, def.Version, def.Filter.String())
	switch {
	case figures == nil:
	case figures.Suppressed:
		fmt.Fprintln(out, "participants\twithheld: too few, or others would be too few by difference")
	default:
		fmt.Fprintf(out, "participants\t%d ever active\n", figures.ParticipantCount)
	}
	return out.Flush()
}

// CohortsDelete takes a definition away.
type CohortsDelete struct {
	Database
	Logging
	ofCompany
	Key string `arg:"" help:"The cohort's key."`
}

// Run implements the command.
func (cmd *CohortsDelete) Run(ctx context.Context) error {
	return cmd.ofCompany.with(ctx, cmd.Database, cmd.Logging, func(conn *connection, c *impact.Company) error {
		if err := conn.DeleteCohort(ctx, c.ID, cmd.Key, whoRuns()); err != nil {
			return err
		}
		fmt.Fprintf(os.Stdout, "deleted %s\n", strings.ToLower(cmd.Key))
		return nil
	})
}
