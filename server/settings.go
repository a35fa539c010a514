package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// Settings shows and changes what a company's figures depend on beside its events.
type Settings struct {
	Get     SettingsGet     `cmd:"" help:"Show a company's settings as they hold on a day."`
	Set     SettingsSet     `cmd:"" help:"Change settings."`
	History SettingsHistory `cmd:"" help:"List dated versions, and who changed what when."`
	Cost    SettingsCost    `cmd:"" help:"Add or remove lines of programme costs."`
}

// ofCompany names the company of a command.
type ofCompany struct {
	Company string `required:"" placeholder:"KEY" help:"The company."`
}

// with opens the database and finds the company.
func (o ofCompany) with(ctx context.Context, d Database, l Logging, f func(*connection, *impact.Company) error) error {
	return d.with(ctx, l, func(conn *connection) error {
		c, err := conn.CompanyByKey(ctx, o.Company)
		if err != nil {
			return fmt.Errorf("company %q: %w", o.Company, err)
		}
		return f(conn, c)
	})
}

// SettingsGet shows settings.
type SettingsGet struct {
	Database
	Logging
	ofCompany
	At   time.Time `format:"2006-01-02" placeholder:"DATE" help:"The day. Default: today."`
	JSON bool      `help:"Print JSON."`
}

// Run implements the command.
func (cmd *SettingsGet) Run(ctx context.Context) error {
	return cmd.ofCompany.with(ctx, cmd.Database, cmd.Logging, func(conn *connection, c *impact.Company) error {
		list, err := conn.Settings(ctx, []impact.CompanyID{c.ID})
		if err != nil {
			return err
		}
		day := c.Today(time.Now())
		if !cmd.At.IsZero() {
			day = impact.Date(cmd.At.Date())
		}
		return printSettings(os.Stdout, list[0], day, cmd.JSON)
	})
}

func printSettings(w io.Writer, s *impact.Settings, day impact.Day, asJSON bool) error {
	type cost struct {
		ID        int64           `json:"id"`
		Programme string          `json:"programme"`
		From      string          `json:"from"`
		To        string          `json:"to"`
		Amount    decimal.Decimal `json:"amount"`
		Note      string          `json:"note"`
	}
	costs := make([]cost, len(s.Costs))
	for i, c := range s.Costs {
		costs[i] = cost{c.ID, c.Programme, c.Range.From.String(), (c.Range.To - 1).String(), c.Amount, c.Note}
	}
	if asJSON {
		values := make(map[impact.SettingName]string)
		for _, name := range impact.SettingNames {
			values[name] = s.TextAt(name, day)
		}
		return json.NewEncoder(w).Encode(map[string]any{
			"version": s.Version, "at": day.String(), "settings": values, "programmeCosts": costs,
		})
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "version\t%d\nat\t%s\n", s.Version, day)
	for _, name := range impact.SettingNames {
		fmt.Fprintf(out, "%s\t%s\n", name, s.TextAt(name, day))
	}
	for _, c := range costs {
		fmt.Fprintf(out, "programmeCost %d\t%s %s/%s %s %s\n", c.ID, c.Programme, c.From, c.To, c.Amount.StringFixed(2), c.Note)
	}
	return out.Flush()
}

// SettingsSet changes settings.
type SettingsSet struct {
	Database
	Logging
	ofCompany
	Settings []string  `arg:"" name:"name=value" sep:"none" help:"What to change, such as hourlyValue=31.80, visWeights=hours=0.4,quality=0.3,outcomeLift=0.2,placement=0.1, timeZone=Europe/Oslo or minGroup=10. The value default is the default again. settings get lists the names."`
	From     time.Time `format:"2006-01-02" placeholder:"DATE" help:"The first day on which a dated setting holds. Default: today."`
	Remove   bool      `help:"Take the version of --from away instead; give names alone."`
	Expect   *int64    `placeholder:"N" help:"Refuse if the settings are not in this version, as settings get shows it."`
}

// Help adds to the command's help.
func (cmd *SettingsSet) Help() string {
	return "hourlyValue, activityWeights, visWeights, sroiMethodology, visMethodology and peerGroup hold from --from on, the others for " +
		"every day at once. A new time zone cuts every day anew: the company's rollups are rebuilt in the same step, during " +
		"which its new events wait to show."
}

// Run implements the command.
func (cmd *SettingsSet) Run(ctx context.Context) error {
	var changes []impact.SettingChange
	for _, text := range cmd.Settings {
		name, value, given := strings.Cut(text, "=")
		c := impact.SettingChange{Name: impact.SettingName(name), Remove: cmd.Remove}
		switch {
		case given == cmd.Remove:
			return fmt.Errorf("%q: give name=value, or with --remove the name alone", text)
		case given && value != "default":
			c.Value = &value
		}
		if !cmd.From.IsZero() {
			day := impact.Date(cmd.From.Date())
			c.From = &day
		}
		changes = append(changes, c)
	}
	return cmd.ofCompany.with(ctx, cmd.Database, cmd.Logging, func(conn *connection, c *impact.Company) error {
		return change(ctx, conn, c, cmd.Expect, changes...)
	})
}

