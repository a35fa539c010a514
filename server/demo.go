package server

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/server/seed"
)

// DemoKey is the API key that an embedded database has from the start.
const DemoKey = "test-key"

// DemoCompanies are the companies of an embedded database; load scripts name
// them. The first is the default of [DemoKey].
var DemoCompanies = []impact.Company{
	{Key: "c1111111-1111-1111-1111-111111111111", Name: "Northwind Buddies"},
	{Key: "c2222222-2222-2222-2222-222222222222", Name: "Harbour Mentoring"},
	{Key: "c3333333-3333-3333-3333-333333333333", Name: "Lingua Volunteers"},
}

// demoEvents is how much history each demo company has.
const demoEvents = 4000

// demo gives a new embedded database its key, companies and history: from the
// beginning of last year until today.
func demo(ctx context.Context, s *db.Store, log *slog.Logger) error {
	hash := hashKey(DemoKey)
	keys, err := s.APIKeys(ctx)
	if err != nil || slices.ContainsFunc(keys, func(k *db.APIKey) bool { return bytes.Equal(k.Hash, hash[:]) }) {
		return err
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	key := &db.APIKey{Label: "demo", Scopes: Scopes}
	var plans []plan
	for i, d := range DemoCompanies {
		c, err := s.EnsureCompany(ctx, d.Key, d.Name)
		if err != nil {
			return err
		}
		key.Companies = append(key.Companies, c.ID)
		plans = append(plans, plan{c, seed.Plan{
			Seed: uint64(i), Company: d.Key, Events: demoEvents,
			From: time.Date(today.Year()-1, 1, 1, 0, 0, 0, 0, time.UTC), To: today,
		}})
	}
	if _, err := write(ctx, s, plans, func(int) {}); err != nil {
		return err
	}
	// Last: the key's presence says that the demo is complete.
	if _, err := createKey(ctx, s, key, DemoKey); err != nil {
		return err
	}
	log.Info("demo data loaded", "companies", len(plans), "events", len(plans)*demoEvents)
	return nil
}
