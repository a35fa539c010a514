package db

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/impactql/impactql/impact"
)

// maxCohorts is how many cohorts a company can define.
const maxCohorts = 1000

// SaveCohort defines a cohort, or changes its definition, and returns what is stored.
// expected, if not nil, is the version that has been read before, 0 for none: it is an
// [impact.Error] of [impact.CodeConflict] if another is stored. Cached figures end with
// the change on every instance. The audit log says that it was actor's.
func (s *Store) SaveCohort(
	ctx context.Context, def impact.CohortDefinition, actor string, expected *int64,
) (*impact.CohortDefinition, error) {
	if err := def.Check(); err != nil {
		return nil, err
	}
	def.Key = strings.ToLower(def.Key)
	err := s.inTx(ctx, "save cohort", func(tx *sqlx.Tx) error {
		stored, was, err := lockCohort(ctx, tx, def.Company, def.Key)
		if err != nil {
			return err
		}
		if expected != nil && *expected != stored {
			return impact.Errorf(impact.CodeConflict, "the cohort is in version %d: read it again and repeat the change if it still makes sense", stored)
		}
		if err := tx.GetContext(ctx, &def.Version, `
			INSERT INTO cohort (company_id, key, name, filter) VALUES ($1, $2, $3, $4)
			ON CONFLICT (company_id, key) DO UPDATE
			SET name = excluded.name, filter = excluded.filter, version = cohort.version + 1, updated_at = now()
			RETURNING version`, def.Company, def.Key, def.Name, def.Filter.String()); err != nil {
			return err
		}
		if err := keepVersion(ctx, tx, &def); err != nil {
			return err
		}
		var n int
		if err := tx.GetContext(ctx, &n, "SELECT count(*) FROM cohort WHERE company_id = $1", def.Company); err != nil {
			return err
		}
		if n > maxCohorts {
			return impact.Errorf(impact.CodeTooLarge, "a company defines at most %d cohorts: delete one that is not needed", maxCohorts)
		}
		if err := audit(ctx, tx, def.Company, &impact.AuditEntry{
			Actor: actor, Subject: impact.AuditCohort, Old: was, New: written("%s %q: %s", def.Key, def.Name, def.Filter.String()), Version: def.Version,
		}); err != nil {
			return err
		}
		return touch(ctx, tx, def.Company)
	})
	return &def, err
}

// CohortDefinitions lists what a company defined, by key; or with a key only that, if
// there is such a definition.
func (s *Store) CohortDefinitions(ctx context.Context, company impact.CompanyID, key string) (list []*impact.CohortDefinition, err error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT key, name, filter, version, updated_at FROM cohort
		WHERE company_id = $1 AND ($2 = '' OR key = $2) ORDER BY key COLLATE "C"`, company, strings.ToLower(key))
	if err != nil {
		return nil, wrap(err, "cohort definitions")
	}
	defer rows.Close()
	for rows.Next() {
		def := &impact.CohortDefinition{Company: company}
		var filter string
		if err := rows.Scan(&def.Key, &def.Name, &filter, &def.Version, &def.UpdatedAt); err != nil {
			return nil, wrap(err, "cohort definitions")
		}
		f, err := impact.ParseCohortFilter(filter)
		if err != nil {
			return nil, err
		}
		def.Filter = *f
		list = append(list, def)
	}
	return list, wrap(rows.Err(), "cohort definitions")
}

// DeleteCohort takes a definition away; an [impact.Error] of [impact.CodeNotFound] if
// there is none.
func (s *Store) DeleteCohort(ctx context.Context, company impact.CompanyID, key, actor string) error {
	return s.inTx(ctx, "delete cohort", func(tx *sqlx.Tx) error {
		gone := impact.CohortDefinition{Company: company, Key: strings.ToLower(key)}
		stored, was, err := lockCohort(ctx, tx, company, gone.Key)
		if err != nil {
			return err
		}
		if stored == 0 {
			return impact.Errorf(impact.CodeNotFound, "no cohort is stored under this key")
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM cohort WHERE company_id = $1 AND key = $2", company, gone.Key); err != nil {
			return err
		}
		gone.Version = stored
		if err := keepVersion(ctx, tx, &gone); err != nil {
			return err
		}
		if err := audit(ctx, tx, company, &impact.AuditEntry{
			Actor: actor, Subject: impact.AuditCohort, Old: was, Version: stored,
		}); err != nil {
			return err
		}
		return touch(ctx, tx, company)
	})
}

// keepVersion keeps what a cohort is from now on, without a name: taken away.
func keepVersion(ctx context.Context, tx *sqlx.Tx, def *impact.CohortDefinition) error {
	var filter *string
	if def.Name != "" {
		filter = written("%s", def.Filter.String())
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO cohort_version (company_id, key, version, name, filter) VALUES ($1, $2, $3, $4, $5)",
		def.Company, def.Key, def.Version, def.Name, filter)
	return wrap(err, "keep a version of a cohort")
}

// lockCohort locks a company and tells the version of its cohort and what it is, 0 and nil
// if there is none.
func lockCohort(ctx context.Context, tx *sqlx.Tx, company impact.CompanyID, key string) (version int64, is *string, err error) {
	if _, err := tx.ExecContext(ctx, "SELECT FROM company WHERE id = $1 FOR NO KEY UPDATE", company); err != nil {
		return 0, nil, err
	}
	var name, filter string
	err = tx.QueryRowContext(ctx, "SELECT version, name, filter FROM cohort WHERE company_id = $1 AND key = $2", company, key).
		Scan(&version, &name, &filter)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	f, err := impact.ParseCohortFilter(filter)
	if err != nil {
		return 0, nil, err
	}
	return version, written("%s %q: %s", key, name, f.String()), nil
}

// touch raises the company's version, so that cached figures end with the transaction.
func touch(ctx context.Context, tx *sqlx.Tx, company impact.CompanyID) error {
	var news string
	if err := tx.GetContext(ctx, &news, `
		UPDATE company SET version = version + 1 WHERE id = $1 RETURNING id || ':' || version`, company); err != nil {
		return wrap(err, "raise the version of company %d", company)
	}
	_, err := tx.ExecContext(ctx, "SELECT pg_notify($1, $2)", Channel, news)
	return wrap(err, "notify")
}

// SaveCohort is [Store.SaveCohort].
func (f *Figures) SaveCohort(
	ctx context.Context, def impact.CohortDefinition, actor string, expected *int64,
) (*impact.CohortDefinition, error) {
	return f.store.SaveCohort(ctx, def, actor, expected)
}

// DeleteCohort is [Store.DeleteCohort].
func (f *Figures) DeleteCohort(ctx context.Context, company impact.CompanyID, key, actor string) error {
	return f.store.DeleteCohort(ctx, company, key, actor)
}
