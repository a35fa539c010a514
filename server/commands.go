package server

import (
	"context"
	"fmt"
	"os"
)

// Migrate brings the schema up to date.
type Migrate struct {
	Database
	Logging
}

// Run implements the command.
func (cmd *Migrate) Run(ctx context.Context) error {
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		version, err := conn.SchemaVersion(ctx)
		if err == nil {
			fmt.Fprintf(os.Stderr, "The schema is up to date, at version %d.\n", version)
		}
		return err
	})
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
			var events int64
			if err := conn.Rebuild(ctx, c.ID, func(done int64) { events = done; _ = bar.Set64(done) }); err != nil {
				return err
			}
			_ = bar.Finish()
			fmt.Fprintf(os.Stderr, "%s: rebuilt from %d events\n", c.Key, events)
		}
		return nil
	})
}
