package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"text/tabwriter"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
)

// RejectsCommand shows what was not taken into the log, and takes it in after all.
type RejectsCommand struct {
	List    RejectsList    `cmd:"" help:"List the rejects of a company, newest first."`
	Show    RejectsShow    `cmd:"" help:"Show a reject and the body that was sent."`
	Edit    RejectsEdit    `cmd:"" help:"Put a reject's body right and replay it."`
	Replay  RejectsReplay  `cmd:"" help:"Take rejects into the log as if they had been taken when they came."`
	Dismiss RejectsDismiss `cmd:"" help:"Give rejects up."`
}

// rejectsOf is what every command on rejects needs.
type rejectsOf struct {
	Database
	Logging
	Company string `required:"" placeholder:"KEY" help:"Whose rejects."`
}

// with opens the company's rejects. What is replayed is folded before the command ends.
func (c rejectsOf) with(ctx context.Context, f func(r *rejects, company *impact.Company) error) error {
	return c.Database.with(ctx, c.Logging, func(conn *connection) error {
		company, err := conn.CompanyByKey(ctx, c.Company)
		if err != nil {
			return fmt.Errorf("company %q: %w", c.Company, err)
		}
		commit := func(ctx context.Context, events []*impact.Event, _ int64) ([]impact.Verdict, error) {
			return conn.Commit(ctx, events)
		}
		return f(&rejects{Store: conn.Store, replayer: ingest.Replayer{Commit: commit, Known: conn.Known, Settle: conn.SettleRejects}}, company)
	})
}

// RejectsFilter says which rejects.
type RejectsFilter struct {
	Status string `enum:",REJECTED,QUARANTINED,REPLAYED,DISMISSED" default:"" help:"Only those: REJECTED, QUARANTINED, REPLAYED or DISMISSED."`
	Code   string `help:"Only those refused for this: INVALID, BAD_JSON, TOO_LARGE or FORBIDDEN."`
	Source string `placeholder:"ID" help:"Only those that came to this source."`
}

func (f RejectsFilter) filter() impact.RejectFilter {
	return impact.RejectFilter{Status: impact.RejectStatus(f.Status), Code: impact.Code(f.Code), Source: f.Source}
}

// RejectsList lists rejects.
type RejectsList struct {
	rejectsOf
	RejectsFilter
	Limit int  `default:"50" help:"How many at most, up to 1000."`
	JSON  bool `help:"Print a line of JSON for each."`
}

// Run implements the command.
func (cmd *RejectsList) Run(ctx context.Context) error {
	return cmd.with(ctx, func(r *rejects, company *impact.Company) error {
		lists, err := r.Rejects(ctx, []impact.CompanyID{company.ID}, cmd.filter(), 0, cmd.Limit, 0)
		if err != nil {
			return err
		}
		if cmd.JSON {
			out := json.NewEncoder(os.Stdout)
			for _, one := range lists[0] {
				if err := out.Encode(described(one)); err != nil {
					return err
				}
			}
			return nil
		}
		out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(out, "ID\tSTATUS\tFIRST CAME\tTIMES\tBYTES\tCODE\tAT\tWHAT IS WRONG")
		for _, one := range lists[0] {
			fmt.Fprintf(out, "%d\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", one.ID, one.Status, one.FirstAt.Local().Format("2006-01-02 15:04:05"),
				one.Attempts, one.Size, one.Code, orDash(one.Pointer), one.Message)
		}
		if len(lists[0]) == cmd.Limit {
			fmt.Fprintf(os.Stderr, "These are the newest %d; there may be more: --limit shows them.\n", cmd.Limit)
		}
		return out.Flush()
	})
}

// described is a reject as commands print it.
func described(r *impact.Reject) map[string]any {
	m := map[string]any{
		"id": r.ID, "status": r.Status, "code": r.Code, "message": r.Message, "pointer": r.Pointer, "size": r.Size,
		"source": r.Source, "provider": r.Provider, "apiKey": r.APIKey, "schemaVersion": r.Schema, "attempts": r.Attempts,
		"firstReceivedAt": r.FirstAt.UTC(), "lastReceivedAt": r.LastAt.UTC(),
	}
	for name, t := range map[string]time.Time{"dueAt": r.DueAt, "settledAt": r.SettledAt} {
		if !t.IsZero() {
			m[name] = t.UTC()
		}
	}
	if r.Receipt > 0 {
		m["receipt"] = fmt.Sprint(r.Receipt)
	}
	return m
}

// RejectsShow shows a reject.
type RejectsShow struct {
	rejectsOf
	ID int64 `arg:"" help:"The reject's id, from rejects list."`
}

// Run implements the command.
func (cmd *RejectsShow) Run(ctx context.Context) error {
	return cmd.with(ctx, func(r *rejects, company *impact.Company) error {
		one, err := r.one(ctx, company, cmd.ID)
		if err != nil {
			return err
		}
		about, err := json.MarshalIndent(described(one), "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s\n", about)
		_, err = os.Stdout.Write(append(one.Raw, '\n'))
		return err
	})
}

