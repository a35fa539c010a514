package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// SourcesChannel is the notification channel on which the id of a source is told that
// was made or changed.
const SourcesChannel = "impactql_sources"

// SealedSecret is a secret of a source as it is stored.
type SealedSecret struct {
	impact.SourceSecret
	Sealed []byte
	KeyID  string // of the key that opens it
}

// Seal encrypts the secret that will have an id within its source.
type Seal func(secret int) (sealed []byte, keyID string, err error)

type sourceRow struct {
	CompanyID  impact.CompanyID `db:"company_id"`
	ID         string
	Name       string
	Scheme     string
	CreatedAt  time.Time  `db:"created_at"`
	DisabledAt *time.Time `db:"disabled_at"`
}

type secretRow struct {
	SourceID   string `db:"source_id"`
	ID         int
	Label      string
	KeyID      string `db:"key_id"`
	Sealed     []byte
	CreatedAt  time.Time  `db:"created_at"`
	LastUsedAt *time.Time `db:"last_used_at"`
	ExpiresAt  *time.Time `db:"expires_at"`
	RevokedAt  *time.Time `db:"revoked_at"`
}

const (
	sourceColumns = "company_id, id, name, scheme, created_at, disabled_at"
	secretColumns = "source_id, id, label, key_id, sealed, created_at, last_used_at, expires_at, revoked_at" //nolint:gosec // names of columns
)

func (r *sourceRow) source() *impact.Source {
	return &impact.Source{
		Company: r.CompanyID, ID: r.ID, Name: r.Name, Scheme: r.Scheme, CreatedAt: r.CreatedAt, DisabledAt: r.DisabledAt,
	}
}

func (r *secretRow) secret() SealedSecret {
	return SealedSecret{
		SourceSecret: impact.SourceSecret{
			ID: r.ID, Label: r.Label, CreatedAt: r.CreatedAt, LastUsedAt: r.LastUsedAt, ExpiresAt: r.ExpiresAt, RevokedAt: r.RevokedAt,
		},
		Sealed: r.Sealed, KeyID: r.KeyID,
	}
}

// ErrNoSource is the error of calls that name a source which is not there.
var ErrNoSource error = impact.Errorf(impact.CodeNotFound, "there is no such source: `impactql sources list` names those there are")

// Sources lists the sources of companies, or of every company with all, with their
// secrets' descriptions; by company and name.
func (s *Store) Sources(ctx context.Context, companies []impact.CompanyID, all bool) ([]*impact.Source, error) {
	var rows []sourceRow
	if err := s.db.SelectContext(ctx, &rows, "SELECT "+sourceColumns+` FROM source
		WHERE $1 OR company_id = ANY ($2) ORDER BY company_id, name`, all, pq.Array(int64s(companies))); err != nil {
		return nil, wrap(err, "list sources")
	}
	var secrets []secretRow
	if err := s.db.SelectContext(ctx, &secrets, "SELECT "+secretColumns+` FROM source_secret
		WHERE $1 OR company_id = ANY ($2) ORDER BY company_id, source_id, id`, all, pq.Array(int64s(companies))); err != nil {
		return nil, wrap(err, "list secrets of sources")
	}
	list, byID := make([]*impact.Source, len(rows)), make(map[string]*impact.Source)
	for i := range rows {
		list[i] = rows[i].source()
		byID[list[i].ID] = list[i]
	}
	for i := range secrets {
		if of := byID[secrets[i].SourceID]; of != nil {
			of.Secrets = append(of.Secrets, secrets[i].secret().SourceSecret)
		}
	}
	return list, nil
}

// Source is one source with its secrets that are neither revoked nor expired, newest
// first, or [ErrNoSource].
func (s *Store) Source(ctx context.Context, id string) (*impact.Source, []SealedSecret, error) {
	var row sourceRow
	err := s.db.GetContext(ctx, &row, "SELECT "+sourceColumns+" FROM source WHERE id = $1", id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, ErrNoSource
	}
	if err != nil {
		return nil, nil, wrap(err, "find source")
	}
	var rows []secretRow
	if err := s.db.SelectContext(ctx, &rows, "SELECT "+secretColumns+` FROM source_secret
		WHERE company_id = $1 AND source_id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
		ORDER BY id DESC`, row.CompanyID, id); err != nil {
		return nil, nil, wrap(err, "find secrets of source %s", id)
	}
	secrets := make([]SealedSecret, len(rows))
	for i := range rows {
		secrets[i] = rows[i].secret()
	}
	return row.source(), secrets, nil
}