// change makes an edit and shows what came of it.
func change(ctx context.Context, conn *connection, c *impact.Company, expect *int64, changes ...impact.SettingChange) error {
	bar := progress(-1, "rebuild "+c.Key)
	after, err := conn.ChangeSettings(ctx, impact.SettingsEdit{
		Company: c.ID, By: whoRuns(), Expected: expect, Changes: changes, Now: time.Now(),
		Progress: func(done int64) { _ = bar.Set64(done) },
	})
	if err != nil {
		return err
	}
	return printSettings(os.Stdout, after, after.Calendar.Today(time.Now()), false)
}

// whoRuns is the user of the machine who runs a command.
func whoRuns() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return "command line (" + name + ")"
}

// SettingsHistory lists versions and changes.
type SettingsHistory struct {
	Database
	Logging
	ofCompany
	Last int `default:"50" help:"How many changes to list, the latest first; 1 to 1000."`
}

// Run implements the command.
func (cmd *SettingsHistory) Run(ctx context.Context) error {
	if cmd.Last < 1 || cmd.Last > 1000 {
		return fmt.Errorf("--last: 1 to 1000")
	}
	return cmd.ofCompany.with(ctx, cmd.Database, cmd.Logging, func(conn *connection, c *impact.Company) error {
		id := []impact.CompanyID{c.ID}
		list, err := conn.Settings(ctx, id)
		if err != nil {
			return err
		}
		logs, err := conn.AuditLog(ctx, id, 0, cmd.Last)
		if err != nil {
			return err
		}
		out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(out, "SETTING\tVALID FROM\tVALUE")
		for _, v := range list[0].Versions {
			fmt.Fprintf(out, "%s\t%s\t%s\n", v.Name, v.From, orDefault(v.Value))
		}
		fmt.Fprintln(out, "\nWHEN\tWHO\tSETTING\tVALID FROM\tFROM\tTO\tVERSION")
		for _, e := range logs[0] {
			from := "-"
			if e.From != nil {
				from = e.From.String()
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", when(&e.At), e.Actor, e.Subject, from, orDefault(e.Old), orDefault(e.New), e.Version)
		}
		return out.Flush()
	})
}

func orDefault(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// SettingsCost changes programme costs.
type SettingsCost struct {
	Add    SettingsCostAdd    `cmd:"" help:"Add a line of costs; lines add up."`
	Remove SettingsCostRemove `cmd:"" help:"Take a line of costs away."`
}

// SettingsCostAdd adds a line.
type SettingsCostAdd struct {
	Database
	Logging
	ofCompany
	Programme string    `placeholder:"KEY" help:"The programme. Default: the company's own costs, which only the figures of all programmes bear."`
	From      time.Time `required:"" format:"2006-01-02" placeholder:"DATE" help:"The first day."`
	To        time.Time `required:"" format:"2006-01-02" placeholder:"DATE" help:"The last day, included; a period bears its share of the days."`
	Amount    string    `required:"" placeholder:"USD" help:"Over all the days, such as 5000 or 1200.50."`
	Note      string    `help:"What it was for, at most 200 bytes."`
}

// Run implements the command.
func (cmd *SettingsCostAdd) Run(ctx context.Context) error {
	amount, err := decimal.NewFromString(cmd.Amount)
	if err != nil {
		return fmt.Errorf("--amount: %q is no amount, use one such as 1200.50", cmd.Amount)
	}
	line := &impact.ProgrammeCost{
		Programme: cmd.Programme, Amount: amount, Note: cmd.Note,
		Range: impact.Range{From: impact.Date(cmd.From.Date()), To: impact.Date(cmd.To.Date()) + 1},
	}
	if line.Programme == "" {
		line.Programme = impact.AllProgrammes
	}
	return cmd.ofCompany.with(ctx, cmd.Database, cmd.Logging, func(conn *connection, c *impact.Company) error {
		return change(ctx, conn, c, nil, impact.SettingChange{Name: impact.SettingProgrammeCost, Cost: line})
	})
}

// SettingsCostRemove removes a line.
type SettingsCostRemove struct {
	Database
	Logging
	ofCompany
	ID int64 `arg:"" help:"The line's id, from settings get."`
}

// Run implements the command.
func (cmd *SettingsCostRemove) Run(ctx context.Context) error {
	return cmd.ofCompany.with(ctx, cmd.Database, cmd.Logging, func(conn *connection, c *impact.Company) error {
		return change(ctx, conn, c, nil, impact.SettingChange{
			Name: impact.SettingProgrammeCost, Remove: true, Cost: &impact.ProgrammeCost{ID: cmd.ID},
		})
	})
}
