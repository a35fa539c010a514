package db

import (
	"context"
	"log/slog"
	"testing"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// open is a store on a fresh database.
func open(t testing.TB) *Store {
	t.Helper()
	return openURL(t, dbtest.New(t))
}

func openURL(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func company(t testing.TB, s *Store, key string) *impact.Company {
	t.Helper()
	c, err := s.EnsureCompany(context.Background(), key, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}
