package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

type companyRow struct {
	ID          impact.CompanyID
	Key         string
	Name        string
	TimeZone    string `db:"time_zone"`
	WeekStart   int    `db:"week_start"`
	FiscalStart int    `db:"fiscal_start"`
}

const companyColumns = "id, key, name, time_zone, week_start, fiscal_start"

func (r companyRow) company() (*impact.Company, error) {
	location, err := time.LoadLocation(r.TimeZone)
	if err != nil {
		return nil, wrap(err, "company %s", r.Key)
	}
	return &impact.Company{ID: r.ID, Key: r.Key, Name: r.Name, Calendar: impact.Calendar{
		Location: location, WeekStart: time.Weekday(r.WeekStart), FiscalStart: time.Month(r.FiscalStart),
	}}, nil
}

// Companies is every company that has one of the keys, in no particular order.
func (s *Store) Companies(ctx context.Context, keys []string) ([]*impact.Company, error) {
	return s.companies(ctx, "WHERE key = ANY ($1)", pq.Array(keys))
}

// CompanyPage is up to limit companies with a key greater than after, by key:
// all of them, or with ids not nil only those.
func (s *Store) CompanyPage(ctx context.Context, ids []impact.CompanyID, after string, limit int) ([]*impact.Company, error) {
	return s.companies(ctx, "WHERE key > $1 AND ($2 OR id = ANY ($3)) ORDER BY key LIMIT $4",
		after, ids == nil, pq.Array(int64s(ids)), limit)
}

// CompaniesByID is every company that has one of the ids, in no particular
// order.
func (s *Store) CompaniesByID(ctx context.Context, ids []impact.CompanyID) ([]*impact.Company, error) {
	return s.companies(ctx, "WHERE id = ANY ($1)", pq.Array(int64s(ids)))
}

func (s *Store) companies(ctx context.Context, where string, args ...any) ([]*impact.Company, error) {
	var rows []companyRow
	if err := s.db.SelectContext(ctx, &rows, "SELECT "+companyColumns+" FROM company "+where, args...); err != nil {
		return nil, wrap(err, "companies")
	}
	companies := make([]*impact.Company, len(rows))
	for i, r := range rows {
		c, err := r.company()
		if err != nil {
			return nil, err
		}
		companies[i] = c
	}
	return companies, nil
}

// EnsureCompany is the company of a key, made if there is none yet. A name is
// only used for a new company; empty means the key.
func (s *Store) EnsureCompany(ctx context.Context, key, name string) (*impact.Company, error) {
	if !impact.ValidKey(key) {
		return nil, impact.Errorf(impact.CodeInvalid,
			"company key %q: use 1 to %d of the characters A-Z a-z 0-9 _ . @ : -", key, impact.MaxKey)
	}
	if name == "" {
		name = key
	}
	var r companyRow
	// The update changes nothing but makes RETURNING answer for a company that is
	// there already.
	err := s.db.GetContext(ctx, &r, `
		INSERT INTO company (key, name) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE SET key = excluded.key
		RETURNING `+companyColumns, key, name)
	if err != nil {
		return nil, wrap(err, "ensure company %q", key)
	}
	return r.company()
}

// CompanyByKey is the company of a key, or an error with [impact.CodeNotFound].
func (s *Store) CompanyByKey(ctx context.Context, key string) (*impact.Company, error) {
	var r companyRow
	err := s.db.GetContext(ctx, &r, "SELECT "+companyColumns+" FROM company WHERE key = $1", key)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, impact.Errorf(impact.CodeNotFound, "Company not found")
	}
	if err != nil {
		return nil, wrap(err, "company %q", key)
	}
	return r.company()
}

func int64s[T ~int32](list []T) []int64 {
	out := make([]int64, len(list))
	for i, x := range list {
		out[i] = int64(x)
	}
	return out
}
