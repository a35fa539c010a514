// Package dbtest gives tests a real, migrated PostgreSQL database each.
//
// One private cluster serves a test process. It starts with the first test that asks
// for a database and is stopped by [Main], so every package that uses New needs
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
//
// A database is a clone of a template that is migrated once, which costs tens of
// milliseconds. Nothing is ever skipped: without PostgreSQL the test fails, with the
// error that says what to install. All of it may be used from parallel tests.
package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/pressly/goose/v3"

	"github.com/impactql/impactql/db/embedded"
	"github.com/impactql/impactql/migrations"
)

const (
	template = "impactql_template"
	// patience bounds single steps. It is never waited for unless something hangs.
	patience = time.Minute
)

// settings make the cluster fast and leave it real. Without fsync only a crash of the
// machine can lose data; what is committed survives kill -9 of every process.
func settings() map[string]string {
	return map[string]string{
		"fsync":            "off",
		"full_page_writes": "off",
		"shared_buffers":   "64MB", // several packages' clusters run at once
		"max_wal_size":     "512MB",
		"min_wal_size":     "32MB",
		"max_connections":  "200", // parallel tests, each with pools of its own
		"autovacuum":       "off", // its workers may sit in a database that is to be dropped
	}
}

// shared is the cluster of this process. It is global because the testing package has
// no other place for what outlives a test; only Main and New touch it.
var shared struct {
	mu      sync.Mutex // held over the start, so that the others wait for it
	managed bool       // Main runs and will clean up
	started bool
	err     error // of the start: every later New fails by it, too
	dir     string
	server  *embedded.Server
	admin   *sql.DB
	clones  int
}

// Main runs the tests, stops the cluster and exits. It does not return.
func Main(m *testing.M) {
	shared.mu.Lock()
	shared.managed = true
	shared.mu.Unlock()
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "dbtest.Main:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// New makes a migrated, empty database for t and returns its URL. It is dropped when
// t ends, whoever is still connected to it.
func New(t testing.TB) string {
	t.Helper()
	admin, server, name, err := reserve()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+pq.QuoteIdentifier(name)+" TEMPLATE "+template); err != nil {
		t.Fatalf("dbtest.New: create database %s: %v", name, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if _, err := admin.ExecContext(ctx, "DROP DATABASE "+pq.QuoteIdentifier(name)+" WITH (FORCE)"); err != nil {
			t.Errorf("dbtest.New: drop database %s: %v", name, err)
		}
	})
	return withDatabase(server.URL(), name)
}

// Cluster starts a cluster for t alone, whose database is migrated: for tests that kill
// PostgreSQL or stop it. It ends with t, which may stop it before.
func Cluster(t testing.TB) *embedded.Server {
	t.Helper()
	dir, err := tempDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("dbtest.Cluster: %v", err)
		}
	})
	server, err := embedded.Start(t.Context(), embedded.Config{
		Dir: dir, Settings: settings(), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Errorf("dbtest.Cluster: %v", err)
		}
	})
	if err := migrate(t.Context(), server.URL()); err != nil {
		t.Fatal(err)
	}
	return server
}

// reserve returns the shared cluster, starting it if needed, and a database name that
// is free in it.
func reserve() (*sql.DB, *embedded.Server, string, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.managed {
		return nil, nil, "", errors.New("dbtest.New: the package needs func TestMain(m *testing.M) { dbtest.Main(m) }")
	}
	if !shared.started {
		shared.started = true
		shared.err = startShared()
	}
	if shared.err != nil {
		return nil, nil, "", shared.err
	}
	shared.clones++
	return shared.admin, shared.server, fmt.Sprintf("test_%d", shared.clones), nil
}

// startShared starts the cluster and makes the template. Call it with mu held.
func startShared() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if shared.dir, err = tempDir(); err != nil {
		return err
	}
	shared.server, err = embedded.Start(ctx, embedded.Config{
		Dir: shared.dir, Settings: settings(),
		// What goes wrong comes back as an error.
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	if shared.admin, err = sql.Open("postgres", shared.server.URL()); err != nil {
		return err
	}
	shared.admin.SetMaxOpenConns(4)
	if _, err := shared.admin.ExecContext(ctx, "CREATE DATABASE "+template); err != nil {
		return fmt.Errorf("dbtest.New: create database %s: %w", template, err)
	}
	return migrate(ctx, withDatabase(shared.server.URL(), template))
}

// stopShared undoes what of startShared was done.
func stopShared() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	var errs []error
	if shared.admin != nil {
		errs = append(errs, shared.admin.Close())
	}
	if shared.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		errs = append(errs, shared.server.Stop(ctx))
	}
	if shared.dir != "" {
		errs = append(errs, os.RemoveAll(shared.dir))
	}
	return errors.Join(errs...)
}

// migrate brings a database up to date and leaves no connection to it, as a template
// must not have any.
func migrate(ctx context.Context, url string) (err error) {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return fmt.Errorf("dbtest: migrate: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
	if err != nil {
		return fmt.Errorf("dbtest: migrate: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("dbtest: migrate: %w", err)
	}
	return nil
}

// tempDir is short, unlike t.TempDir, as a socket's path must be, and open to pass, for
// the account the server runs as if we are root.
func tempDir() (string, error) {
	dir, err := os.MkdirTemp("", "impactql-test-")
	if err != nil {
		return "", fmt.Errorf("dbtest: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", fmt.Errorf("dbtest: %w", err)
	}
	return dir, nil
}

// withDatabase is base with another database.
func withDatabase(base, name string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic(fmt.Sprintf("dbtest: URL of embedded.Server %q: %v", base, err))
	}
	u.Path = "/" + name
	return u.String()
}
