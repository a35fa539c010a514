package server

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Migrate brings the schema up to date.
type Migrate struct {
	Database
	Logging
}

// Run implements the command.
func (cmd *Migrate) Run(ctx context.Context) error {
	return cmd.with(ctx, cmd.Logging, func(*connection) error { return nil })
}

// Rebuild recomputes rollups.
type Rebuild struct {
	Database
	Logging
	Company []string `placeholder:"KEY" help:"Company to rebuild; repeat for several. Default: all."`
}

// Run implements the command.
func (cmd *Rebuild) Run(ctx context.Context) error {
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		companies, err := companiesOf(ctx, conn.Store, cmd.Company)
		if err != nil {
			return err
		}
		for _, c := range companies {
			bar := progress(-1, "rebuild "+c.Key)
			if err := conn.Rebuild(ctx, c.ID, func(done int64) { _ = bar.Set64(done) }); err != nil {
				return err
			}
			_ = bar.Finish()
		}
		return nil
	})
}

// progress is a bar on standard error that counts events; total -1 is unknown.
func progress(total int64, what string) *progressbar.ProgressBar {
	every := 100 * time.Millisecond
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		every = 10 * time.Second
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"),
		progressbar.OptionThrottle(every), progressbar.OptionSetPredictTime(true),
		progressbar.OptionFullWidth(), progressbar.OptionOnCompletion(func() { fmt.Fprintln(os.Stderr) }))
	bar.StartWithoutRender() // else its time begins with the first events, and the first rate is nonsense
	return bar
}