// one is a reject of a company, whole.
func (r *rejects) one(ctx context.Context, company *impact.Company, id int64) (*impact.Reject, error) {
	lists, err := r.Rejects(ctx, []impact.CompanyID{company.ID}, impact.RejectFilter{IDs: []int64{id}}, 0, 1, impact.MaxReject)
	if err != nil {
		return nil, err
	}
	if len(lists[0]) == 0 {
		return nil, db.ErrNoReject(id)
	}
	return lists[0][0], nil
}

// RejectsEdit replays an edited body.
type RejectsEdit struct {
	rejectsOf
	ID     int64  `arg:"" help:"The reject's id, from rejects list."`
	File   string `arg:"" optional:"" help:"The body put right; - is standard input. Without it, $$EDITOR opens what was sent."`
	DryRun bool   `help:"Only say what would become of it."`
}

// Run implements the command.
func (cmd *RejectsEdit) Run(ctx context.Context) error {
	return cmd.with(ctx, func(r *rejects, company *impact.Company) error {
		one, err := r.one(ctx, company, cmd.ID)
		if err != nil {
			return err
		}
		var edit []byte
		switch cmd.File {
		case "":
			return editorOn(ctx, one.Raw, func(edit []byte) (bool, error) {
				return !cmd.DryRun, r.report(ctx, company, []int64{cmd.ID}, edit, cmd.DryRun)
			})
		case "-":
			edit, err = io.ReadAll(os.Stdin)
		default:
			edit, err = os.ReadFile(cmd.File)
		}
		if err != nil {
			return err
		}
		return r.report(ctx, company, []int64{cmd.ID}, edit, cmd.DryRun)
	})
}

// editorOn lets $EDITOR change a body and offers what it made. What is not taken for good is kept in
// a file, which it tells.
func editorOn(ctx context.Context, body []byte, take func(edited []byte) (done bool, err error)) error {
	editor := os.Getenv("EDITOR")
	if editor == "" {
		return errors.New("set EDITOR, or give the file that holds the body put right")
	}
	f, err := os.CreateTemp("", "impactql-reject-*.json")
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	run := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "sh", f.Name())
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := run.Run(); err != nil {
		return fmt.Errorf("editor: %w; its file is %s", err, f.Name())
	}
	edited, err := os.ReadFile(f.Name())
	done := false
	if err == nil {
		done, err = take(edited)
	}
	if !done || err != nil {
		fmt.Fprintf(os.Stderr, "Your edit is kept in %s\n", f.Name())
		return err
	}
	return os.Remove(f.Name())
}

// RejectsReplay replays rejects.
type RejectsReplay struct {
	rejectsOf
	RejectsFilter
	ID     []int64 `arg:"" optional:"" help:"Ids, from rejects list."`
	All    bool    `help:"All that --status, --code and --source select; without --status, those that are REJECTED."`
	DryRun bool    `help:"Only say what would become of them."`
}

// Run implements the command.
func (cmd *RejectsReplay) Run(ctx context.Context) error {
	if cmd.All == (len(cmd.ID) > 0) {
		return errors.New("give the ids of rejects, or --all")
	}
	return cmd.with(ctx, func(r *rejects, company *impact.Company) error {
		if !cmd.All {
			return r.report(ctx, company, cmd.ID, nil, cmd.DryRun)
		}
		f := cmd.filter()
		if f.Status == "" {
			f.Status = impact.RejectOpen
		}
		var ids []int64
		for before := int64(0); ; before = ids[len(ids)-1] {
			lists, err := r.Rejects(ctx, []impact.CompanyID{company.ID}, f, before, maxReplay, 0)
			if err != nil {
				return err
			}
			for _, one := range lists[0] {
				ids = append(ids, one.ID)
			}
			if len(lists[0]) < maxReplay {
				break
			}
		}
		return r.report(ctx, company, ids, nil, cmd.DryRun)
	})
}

// report replays and prints what became of each; an error says that some were refused
// again.
func (r *rejects) report(ctx context.Context, company *impact.Company, ids []int64, edit []byte, dryRun bool) error {
	folder := db.NewFolder(r.Store)
	defer folder.Close()
	list, err := r.Replay(ctx, company, ids, edit, dryRun)
	if !dryRun { // some may be stored also after an error
		err = errors.Join(err, folder.CatchUp(ctx))
	}
	if err != nil {
		return err
	}
	refused := 0
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tSTATUS\tEVENTS\tRECEIPT\tWHAT IS WRONG")
	for _, one := range list {
		receipt, wrong := "-", "-"
		if one.Receipt > 0 {
			receipt = fmt.Sprint(one.Receipt)
		}
		if one.Err != nil {
			wrong = one.Err.Error()
			refused++
		}
		fmt.Fprintf(out, "%d\t%s\t%d\t%s\t%s\n", one.ID, one.Outcome, one.Events, receipt, wrong)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d were refused again: put them right with rejects edit", refused, len(list))
	}
	return nil
}

// RejectsDismiss gives rejects up.
type RejectsDismiss struct {
	rejectsOf
	ID []int64 `arg:"" help:"Ids, from rejects list."`
}

// Run implements the command.
func (cmd *RejectsDismiss) Run(ctx context.Context) error {
	return cmd.with(ctx, func(r *rejects, company *impact.Company) error {
		for _, id := range cmd.ID {
			if err := r.DismissReject(ctx, company.ID, id); err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "Reject %d is given up.\n", id)
		}
		return nil
	})
}
