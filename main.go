// Command impactql is a GraphQL analytics API with a batched ingest endpoint for
// social-impact programmes. Run it without arguments to serve.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/impactql/impactql/server"
)

// version is set by the linker.
var version = "dev"

type commands struct {
	Serve    server.Serve          `cmd:"" default:"withargs" help:"Serve the API (the default)."`
	Migrate  server.Migrate        `cmd:"" help:"Bring the database schema up to date, then exit."`
	Keys     server.Keys           `cmd:"" help:"Create, list and revoke API keys."`
	Settings server.Settings       `cmd:"" help:"Show and change the settings of companies."`
	Seed     server.Seed           `cmd:"" help:"Make up a plausible history of events."`
	Import   server.Import         `cmd:"" help:"Import events from a file, NDJSON or CSV."`
	Forget   server.Forget         `cmd:"" help:"Erase a person from everything that is kept of a company."`
	Rebuild  server.Rebuild        `cmd:"" help:"Recompute the rollups from the event log."`
	Verify   server.Verify         `cmd:"" help:"Recompute the figures from the raw event log, and compare."`
	Sources  server.Sources        `cmd:"" help:"Create, rotate, revoke and list sources: providers that sign what they send."`
	Rejects  server.RejectsCommand `cmd:"" help:"Show, put right and replay what was not taken."`
	Cohorts  server.Cohorts        `cmd:"" help:"Define, list and show the cohorts of companies."`
	Valuemap server.ValueMap       `cmd:"" help:"Import and export the value maps of companies."`

	PrintVersion printVersion     `cmd:"" name:"version" help:"Print the version and exit."`
	Version      kong.VersionFlag `help:"Print the version and exit."`
}

// printVersion is what --version does, as a command.
type printVersion struct{}

// Run implements the command.
func (printVersion) Run() error {
	fmt.Fprintln(os.Stdout, version)
	return nil
}

// usageCode is the exit code of a command line that cannot be read, as kong has it.
const usageCode = 80

// unknownCommand is the first argument if it is no flag and names no command: kong would
// take it for an argument of serve, the default, and explain that at length.
func unknownCommand(model *kong.Application, args []string) string {
	if len(args) == 0 || args[0] == "" || strings.HasPrefix(args[0], "-") {
		return ""
	}
	for _, c := range model.Children {
		if c.Name == args[0] {
			return ""
		}
	}
	return args[0]
}

// commonFlags is said where flags are not listed, since they belong to the commands.
const commonFlags = "All commands but version take --database-url, --data-dir, --db-connections, --secrets-key and --log-level, " +
	"or DATABASE_URL, DATA_DIR, DB_CONNECTIONS, SECRETS_KEY and LOG_LEVEL from the environment; " +
	"their own --help says what they mean."

func describeGroups(n *kong.Node) {
	for _, child := range n.Children {
		if len(child.Children) > 0 {
			child.Detail = commonFlags
			describeGroups(child)
		}
	}
}

func main() {
	os.Exit(run())
}

func run() int {
	var cli commands
	parser := kong.Must(&cli,
		kong.Name("impactql"),
		kong.Description("Turns the events of social-impact programmes into figures: metrics, SROI, VIS, cohorts.\n\n"+
			"Without DATABASE_URL it runs its own Postgres in DATA_DIR, with demo data and the key test-key.\n\n"+commonFlags),
		kong.Vars{"version": version, "mappings": server.Mappings()},
		kong.ShortUsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	describeGroups(parser.Model.Node)
	if unknown := unknownCommand(parser.Model, os.Args[1:]); unknown != "" {
		fmt.Fprintf(os.Stderr, "impactql: unknown command %q; see impactql --help\n", unknown)
		return usageCode
	}
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	// A second signal ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	defer stop()
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(); err != nil && (ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
		fmt.Fprintln(os.Stderr, "impactql:", err)
		if with, ok := errors.AsType[*server.ExitCodeError](err); ok {
			return with.Code
		}
		return 1
	}
	return 0
}
