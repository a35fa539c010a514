package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/db/embedded"
	"github.com/impactql/impactql/server/vault"
)

// Database says where the data is. Its zero value is an embedded Postgres.
type Database struct {
	DatabaseURL string `env:"DATABASE_URL" placeholder:"URL" help:"Postgres to use. Empty: run one in DATA_DIR, with demo data."`
	DataDir     string `env:"DATA_DIR" default:".impactql" help:"Where the embedded Postgres keeps its data."`
	Connections int    `name:"db-connections" aliases:"connections" env:"DB_CONNECTIONS" default:"16" help:"Most connections to open to Postgres; 4 or more."`
	SecretsKey  string `env:"SECRETS_KEY" placeholder:"BASE64" help:"Key that encrypts the secrets of sources: 32 bytes as base64, from openssl rand -base64 32. Several, separated by commas: the first encrypts, all decrypt. Empty: one is made in DATA_DIR, if the database is there too."`
}

// Logging says how much is logged, to standard error.
type Logging struct {
	LogLevel slog.Level `env:"LOG_LEVEL" default:"INFO" help:"DEBUG also logs every request; INFO, WARN, ERROR."`
}

func (l Logging) logger() *slog.Logger {
	return slog.New(requestIDs{slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: l.LogLevel})})
}

// connection is an open, migrated database and what has to be closed with it.
type connection struct {
	*db.Store
	ring       *vault.Ring // for the secrets of sources; without a key if none is configured
	isEmbedded bool
	embedded   *embedded.Server // nil unless this process runs it
}

func (c *connection) Close() error {
	var err error
	if c.Store != nil {
		err = c.Store.Close()
	}
	if c.embedded != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		err = errors.Join(err, c.embedded.Stop(ctx))
	}
	return err
}

// open connects to the configured database, starting or joining the embedded one
// if none is configured, and migrates it.
func (d Database) open(ctx context.Context, log *slog.Logger) (*connection, error) {
	c := new(connection)
	err := d.connect(ctx, c, log)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// leastConnections are two for each of the readings that are put together at once, so that none waits
// for what another one holds.
const leastConnections = 4

func (d Database) connect(ctx context.Context, c *connection, log *slog.Logger) (err error) {
	c.ring = new(vault.Ring)
	if d.SecretsKey != "" {
		if c.ring, err = vault.Parse(d.SecretsKey); err != nil {
			return err
		}
	}
	if d.Connections < leastConnections {
		return fmt.Errorf("DB_CONNECTIONS: %d are too few: %d or more are needed", d.Connections, leastConnections)
	}
	url := d.DatabaseURL
	if url == "" {
		dir, err := filepath.Abs(d.DataDir)
		if err != nil {
			return fmt.Errorf("DATA_DIR: %w", err)
		}
		if url, err = c.embed(ctx, dir, log); err != nil {
			return err
		}
		if d.SecretsKey == "" {
			if c.ring, err = vault.ReadFile(filepath.Join(dir, "secrets.key")); err != nil {
				return err
			}
		}
	}
	opening, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if c.Store, err = db.Open(opening, db.Config{URL: url, Connections: d.Connections, Log: log}); err != nil {
		return err
	}
	n, err := c.Migrate(ctx)
	if n > 0 {
		log.Info("migrated", "migrations", n)
	}
	return err
}

func (c *connection) embed(ctx context.Context, dir string, log *slog.Logger) (url string, err error) {
	c.isEmbedded = true
	url, running, err := embedded.Attach(dir)
	if err != nil || running {
		return url, err
	}
	if c.embedded, err = embedded.Start(ctx, embedded.Config{Dir: dir, Log: log}); err != nil {
		return "", err
	}
	return c.embedded.URL(), nil
}
