package server

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/impactql/impactql/impact"
)

// Forget erases a person.
type Forget struct {
	Database
	Logging
	Company string `required:"" placeholder:"KEY" help:"Company that the person is of."`
	Person  string `placeholder:"KEY" help:"Key or e-mail address of the participant or volunteer."`
	List    bool   `help:"List the erasures of the company instead: when, by whom and how much, not who."`
	JSON    bool   `help:"Print JSON."`
}

// Help implements kong's HelpProvider.
func (*Forget) Help() string {
	return "Removes the person from events, conflicts, rejected events, figures and the directory, and records that it was done, " +
		"not who it was. What was the person's own is deleted; from what is another person's too they are struck out. Erasing " +
		"cannot be undone, and does not reach backups. Erase the person at the source too: events that arrive later are new."
}

// Run implements the command.
func (cmd *Forget) Run(ctx context.Context) error {
	person := impact.PersonKey(cmd.Person)
	switch {
	case cmd.List:
	case cmd.Person == "":
		return fmt.Errorf("--person: say who, or --list what was erased")
	case !impact.ValidKey(person):
		return fmt.Errorf("--person: use 1 to %d of the characters A-Z a-z 0-9 _ . @ : -", impact.MaxKey)
	}
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		company, err := conn.CompanyByKey(ctx, cmd.Company)
		if err != nil {
			return fmt.Errorf("company %q: %w", cmd.Company, err)
		}
		if cmd.List {
			return cmd.list(ctx, conn, company)
		}
		bar := progress(-1, "forget")
		done, err := conn.Erase(ctx, impact.EraseRequest{
			Company: company.ID, Person: person, By: whoRuns(), Progress: func(n int64) { _ = bar.Set64(n) },
		})
		if err != nil {
			return err
		}
		_ = bar.Finish()
		return cmd.print(done)
	})
}

func (cmd *Forget) print(e *impact.Erasure) error {
	if cmd.JSON {
		return json.NewEncoder(os.Stdout).Encode(erasureJSON(e))
	}
	if e.ID == 0 {
		fmt.Fprintln(os.Stdout, "nothing of that person was found")
		return nil
	}
	fmt.Fprintf(os.Stdout, "%d events deleted, struck out of %d, %d that mentioned the person rewritten; %d conflicts and %d rejected events deleted\n",
		e.Deleted, e.Struck, e.Mentions, e.Conflicts, e.Rejects)
	return nil
}

func (cmd *Forget) list(ctx context.Context, conn *connection, company *impact.Company) error {
	const most = 1000
	list, err := conn.Erasures(ctx, company.ID, 0, most)
	if err != nil {
		return err
	}
	if cmd.JSON {
		out := make([]map[string]any, len(list))
		for i, e := range list {
			out[i] = erasureJSON(e)
		}
		return json.NewEncoder(os.Stdout).Encode(out)
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "AT\tBY\tDELETED\tSTRUCK\tMENTIONS\tCONFLICTS\tREJECTS")
	for _, e := range list {
		fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", e.At.UTC().Format(time.RFC3339), e.By, e.Deleted, e.Struck, e.Mentions, e.Conflicts, e.Rejects)
	}
	return out.Flush()
}

func erasureJSON(e *impact.Erasure) map[string]any {
	m := map[string]any{
		"deleted": e.Deleted, "struck": e.Struck, "mentions": e.Mentions, "conflicts": e.Conflicts, "rejects": e.Rejects,
	}
	if e.ID != 0 {
		m["at"], m["by"] = e.At.UTC().Format(time.RFC3339), e.By
	}
	return m
}
