package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/server/sheet"
)

// ValueMap imports and exports value maps.
type ValueMap struct {
	Import ValueMapImport `cmd:"" help:"Make a file the company's value map, as a new version."`
	Export ValueMapExport `cmd:"" help:"Write the company's value map to a file."`
}

// ValueMapImport imports a value map.
type ValueMapImport struct {
	Database
	Logging
	ofCompany
	File   string `arg:"" help:"A .csv, .xlsx or .json file; - is standard input, as JSON unless --format says otherwise."`
	Format string `enum:",csv,json,xlsx" default:"" help:"The format: csv, json or xlsx. Default: what the file's name says."`
	DryRun bool   `help:"Check the file and show its ratio, but save nothing."`
}

// Run implements the command.
func (cmd *ValueMapImport) Run(ctx context.Context) error {
	m, err := cmd.read()
	if err != nil {
		return fmt.Errorf("%s: %w", cmd.File, err)
	}
	if cmd.DryRun {
		return describeMap(os.Stdout, m)
	}
	return cmd.ofCompany.with(ctx, cmd.Database, cmd.Logging, func(conn *connection, c *impact.Company) error {
		version, err := conn.SaveValueMap(ctx, c.ID, m, whoRuns(), nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stdout, "version %d\n", version)
		return describeMap(os.Stdout, m)
	})
}

func (cmd *ValueMapImport) read() (*impact.ValueMap, error) {
	format, err := formatOf(cmd.Format, cmd.File)
	if err != nil {
		return nil, err
	}
	if cmd.File == "-" {
		return sheet.Read(os.Stdin, format)
	}
	file, err := os.Open(cmd.File)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return sheet.Read(file, format)
}

// formatOf is that of a file, which the option has precedence in telling.
func formatOf(option, file string) (sheet.Format, error) {
	if option != "" {
		return sheet.Format(option), nil
	}
	if file == "-" {
		return sheet.JSON, nil
	}
	f, known := sheet.FormatOf(file)
	if !known {
		return "", errors.New("the name does not end in .csv, .xlsx or .json: say which it is with --format")
	}
	return f, nil
}

// describeMap says what a map has, and what it comes to where no line waits for data.
func describeMap(w io.Writer, m *impact.ValueMap) error {
	fmt.Fprintf(w, "%d inputs, %d outcomes\n", len(m.Inputs), len(m.Outcomes))
	if m.IsBound() {
		fmt.Fprintln(w, "Lines are bound to live figures: ask GraphQL for sroi(methodology: \"svi-2012\").")
		return nil
	}
	res, err := m.SROI()
	if err != nil {
		return err
	}
	ratio := string(res.Status)
	if res.Ratio.Valid {
		ratio = res.Ratio.Decimal.String()
	}
	fmt.Fprintf(w, "present value %s, inputs %s, ratio %s\n", res.PresentValue, res.TotalInputs, ratio)
	return nil
}

// ValueMapExport exports a value map.
type ValueMapExport struct {
	Database
	Logging
	ofCompany
	File   string `arg:"" help:"A .csv, .xlsx or .json file; - is standard output, as JSON unless --format says otherwise."`
	Format string `enum:",csv,json,xlsx" default:"" help:"The format: csv, json or xlsx. Default: what the file's name says."`
}

// Run implements the command.
func (cmd *ValueMapExport) Run(ctx context.Context) error {
	format, err := formatOf(cmd.Format, cmd.File)
	if err != nil {
		return fmt.Errorf("%s: %w", cmd.File, err)
	}
	return cmd.ofCompany.with(ctx, cmd.Database, cmd.Logging, func(conn *connection, c *impact.Company) (err error) {
		maps, err := conn.ValueMaps(ctx, []impact.CompanyID{c.ID})
		if err != nil {
			return err
		}
		if maps[0] == nil {
			return impact.Errorf(impact.CodeNotFound, "company %s has no value map: impactql valuemap import", c.Key)
		}
		if cmd.File == "-" {
			return sheet.Write(os.Stdout, maps[0].ValueMap, format)
		}
		file, err := os.Create(cmd.File)
		if err != nil {
			return err
		}
		if err := errors.Join(sheet.Write(file, maps[0].ValueMap, format), file.Close()); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "version %d is in %s\n", maps[0].Version, cmd.File)
		return nil
	})
}
