package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// postgres is the server's database, reached through psql as an operator would.
type postgres struct {
	psql string
	url  string
}

func openPostgres(dataDir string) (*postgres, error) {
	url, err := os.ReadFile(filepath.Join(dataDir, "url"))
	if err != nil {
		return nil, err
	}
	psql, err := findPsql(dataDir)
	if err != nil {
		return nil, err
	}
	return &postgres{psql: psql, url: strings.TrimSpace(string(url))}, nil
}

// findPsql prefers PATH, then what lies beside the servers that impactql finds or fetches.
func findPsql(dataDir string) (string, error) {
	if psql, err := exec.LookPath("psql"); err == nil {
		return psql, nil
	}
	for _, place := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", filepath.Join(dataDir, "binaries/*/bin")} {
		if found, _ := filepath.Glob(filepath.Join(place, "psql")); len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", errors.New("there is no psql: install Postgres's client programs")
}

// run runs commands, SQL or psql's own, in one session.
func (p *postgres) run(ctx context.Context, commands ...string) (string, error) {
	args := []string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", p.url}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, p.psql, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, &stderr)
	}
	return strings.TrimSpace(string(out)), nil
}

func (p *postgres) number(ctx context.Context, query string) (int64, error) {
	out, err := p.run(ctx, query)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(out, 10, 64)
}

// rows counts a company's stored events.
func (p *postgres) rows(ctx context.Context, company string) (int64, error) {
	return p.number(ctx, fmt.Sprintf("SELECT count(*) FROM event JOIN company c ON c.id = company_id WHERE c.key = '%s'", company))
}

// checkpoint makes whatever follows write full pages anew, and nothing of what was before.
func (p *postgres) checkpoint(ctx context.Context) error { return p.asSuperuser(ctx, "CHECKPOINT") }

// maintain does what autovacuum and the checkpointer would do by and by.
func (p *postgres) maintain(ctx context.Context) error {
	return p.asSuperuser(ctx, "VACUUM (ANALYZE)", "CHECKPOINT")
}

func (p *postgres) asSuperuser(ctx context.Context, commands ...string) error {
	super := *p
	super.url = strings.Replace(p.url, "//impactql@", "//postgres@", 1)
	_, err := super.run(ctx, commands...)
	return err
}

var timing = regexp.MustCompile(`Time: ([0-9.]+) ms`)

// copyIn loads the file and says how long the \copy itself took.
func (p *postgres) copyIn(ctx context.Context, columns, file string) (time.Duration, error) {
	out, err := p.run(ctx, `\timing on`, fmt.Sprintf(`\copy event (%s) FROM '%s'`, columns, file))
	if err != nil {
		return 0, err
	}
	m := timing.FindStringSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("psql did not tell the time: %q", out)
	}
	return time.ParseDuration(m[1] + "ms")
}
