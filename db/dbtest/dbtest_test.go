package dbtest

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

func open(t testing.TB, at string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Each test sees the migrated schema and nothing of the others' tables.
func TestNewIsolates(t *testing.T) {
	for i := range 12 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			db := open(t, New(t))
			var version int
			if err := db.QueryRow(`SELECT max(version_id) FROM goose_db_version`).Scan(&version); err != nil || version == 0 {
				t.Fatalf("version %d, %v: not migrated", version, err)
			}
			if _, err := db.Exec(`CREATE TABLE mine AS SELECT 1`); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A test that leaves a session behind does not keep its database.
func TestNewDrops(t *testing.T) {
	var at string
	t.Run("user", func(t *testing.T) {
		at = New(t)
		db, err := sql.Open("postgres", at)
		if err == nil {
			err = db.Ping()
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if err := open(t, at).Ping(); err == nil {
		t.Fatal("the database outlived its test")
	}
}

// Killing one's own cluster recovers, and the shared one does not notice.
func TestCluster(t *testing.T) {
	t.Parallel()
	shared := open(t, New(t))
	if err := shared.Ping(); err != nil {
		t.Fatal(err)
	}
	server := Cluster(t)
	db := open(t, server.URL())
	if _, err := db.Exec(`CREATE TABLE kept AS SELECT 42 AS n`); err != nil {
		t.Fatal(err)
	}
	pid := server.Kill()
	if err := server.AwaitRestart(t.Context(), pid); err != nil {
		t.Fatal(err)
	}
	// A query on a connection of the dead server is not repeated by database/sql.
	after := open(t, server.URL())
	var n int
	if err := after.QueryRow(`SELECT n FROM kept`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 42 {
		t.Fatalf("kept %d, want 42", n)
	}
	if err := shared.Ping(); err != nil {
		t.Fatal(err)
	}
}

// A cluster leaves no files behind.
func TestClusterCleansUp(t *testing.T) {
	t.Parallel()
	var socket string
	t.Run("user", func(t *testing.T) {
		u, err := url.Parse(Cluster(t).URL())
		if err != nil {
			t.Fatal(err)
		}
		socket = u.Query().Get("host")
	})
	if _, err := os.Stat(filepath.Dir(socket)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("stat %s: %v", filepath.Dir(socket), err)
	}
}