// CreateSource makes a source and, where seal is not nil, its first secret. It sets
// the times and the secrets of src. As of every change of a source, the audit log says that
// it was actor's.
func (s *Store) CreateSource(ctx context.Context, src *impact.Source, label, actor string, seal Seal) error {
	return s.changeSource(ctx, src.ID, func(tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &src.CreatedAt, `
			INSERT INTO source (company_id, id, name, scheme) VALUES ($1, $2, $3, $4)
			ON CONFLICT (company_id, name) DO NOTHING RETURNING created_at`, src.Company, src.ID, src.Name, src.Scheme)
		if errors.Is(err, sql.ErrNoRows) {
			return impact.Errorf(impact.CodeInvalid, "the company has a source named %q already: give this one another name", src.Name)
		}
		if err != nil {
			return wrap(err, "create source %q", src.Name)
		}
		if err := auditSource(ctx, tx, src.Company, actor, nil, written("%s %q, scheme %s", src.ID, src.Name, src.Scheme)); err != nil || seal == nil {
			return err
		}
		secret, err := addSecret(ctx, tx, src.Company, src.ID, label, actor, seal)
		if err != nil {
			return err
		}
		src.Secrets = []impact.SourceSecret{*secret}
		return nil
	})
}

// AddSourceSecret gives a source one more secret, and has those before it end after
// overlap, if they would not end sooner. [ErrNoSource] also means that it is disabled.
func (s *Store) AddSourceSecret(
	ctx context.Context, company impact.CompanyID, source, label, actor string, overlap time.Duration, seal Seal,
) (secret *impact.SourceSecret, err error) {
	err = s.changeSource(ctx, source, func(tx *sqlx.Tx) error {
		// One rotation at a time: the lock also makes the number the next one.
		var disabled bool
		err := tx.GetContext(ctx, &disabled, "SELECT disabled_at IS NOT NULL FROM source WHERE company_id = $1 AND id = $2 FOR UPDATE", company, source)
		if errors.Is(err, sql.ErrNoRows) || disabled {
			return ErrNoSource
		}
		if err != nil {
			return wrap(err, "lock source %s", source)
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE source_secret SET expires_at = least(expires_at, now() + $3 * interval '1 microsecond')
			WHERE company_id = $1 AND source_id = $2 AND revoked_at IS NULL`, company, source, overlap.Microseconds()); err != nil {
			return wrap(err, "let secrets of source %s end", source)
		}
		secret, err = addSecret(ctx, tx, company, source, label, actor, seal)
		return err
	})
	return secret, err
}

func addSecret(
	ctx context.Context, tx *sqlx.Tx, company impact.CompanyID, source, label, actor string, seal Seal,
) (*impact.SourceSecret, error) {
	secret := &impact.SourceSecret{Label: label}
	if err := tx.GetContext(ctx, &secret.ID, "SELECT coalesce(max(id), 0) + 1 FROM source_secret WHERE company_id = $1 AND source_id = $2",
		company, source); err != nil {
		return nil, wrap(err, "number a secret of source %s", source)
	}
	sealed, keyID, err := seal(secret.ID)
	if err != nil {
		return nil, err
	}
	err = tx.GetContext(ctx, &secret.CreatedAt, `
		INSERT INTO source_secret (company_id, source_id, id, label, key_id, sealed) VALUES ($1, $2, $3, $4, $5, $6)
		RETURNING created_at`, company, source, secret.ID, label, keyID, sealed)
	if err != nil {
		return nil, wrap(err, "add a secret to source %s", source)
	}
	return secret, auditSource(ctx, tx, company, actor, nil, written("%s: secret %d %q", source, secret.ID, label))
}

// RevokeSourceSecret ends a secret at once, in every instance. The error has
// [impact.CodeNotFound] if there is no live secret of that id.
func (s *Store) RevokeSourceSecret(ctx context.Context, company impact.CompanyID, source string, secret int, actor string) error {
	return s.changeSource(ctx, source, func(tx *sqlx.Tx) error {
		none := impact.Errorf(impact.CodeNotFound, "source %s has no live secret %d; see impactql sources list", source, secret)
		if err := changeOne(ctx, tx, none, `
			UPDATE source_secret SET revoked_at = now()
			WHERE company_id = $1 AND source_id = $2 AND id = $3 AND revoked_at IS NULL`, company, source, secret); err != nil {
			return err
		}
		return auditSource(ctx, tx, company, actor, written("%s: secret %d", source, secret), nil)
	})
}

// DisableSource ends a source at once, in every instance; its events stay. The error
// is [ErrNoSource] if there is no live source of that id.
func (s *Store) DisableSource(ctx context.Context, company impact.CompanyID, source, actor string) error {
	return s.changeSource(ctx, source, func(tx *sqlx.Tx) error {
		if err := changeOne(ctx, tx, ErrNoSource,
			"UPDATE source SET disabled_at = now() WHERE company_id = $1 AND id = $2 AND disabled_at IS NULL", company, source); err != nil {
			return err
		}
		return auditSource(ctx, tx, company, actor, written("%s", source), nil)
	})
}

// auditSource writes what was there before a change of a source, and what there is now.
func auditSource(ctx context.Context, tx *sqlx.Tx, company impact.CompanyID, actor string, old, now *string) error {
	return audit(ctx, tx, company, &impact.AuditEntry{Actor: actor, Subject: impact.AuditSource, Old: old, New: now})
}

// changeOne runs an update, which ends in the error none if it met no row.
func changeOne(ctx context.Context, tx *sqlx.Tx, none error, query string, args ...any) error {
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return wrap(err, "change a source")
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return none
	}
	return wrap(err, "change a source")
}

// changeSource runs change in a transaction, and tells every instance at its commit.
func (s *Store) changeSource(ctx context.Context, id string, change func(*sqlx.Tx) error) error {
	tx, err := s.db.BeginTxx(ctx, nil)
	if err != nil {
		return wrap(err, "change source %s", id)
	}
	defer tx.Rollback()
	if err := change(tx); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_notify($1, $2)", SourcesChannel, id); err != nil {
		return wrap(err, "tell of source %s", id)
	}
	return wrap(tx.Commit(), "change source %s", id)
}

// ResealSource encrypts anew the secrets of a source that are neither revoked nor expired and
// whose key is not keyID, and returns how many. If one fails, none is changed.
func (s *Store) ResealSource(ctx context.Context, src *impact.Source, keyID, actor string, reseal func(*SealedSecret) error) (n int, err error) {
	err = s.changeSource(ctx, src.ID, func(tx *sqlx.Tx) error {
		var rows []secretRow
		if err := tx.SelectContext(ctx, &rows, "SELECT "+secretColumns+` FROM source_secret
			WHERE company_id = $1 AND source_id = $2 AND key_id <> $3 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
			ORDER BY id FOR UPDATE`, src.Company, src.ID, keyID); err != nil {
			return wrap(err, "find secrets of source %s", src.ID)
		}
		for i := range rows {
			secret := rows[i].secret()
			if err := reseal(&secret); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `
				UPDATE source_secret SET sealed = $4, key_id = $5 WHERE company_id = $1 AND source_id = $2 AND id = $3`,
				src.Company, src.ID, secret.ID, secret.Sealed, secret.KeyID); err != nil {
				return wrap(err, "encrypt secret %d of source %s anew", secret.ID, src.ID)
			}
		}
		if n = len(rows); n == 0 {
			return nil
		}
		return auditSource(ctx, tx, src.Company, actor, nil, written("%s: encrypted with key %s", src.ID, keyID))
	})
	return n, err
}

// SecretRef names a secret of a source.
type SecretRef struct {
	Company impact.CompanyID
	Source  string
	ID      int
}

// TouchSourceSecrets records when secrets were last used.
func (s *Store) TouchSourceSecrets(ctx context.Context, used map[SecretRef]time.Time) error {
	n := len(used)
	companies, sources, ids, at := make([]int64, 0, n), make([]string, 0, n), make([]int64, 0, n), make([]time.Time, 0, n)
	for ref, t := range used {
		companies, sources = append(companies, int64(ref.Company)), append(sources, ref.Source)
		ids, at = append(ids, int64(ref.ID)), append(at, t)
	}
	_, err := s.db.ExecContext(ctx, `
		UPDATE source_secret SET last_used_at = greatest(last_used_at, u.at)
		FROM unnest($1::integer[], $2::text[], $3::integer[], $4::timestamptz[]) AS u (company, source, id, at)
		WHERE company_id = u.company AND source_id = u.source AND source_secret.id = u.id`,
		pq.Array(companies), pq.Array(sources), pq.Array(ids), pq.Array(at))
	return wrap(err, "touch %d secrets of sources", n)
}
